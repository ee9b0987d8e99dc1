// Barriers, semaphores, condition variables and pthread_once, of threads and of processes: who waits, who goes on, and how
// a wait ends that nobody answers. The suite runs the same program on Linux and on Cairn and compares every line
// (grading/suite/test_threads.py).
#include <semaphore.h>

#include "pthread_test.h"

// Functions that return -1 and set errno.
#define TRY(...)                                                            \
  do {                                                                      \
    int got = (__VA_ARGS__);                                                \
    say("calls: " #__VA_ARGS__ ": %s\n", got == 0 ? "0" : strerror(errno)); \
  } while (0)

typedef struct {
  pthread_barrier_t barrier;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  sem_t forth, back, slots, filled;
  atomic_int step, sum;
  int buffer[4], in, out;
} Shared;
static Shared* shared;

// ---- Barriers.

enum { kAtBarrier = 5, kRounds = 40 };
static pthread_barrier_t barrier;
static atomic_int arrived, serials, early;
static void* passes(void* argument) {
  for (int round = 1; round <= kRounds; round++) {
    arrived++;
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serials++;
    if (arrived < round * kAtBarrier) early++;
    // Nobody may begin the next round while others look.
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serials++;
  }
  return argument;
}
static void barriers(void) {
  TELL(pthread_barrier_init(&barrier, NULL, 0));
  TELL(pthread_barrier_init(&barrier, NULL, 1));
  say("calls: alone: %d\n", pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
  TELL(pthread_barrier_destroy(&barrier));
  TELL(pthread_barrier_init(&barrier, NULL, kAtBarrier));
  pthread_t threads[kAtBarrier];
  for (int i = 0; i < kAtBarrier; i++) threads[i] = start(passes, NULL);
  for (int i = 0; i < kAtBarrier; i++) pthread_join(threads[i], NULL);
  say("calls: arrived %d, one of each round %d, too early %d\n", arrived, serials, early);
  TELL(pthread_barrier_destroy(&barrier));
  pthread_barrierattr_t attributes;
  pthread_barrierattr_init(&attributes);
  TELL(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
  TELL(pthread_barrier_init(&shared->barrier, &attributes, 3));
  for (int i = 0; i < 3; i++) {
    if (fork() != 0) continue;
    for (int round = 1; round <= 20; round++) {
      shared->sum++;
      pthread_barrier_wait(&shared->barrier);
      if (shared->sum < round * 3) _exit(1);
      pthread_barrier_wait(&shared->barrier);
    }
    _exit(0);
  }
  int good = 1, status;
  while (wait(&status) > 0) good = good && status == 0;
  say("calls: processes at a barrier: %d %d\n", shared->sum, good);
}

// ---- Semaphores.

static volatile int handled;
static sem_t* posted_by_handler;
static void handler(int signal) {
  handled++;
  if (signal == SIGUSR2) sem_post(posted_by_handler);
}
static void* waits_for_semaphore(void* semaphore) {
  shared->step = 1;
  return (void*)(long)(sem_wait(semaphore) == 0 ? 0 : errno);
}
static int value_of(sem_t* semaphore) {
  int value;
  sem_getvalue(semaphore, &value);
  return value;
}
static void semaphores_of_threads(void) {
  static sem_t semaphore;
  TRY(sem_init(&semaphore, 0, 2));
  TRY(sem_trywait(&semaphore));
  TRY(sem_wait(&semaphore));
  TRY(sem_trywait(&semaphore));
  struct timespec soon = in_ms(CLOCK_REALTIME, 20), bad = {0, -1};
  TRY(sem_timedwait(&semaphore, &soon));
  TRY(sem_timedwait(&semaphore, &bad));
  TRY(sem_post(&semaphore));
  TRY(sem_timedwait(&semaphore, &soon));  // what is there isn't waited for
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) threads[i] = start(waits_for_semaphore, &semaphore);
  sleep_ms(20);
  for (int i = 0; i < 3; i++) sem_post(&semaphore);
  int good = 1;
  for (int i = 0; i < 3; i++) good = good && result_of(threads[i]) == 0;
  say("calls: three waited: %d, left %d\n", good, value_of(&semaphore));
  // A signal ends the wait, unless the handler posts.
  const int kSignals[] = {SIGUSR1, SIGUSR2, SIGUSR1};
  posted_by_handler = &semaphore;
  for (int i = 0; i < 3; i++) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = i == 2 ? SA_RESTART : 0};
    sigaction(kSignals[i], &action, NULL);
    shared->step = handled = 0;
    sem_init(&semaphore, 0, 0);
    pthread_t thread = start(waits_for_semaphore, &semaphore);
    wait_until(&shared->step, 1);
    sleep_ms(20);
    pthread_kill(thread, kSignals[i]);
    while (handled == 0) sleep_ms(1);
    if (i == 2) sem_post(&semaphore);
    long got = result_of(thread);
    say("calls: interrupted %d: %s, left %d\n", i, got == 0 ? "0" : strerror((int)got),
        value_of(&semaphore));
  }
}
static void semaphores_of_processes(void) {
  sem_init(&shared->forth, 1, 0);
  sem_init(&shared->back, 1, 0);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 200; i++) {
      sem_wait(&shared->forth);
      shared->step = 2 * i + 1;
      sem_post(&shared->back);
    }
    _exit(0);
  }
  int good = 1;
  for (int i = 0; i < 200; i++) {
    shared->step = 2 * i;
    sem_post(&shared->forth);
    sem_wait(&shared->back);
    good = good && shared->step == 2 * i + 1;
  }
  say("calls: to and fro: %d, %#x\n", good, wait_for(child));
}

// A buffer of four: two put in, two take out.
enum { kItems = 120 };
static void put(int item) {
  sem_wait(&shared->slots);
  pthread_mutex_lock(&shared->mutex);
  shared->buffer[shared->in++ % 4] = item;
  pthread_mutex_unlock(&shared->mutex);
  sem_post(&shared->filled);
}
static int take(void) {
  sem_wait(&shared->filled);
  pthread_mutex_lock(&shared->mutex);
  int item = shared->buffer[shared->out++ % 4];
  pthread_mutex_unlock(&shared->mutex);
  sem_post(&shared->slots);
  return item;
}
static void buffer_of_processes(void) {
  sem_init(&shared->slots, 1, 4);
  sem_init(&shared->filled, 1, 0);
  shared->sum = 0;
  for (int i = 0; i < 4; i++) {
    if (fork() != 0) continue;
    for (int item = 1; item <= kItems; item++) {
      if (i % 2)
        put(item);
      else
        shared->sum += take();
    }
    _exit(0);
  }
  int good = 1, status;
  while (wait(&status) > 0) good = good && status == 0;
  say("calls: a buffer: sum %d, %d, left %d %d\n", shared->sum, good, value_of(&shared->slots),
      value_of(&shared->filled));
}

// ---- Condition variables.

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int tickets, waiting, gone;
static void* waits_for_ticket(void* argument) {
  pthread_mutex_lock(&mutex);
  waiting++;
  while (tickets == 0) pthread_cond_wait(&condition, &mutex);
  tickets--;
  gone++;
  pthread_mutex_unlock(&mutex);
  return argument;
}
static void wait_value(int* what, int value) {
  while (1) {
    pthread_mutex_lock(&mutex);
    int now = *what;
    pthread_mutex_unlock(&mutex);
    if (now == value) return;
    sleep_ms(1);
  }
}
static void give(int count, int (*tell)(pthread_cond_t*)) {
  pthread_mutex_lock(&mutex);
  tickets += count;
  tell(&condition);
  pthread_mutex_unlock(&mutex);
}
static void conditions(void) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) threads[i] = start(waits_for_ticket, NULL);
  wait_value(&waiting, 8);
  give(1, pthread_cond_signal);
  wait_value(&gone, 1);
  give(1, pthread_cond_signal);
  wait_value(&gone, 2);
  sleep_ms(10);
  say("calls: signalled twice: %d\n", gone);
  give(6, pthread_cond_broadcast);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  say("calls: broadcast: %d, tickets %d\n", gone, tickets);
  const clockid_t kClocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  for (int i = 0; i < 2; i++) {
    pthread_condattr_t attributes;
    pthread_cond_t timed;
    pthread_condattr_init(&attributes);
    TELL(pthread_condattr_setclock(&attributes, kClocks[i]));
    pthread_cond_init(&timed, &attributes);
    struct timespec soon = in_ms(kClocks[i], 30), bad = {0, 1000000000};
    long before = now_ms();
    pthread_mutex_lock(&mutex);
    TELL(pthread_cond_timedwait(&timed, &mutex, &soon));
    TELL(pthread_mutex_trylock(&mutex));
    TELL(pthread_cond_timedwait(&timed, &mutex, &soon));  // the time is over
    TELL(pthread_cond_timedwait(&timed, &mutex, &bad));
    pthread_mutex_unlock(&mutex);
    long took = now_ms() - before;
    say("calls: in time: %d\n", took >= 29 && took < 2000);
    pthread_cond_destroy(&timed);
  }
}

static void conditions_of_processes(void) {
  pthread_mutexattr_t mutex_attributes;
  pthread_condattr_t attributes;
  pthread_mutexattr_init(&mutex_attributes);
  pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->mutex, &mutex_attributes);
  pthread_condattr_init(&attributes);
  TELL(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
  pthread_cond_init(&shared->condition, &attributes);
  shared->step = 0;
  for (int i = 0; i < 3; i++) {
    if (fork() != 0) continue;
    pthread_mutex_lock(&shared->mutex);
    for (int k = 0; k < 30; k++) {
      while (shared->step % 3 != i) pthread_cond_wait(&shared->condition, &shared->mutex);
      shared->step++;
      pthread_cond_broadcast(&shared->condition);
    }
    pthread_mutex_unlock(&shared->mutex);
    _exit(0);
  }
  int good = 1, status;
  while (wait(&status) > 0) good = good && status == 0;
  say("calls: three take turns: %d %d\n", shared->step, good);
}

// ---- Once.

static atomic_int begun;
static void begins(void) { sleep_ms(5), begun++; }
static void* once(void* control) {
  pthread_once(control, begins);
  return (void*)(long)(begun == 1 ? 0 : EINVAL);
}

int main(void) {
  default_signals();
  shared = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  barriers();
  semaphores_of_threads();
  semaphores_of_processes();
  conditions();
  conditions_of_processes();
  buffer_of_processes();
  static pthread_once_t control = PTHREAD_ONCE_INIT;
  pthread_t threads[6];
  long bad = 0;
  for (int i = 0; i < 6; i++) threads[i] = start(once, &control);
  for (int i = 0; i < 6; i++) bad += result_of(threads[i]);
  say("calls: once: %d, all saw it: %d\n", begun, bad == 0);
  say("calls: done\n");
  return 0;
}
