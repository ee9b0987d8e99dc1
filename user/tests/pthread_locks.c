// Mutexes of every kind, read-write locks and spin locks, of threads and of processes: whom they let in, what they tell the
// others, and what is left when their owner ends. The suite runs the same program on Linux and on Cairn and compares every
// line (grading/suite/test_threads.py).
#include "pthread_test.h"
#include "self.h"

// ---- Who holds it, and who gets in.

static void* tries(void* mutex) {
  int got = pthread_mutex_trylock(mutex);
  if (got == 0) pthread_mutex_unlock(mutex);
  return (void*)(long)got;
}
static void* unlocks(void* mutex) { return (void*)(long)pthread_mutex_unlock(mutex); }

static pthread_mutex_t make_mutex(int type, int robust, int shared) {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutexattr_setrobust(&attributes, robust);
  pthread_mutexattr_setpshared(&attributes, shared);
  pthread_mutex_init(&mutex, &attributes);
  return mutex;
}

static void kinds(void) {
  static pthread_mutex_t mutex;
  const int kTypes[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_RECURSIVE};
  for (int i = 0; i < 3; i++) {
    say("calls: mutex of type %d\n", i);
    mutex = make_mutex(kTypes[i], PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    TELL(pthread_mutex_lock(&mutex));
    TELL(pthread_mutex_trylock(&mutex));
    TELL(in_thread(tries, &mutex));
    struct timespec soon = in_ms(CLOCK_REALTIME, 20);
    TELL(pthread_mutex_timedlock(&mutex, &soon));
    if (i == 2) pthread_mutex_unlock(&mutex);
    if (i != 0) TELL(in_thread(unlocks, &mutex));
    if (i == 1) TELL(pthread_mutex_lock(&mutex));
    if (i == 2) TELL(pthread_mutex_unlock(&mutex));
    TELL(in_thread(tries, &mutex));
    TELL(pthread_mutex_unlock(&mutex));
    TELL(in_thread(tries, &mutex));
    if (i != 0) TELL(pthread_mutex_unlock(&mutex));
    TELL(pthread_mutex_destroy(&mutex));
  }
}

// ---- Many want it.

enum { kThreads = 6, kRounds = 400 };
static pthread_mutex_t counter_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_spinlock_t spin_lock;
static volatile long counted[2];

static void* counts_under_mutex(void* argument) {
  for (int i = 0; i < kRounds; i++) {
    pthread_mutex_lock(&counter_lock);
    long seen = counted[0];
    if (i % 16 == 0) sched_yield();
    counted[0] = seen + 1;
    pthread_mutex_unlock(&counter_lock);
  }
  return argument;
}
static void* counts_under_spin_lock(void* argument) {
  for (int i = 0; i < kRounds; i++) {
    pthread_spin_lock(&spin_lock);
    counted[1] = counted[1] + 1;
    pthread_spin_unlock(&spin_lock);
  }
  return argument;
}
static void crowds(void) {
  pthread_spin_init(&spin_lock, PTHREAD_PROCESS_PRIVATE);
  pthread_t threads[2 * kThreads];
  for (int i = 0; i < 2 * kThreads; i++)
    threads[i] = start(i % 2 ? counts_under_spin_lock : counts_under_mutex, NULL);
  for (int i = 0; i < 2 * kThreads; i++) pthread_join(threads[i], NULL);
  say("calls: nothing is lost: %ld %ld\n", counted[0], counted[1]);
}

// ---- Readers and writers.

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static void* tries_to_read(void* argument) {
  (void)argument;
  int got = pthread_rwlock_tryrdlock(&rwlock);
  if (got == 0) pthread_rwlock_unlock(&rwlock);
  return (void*)(long)got;
}
static void* tries_to_write(void* argument) {
  (void)argument;
  int got = pthread_rwlock_trywrlock(&rwlock);
  if (got == 0) pthread_rwlock_unlock(&rwlock);
  return (void*)(long)got;
}
static void* waits_to_write(void* milliseconds) {
  struct timespec until = in_ms(CLOCK_REALTIME, (long)milliseconds);
  int got = pthread_rwlock_timedwrlock(&rwlock, &until);
  if (got == 0) pthread_rwlock_unlock(&rwlock);
  return (void*)(long)got;
}
static volatile long pair[2];
static atomic_int torn, readers_in;
static void* reads_pairs(void* argument) {
  for (int i = 0; i < kRounds; i++) {
    pthread_rwlock_rdlock(&rwlock);
    readers_in++;
    if (i % 8 == 0) sched_yield();
    if (pair[0] != pair[1]) torn++;
    readers_in--;
    pthread_rwlock_unlock(&rwlock);
  }
  return argument;
}
static void* writes_pairs(void* argument) {
  for (int i = 0; i < kRounds; i++) {
    pthread_rwlock_wrlock(&rwlock);
    pair[0] = pair[0] + 1;
    if (i % 8 == 0) sched_yield();
    if (readers_in != 0) torn++;
    pair[1] = pair[1] + 1;
    pthread_rwlock_unlock(&rwlock);
  }
  return argument;
}
static void readers_and_writers(void) {
  TELL(pthread_rwlock_rdlock(&rwlock));
  TELL(in_thread(tries_to_read, NULL));
  TELL(in_thread(tries_to_write, NULL));
  TELL(in_thread(waits_to_write, (void*)20));
  pthread_t writer = start(waits_to_write, (void*)20000);
  sleep_ms(20);
  TELL(pthread_rwlock_unlock(&rwlock));
  TELL(result_of(writer));
  TELL(pthread_rwlock_wrlock(&rwlock));
  TELL(in_thread(tries_to_read, NULL));
  TELL(in_thread(tries_to_write, NULL));
  TELL(pthread_rwlock_unlock(&rwlock));
  pthread_t threads[5];
  for (int i = 0; i < 5; i++) threads[i] = start(i < 3 ? reads_pairs : writes_pairs, NULL);
  for (int i = 0; i < 5; i++) pthread_join(threads[i], NULL);
  say("calls: pairs %ld %ld, torn %d\n", pair[0], pair[1], torn);
}

// ---- Owners who end.

typedef struct {
  pthread_mutex_t mutex;
  atomic_int step;
} Shared;
static Shared* shared;

static void* locks_and_ends(void* mutex) {
  pthread_mutex_lock(mutex);
  return NULL;
}
static void* waits_for_lock(void* mutex) {
  int got = pthread_mutex_lock(mutex);
  if (got == 0 || got == EOWNERDEAD) pthread_mutex_unlock(mutex);
  return (void*)(long)got;
}
static void* locks_later_and_ends(void* mutex) {
  pthread_mutex_lock(mutex);
  shared->step = 1;
  sleep_ms(40);
  return NULL;
}
static void dead_threads(void) {
  static pthread_mutex_t mutex;
  mutex = make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
  in_thread(locks_and_ends, &mutex);
  TELL(pthread_mutex_trylock(&mutex));
  TELL(pthread_mutex_consistent(&mutex));
  TELL(pthread_mutex_unlock(&mutex));
  TELL(pthread_mutex_lock(&mutex));
  TELL(pthread_mutex_consistent(&mutex));
  TELL(pthread_mutex_unlock(&mutex));
  // It ends while another waits, who doesn't mend it: then it is of no use to anybody.
  shared->step = 0;
  pthread_t owner = start(locks_later_and_ends, &mutex);
  wait_until(&shared->step, 1);
  pthread_t waiter = start(waits_for_lock, &mutex);
  pthread_join(owner, NULL);
  TELL(result_of(waiter));
  TELL(pthread_mutex_lock(&mutex));
  TELL(pthread_mutex_trylock(&mutex));
  TELL(pthread_mutex_destroy(&mutex));
}

static void locks_and_is_killed(void) { kill(getpid(), SIGKILL); }
static void locks_and_execs(void) { execl("locks-again", "locks", "again", NULL); }
static void locks_and_exits(void) { _exit(0); }
static void* ends_it(void* argument) {
  (void)argument;
  _exit(0);
}
static void locks_and_a_thread_exits(void) {
  start(ends_it, NULL);
  while (1) pause();
}
static void dead_processes(void) {
  void (*kEnds[])(void) = {locks_and_is_killed, locks_and_execs, locks_and_exits,
                           locks_and_a_thread_exits};
  for (int i = 0; i < 8; i++) {
    shared->mutex = make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
    shared->step = 0;
    pid_t owner = fork();
    if (owner == 0) {
      pthread_mutex_lock(&shared->mutex);
      shared->step = 1;
      if (i >= 4) sleep_ms(30);  // somebody waits by then
      kEnds[i % 4]();
      _exit(1);
    }
    wait_until(&shared->step, 1);
    if (i < 4) wait_for(owner);
    int got = pthread_mutex_lock(&shared->mutex);
    say("calls: owner's end %d, %s: %s\n", i % 4, i < 4 ? "before" : "meanwhile", strerror(got));
    if (i >= 4) wait_for(owner);
    TELL(pthread_mutex_consistent(&shared->mutex));
    TELL(pthread_mutex_unlock(&shared->mutex));
    TELL(in_thread(tries, &shared->mutex));
  }
}

// ---- Between processes.

static void between_processes(void) {
  shared->mutex = make_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
  atomic_int* plain = &shared->step;
  *plain = 0;
  for (int i = 0; i < 4; i++) {
    if (fork() != 0) continue;
    for (int k = 0; k < 200; k++) {
      pthread_mutex_lock(&shared->mutex);
      int seen = *plain;
      if (k % 16 == 0) sched_yield();
      *plain = seen + 1;
      pthread_mutex_unlock(&shared->mutex);
    }
    _exit(0);
  }
  int good = 1, status;
  while (wait(&status) > 0) good = good && status == 0;
  say("calls: four processes: %d %d\n", *plain, good);
}

int main(int count, char** arguments) {
  (void)arguments;
  if (count > 1) return 0;
  save_self("locks-again");
  default_signals();
  shared = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  kinds();
  crowds();
  readers_and_writers();
  dead_threads();
  dead_processes();
  between_processes();
  unlink("locks-again");
  say("calls: done\n");
  return 0;
}
