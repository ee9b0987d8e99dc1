// What the tests of threads have in common.
#ifndef CAIRN_PTHREAD_TEST_H
#define CAIRN_PTHREAD_TEST_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "cairn.h"

// Functions that return an error, or 0.
#define TELL(...)                                                         \
  do {                                                                    \
    int got = (int)(__VA_ARGS__);                                         \
    say("calls: " #__VA_ARGS__ ": %s\n", got == 0 ? "0" : strerror(got)); \
  } while (0)

static inline pthread_t start(void* (*function)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, function, argument) != 0) die("pthread_create");
  return thread;
}
static inline long result_of(pthread_t thread) {
  void* result;
  pthread_join(thread, &result);
  return (long)result;
}
static inline long in_thread(void* (*function)(void*), void* argument) {
  return result_of(start(function, argument));
}
static inline void wait_until(atomic_int* flag, int value) {
  while (*flag != value) sched_yield();
}

#endif
