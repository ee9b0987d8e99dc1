// futex() and robust lists by the calls themselves: what they return, whom they wake, and what is left in memory. The suite
// runs the same program on Linux and on Cairn and compares every line (grading/suite/test_threads.py).
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

#include "cairn.h"
#include "self.h"

// Source: Linux, include/uapi/linux/futex.h.
enum {
  FUTEX_WAIT,
  FUTEX_WAKE,
  FUTEX_FD,
  FUTEX_REQUEUE,
  FUTEX_CMP_REQUEUE,
  FUTEX_WAKE_OP,
  FUTEX_WAIT_BITSET = 9,
  FUTEX_WAKE_BITSET,
  FUTEX_PRIVATE = 128,
  FUTEX_CLOCK_REALTIME = 256,
  FUTEX_WAIT_PRIVATE = FUTEX_WAIT | FUTEX_PRIVATE,
  FUTEX_WAKE_PRIVATE = FUTEX_WAKE | FUTEX_PRIVATE,
  FUTEX_REQUEUE_PRIVATE = FUTEX_REQUEUE | FUTEX_PRIVATE,
  FUTEX_CMP_REQUEUE_PRIVATE = FUTEX_CMP_REQUEUE | FUTEX_PRIVATE,
  FUTEX_WAKE_OP_PRIVATE = FUTEX_WAKE_OP | FUTEX_PRIVATE,
  FUTEX_WAIT_BITSET_PRIVATE = FUTEX_WAIT_BITSET | FUTEX_PRIVATE,
  FUTEX_WAKE_BITSET_PRIVATE = FUTEX_WAKE_BITSET | FUTEX_PRIVATE,
};
enum {
  FUTEX_OP_SET,
  FUTEX_OP_ADD,
  FUTEX_OP_OR,
  FUTEX_OP_ANDN,
  FUTEX_OP_XOR,
  FUTEX_OP_OPARG_SHIFT = 8
};
enum {
  FUTEX_OP_CMP_EQ,
  FUTEX_OP_CMP_NE,
  FUTEX_OP_CMP_LT,
  FUTEX_OP_CMP_LE,
  FUTEX_OP_CMP_GT,
  FUTEX_OP_CMP_GE
};
#define FUTEX_OP(operation, operand, comparison, compared)                                  \
  ((uint32_t)(operation) << 28 | (uint32_t)(comparison) << 24 | (uint32_t)(operand) << 12 | \
   (uint32_t)(compared))
static const uint32_t FUTEX_WAITERS = 0x80000000;
struct robust_list {
  struct robust_list* next;
};
struct robust_list_head {
  struct robust_list list;
  long futex_offset;
  struct robust_list* list_op_pending;
};

enum { kMilli = 1000000, kSecond = 1000000000 };
typedef _Atomic uint32_t Word;

static long futex(void* word, int operation, uint32_t value, const void* time_or_count, void* word2,
                  uint32_t value3) {
  return syscall(SYS_futex, word, operation, value, time_or_count, word2, value3);
}
static void* count(long n) { return (void*)n; }

#define TRY(...)                                             \
  do {                                                       \
    long got = (__VA_ARGS__);                                \
    if (got < 0)                                             \
      say("calls: " #__VA_ARGS__ ": %s\n", strerror(errno)); \
    else                                                     \
      say("calls: " #__VA_ARGS__ ": %ld\n", got);            \
  } while (0)

static struct timespec ms(long n) { return (struct timespec){n / 1000, n % 1000 * kMilli}; }
static void errors(void) {
  static Word words[2] = {5, 6};
  Word* w = &words[0];
  char* odd = (char*)w + 1;
  struct timespec zero = {0, 0}, bad = {0, kSecond}, negative = {-1, 0};
  TRY(futex(w, FUTEX_WAIT, 4, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAIT, 5, &zero, NULL, 0));
  TRY(futex(w, FUTEX_WAIT_PRIVATE, 5, &zero, NULL, 0));
  TRY(futex(w, FUTEX_WAIT, 5, &bad, NULL, 0));
  TRY(futex(w, FUTEX_WAIT, 4, &bad, NULL, 0));
  TRY(futex(w, FUTEX_WAIT, 5, &negative, NULL, 0));
  TRY(futex(w, FUTEX_WAIT, 5, (void*)8, NULL, 0));
  TRY(futex(w, FUTEX_WAKE, 1, (void*)8, NULL, 0));
  TRY(futex(odd, FUTEX_WAIT, 5, NULL, NULL, 0));
  TRY(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0));
  TRY(futex(odd, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  TRY(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
  TRY(futex(NULL, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
  TRY(futex(NULL, FUTEX_WAKE, 1, NULL, NULL, 0));
  TRY(futex(NULL, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  TRY(futex((void*)-4096, FUTEX_WAIT, 0, NULL, NULL, 0));
  TRY(futex((void*)-4096, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1));
  TRY(futex(w, FUTEX_WAIT_BITSET, 4, NULL, NULL, 1));
  TRY(futex(w, FUTEX_WAIT_BITSET, 5, &zero, NULL, 1));
  TRY(futex(w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &zero, NULL, 1));
  TRY(futex(w, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, &zero, NULL, 1));
  TRY(futex(w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
  TRY(futex(w, FUTEX_FD, 1, NULL, NULL, 0));
  TRY(futex(w, 40, 1, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAKE, 0, NULL, NULL, 0));
  TRY(futex(w, FUTEX_WAKE, -1, NULL, NULL, 0));
  TRY(futex(w, FUTEX_REQUEUE, 1, count(1), &words[1], 0));
  TRY(futex(w, FUTEX_REQUEUE, -1, count(1), &words[1], 0));
  TRY(futex(w, FUTEX_REQUEUE, 1, count(-1), &words[1], 0));
  TRY(futex(w, FUTEX_REQUEUE, 1, count(1), NULL, 0));
  TRY(futex(w, FUTEX_REQUEUE, 1, count(1), odd, 0));
  TRY(futex(w, FUTEX_CMP_REQUEUE, 1, count(1), &words[1], 4));
  TRY(futex(w, FUTEX_CMP_REQUEUE, 1, count(1), &words[1], 5));
  TRY(futex(NULL, FUTEX_CMP_REQUEUE_PRIVATE, 1, count(1), &words[1], 0));
  TRY(futex(w, FUTEX_WAKE_OP, 1, count(1), NULL, 0));
  TRY(futex(w, FUTEX_WAKE_OP, 1, count(1), odd, 0));
  TRY(syscall(SYS_set_robust_list, NULL, 23));
  TRY(syscall(SYS_set_robust_list, NULL, 24));
  size_t size;
  void* head;
  TRY(syscall(SYS_get_robust_list, 0, &head, &size));
  say("calls: %d bytes, at %d\n", (int)size, head != NULL);
  TRY(syscall(SYS_get_robust_list, 0, NULL, &size));
  TRY(syscall(SYS_get_robust_list, 0, &head, NULL));
  TRY(syscall(SYS_get_robust_list, 1 << 29, &head, &size));
}

static void memory_kinds(void) {
  struct timespec zero = {0, 0};
  char* page = (char*)new_pages(4);
  TRY(futex(page, FUTEX_WAIT, 0, &zero, NULL, 0));
  TRY(futex(page + kPageSize, FUTEX_WAKE, 1, NULL, NULL, 0));
  mprotect(page + kPageSize, kPageSize, PROT_READ);
  TRY(futex(page + kPageSize, FUTEX_WAIT_PRIVATE, 0, &zero, NULL, 0));
  TRY(futex(page + kPageSize, FUTEX_WAIT, 0, &zero, NULL, 0));
  TRY(futex(page, FUTEX_WAKE_OP_PRIVATE, 1, count(1), page + kPageSize,
            FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
  mprotect(page + 2 * kPageSize, kPageSize, PROT_NONE);
  TRY(futex(page + 2 * kPageSize, FUTEX_WAIT_PRIVATE, 0, &zero, NULL, 0));
  TRY(futex(page + 2 * kPageSize, FUTEX_WAIT, 0, &zero, NULL, 0));
  TRY(futex(page + 2 * kPageSize, FUTEX_WAKE, 1, NULL, NULL, 0));
  TRY(futex(page + 2 * kPageSize, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  TRY(futex(page, FUTEX_WAKE_OP_PRIVATE, 1, count(1), page + 2 * kPageSize,
            FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
  munmap(page + 3 * kPageSize, kPageSize);
  TRY(futex(page + 3 * kPageSize, FUTEX_WAIT_PRIVATE, 0, &zero, NULL, 0));
  TRY(futex(page + 3 * kPageSize, FUTEX_WAKE, 1, NULL, NULL, 0));
  munmap(page, 3 * kPageSize);
}

static void times(void) {
  static Word word = 1;
  struct timespec time = ms(60);
  long start = now_ms();
  TRY(futex(&word, FUTEX_WAIT, 1, &time, NULL, 0));
  long took = now_ms() - start;
  say("calls: relative: %d\n", took >= 59 && took < 2000);
  for (int real = 0; real < 2; real++) {
    clockid_t clock = real ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    time = in_ms(clock, 60);
    start = now_ms();
    TRY(futex(&word, FUTEX_WAIT_BITSET | (real ? FUTEX_CLOCK_REALTIME : 0), 1, &time, NULL, 1));
    took = now_ms() - start;
    say("calls: absolute: %d\n", took >= 58 && took < 2000);
  }
  TRY(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));  // whose time is up has left
}

// Threads that wait as they are told and note how it ended, in the order in which they woke.
typedef struct {
  pthread_t thread;
  Word* word;
  int operation;
  uint32_t value, bits;
  const struct timespec* time;
  long result;
  int error, place;
} Sleeper;
static atomic_int woken;

static void* sleeper(void* argument) {
  Sleeper* me = argument;
  me->result = futex(me->word, me->operation, me->value, me->time, NULL, me->bits);
  me->error = me->result < 0 ? errno : 0;
  me->place = atomic_fetch_add(&woken, 1);
  return NULL;
}
// How many wait: they are moved to where they are.
static long waiting(Word* word, int private) {
  return futex(word, FUTEX_REQUEUE | private, 0, count(1000), word, 0);
}
static void wait_waiting(Word* word, int private, long wanted) {
  while (waiting(word, private) != wanted) sched_yield();
}
// Returns when it waits.
static void begin(Sleeper* one) {
  int private = one->operation & FUTEX_PRIVATE;
  long before = waiting(one->word, private);
  if (pthread_create(&one->thread, NULL, sleeper, one) != 0) die("pthread_create");
  wait_waiting(one->word, private, before + 1);
}
static void start(Sleeper* one, Word* word, int operation, uint32_t bits) {
  *one = (Sleeper){.word = word, .operation = operation, .value = *word, .bits = bits};
  begin(one);
}
static void wait_woken(int wanted) {
  for (int i = 0; woken < wanted && i < 5000; i++) sleep_ms(1);
}
static void finish(Sleeper* all, int number) {
  for (int i = 0; i < number; i++) pthread_join(all[i].thread, NULL);
}

static void wakes(void) {
  static Word word;
  Sleeper all[5];
  for (int i = 0; i < 5; i++) start(&all[i], &word, FUTEX_WAIT_PRIVATE, 0);
  TRY(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0));  // those that are private are others
  TRY(futex(&word, FUTEX_WAKE_PRIVATE, 0, NULL, NULL, 0));
  wait_woken(1);
  TRY(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  wait_woken(2);
  TRY(futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
  finish(all, 5);
  say("calls: the longest waiting first: %d %d\n", all[0].place, all[1].place);
  woken = 0;
  uint32_t bits[] = {1, 2, 4, 3, ~0u};
  for (int i = 0; i < 5; i++) start(&all[i], &word, FUTEX_WAIT_BITSET_PRIVATE, bits[i]);
  TRY(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 8));
  wait_woken(1);
  TRY(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2));
  wait_woken(3);
  TRY(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
  finish(all, 5);
  say("calls: by their bits: %d %d %d\n", all[4].place, all[1].place < 3, all[3].place < 3);
  woken = 0;
}

static void requeues(void) {
  static Word from = 7, to = 8;
  Sleeper all[6];
  for (int i = 0; i < 6; i++) start(&all[i], &from, FUTEX_WAIT_PRIVATE, 0);
  TRY(futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, count(2), &to, 6));
  TRY(futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, count(2), &to, 7));
  wait_woken(1);
  TRY(futex(&to, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  wait_woken(2);
  TRY(futex(&from, FUTEX_REQUEUE_PRIVATE, 0, count(1), &to, 0));
  TRY(futex(&from, FUTEX_REQUEUE_PRIVATE, 0, count(0), &to, 0));
  TRY(futex(&from, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
  wait_woken(4);
  TRY(futex(&to, FUTEX_REQUEUE_PRIVATE, 1, count(9), &to, 0));
  TRY(futex(&to, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
  finish(all, 6);
  int good = all[0].place == 0 && all[1].place == 1 && all[2].place >= 4 && all[3].place >= 4;
  say("calls: each where it was moved: %d\n", good);
  for (int i = 0; i < 6; i++) good = good && all[i].result == 0;
  say("calls: all were woken: %d\n", good);
  woken = 0;
  // One whose time is up where it was moved leaves nothing there.
  Sleeper one = {.word = &from, .operation = FUTEX_WAIT_PRIVATE, .value = 7};
  struct timespec time = ms(200);
  one.time = &time;
  begin(&one);
  TRY(futex(&from, FUTEX_REQUEUE_PRIVATE, 0, count(9), &to, 0));
  pthread_join(one.thread, NULL);
  say("calls: %ld %s\n", one.result, strerror(one.error));
  TRY(futex(&to, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
  woken = 0;
}

static void wake_ops(void) {
  static Word first, second;
  const struct {
    uint32_t code, before;
  } kCases[] = {
      {FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 3), 3},
      {FUTEX_OP(FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_NE, 3), 3},
      {FUTEX_OP(FUTEX_OP_OR, 12, FUTEX_OP_CMP_LT, 4), 3},
      {FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LE, 2), 3},
      {FUTEX_OP(FUTEX_OP_XOR, 6, FUTEX_OP_CMP_GT, 0xfff), 3},
      {FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GE, 0), 0x80000000},
      {FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 9, FUTEX_OP_CMP_EQ, 0), 0},
      {FUTEX_OP(5, 9, FUTEX_OP_CMP_EQ, 0), 0},
      {FUTEX_OP(FUTEX_OP_SET, 9, 6, 0), 0},
  };
  for (unsigned i = 0; i < sizeof(kCases) / sizeof(kCases[0]); i++) {
    Sleeper all[4];
    woken = 0;
    second = kCases[i].before;
    for (int k = 0; k < 4; k++) start(&all[k], k < 2 ? &first : &second, FUTEX_WAIT_PRIVATE, 0);
    long got = futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, count(2), &second, kCases[i].code);
    say("calls: case %u: %ld %s, then %#x\n", i, got, got < 0 ? strerror(errno) : "woken", second);
    TRY(futex(&first, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
    TRY(futex(&second, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
    finish(all, 4);
  }
  woken = 0;
}

static volatile int handled;
static void handle(int signal) { (void)signal, handled++; }
static void set_handler(int flags) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
}
static void interruptions(void) {
  static Word word = 3;
  struct timespec time = ms(20000);
  for (int kind = 0; kind < 4; kind++) {
    const int restarts = kind & 1, timed = kind >> 1;
    set_handler(restarts ? SA_RESTART : 0);
    Sleeper one = {.word = &word, .operation = FUTEX_WAIT_PRIVATE, .value = 3};
    if (timed) one.time = &time;
    handled = 0;
    begin(&one);
    pthread_kill(one.thread, SIGUSR1);
    while (handled == 0) sleep_ms(1);
    if (restarts && !timed) {
      wait_waiting(&word, FUTEX_PRIVATE, 1);
    } else {
      pthread_join(one.thread, NULL);
    }
    TRY(futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
    if (restarts && !timed) pthread_join(one.thread, NULL);
    say("calls: SA_RESTART %d, timed %d: %ld %s\n", restarts, timed, one.result,
        strerror(one.error));
  }
  // The word changed meanwhile.
  set_handler(SA_RESTART);
  Sleeper one = {.word = &word, .operation = FUTEX_WAIT_PRIVATE, .value = 3};
  begin(&one);
  word = 4;
  pthread_kill(one.thread, SIGUSR1);
  pthread_join(one.thread, NULL);
  say("calls: begun again on another value: %ld %s\n", one.result, strerror(one.error));
  // Stopped and continued, the time goes on.
  pid_t child = fork();
  if (child == 0) {
    long start = now_ms();
    time = ms(300);
    long got = futex(&word, FUTEX_WAIT_PRIVATE, 4, &time, NULL, 0);
    long took = now_ms() - start;
    _exit(got == -1 && errno == ETIMEDOUT && took >= 299 && took < 2000 ? 0 : 1);
  }
  sleep_ms(50);
  kill(child, SIGSTOP);
  sleep_ms(50);
  kill(child, SIGCONT);
  say("calls: after a stop: %#x\n", wait_for(child));
  woken = 0;
}

// Between processes.
static void shared_words(void) {
  Word* page = mmap(NULL, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    // At another address, too.
    Word* again = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long got = futex(page, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(got == 0 && again != page ? 7 : 1);
  }
  wait_waiting(page, 0, 1);
  TRY(futex(page, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
  TRY(futex(page + 1024, FUTEX_WAKE, 1, NULL, NULL, 0));  // the next page
  TRY(futex(page, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("calls: woken, status %#x\n", wait_for(child));
  // Memory that fork copies is another's.
  static Word own;
  child = fork();
  if (child == 0) {
    page[1] = 2;
    struct timespec time = ms(100);
    long got = futex(&own, FUTEX_WAIT, 0, &time, NULL, 0);
    _exit(got == -1 && errno == ETIMEDOUT ? 0 : 1);
  }
  while (page[1] != 2) sleep_ms(1);
  sleep_ms(20);
  TRY(futex(&own, FUTEX_WAKE, 1, NULL, NULL, 0));
  say("calls: fork's copy: %#x\n", wait_for(child));
  // Two threads wait for one word by different names of it, and are moved between processes' words.
  page[0] = 0;
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) {
      _exit(futex(page, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : 1);
    }
  }
  wait_waiting(page, 0, 3);
  TRY(futex(page, FUTEX_REQUEUE, 1, count(9), page + 1024, 0));
  TRY(futex(page, FUTEX_WAKE, 9, NULL, NULL, 0));
  TRY(futex(page + 1024, FUTEX_WAKE, 9, NULL, NULL, 0));
  int good = 1, status;
  while (wait(&status) > 0) good = good && status == 0;
  say("calls: all of them: %d\n", good);
  // Killed while it waits: it leaves nothing.
  child = fork();
  if (child == 0) {
    futex(page, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(1);
  }
  wait_waiting(page, 0, 1);
  kill(child, SIGKILL);
  say("calls: killed: %#x\n", wait_for(child));
  TRY(futex(page, FUTEX_WAKE, 9, NULL, NULL, 0));
  munmap(page, 2 * kPageSize);
}

// A lock as robust lists have it.
typedef struct {
  struct robust_list link;
  Word word;
} Lock;
enum { kOffset = offsetof(Lock, word) };
static void robust(void) {
  struct Shared {
    struct robust_list_head head;
    Lock locks[6];
    Word waits;
  }* all = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t waiter = fork();
  if (waiter == 0) {
    all->waits = 1;
    all->locks[1].word = FUTEX_WAITERS;
    _exit(futex(&all->locks[1].word, FUTEX_WAIT, FUTEX_WAITERS, NULL, NULL, 0) == 0 ? 0 : 1);
  }
  while (all->waits == 0) sleep_ms(1);
  wait_waiting(&all->locks[1].word, 0, 1);
  // The word that it waits for changes under it: that is a lock's business.
  pid_t owner = fork();
  if (owner == 0) {
    uint32_t me = (uint32_t)syscall(SYS_gettid);
    all->head.futex_offset = kOffset;
    all->head.list.next = &all->locks[0].link;
    for (int i = 0; i < 4; i++) all->locks[i].link.next = &all->locks[i + 1].link;
    all->locks[4].link.next = &all->head.list;
    all->locks[0].word = me;
    all->locks[1].word = me | FUTEX_WAITERS;
    all->locks[2].word = 1;  // another's
    all->locks[3].word = 0;
    all->locks[4].word = me;
    all->locks[5].word = me | FUTEX_WAITERS;  // not in the list, but being taken
    all->head.list_op_pending = &all->locks[5].link;
    syscall(SYS_set_robust_list, &all->head, sizeof(all->head));
    kill(getpid(), SIGKILL);
  }
  wait_for(owner);
  for (int i = 0; i < 6; i++) say("calls: lock %d: %#x\n", i, all->locks[i].word);
  say("calls: who waited: %#x\n", wait_for(waiter));
  // Lists that are no good.
  for (int kind = 0; kind < 4; kind++) {
    owner = fork();
    if (owner == 0) {
      uint32_t me = (uint32_t)syscall(SYS_gettid);
      all->locks[0].word = all->locks[1].word = me;
      all->head.list_op_pending = NULL;
      all->head.list.next = &all->locks[0].link;
      all->locks[0].link.next = kind == 0 ? &all->locks[0].link : (struct robust_list*)(kind * 8l);
      if (kind == 2) all->head.futex_offset = 1;
      if (kind == 3) all->head.list.next = NULL;
      void* head = kind == 1 ? (void*)16 : (void*)&all->head;
      syscall(SYS_set_robust_list, head, sizeof(all->head));
      _exit(3);
    }
    int status = wait_for(owner);
    say("calls: list %d: %#x, %d\n", kind, status, all->locks[0].word >> 30 & 1);
    all->head.futex_offset = kOffset;
  }
  // exec ends the locks, too.
  owner = fork();
  if (owner == 0) {
    all->head.list.next = &all->locks[0].link;
    all->locks[0].link.next = &all->head.list;
    all->locks[0].word = (uint32_t)syscall(SYS_gettid);
    syscall(SYS_set_robust_list, &all->head, sizeof(all->head));
    execl("futexes-again", "futexes", "no more", NULL);
    _exit(1);
  }
  int status = wait_for(owner);
  say("calls: exec: %#x, %#x\n", status, all->locks[0].word);
}

int main(int count_of_arguments, char** arguments) {
  (void)arguments;
  if (count_of_arguments > 1) return 4;
  save_self("futexes-again");
  default_signals();
  errors();
  memory_kinds();
  times();
  wakes();
  requeues();
  wake_ops();
  interruptions();
  shared_words();
  robust();
  unlink("futexes-again");
  say("calls: done\n");
  return 0;
}
