// Signals that are queued and waited for, whom they reach, and what becomes of the calls that they cut short. The
// suite runs the same program on Linux and on Cairn and compares every line (grading/suite/test_calls.py).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "cairn.h"

enum { kMilli = 1000000 };

static volatile int count;
static char order[128];
static void note(int signal, siginfo_t* info, void* context) {
  (void)context;
  count++;
  size_t at = strlen(order);
  snprintf(order + at, sizeof(order) - at, " %d:%d", signal, info->si_value.sival_int);
}
// Past the C library, which keeps 32 to 34 for itself.
static void catch (int signal, unsigned long flags) {
  struct sigaction action = {.sa_flags = SA_SIGINFO}, got;
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } raw;
  action.sa_sigaction = note;
  sigaction(SIGUSR1, NULL, &got);
  sigaction(SIGUSR1, &action, NULL);
  syscall(SYS_rt_sigaction, SIGUSR1, NULL, &raw, 8);  // for its restorer
  sigaction(SIGUSR1, &got, NULL);
  raw.flags = (raw.flags & 0x04000000) | SA_SIGINFO | flags;
  if (syscall(SYS_rt_sigaction, signal, &raw, NULL, 8) != 0) die("rt_sigaction");
}
static void set_mask(unsigned long mask) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}
static unsigned long pending(void) {
  unsigned long set = 0;
  syscall(SYS_rt_sigpending, &set, 8);
  return set;
}
static unsigned long bit(int signal) { return 1ul << (signal - 1); }
static long queue_as(pid_t pid, int signal, int code, int value) {
  siginfo_t info = {0};
  info.si_code = code;
  info.si_value.sival_int = value;
  return syscall(SYS_rt_sigqueueinfo, pid, signal, &info);
}

static void queues(void) {
  int all[] = {32, 33, 34, 40, 64, SIGUSR2};
  for (int i = 0; i < 6; i++) catch (all[i], 0);
  set_mask(~0ul);
  for (int i = 0; i < 3; i++) {
    queue_as(getpid(), 64, SI_QUEUE, i);
    queue_as(getpid(), 32, SI_QUEUE, i);
    queue_as(getpid(), SIGUSR2, SI_QUEUE, i);
    queue_as(getpid(), 40, SI_QUEUE, i);
    queue_as(getpid(), 33, SI_QUEUE, i);
  }
  say("calls: pending %#lx\n", pending());
  set_mask(0);
  say("calls: the last entered is the first to run:%s\n", order);
  order[0] = 0;
  set_mask(~0ul);
  for (int i = 0; i < 3; i++) kill(getpid(), 40);
  syscall(SYS_tkill, getpid(), 40);
  queue_as(getpid(), 40, SI_QUEUE, 9);
  count = 0;
  set_mask(0);
  say("calls: sent 5 times: %d,%s\n", count, order);
  order[0] = 0;
  set_mask(~0ul);
  for (int i = 0; i < 300; i++) queue_as(getpid(), 41, SI_QUEUE, i);
  signal(41, SIG_IGN);
  say("calls: ignored, they are forgotten: %#lx\n", pending());
  catch (41, 0);
  set_mask(0);
}

static void wait_for_one(const char* what, unsigned long set, long timeout_ms) {
  siginfo_t info = {0};
  struct timespec time = {timeout_ms / 1000, timeout_ms % 1000 * kMilli};
  long start = now_ms();
  long got = syscall(SYS_rt_sigtimedwait, &set, &info, timeout_ms < 0 ? NULL : &time, 8);
  const char* error = got < 0 ? strerror(errno) : "";
  long took = now_ms() - start;
  say("calls: %s: %ld %s signo %d code %d value %d, %s\n", what, got, error, info.si_signo,
      info.si_code, info.si_value.sival_int,
      timeout_ms > 0 && got < 0 && took < timeout_ms - 5 ? "early" : "in time");
}
static pid_t send_later(int signal, int second) {
  pid_t child = fork();
  if (child != 0) return child;
  sleep_ms(60);
  kill(getppid(), signal);
  if (second != 0) {
    sleep_ms(60);
    kill(getppid(), second);
  }
  _exit(0);
}
static void waits(void) {
  catch (SIGUSR1, 0);
  catch (SIGUSR2, 0);
  order[0] = 0;
  set_mask(bit(40) | bit(41) | bit(SIGUSR2));
  wait_for_one("nothing comes", bit(40), 0);
  wait_for_one("nothing comes for a while", bit(40), 80);
  queue_as(getpid(), 41, SI_QUEUE, 5);
  queue_as(getpid(), 40, SI_QUEUE, 6);
  queue_as(getpid(), 40, SI_QUEUE, 7);
  wait_for_one("two kinds", bit(40) | bit(41), 1000);
  wait_for_one("the next", bit(40) | bit(41), 1000);
  wait_for_one("the last", bit(40) | bit(41), -1);
  pid_t child = send_later(SIGUSR2, 0);
  wait_for_one("from a child", bit(SIGUSR2), 2000);
  wait_for(child);
  child = send_later(SIGUSR1, 0);
  wait_for_one("one that isn't blocked is taken all the same", bit(SIGUSR1), 2000);
  wait_for(child);
  child = send_later(SIGUSR1, 0);
  wait_for_one("a handler ends it", bit(40), 2000);
  wait_for(child);
  signal(SIGCHLD, SIG_DFL);
  set_mask(bit(SIGCHLD));
  child = fork();
  if (child == 0) _exit(3);
  unsigned long set = bit(SIGCHLD);
  siginfo_t info = {0};
  long got = syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8);
  say("calls: a child's end: %ld code %d status %d by it %d\n", got, info.si_code, info.si_status,
      info.si_pid == child);
  wait_for(child);
  set_mask(0);
  struct timespec bad = {0, 1000000000};
#define TIMED(...)                     \
  say("calls: " #__VA_ARGS__ ": %s\n", \
      syscall(SYS_rt_sigtimedwait, __VA_ARGS__) >= 0 ? "yes" : strerror(errno))
  TIMED(&set, NULL, &bad, 8);
  TIMED(&set, NULL, &bad, 4);
  TIMED(8, NULL, NULL, 8);
  TIMED(&set, NULL, 8, 8);
}

#define TRY(...) \
  say("calls: " #__VA_ARGS__ ": %s\n", syscall(SYS_##__VA_ARGS__) >= 0 ? "yes" : strerror(errno))
static void errors(void) {
  pid_t me = getpid(), gone = fork();
  if (gone == 0) _exit(0);
  wait_for(gone);
  siginfo_t info = {0};
  info.si_code = SI_QUEUE;
  TRY(kill, me, 0);
  TRY(kill, me, 65);
  TRY(kill, me, -1);
  TRY(kill, gone, 0);
  TRY(kill, gone, 65);
  TRY(tkill, me, 0);
  TRY(tkill, 0, SIGUSR1);
  TRY(tkill, -1, SIGUSR1);
  TRY(tkill, gone, 0);
  TRY(tkill, me, 65);
  TRY(tgkill, me, me, 0);
  TRY(tgkill, gone, me, 0);
  TRY(tgkill, me, gone, 0);
  TRY(tgkill, 0, me, 0);
  TRY(tgkill, me, 0, 0);
  TRY(tgkill, me, me, 65);
  TRY(rt_sigqueueinfo, me, 0, &info);
  TRY(rt_sigqueueinfo, me, 65, &info);
  TRY(rt_sigqueueinfo, gone, SIGUSR1, &info);
  TRY(rt_sigqueueinfo, me, SIGUSR1, 8);
  TRY(rt_tgsigqueueinfo, me, me, 0, &info);
  TRY(rt_tgsigqueueinfo, me, gone, 0, &info);
  TRY(rt_tgsigqueueinfo, 0, me, 0, &info);
  pid_t parent = me, child = fork();
  if (child == 0) {
    info.si_code = 0;
    TRY(rt_sigqueueinfo, parent, 0, &info);
    info.si_code = SI_TKILL;
    TRY(rt_sigqueueinfo, parent, 0, &info);
    info.si_code = SI_KERNEL;
    TRY(rt_tgsigqueueinfo, parent, parent, 0, &info);
    info.si_code = SI_QUEUE;
    TRY(rt_sigqueueinfo, parent, 0, &info);
    _exit(0);
  }
  wait_for(child);
  // A zombie is still there to be asked for.
  child = fork();
  if (child == 0) _exit(0);
  siginfo_t end;
  if (waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT) != 0) die("waitid");
  TRY(kill, child, 0);
  TRY(kill, child, SIGTERM);
  TRY(tkill, child, SIGTERM);
  say("calls: its status: %#x\n", wait_for(child));
}

static int ends[2];
static int lock_file, lock_place;
// Calls that wait, each cut short by SIGUSR1 after a while; what they wait for comes later.
static long read_pipe(void) {
  char byte;
  return read(ends[0], &byte, 1);
}
static long write_pipe(void) {
  static char full[65536];
  if (write(ends[1], full, sizeof(full)) != sizeof(full)) die("write");
  return write(ends[1], "!", 1) == 1 ? 0 : -1;
}
static long wait_child(void) { return waitpid(-1, NULL, 0) > 0 ? 0 : -1; }
static long poll_pipe(void) {
  struct pollfd entry = {ends[0], POLLIN, 0};
  return poll(&entry, 1, 3000);
}
static long ppoll_pipe(void) {
  struct pollfd entry = {ends[0], POLLIN, 0};
  struct timespec time = {3, 0};
  return ppoll(&entry, 1, &time, NULL);
}
static long select_pipe(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval time = {3, 0};
  return select(ends[0] + 1, &set, NULL, NULL, &time);
}
static long pselect_pipe(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  return pselect(ends[0] + 1, &set, NULL, NULL, NULL, NULL);
}
static long nap(void) {
  struct timespec time = {0, 400 * kMilli}, left = {9, 9};
  long result = syscall(SYS_nanosleep, &time, &left);
  if (result != 0 &&
      (left.tv_sec != 0 || left.tv_nsec <= 50 * kMilli || left.tv_nsec > 370 * kMilli))
    say("calls: left %ld.%09ld\n", (long)left.tv_sec, left.tv_nsec);
  return result;
}
static long nap_until(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += 1;
  return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}
static long pause_once(void) { return syscall(SYS_pause); }
static long suspend(void) {
  unsigned long mask = 0;
  return syscall(SYS_rt_sigsuspend, &mask, 8);
}
static long await(void) {
  unsigned long set = bit(50);
  struct timespec time = {0, 400 * kMilli};
  return syscall(SYS_rt_sigtimedwait, &set, NULL, &time, 8);
}
static long take_lock(void) {
  struct flock lock = {.l_type = F_WRLCK, .l_start = lock_place, .l_len = 1};
  return fcntl(lock_file, F_SETLKW, &lock);
}

struct Way {
  const char* name;
  int signal;
  unsigned long flags;
};
enum { kWays = 4 };
static const struct Way ways[kWays] = {{"a handler", SIGUSR1, 0},
                                       {"a handler with SA_RESTART", SIGUSR1, SA_RESTART},
                                       {"an ignored signal", SIGWINCH, 0},
                                       {"a stop", SIGSTOP, 0}};
struct Attempt {
  pid_t child, holder;
  int ends[2];
};

static void attempt(long (*run)(void), const struct Way* way) {
  catch (SIGUSR1, way->flags);
  pid_t grandchild = run == wait_child ? fork() : -1;
  if (grandchild == 0) {
    sleep_ms(450);
    _exit(0);
  }
  count = 0;
  long result = run();
  _exit(result < 0 ? errno : count == 1 ? 101 : 100);
}
static void start(struct Attempt* it, long (*run)(void), int number) {
  int locked[2];
  char byte;
  if (pipe(it->ends) != 0 || pipe(locked) != 0) die("pipe");
  ends[0] = it->ends[0], ends[1] = it->ends[1];
  lock_place = number;
  it->holder = run == take_lock ? fork() : 0;
  if (run == take_lock && it->holder == 0) {
    if (take_lock() != 0 || write(locked[1], "!", 1) != 1) _exit(1);
    sleep_ms(450);
    _exit(0);
  }
  if (run == take_lock && read(locked[0], &byte, 1) != 1) die("lock");
  close(locked[0]), close(locked[1]);
  it->child = fork();
  if (it->child == 0) attempt(run, &ways[number]);
}
// What the call waits for, more or less.
static void feed(const struct Attempt* it, long (*run)(void)) {
  static char drained[4096];
  if (run != write_pipe) {
    if (write(it->ends[1], "!", 1) != 1) die("write");
    return;
  }
  for (int left = 65536 + 1; left > 0;) {
    struct pollfd entry = {it->ends[0], POLLIN, 0};
    if (poll(&entry, 1, 300) != 1) break;
    left -= (int)read(it->ends[0], drained, sizeof(drained));
  }
}
static int end_of(pid_t child) {
  int status;
  for (int tries = 0; waitpid(child, &status, WNOHANG) == 0; tries++) {
    sleep_ms(10);
    if (tries > 150) kill(child, SIGKILL);  // pause and sigsuspend, which nothing ends
  }
  return status;
}

static void cut_short(const char* what, long (*run)(void)) {
  struct Attempt all[kWays];
  for (int i = 0; i < kWays; i++) start(&all[i], run, i);
  sleep_ms(150);
  for (int i = 0; i < kWays; i++) kill(all[i].child, ways[i].signal);
  sleep_ms(40);
  kill(all[kWays - 1].child, SIGCONT);
  sleep_ms(40);
  for (int i = 0; i < kWays; i++) feed(&all[i], run);
  for (int i = 0; i < kWays; i++) {
    int status = end_of(all[i].child), code = WEXITSTATUS(status);
    const char* end = code == 100   ? "done"
                      : code == 101 ? "done, after the handler"
                                    : strerror(code);
    say("calls: %s, %s: %s\n", what, ways[i].name, WIFSIGNALED(status) ? "never" : end);
    if (all[i].holder != 0) wait_for(all[i].holder);
    close(all[i].ends[0]), close(all[i].ends[1]);
  }
}

static void restarts(void) {
  cut_short("read", read_pipe);
  cut_short("write", write_pipe);
  cut_short("wait4", wait_child);
  cut_short("poll", poll_pipe);
  cut_short("ppoll", ppoll_pipe);
  cut_short("select", select_pipe);
  cut_short("pselect", pselect_pipe);
  cut_short("nanosleep", nap);
  cut_short("clock_nanosleep", nap_until);
  cut_short("pause", pause_once);
  cut_short("rt_sigsuspend", suspend);
  cut_short("rt_sigtimedwait", await);
  char name[] = "lock-XXXXXX";
  lock_file = mkstemp(name);
  if (lock_file < 0) die("mkstemp");
  unlink(name);
  cut_short("F_SETLKW", take_lock);
  close(lock_file);
}

static void timers(void) {
  struct itimerval off = {{0, 0}, {0, 0}}, value = {{0, 20000}, {0, 30000}}, now = {{9, 9}, {9, 9}};
  catch (SIGALRM, 0);
#define TIMER(...) \
  say("calls: " #__VA_ARGS__ ": %s\n", syscall(SYS_##__VA_ARGS__) == 0 ? "yes" : strerror(errno))
  TIMER(getitimer, ITIMER_REAL, &now);
  say("calls: none runs: %ld.%06ld\n", (long)now.it_value.tv_sec, (long)now.it_value.tv_usec);
  TIMER(getitimer, 3, &now);
  TIMER(getitimer, ITIMER_REAL, 8);
  TIMER(setitimer, 3, &off, NULL);
  TIMER(setitimer, ITIMER_REAL, 8, NULL);
  TIMER(setitimer, ITIMER_REAL, &off, 8);
  struct itimerval bad = {{0, 1000000}, {1, 0}};
  TIMER(setitimer, ITIMER_REAL, &bad, NULL);
  bad.it_interval.tv_usec = 0;
  bad.it_value.tv_sec = -1;
  TIMER(setitimer, ITIMER_REAL, &bad, NULL);
  count = 0;
  long start = now_ms();
  setitimer(ITIMER_REAL, &value, NULL);
  getitimer(ITIMER_REAL, &now);
  say("calls: left at most what was set %d, every %ld\n",
      now.it_value.tv_usec > 0 && now.it_value.tv_usec <= 30000, (long)now.it_interval.tv_usec);
  while (count < 4) syscall(SYS_pause);
  long took = now_ms() - start;
  say("calls: four in %s\n", took < 85 ? "too little" : "time");
  setitimer(ITIMER_REAL, &off, &now);
  say("calls: it ran every %ld\n", (long)now.it_interval.tv_usec);
  count = 0;
  sleep_ms(60);
  say("calls: after its end %d\n", count);
  say("calls: alarm %u", alarm(5));
  say(", %u", alarm(100));
  sleep_ms(30);
  pid_t child = fork();
  if (child == 0) _exit((int)alarm(0));
  say(", a child's %d", WEXITSTATUS(wait_for(child)));
  say(", %u, %u\n", alarm(0), alarm(0));
}

int main(void) {
  queues();
  waits();
  errors();
  restarts();
  timers();
  say("calls: done\n");
  return 0;
}
