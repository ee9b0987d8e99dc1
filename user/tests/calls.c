// Prints what each system call of this stage returns for good and bad arguments, a line each. The
// suite runs the same program on Linux and on Cairn and compares every line
// (grading/suite/test_calls.py). Values that may differ (addresses, pids) are reduced to what must
// agree.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "cairn.h"

#define CALL(...) report(#__VA_ARGS__, syscall(__VA_ARGS__))
// For calls whose result itself may differ: only whether it failed, and how.
#define SIGN(...) report(#__VA_ARGS__, syscall(__VA_ARGS__) < 0 ? -1 : 1)

static void report(const char* call, long result) {
  say("calls: %s = %ld %s\n", call, result, result == -1 ? strerror(errno) : "");
}

static char* const kKernel = (char*)0xffff800000000000;
static char* const kNonCanonical = (char*)0x0000900000000000;
static char* const kHigh = (char*)0x00007ffffffff000;  // where the user half ends
static char* pages;  // eight of them; [5] read-only, [6] without access, [7] unmapped
static struct timespec long_time = {0, 1000000000}, negative = {-1, 0}, short_time = {0, 1000};
enum { kPage = 4096 };

static void console(void) {
  CALL(SYS_write, 99, "x", 1);
  CALL(SYS_write, -1, "x", 1);
  CALL(SYS_write, 1, kKernel, 1);
  CALL(SYS_write, 1, NULL, 1);
  CALL(SYS_write, 1, pages + 6 * kPage, 1);
  CALL(SYS_write, 1, pages + 7 * kPage, 1);
  CALL(SYS_write, 1, "", 0);
  CALL(SYS_read, 99, pages, 1);
  CALL(SYS_read, 0, kKernel, 1);
  CALL(SYS_read, 0, pages, 0);
  struct {
    const void* base;
    size_t length;
  } vector[2] = {{"ab", 2}, {"\n", 1}};
  CALL(SYS_writev, 1, vector, 2);
  CALL(SYS_writev, 1, vector, 0);
  CALL(SYS_writev, 1, vector, 1025);
  CALL(SYS_writev, 1, vector, -1);
  CALL(SYS_writev, 1, NULL, 1);
  CALL(SYS_writev, 99, vector, 1);
  vector[0].base = kKernel;
  CALL(SYS_writev, 1, vector, 2);
}

static void memory(void) {
  enum { kRw = PROT_READ | PROT_WRITE, kAnon = MAP_PRIVATE | MAP_ANONYMOUS };
  CALL(SYS_mmap, 0, 0, kRw, kAnon, -1, 0);
  CALL(SYS_mmap, 0, kPage, kRw, MAP_ANONYMOUS, -1, 0);
  CALL(SYS_mmap, 1, kPage, kRw, kAnon | MAP_FIXED, -1, 0);
  CALL(SYS_mmap, kHigh, kPage, kRw, kAnon | MAP_FIXED, -1, 0);
  CALL(SYS_mmap, kKernel, kPage, kRw, kAnon | MAP_FIXED, -1, 0);
  CALL(SYS_mmap, 0, 1ul << 47, kRw, kAnon, -1, 0);
  CALL(SYS_mmap, 0, -1ul, kRw, kAnon, -1, 0);
  CALL(SYS_mmap, pages, kPage, kRw, kAnon | 0x100000 /* FIXED_NOREPLACE */, -1, 0);
  SIGN(SYS_mmap, pages + 1, kPage, kRw, kAnon, -1, 0);
  CALL(SYS_munmap, 1, kPage);
  CALL(SYS_munmap, pages + 7 * kPage, 0);
  CALL(SYS_munmap, pages + 7 * kPage, kPage);
  CALL(SYS_munmap, kHigh, kPage);
  CALL(SYS_munmap, kKernel, kPage);
  CALL(SYS_munmap, 0x10000, -1ul);
  CALL(SYS_mprotect, pages + 1, kPage, PROT_READ);
  CALL(SYS_mprotect, pages + 7 * kPage, kPage, PROT_READ);
  CALL(SYS_mprotect, pages + 6 * kPage, 2 * kPage, PROT_READ);
  CALL(SYS_mprotect, pages, 0, PROT_READ);
  CALL(SYS_mprotect, pages, 1, kRw);
  CALL(SYS_mprotect, pages, kPage, 0x40000000);
  CALL(SYS_mprotect, kKernel, kPage, PROT_READ);
  SIGN(SYS_brk, 0);
  report("brk refused", syscall(SYS_brk, 1) == syscall(SYS_brk, 0));
  long start = syscall(SYS_brk, 0);
  report("brk grows", syscall(SYS_brk, start + 3 * kPage + 5) - start);
  memset((char*)start, 7, 3 * kPage + 5);
  report("brk shrinks", syscall(SYS_brk, start) - start);
  syscall(SYS_brk, start + 2 * kPage);
  report("brk is zeroed again", ((char*)start)[kPage]);
}

static void copying(void) {
  struct utsname names;
  CALL(SYS_uname, &names);
  CALL(SYS_uname, NULL);
  CALL(SYS_uname, kKernel);
  CALL(SYS_uname, kNonCanonical);
  CALL(SYS_uname, kHigh - 8);
  CALL(SYS_uname, pages + 5 * kPage);
  CALL(SYS_uname, pages + 6 * kPage);
  CALL(SYS_uname, pages + 7 * kPage);
  CALL(SYS_uname, pages + 7 * kPage - 10);
  CALL(SYS_uname, pages + 5 * kPage - sizeof(names));
}

static void times(void) {
  struct timespec now;
  for (int clock = -1; clock < 12; clock++) {
    if (clock == 2 || clock == 3 || clock >= 8 || clock == -1) continue;  // CPU time, alarms: lab C
    CALL(SYS_clock_gettime, clock, &now);
  }
  CALL(SYS_clock_gettime, 99, &now);
  CALL(SYS_clock_gettime, CLOCK_MONOTONIC, kKernel);
  CALL(SYS_clock_gettime, CLOCK_MONOTONIC, pages + 5 * kPage);
  struct timeval time = {}, zone = {1, 1};
  CALL(SYS_gettimeofday, &time, &zone);
  CALL(SYS_gettimeofday, NULL, NULL);
  CALL(SYS_gettimeofday, kKernel, NULL);
  CALL(SYS_gettimeofday, &time, pages + 5 * kPage);
  CALL(SYS_time, kKernel);
  int64_t seconds = 0, returned = syscall(SYS_time, &seconds);
  clock_gettime(CLOCK_REALTIME, &now);
  say("calls: time: stored %d, of day %d, clock %d, microseconds %d, zone %ld\n",
      seconds == returned, returned - time.tv_sec < 60, now.tv_sec - returned < 60,
      time.tv_usec < 1000000, (long)zone.tv_sec);
  CALL(SYS_nanosleep, &long_time, NULL);
  CALL(SYS_nanosleep, &negative, NULL);
  CALL(SYS_nanosleep, &short_time, NULL);
  CALL(SYS_nanosleep, NULL, NULL);
  CALL(SYS_nanosleep, kKernel, NULL);
  CALL(SYS_clock_nanosleep, 99, 0, &short_time, NULL);
  CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &short_time, NULL);
  CALL(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &negative, NULL);
}

static void report_child(const char* what, pid_t child) {
  int status = 0;
  pid_t waited = waitpid(child, &status, 0);
  say("calls: %s: waited=%d status=%#x\n", what, waited == child, status);
}

static void processes(void) {
  int status;
  CALL(SYS_wait4, -1, &status, 0, NULL);
  CALL(SYS_wait4, 1 << 20, &status, 0, NULL);
  CALL(SYS_wait4, -1, &status, 0x10, NULL);
  CALL(SYS_kill, 1 << 21, 0);
  CALL(SYS_kill, getpid(), 65);
  CALL(SYS_kill, getpid(), -1);
  CALL(SYS_kill, getpid(), 0);
  CALL(SYS_kill, getpid(), SIGCHLD);
  SIGN(SYS_getppid);
  SIGN(SYS_set_tid_address, 0);
  CALL(SYS_sched_yield);
  pid_t child = fork();
  if (child == 0) syscall(SYS_exit, 0x1234);
  report_child("exit keeps 8 bits", child);
  if ((child = fork()) == 0) *(volatile int*)NULL = 1;
  report_child("null pointer", child);
  if ((child = fork()) == 0) *(volatile char*)kKernel = 1;
  report_child("kernel address", child);
  if ((child = fork()) == 0) pages[5 * kPage] = 1;
  report_child("read-only page", child);
  if ((child = fork()) == 0) ((void (*)(void))pages)();
  report_child("execute data", child);
  if ((child = fork()) == 0) __asm__ volatile("ud2");
  report_child("invalid instruction", child);
  if ((child = fork()) == 0) __asm__ volatile("hlt");
  report_child("privileged instruction", child);
  if ((child = fork()) == 0) __asm__ volatile("div %0" : : "r"(0) : "rax", "rdx");
  report_child("division by zero", child);
  if ((child = fork()) == 0) _exit(kill(getpid(), SIGTERM));
  report_child("SIGTERM to itself", child);
  if ((child = fork()) == 0) {
    while (1) nanosleep(&(struct timespec){1000, 0}, NULL);
  }
  report("nothing yet", waitpid(child, &status, WNOHANG));
  kill(child, SIGKILL);
  report_child("SIGKILL while asleep", child);
  CALL(SYS_wait4, child, &status, 0, NULL);
  if ((child = fork()) == 0) _exit(0);
  report("a status that can't be stored", wait4(child, (int*)kKernel, 0, NULL));
  if ((child = vfork()) == 0) _exit(9);
  report_child("vfork", child);
  child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, NULL, NULL, 0);
  if (child == 0) _exit(5);
  report_child("clone's fork form", child);
}

static void signals(void) {
  uint64_t set = 1ull << (SIGTERM - 1), old = 0;
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } action = {0};
  CALL(SYS_rt_sigprocmask, 99, &set, NULL, 8);
  CALL(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4);
  CALL(SYS_rt_sigprocmask, SIG_BLOCK, kKernel, NULL, 8);
  CALL(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
  CALL(SYS_rt_sigprocmask, 99, NULL, &old, 8);
  report("blocked signals", (long)old);
  CALL(SYS_kill, getpid(), SIGTERM);
  report("a blocked signal waits", 1);
  action.handler = SIG_IGN;
  CALL(SYS_rt_sigaction, SIGTERM, &action, NULL, 8);
  CALL(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, 8);
  report("an ignored signal is gone", 1);
  CALL(SYS_rt_sigaction, SIGTERM, NULL, &action, 8);
  report("old handler", (long)action.handler);
  CALL(SYS_rt_sigaction, SIGKILL, &action, NULL, 8);
  CALL(SYS_rt_sigaction, 0, &action, NULL, 8);
  CALL(SYS_rt_sigaction, 65, &action, NULL, 8);
  CALL(SYS_rt_sigaction, SIGINT, &action, NULL, 4);
  CALL(SYS_rt_sigaction, SIGINT, kKernel, NULL, 8);
  CALL(SYS_rt_sigaction, SIGINT, NULL, kKernel, 8);
}

static void others(void) {
  unsigned long base;
  CALL(SYS_arch_prctl, 0x1003, &base);
  CALL(SYS_arch_prctl, 0x1003, kKernel);
  CALL(SYS_arch_prctl, 0x1002, kKernel);
  CALL(SYS_arch_prctl, 0x9999, &base);
  CALL(9999);
  CALL(-1);
  CALL(511);
}

int main(void) {
  pages = mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(pages, 0x90, 8 * kPage);
  mprotect(pages + 5 * kPage, kPage, PROT_READ);
  mprotect(pages + 6 * kPage, kPage, PROT_NONE);
  munmap(pages + 7 * kPage, kPage);
  console();
  memory();
  copying();
  times();
  processes();
  signals();
  others();
  say("calls: done\n");
  return 0;
}
