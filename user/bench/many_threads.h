// Many threads, each of which waits for a futex of its own, answers, and waits again.
#ifndef USER_BENCH_MANY_THREADS_H
#define USER_BENCH_MANY_THREADS_H

#include <pthread.h>

#include "cairn.h"

enum {
  kMaxThreads = 10000,
  kThreadStack = 8192,  // bytes
  kFutexWait = 128,     // private
  kFutexWake = 129,
};

static _Atomic uint32_t words[kMaxThreads], answer;  // 1: it is asked; 2: it ends
static pthread_t threads[kMaxThreads];

static void change(_Atomic uint32_t* word, uint32_t value) {
  *word = value;
  syscall(SYS_futex, word, kFutexWake, 1, NULL);
}
static void wait_changed(_Atomic uint32_t* word) {
  while (*word == 0) syscall(SYS_futex, word, kFutexWait, 0, NULL);
}
static void* answers(void* argument) {
  _Atomic uint32_t* word = argument;
  for (;;) {
    wait_changed(word);
    if (*word == 2) return NULL;
    *word = 0;
    change(&answer, 1);
  }
}
// Asks one, and waits for its answer.
static void ask(long thread) {
  answer = 0;
  change(&words[thread], 1);
  wait_changed(&answer);
}
// Creates a thread with a small stack.
static int create(pthread_t* thread, void* (*function)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kThreadStack);
  pthread_attr_setguardsize(&attributes, 0);
  errno = pthread_create(thread, &attributes, function, argument);
  return errno == 0 ? 0 : -1;
}
// Starts that many. -1, with errno, if there can't be so many.
static int start_many(long count) {
  for (long i = 0; i < count; i++) {
    words[i] = 0;
    if (create(&threads[i], answers, (void*)&words[i]) != 0) return -1;
    ask(i);
  }
  return 0;
}
static int end_many(long count) {
  for (long i = 0; i < count; i++) {
    change(&words[i], 2);
    pthread_join(threads[i], NULL);
  }
  return 0;
}

#endif
