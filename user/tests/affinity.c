// Which processors threads may run on, and barriers between threads. The suite runs the same program on Linux and on Cairn
// and compares every line (grading/suite/test_threads.py); so it tells nothing of how many processors there are.
#include <limits.h>

#include "pthread_test.h"

enum { kWords = 2048, kStranger = 12345, kNobody = 1 << 29 };  // 64 processors a word
static unsigned long set[kWords];

#define TRY(...)                                                                                  \
  do {                                                                                            \
    long got = (__VA_ARGS__);                                                                     \
    say("calls: " #__VA_ARGS__ ": %s\n", got < 0 ? strerror(errno) : got == 0 ? "0" : "success"); \
  } while (0)

static long get(long tid, long size, void* to) {
  return syscall(SYS_sched_getaffinity, tid, size, to);
}
static long put(long tid, long size, void* from) {
  return syscall(SYS_sched_setaffinity, tid, size, from);
}

static int first_of(const unsigned long* processors) {
  for (int i = 0; i < kWords * 64; i++) {
    if (processors[i / 64] >> i % 64 & 1) return i;
  }
  return -1;
}
static void only(int processor) {
  memset(set, 0, sizeof(set));
  set[processor / 64] = 1ul << processor % 64;
}
// How many there are, and whether the first is that one.
static void tell(const char* what, int first) {
  memset(set, 0, sizeof(set));
  long size = get(0, sizeof(set), set);
  int count = 0;
  for (int i = 0; i < kWords; i++) count += __builtin_popcountl(set[i]);
  say("calls: %s: whole words %d, one %d, the first %d\n", what, size > 0 && size % 8 == 0,
      count == 1, first_of(set) == first);
}

static void* tells(void* first) {
  tell("a thread's", (int)(long)first);
  return NULL;
}

static void places(void) {
  get(0, sizeof(set), set);
  const int first = first_of(set);
  TRY(get(0, 0, set));
  TRY(get(0, 4, set));
  TRY(get(0, sizeof(set) - 1, set));
  TRY(get(0, sizeof(set), (void*)8));
  TRY(get(kNobody, sizeof(set), set));
  TRY(get(-1, sizeof(set), set));
  TRY(get(getpid(), sizeof(set), set));
  TRY(put(0, 0, set));
  TRY(put(0, sizeof(set), (void*)8));
  TRY(put(kNobody, sizeof(set), (void*)8));
  TRY(put(kNobody, sizeof(set), set));
  TRY(put(-1, sizeof(set), set));
  only(kWords * 64 - 1);
  TRY(put(0, sizeof(set), set));  // no machine has so many
  only(first);
  set[kWords - 1] = 1;
  TRY(put(0, sizeof(set), set));
  tell("one that is, one that isn't", first);
  pthread_join(start(tells, (void*)(long)first), NULL);
  pid_t child = fork();
  if (child == 0) {
    tell("a child's", first);
    require(setresuid(kStranger, kStranger, kStranger) == 0);
    TRY(get(getppid(), sizeof(set), set));
    only(first);
    TRY(put(getppid(), sizeof(set), set));
    TRY(put(0, sizeof(set), set));
    TRY(put(getpid(), 8 * (first / 64 + 1), set));
    _exit(0);
  }
  wait_for(child);
}

enum { kGlobal = 1, kGlobalExpedited, kRegisterGlobal = 4, kPrivate = 8, kRegisterPrivate = 16 };
static long barrier(int command, unsigned flags, int processor) {
  return syscall(SYS_membarrier, command, flags, processor);
}
static void* asks(void* argument) {
  (void)argument;
  return (void*)barrier(kPrivate, 0, 0);
}

// Two threads, each of which sets its own word and looks at the other's: not both may find nothing.
static volatile int mine, other;
static atomic_int round_begun, round_over, both_blind;
enum { kRounds = 2000 };
static void* looks(void* argument) {
  for (int i = 1; i <= kRounds; i++) {
    while (round_begun < i) sched_yield();
    other = 1;
    __asm__ volatile("" ::: "memory");  // the other side's barrier is enough for both
    int seen = mine;
    round_over = i * 2 + (seen != 0);
  }
  return argument;
}
static void barriers(void) {
  say("calls: query: %ld\n", barrier(0, 0, 0) & 31);
  TRY(barrier(kPrivate, 0, 0));
  TRY(barrier(kRegisterPrivate, 1, 0));
  TRY(barrier(kRegisterPrivate, 0, 0));
  TRY(barrier(kPrivate, 0, 0));
  TRY(barrier(kPrivate, 2, 0));
  TRY(in_thread(asks, NULL));
  TRY(barrier(kGlobalExpedited, 0, 0));
  TRY(barrier(kRegisterGlobal, 0, 0));
  TRY(barrier(kGlobal, 0, 0));
  TRY(barrier(3, 0, 0));
  TRY(barrier(-1, 0, 0));
  TRY(barrier(1 << 20, 0, 0));
  pid_t child = fork();
  if (child == 0) {
    TRY(barrier(kPrivate, 0, 0));
    _exit(0);
  }
  wait_for(child);
  pthread_t thread = start(looks, NULL);
  for (int i = 1; i <= kRounds; i++) {
    mine = other = 0;
    round_begun = i;
    mine = 1;
    barrier(kPrivate, 0, 0);
    int seen = other;
    while (round_over / 2 < i) sched_yield();
    if (!seen && round_over % 2 == 0) both_blind++;
  }
  pthread_join(thread, NULL);
  say("calls: both saw nothing: %d\n", both_blind);
}

int main(void) {
  default_signals();
  barriers();  // on all processors that there are
  places();
  say("calls: done\n");
  return 0;
}
