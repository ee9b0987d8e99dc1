// Threads of a process: what begins, ends and stops them, alone and together, and what they share. The suite runs the same
// program on Linux and on Cairn and compares every line (grading/suite/test_threads.py).
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#include "pthread_test.h"
#include "self.h"

#define TRY(...)                                                                              \
  do {                                                                                        \
    long got = (__VA_ARGS__);                                                                 \
    say("calls: " #__VA_ARGS__ ": %s\n", got < 0 ? strerror(errno) : got == 0 ? "0" : "yes"); \
  } while (0)

static int my_tid(void) { return (int)syscall(SYS_gettid); }

// ---- clone's flags.

static void flags(void) {
  int tid = 0;
  const int kAll = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  TRY(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
  TRY(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
  TRY(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0));
  TRY(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0));
  TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &tid, 0, 0));
  TRY(syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &tid, 0, 0));
  TRY(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  TRY(syscall(SYS_clone, kAll | CLONE_SETTLS, 0, 0, 0, ~0ul));
  TRY(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, ~0ul));
  // Where tids can't be stored they aren't.
  int child =
      (int)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, 8, 16, 0);
  if (child == 0) _exit(5);
  say("calls: no place for tids: %#x\n", wait_for(child));
  int* shared = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared[0] = shared[1] = 77;
  child = (int)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &tid,
                       shared, 0);
  if (child == 0) _exit(0);
  wait_for(child);
  say("calls: tids stored: %d %d\n", tid == child, shared[0] == child);
  child = (int)syscall(SYS_clone, CLONE_CHILD_CLEARTID | SIGCHLD, 0, 0, shared + 1, 0);
  if (child == 0) _exit(0);
  wait_for(child);
  say("calls: nobody shares the memory, so nothing is cleared: %d\n", shared[1]);
  munmap(shared, kPageSize);
}

// vfork with the memory shared, on another stack: what posix_spawn does.
static volatile int spawned;
static void shares_memory(void) {
  static char stack[16384] __attribute__((aligned(16)));
  volatile int* seen = &spawned;
  *(void**)(stack + sizeof(stack) - 16) = NULL;
  int child;
  __asm__ volatile(
      "syscall\n"
      "test %%eax, %%eax\n"
      "jnz 1f\n"
      "movl $42, (%[seen])\n"
      "mov $60, %%eax\n"
      "mov $9, %%edi\n"
      "syscall\n"
      "1:"
      : "=a"(child)
      : "a"(SYS_clone), "D"(CLONE_VM | CLONE_VFORK | SIGCHLD), "S"(stack + sizeof(stack) - 16),
        "d"(0), [seen] "r"(seen)
      : "rcx", "r11", "memory");
  int status = wait_for(child);
  say("calls: the parent waited, and sees %d: %#x\n", spawned, status);
  spawned = 0;
  child = vfork();
  if (child == 0) {
    spawned = 7;
    _exit(4);
  }
  status = wait_for(child);
  say("calls: what a child of vfork wrote: %d: %#x\n", spawned, status);
  status = system("exit 3");
  say("calls: system: %d\n", status == -1 || WIFEXITED(status));
}

// ---- Threads begin, end, and are waited for.

static __thread int mine = 7;
static int all;
static void* adds(void* argument) {
  mine += (int)(long)argument;
  all += mine;  // one after the other
  return (void*)(long)mine;
}
static pthread_key_t key;
static atomic_int destroyed;
static void destroy(void* value) { destroyed += (int)(long)value; }
static void* has_key(void* argument) {
  pthread_setspecific(key, argument);
  return NULL;
}
static atomic_int detached_count;
static void* counts(void* argument) {
  (void)argument;
  detached_count++;
  return NULL;
}
static void begin_and_end(void) {
  long sum = 0;
  for (long i = 0; i < 100; i++) {
    void* result;
    pthread_join(start(adds, (void*)i), &result);
    sum += (long)result;
  }
  say("calls: 100 threads with variables of their own: %ld %d, mine %d\n", sum, all, mine);
  pthread_key_create(&key, destroy);
  pthread_t threads[8];
  for (long i = 0; i < 8; i++) threads[i] = start(has_key, (void*)(i + 1));
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  say("calls: keys: %d\n", destroyed);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 65536);
  for (int i = 0; i < 64; i++) {
    pthread_t thread;
    while (pthread_create(&thread, &attributes, counts, NULL) != 0) sleep_ms(1);
  }
  for (int i = 0; i < 5000 && detached_count < 64; i++) sleep_ms(1);
  say("calls: detached: %d\n", detached_count);
}

static void* tells_tid(void* argument) {
  *(int*)argument = my_tid();
  return NULL;
}
static void ids(void) {
  int tid = 0;
  pthread_join(start(tells_tid, &tid), NULL);
  say("calls: tid %d, first's %d\n", tid != getpid() && tid > 0, my_tid() == getpid());
  for (int i = 0; i < 1000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++) sleep_ms(1);
  TRY(syscall(SYS_tgkill, getpid(), tid, 0));
  TRY(syscall(SYS_tkill, tid, 0));
  TRY(syscall(SYS_tgkill, getpid(), getpid(), 0));
  TRY(syscall(SYS_tgkill, getpid() == 1 ? 2 : 1, getpid(), 0));
  TRY(syscall(SYS_tgkill, 0, getpid(), 0));
  TRY(syscall(SYS_tgkill, getpid(), 0, 0));
  TRY(syscall(SYS_tgkill, getpid(), -1, 0));
  TRY(syscall(SYS_tkill, getpid(), 65));
}

// ---- How a process of threads ends.

static void* exits_7(void* argument) {
  sleep_ms((long)argument);
  exit(7);
}
static atomic_int exiting;
static void* calls_exit_5(void* argument) {
  exiting = my_tid();
  sleep_ms((long)argument);
  syscall(SYS_exit, 5);
  return NULL;
}
static void* faults(void* argument) {
  *(volatile int*)argument = 1;
  return NULL;
}
static void* sleeps(void* argument) {
  while (1) pause();
  return argument;
}
static void* spins(void* argument) {
  while (1) continue;
  return argument;
}
static void* reads(void* argument) {
  char byte;
  (void)!read(*(int*)argument, &byte, 1);
  return NULL;
}
static int pipe_ends[2];
static void many(void) {
  start(sleeps, NULL);
  start(spins, NULL);
  start(reads, &pipe_ends[0]);
  sleep_ms(10);
}
static void* execs(void* argument) {
  sleep_ms((long)argument);
  execl("threads-again", "threads", "again", NULL);
  _exit(1);
}
static void* faults_in_fork(void* argument) {
  (void)argument;
  int child = fork();
  if (child == 0) _exit(my_tid() == getpid() ? 6 : 1);
  return (void*)(long)wait_for(child);
}

static void end_1(void) { exit(1); }
static void end_2(void) { start(exits_7, (void*)20), sleeps(NULL); }
static void end_3(void) { start(calls_exit_5, (void*)150), syscall(SYS_exit, 3); }
static void end_4(void) {
  start(calls_exit_5, (void*)0);
  while (exiting == 0 || syscall(SYS_tgkill, getpid(), exiting, 0) == 0) sched_yield();
  syscall(SYS_exit, 3);
}
static void end_5(void) { start(faults, (void*)8), sleeps(NULL); }
static void end_6(void) { kill(getpid(), SIGTERM), sleep_ms(1000), exit(1); }
static void end_7(void) { syscall(SYS_tkill, my_tid(), SIGKILL), exit(1); }
static void end_8(void) { execs(0); }
static void end_9(void) { start(execs, (void*)0), sleeps(NULL); }
static void end_10(void) { start(execs, (void*)30), syscall(SYS_exit, 3); }
static void end_11(void) { start(execs, (void*)0), start(execs, (void*)0), execs(0); }
static void end_12(void) { pthread_exit(NULL); }

static void ends(void) {
  const struct {
    const char* what;
    void (*end)(void);
  } kEnds[] = {
      {"the first exits", end_1},
      {"another exits", end_2},
      {"exit, the first first", end_3},
      {"exit, the first last", end_4},
      {"a fault", end_5},
      {"SIGTERM to all", end_6},
      {"SIGKILL to one", end_7},
      {"the first execs", end_8},
      {"another execs", end_9},
      {"after the first has ended", end_10},
      {"three exec at once", end_11},
  };
  for (unsigned i = 0; i < sizeof(kEnds) / sizeof(kEnds[0]); i++) {
    for (int crowd = 0; crowd < 2; crowd++) {
      // Threads that only sleep go on for ever where nobody ends the process.
      if (crowd && (kEnds[i].end == end_3 || kEnds[i].end == end_4)) continue;
      pid_t child = fork();
      if (child == 0) {
        if (crowd) many();
        kEnds[i].end();
        _exit(99);
      }
      say("calls: %s, %s: %#x\n", kEnds[i].what, crowd ? "among others" : "alone", wait_for(child));
    }
  }
  pid_t child = fork();
  if (child == 0) end_12();
  say("calls: pthread_exit of the only one: %#x\n", wait_for(child));
  void* result;
  pthread_join(start(faults_in_fork, NULL), &result);
  say("calls: fork from a thread: %#lx\n", (long)result);
  // The first has ended, and the process is there.
  child = fork();
  if (child == 0) start(sleeps, NULL), syscall(SYS_exit, 4);
  sleep_ms(30);
  say("calls: not yet: %d\n", (int)waitpid(child, NULL, WNOHANG));
  TRY(kill(child, 0));
  TRY(syscall(SYS_tgkill, child, child, SIGTERM));
  sleep_ms(20);
  say("calls: what is sent to an ended thread does nothing: %d\n",
      (int)waitpid(child, NULL, WNOHANG));
  kill(child, SIGTERM);
  say("calls: what is sent to its process does: %#x\n", wait_for(child));
}

// ---- Signals.

static _Atomic int handled_by, handled;
static void note(int signal) {
  handled_by = my_tid();
  handled += signal == SIGALRM ? 100 : 1;
}
static atomic_int waiter_tid;
static void* waits_unblocked(void* argument) {
  (void)argument;
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  waiter_tid = my_tid();
  while (handled == 0) sleep_ms(1);
  waiter_tid = 0;
  return NULL;
}
static void* inherits(void* argument) {
  (void)argument;
  sigset_t mask, waiting;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  sigpending(&waiting);
  stack_t stack;
  sigaltstack(NULL, &stack);
  say("calls: a new thread blocks %d, has pending %d, another stack %d\n",
      sigismember(&mask, SIGUSR1), sigismember(&waiting, SIGUSR1),
      (stack.ss_flags & SS_DISABLE) == 0);
  return NULL;
}
static void* awaits(void* argument) {
  sigset_t* set = argument;
  int signal;
  sigwait(set, &signal);
  return (void*)(long)signal;
}
static void signals(void) {
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  sigset_t set, waiting;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  // To the process: the one that doesn't block it.
  pthread_t thread = start(waits_unblocked, NULL);
  while (waiter_tid == 0) sched_yield();
  int tid = waiter_tid;
  sleep_ms(10);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, NULL);
  say("calls: the one that takes it: %d, %d times\n", handled_by == tid, handled);
  handled = 0;
  struct itimerval timer = {{0, 0}, {0, 20000}};
  thread = start(waits_unblocked, NULL);
  while (waiter_tid == 0) sched_yield();
  tid = waiter_tid;
  setitimer(ITIMER_REAL, &timer, NULL);
  pthread_join(thread, NULL);
  say("calls: a timer's, too: %d, %d\n", handled_by == tid, handled);
  // To one that blocks it: it stays there.
  handled = 0;
  syscall(SYS_tgkill, getpid(), my_tid(), SIGUSR1);
  sigpending(&waiting);
  say("calls: mine alone: %d\n", sigismember(&waiting, SIGUSR1));
  char other_stack[8192];
  stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
  sigaltstack(&stack, NULL);
  pthread_join(start(inherits, NULL), NULL);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  int child = fork();
  if (child == 0) {
    sigpending(&waiting);
    _exit(sigismember(&waiting, SIGUSR1));
  }
  say("calls: nor is it the child's: %d\n", wait_for(child));
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  say("calls: taken at last: %d by me %d\n", handled, handled_by == my_tid());
  // Waited for by two, sent to the process: one of them has it.
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t two[2] = {start(awaits, &set), start(awaits, &set)};
  sleep_ms(10);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGALRM);
  void *first, *second;
  pthread_join(two[0], &first);
  pthread_join(two[1], &second);
  say("calls: one each: %d\n", (long)first + (long)second == SIGUSR1 + SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  handled = 0;
}

// Stops and goes on with all of them.
static void* counts_up(void* argument) {
  while (1) ++*(atomic_int*)argument;
  return argument;
}
static void stops(void) {
  atomic_int* counters =
      mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; i++) start(counts_up, &counters[i]);
    while (1) {
      counters[3]++;
      sched_yield();
    }
  }
  for (int i = 0; i < 4; i++) {
    while (counters[i] == 0) sleep_ms(1);
  }
  kill(child, SIGSTOP);
  int status;
  waitpid(child, &status, WUNTRACED);
  say("calls: stopped: %#x\n", status);
  sleep_ms(20);
  int before[4], same = 1, more = 1;
  for (int i = 0; i < 4; i++) before[i] = counters[i];
  sleep_ms(50);
  for (int i = 0; i < 4; i++) same = same && counters[i] == before[i];
  kill(child, SIGCONT);
  waitpid(child, &status, WCONTINUED);
  say("calls: continued: %#x\n", status);
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 2000 && counters[i] == before[i]; k++) sleep_ms(1);
    more = more && counters[i] != before[i];
  }
  say("calls: all stood still: %d, and all went on: %d\n", same, more);
  kill(child, SIGKILL);
  say("calls: killed: %#x\n", wait_for(child));
  munmap(counters, kPageSize);
}

// ---- How many a user may have.

static void limits(void) {
  const unsigned kStranger = 12345;
  pid_t child = fork();
  if (child == 0) {
    struct rlimit four = {4, 4};
    require(setresuid(kStranger, kStranger, kStranger) == 0);
    require(setrlimit(RLIMIT_NPROC, &four) == 0);
    pthread_t thread;
    int started = 0;
    while (started < 9 && pthread_create(&thread, NULL, sleeps, NULL) == 0) started++;
    _exit(fork() == -1 && errno == EAGAIN ? started : 99);
  }
  say("calls: threads beside the first of four: %#x\n", wait_for(child));
}

// ---- Cancellation.

static atomic_int cleaned, at_point;
static void clean(void* argument) { cleaned += (int)(long)argument; }
static void* blocks(void* argument) {
  pthread_cleanup_push(clean, (void*)1);
  at_point = 1;
  reads(argument);
  pthread_cleanup_pop(0);
  return NULL;
}
static void* cancels_at_once(void* argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  at_point = 1;
  while (1) continue;
  return argument;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static void unlock(void* argument) { pthread_mutex_unlock(argument); }
static void* waits_for_condition(void* argument) {
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(unlock, &mutex);
  at_point = 1;
  while (1) pthread_cond_wait(&condition, &mutex);
  pthread_cleanup_pop(1);
  return argument;
}
static void* will_not(void* argument) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  at_point = 1;
  sleep_ms(30);
  return argument;
}
static void cancellation(void) {
  void* (*kinds[])(void*) = {blocks, cancels_at_once, waits_for_condition, will_not};
  for (int i = 0; i < 4; i++) {
    at_point = 0;
    pthread_t thread = start(kinds[i], &pipe_ends[0]);
    wait_until(&at_point, 1);
    if (i != 3) sleep_ms(10);
    pthread_cancel(thread);
    void* result;
    pthread_join(thread, &result);
    say("calls: cancelled %d: %d\n", i, result == PTHREAD_CANCELED);
  }
  say("calls: cleaned %d, the mutex is free: %d\n", cleaned, pthread_mutex_trylock(&mutex));
  pthread_mutex_unlock(&mutex);
}

int main(int count_of_arguments, char** arguments) {
  (void)arguments;
  if (count_of_arguments > 1) return my_tid() == getpid() ? 21 : 22;
  save_self("threads-again");
  default_signals();
  if (pipe(pipe_ends) != 0) die("pipe");
  flags();
  shares_memory();
  begin_and_end();
  ids();
  ends();
  signals();
  stops();
  limits();
  cancellation();
  unlink("threads-again");
  say("calls: done\n");
  return 0;
}
