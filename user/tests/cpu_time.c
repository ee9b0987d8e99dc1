// How long processes ran, timers that count that, and limits. The suite runs the same program on Linux and on Cairn
// and compares every line (grading/suite/test_calls.py): what differs by nature is told by whether it makes sense.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "cairn.h"

enum { kPages = 200 };

#define TRY(...) \
  say("calls: " #__VA_ARGS__ ": %s\n", (long)(__VA_ARGS__) >= 0 ? "yes" : strerror(errno))

static long ms_of(struct timeval time) { return time.tv_sec * 1000 + time.tv_usec / 1000; }
static long clock_ms(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return -1;
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
static long used_ms(int who) {
  struct rusage usage;
  if (getrusage(who, &usage) != 0) die("getrusage");
  return ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
}
// Runs until the process has used so much more.
static void run_for(long ms) {
  long end = clock_ms(CLOCK_PROCESS_CPUTIME_ID) + ms;
  while (clock_ms(CLOCK_PROCESS_CPUTIME_ID) < end) {
    for (volatile int i = 0; i < 20000; i++) continue;
  }
}
static void call_for(long ms) {
  long end = clock_ms(CLOCK_PROCESS_CPUTIME_ID) + ms;
  static char zeros[65536];
  int file = open("/dev/null", O_WRONLY);
  while (clock_ms(CLOCK_PROCESS_CPUTIME_ID) < end) {
    for (int i = 0; i < 500; i++) (void)!syscall(SYS_rt_sigpending, zeros, 8);
  }
  close(file);
}
// Between what is sure and what a busy machine may add.
static int about(long ms, long wanted) { return ms >= wanted - 25 && ms <= 2 * wanted + 100; }

static void usage(void) {
  run_for(300);
  struct rusage self, thread;
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_THREAD, &thread);
  say("calls: 300 ms: user %d, mostly %d\n",
      about(ms_of(self.ru_utime), 300) || ms_of(self.ru_utime) > 150,
      ms_of(self.ru_utime) > ms_of(self.ru_stime));
  say("calls: the thread's are those of its process: %d\n",
      labs(ms_of(self.ru_utime) + ms_of(self.ru_stime) - ms_of(thread.ru_utime) -
           ms_of(thread.ru_stime)) < 30);
  say("calls: clocks %d\n",
      clock_ms(CLOCK_THREAD_CPUTIME_ID) >= 300 && clock_ms(CLOCK_PROCESS_CPUTIME_ID) >= 300);
  long before = used_ms(RUSAGE_SELF);
  sleep_ms(200);
  say("calls: sleep costs nothing: %d\n", used_ms(RUSAGE_SELF) - before < 100);
  long system = ms_of(self.ru_stime);
  call_for(300);
  getrusage(RUSAGE_SELF, &self);
  say("calls: calls are the kernel's: %d\n", ms_of(self.ru_stime) - system >= 50);
  struct tms times_now;
  clock_t ticks = times(&times_now);
  say("calls: times %d\n",
      ticks > 0 &&
          labs((long)(times_now.tms_utime + times_now.tms_stime) * 10 - used_ms(RUSAGE_SELF)) < 60);
  say("calls: none of children yet: %ld %ld\n", (long)times_now.tms_cutime,
      used_ms(RUSAGE_CHILDREN));
  TRY(syscall(SYS_times, NULL));
  TRY(syscall(SYS_times, 8));
  TRY(syscall(SYS_getrusage, 2, &self));
  TRY(syscall(SYS_getrusage, -2, &self));
  TRY(syscall(SYS_getrusage, RUSAGE_SELF, NULL));
  TRY(syscall(SYS_getrusage, RUSAGE_SELF, 8));
  TRY(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, 8));
  struct timespec short_time = {0, 1};
  TRY(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &short_time, NULL));
}

static void of_children(void) {
  pid_t child = fork();
  if (child == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      run_for(150);
      _exit(0);
    }
    wait_for(grandchild);
    run_for(100);
    _exit(0);
  }
  siginfo_t info;
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
  say("calls: before it is waited for: %ld\n", used_ms(RUSAGE_CHILDREN));
  struct rusage usage;
  int status;
  wait4(child, &status, 0, &usage);
  say("calls: the child's own and its child's: %d\n",
      about(ms_of(usage.ru_utime) + ms_of(usage.ru_stime), 250));
  say("calls: now they are mine: %d\n", about(used_ms(RUSAGE_CHILDREN), 250));
  child = fork();
  if (child == 0) _exit(used_ms(RUSAGE_SELF) < 50 && used_ms(RUSAGE_CHILDREN) == 0 ? 0 : 1);
  say("calls: a child begins at 0: %d\n", wait_for(child));
}

// Page faults: each of so many fresh pages is one, and no second time; none of them waits for a disk. How many more
// there are is a system's own affair.
static struct rusage used(int who) {
  struct rusage usage;
  if (getrusage(who, &usage) != 0) die("getrusage");
  return usage;
}
static int is_about(long faults) { return faults >= kPages && faults < kPages + kPages / 2; }
static void touch(char* pages) {
  for (int i = 0; i < kPages; i++) pages[i * kPageSize] = 1;
}
static char* fresh_pages(void) {
  return mmap(NULL, kPages * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void numbers_of_faults(char* line, size_t size) {
  int fd = open("/proc/self/stat", O_RDONLY);
  ssize_t length = read(fd, line, size - 1);
  line[length > 0 ? length : 0] = 0;
  close(fd);
}
static void faults(void) {
  char* pages = fresh_pages();
  struct rusage before = used(RUSAGE_SELF);
  touch(pages);
  struct rusage first = used(RUSAGE_SELF), thread = used(RUSAGE_THREAD);
  touch(pages);
  struct rusage second = used(RUSAGE_SELF);
  say("calls: faults: %d, the thread's too %d, again %d, from a disk %ld\n",
      is_about(first.ru_minflt - before.ru_minflt), thread.ru_minflt == first.ru_minflt,
      second.ru_minflt - first.ru_minflt < 5, second.ru_majflt - before.ru_majflt);
  struct rusage children = used(RUSAGE_CHILDREN), usage;
  pid_t child = fork();
  if (child == 0) {
    touch(fresh_pages());
    _exit(used(RUSAGE_SELF).ru_minflt < kPages * 2 ? 0 : 1);
  }
  say("calls: faults of a child that isn't waited for: %ld\n",
      used(RUSAGE_CHILDREN).ru_minflt - children.ru_minflt);
  int status;
  wait4(child, &status, 0, &usage);
  say("calls: faults of a child: %d, status %d, mine now %d\n",
      usage.ru_minflt >= kPages && usage.ru_minflt < 2 * kPages, status,
      used(RUSAGE_CHILDREN).ru_minflt - children.ru_minflt == usage.ru_minflt);
  static char line[400];
  if (access("/proc/self/stat", R_OK) != 0) {
    mkdir("/proc", 0555);
    if (mount("proc", "/proc", "proc", 0, "") != 0) die("mount");
  }
  numbers_of_faults(line, sizeof(line));
  long told[4] = {-1, -1, -1, -1};  // minor, the children's, major, the children's
  sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %ld %ld %ld %ld", &told[0], &told[1],
         &told[2], &told[3]);
  struct rusage mine = used(RUSAGE_SELF), theirs = used(RUSAGE_CHILDREN);
  say("calls: faults in stat: %d %d %d %d\n", mine.ru_minflt - told[0] < 10 && told[0] > kPages,
      told[1] == theirs.ru_minflt, mine.ru_majflt - told[2] < 10 && told[2] <= mine.ru_majflt,
      told[3] == theirs.ru_majflt);
}

static volatile int count;
static siginfo_t told;
static void note(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  count++;
  told = *info;
}
static void catch (int signal) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = note;
  sigaction(signal, &action, NULL);
  count = 0;
}
// What SIGCHLD and waitid() tell of a child: whose it was, how it ended; how long it ran says the signal alone.
static void tell_child(const char* what, siginfo_t info, pid_t child) {
  long ticks = info.si_utime + info.si_stime;
  say("calls: %s: signal %d code %d status %d user %u, the child %d, time %d\n", what,
      info.si_signo, info.si_code, info.si_status, info.si_uid, info.si_pid == child,
      about(ticks * 10, 100));
}
static void child_of_another_user(void) {
  catch (SIGCHLD);
  pid_t child = fork();
  if (child == 0) {
    run_for(100);
    if (setresuid(1000, 1001, 1002) != 0) _exit(1);
    _exit(3);
  }
  while (count == 0) sleep_ms(1);
  tell_child("SIGCHLD", told, child);
  siginfo_t info = {0};
  waitid(P_PID, (id_t)child, &info, WEXITED);
  tell_child("waitid", info, child);
  signal(SIGCHLD, SIG_DFL);
}
// These timers count ticks on both systems, each for whoever it finds running: on a busy machine they run ahead of the
// clock, and behind it.
static void timer(const char* what, int which, int signal) {
  struct itimerval value = {{0, 50000}, {0, 100000}}, off = {{0, 0}, {0, 0}}, now;
  catch (signal);
  setitimer(which, &value, NULL);
  sleep_ms(300);
  say("calls: %s: asleep %d\n", what, count);
  long start = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
  while (count == 0) run_for(1);
  long first = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - start;
  while (count < 3) run_for(1);
  long third = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - start;
  getitimer(which, &now);
  say("calls: %s: the first %d, the third %d, code %d, every %ld\n", what,
      first >= 40 && first < 1000, third >= 80 && third < 2000, told.si_code,
      (long)now.it_interval.tv_usec);
  setitimer(which, &off, NULL);
  count = 0;
  run_for(150);
  say("calls: %s: off %d\n", what, count);
}

static void beyond(void) {
  struct rlimit limit = {1, 2};
  setrlimit(RLIMIT_CPU, &limit);
  catch (SIGXCPU);
  while (1) {
    run_for(10);
    if (count == 1 && clock_ms(CLOCK_PROCESS_CPUTIME_ID) > 2600) _exit(1);
  }
}
static void beyond_uncaught(void) {
  struct rlimit limit = {1, 200};
  setrlimit(RLIMIT_CPU, &limit);
  run_for(4000);
  _exit(1);
}
static void limits(void) {
  struct rlimit limit, old;
  TRY(getrlimit(RLIMIT_CPU, &limit));
  say("calls: CPU time %d %d\n", limit.rlim_cur == RLIM_INFINITY, limit.rlim_max == RLIM_INFINITY);
  getrlimit(RLIMIT_STACK, &limit);
  say("calls: stack %lu\n", (unsigned long)limit.rlim_cur);
  TRY(syscall(SYS_getrlimit, 16, &limit));
  TRY(syscall(SYS_getrlimit, -1, &limit));
  TRY(syscall(SYS_getrlimit, RLIMIT_CPU, NULL));
  TRY(syscall(SYS_getrlimit, RLIMIT_CPU, 8));
  TRY(syscall(SYS_setrlimit, RLIMIT_CPU, NULL));
  limit.rlim_cur = 9, limit.rlim_max = 8;
  TRY(syscall(SYS_setrlimit, RLIMIT_CPU, &limit));
  TRY(syscall(SYS_setrlimit, 99, &limit));
  TRY(syscall(SYS_prlimit64, -1, RLIMIT_CPU, NULL, &old));
  TRY(syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, NULL));
  TRY(syscall(SYS_prlimit64, 0, RLIMIT_CPU, 8, NULL));
  limit.rlim_cur = 100, limit.rlim_max = 200;
  TRY(syscall(SYS_prlimit64, getpid(), RLIMIT_CPU, &limit, &old));
  say("calls: it was %d\n", old.rlim_cur == RLIM_INFINITY);
  pid_t child = fork();
  if (child == 0) {
    getrlimit(RLIMIT_CPU, &limit);
    _exit(limit.rlim_cur == 100 && limit.rlim_max == 200 ? 0 : 1);
  }
  say("calls: a child has it: %d\n", wait_for(child));
  child = fork();
  if (child == 0) beyond();
  say("calls: beyond the hard limit: %#x\n", wait_for(child));
  child = fork();
  if (child == 0) beyond_uncaught();
  say("calls: beyond the soft one: %#x\n", wait_for(child));
  limit.rlim_cur = limit.rlim_max = 20;
  TRY(setrlimit(RLIMIT_SIGPENDING, &limit));
  unsigned long all = ~0ul;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
  siginfo_t info = {0};
  info.si_code = SI_QUEUE;
  // Others of this user may have some of them queued.
  int queued = 0;
  while (queued < 40 && syscall(SYS_rt_sigqueueinfo, getpid(), 40, &info) == 0) queued++;
  say("calls: queued at most 20, and many: %d, then %s\n", queued > 12 && queued <= 20,
      strerror(errno));
  TRY(syscall(SYS_tkill, getpid(), 41));
  TRY(kill(getpid(), 42));
  TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  TRY(kill(getpid(), SIGUSR2));
  unsigned long set = 0;
  syscall(SYS_rt_sigpending, &set, 8);
  say("calls: pending %#lx\n", set);
  struct timespec now = {0, 0};
  info.si_code = 99;
  unsigned long one = 1ul << 41;
  long got = syscall(SYS_rt_sigtimedwait, &one, &info, &now, 8);
  say("calls: one without its place: %ld code %d by %d\n", got, info.si_code, info.si_pid);
  one = 1ul << 39;
  int taken = 0;
  while (syscall(SYS_rt_sigtimedwait, &one, &info, &now, 8) == 40) taken++;
  say("calls: as many are taken: %d\n", taken == queued);
  TRY(syscall(SYS_tkill, getpid(), 41));
}

int main(void) {
  usage();
  of_children();
  faults();
  child_of_another_user();
  timer("virtual", ITIMER_VIRTUAL, SIGVTALRM);
  timer("profile", ITIMER_PROF, SIGPROF);
  limits();
  say("calls: done\n");
  return 0;
}
