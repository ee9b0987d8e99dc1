// Processes that are stopped, continued and waited for, and memory that grows: a line for each result. The
// suite runs the same program on Linux and on Cairn and compares every line (grading/suite/test_calls.py).
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "cairn.h"

enum { kStackStep = 200 * 1024 };

// What waitpid() says of the child: the status, or why there is none.
static void look(const char* what, pid_t child, int options) {
  int status = 0;
  pid_t got = waitpid(child, &status, options);
  if (got < 0) {
    say("calls: %s: %s\n", what, strerror(errno));
  } else {
    say("calls: %s: %s status=%#x\n", what, got == 0 ? "nothing" : "a child", status);
  }
}

// How the child ends; it is given five seconds.
static void end(const char* what, pid_t child) {
  int status = 0;
  for (int i = 0; i < 500; i++) {
    if (waitpid(child, &status, WNOHANG) != 0) {
      say("calls: %s: status=%#x\n", what, status);
      return;
    }
    sleep_ms(10);
  }
  say("calls: %s: it doesn't end\n", what);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
}

static pid_t start(void (*run)(void)) {
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    run();
    _exit(0);
  }
  return child;
}

static void forever(void) {
  while (1) sleep_ms(1000);
}
static void soon(void) { sleep_ms(200); }

static void changes(void) {
  pid_t child = start(forever);
  look("nothing happened", child, WNOHANG | WUNTRACED | WCONTINUED);
  kill(child, SIGSTOP);
  look("stopped", child, WUNTRACED);
  look("told once", child, WUNTRACED | WNOHANG);
  kill(child, SIGSTOP);
  look("stopped twice", child, WUNTRACED | WNOHANG);
  kill(child, SIGCONT);
  look("continued", child, WCONTINUED);
  look("told once, too", child, WCONTINUED | WUNTRACED | WNOHANG);
  kill(child, SIGCONT);
  look("continued while it ran", child, WCONTINUED | WNOHANG);
  kill(child, SIGSTOP);
  look("stopped again", child, WUNTRACED);
  kill(child, SIGCONT);
  look("not asked whether it goes on", child, WUNTRACED | WNOHANG);
  look("asked", child, WCONTINUED | WNOHANG);
  kill(child, SIGSTOP);
  look("stopped to be killed", child, WUNTRACED);
  kill(child, SIGKILL);
  look("killed while it was stopped", child, WCONTINUED | WUNTRACED);
}

static void the_later_one(void) {
  pid_t child = start(soon);
  kill(child, SIGSTOP);
  kill(child, SIGCONT);
  end("SIGSTOP, SIGCONT", child);
  child = start(soon);
  kill(child, SIGCONT);
  kill(child, SIGSTOP);
  look("SIGCONT, SIGSTOP", child, WUNTRACED);
  kill(child, SIGSTOP);
  kill(child, SIGCONT);
  end("stopped twice, continued once", child);
}

static int ends[2];
static void read_byte(void) {
  char byte = 0;
  long got = read(ends[0], &byte, 1);
  _exit(got == 1 ? byte : got < 0 ? errno : 99);
}
// Whether a wait of a second took one, though the process was stopped for most of it.
static void check_time(long start, long result) {
  long took = now_ms() - start;
  _exit(result != 0 ? 1 : took < 990 ? 2 : took < 1500 ? 0 : 3);
}
static void sleep_a_second(void) {
  long start = now_ms();
  struct timespec time = {1, 0};
  check_time(start, nanosleep(&time, NULL));
}
static void poll_a_second(void) {
  long start = now_ms();
  struct pollfd entry = {ends[0], POLLIN, 0};
  check_time(start, poll(&entry, 1, 1000));
}
static void wait_for_soon(void) {
  pid_t child = start(soon);
  int status = 0;
  _exit(waitpid(child, &status, 0) == child && status == 0 ? 0 : errno);
}

static void stop_for(pid_t child, long ms) {
  sleep_ms(150);
  kill(child, SIGSTOP);
  look("stopped while it waits", child, WUNTRACED);
  sleep_ms(ms);
  kill(child, SIGCONT);
}

static void waits_go_on(void) {
  if (pipe(ends) != 0) die("pipe");
  pid_t child = start(read_byte);
  stop_for(child, 50);
  sleep_ms(50);
  if (write(ends[1], "!", 1) != 1) die("write");
  end("read", child);
  child = start(sleep_a_second);
  stop_for(child, 750);
  end("nanosleep", child);
  child = start(poll_a_second);
  stop_for(child, 750);
  end("poll", child);
  child = start(wait_for_soon);
  stop_for(child, 250);
  end("wait", child);
}

static void in_vfork(void) {
  if (vfork() == 0) {
    sleep_ms(2000);
    _exit(0);
  }
}
static void a_parent_in_vfork(int signal, const char* what) {
  pid_t child = start(in_vfork);
  sleep_ms(100);
  kill(child, signal);
  sleep_ms(300);
  look(what, child, WNOHANG);
}

static void children(const char* what) {
  for (int i = 0; i < 3; i++) start(soon);
  sleep_ms(500);
  look(what, -1, WNOHANG);
  for (int i = 0; i < 3; i++) start(soon);
  look("waiting for them", -1, 0);
}
static void reaped_at_once(void) {
  signal(SIGCHLD, SIG_IGN);
  children("SIGCHLD is ignored");
  struct sigaction action = {.sa_flags = SA_NOCLDWAIT}, now;
  action.sa_handler = SIG_DFL;
  if (sigaction(SIGCHLD, &action, NULL) != 0) die("sigaction");
  children("SA_NOCLDWAIT");
  sigaction(SIGCHLD, NULL, &now);
  say("calls: the flag is %s\n", now.sa_flags & SA_NOCLDWAIT ? "set" : "clear");
  signal(SIGCHLD, SIG_DFL);
  look("the usual way", start(soon), 0);
}

// musl keeps the program break for itself.
static char* set_break(char* wanted) { return (char*)syscall(SYS_brk, wanted); }
static char* grow_beyond_read_only(void) {
  char* at = (char*)(((uintptr_t)set_break(NULL) + kPageSize - 1) & -(uintptr_t)kPageSize);
  if (set_break(at + kPageSize) != at + kPageSize) die("brk");
  if (mprotect(at, kPageSize, PROT_READ) != 0) die("mprotect");
  if (set_break(at + 3 * kPageSize) != at + 3 * kPageSize) die("brk");
  return at;
}
static void write_grown_heap(void) {
  char* at = grow_beyond_read_only();
  at[kPageSize] = at[2 * kPageSize] = 2;
}
static void write_read_only_heap(void) { *(volatile char*)grow_beyond_read_only() = 1; }

static void unmap_lowest_of_stack(void) {
  volatile char* low = (volatile char*)__builtin_frame_address(0) - kStackStep;
  *low = 1;
  char* page = (char*)((uintptr_t)low & -(uintptr_t)kPageSize);
  // What lies below that page is the kernel's to choose, and goes, too.
  enum { kBelow = 512 * 1024 };
  if (munmap(page - kBelow, kBelow + kPageSize) != 0) die("munmap");
  *low = 2;
  *(low - kStackStep) = 3;
}

int main(void) {
  changes();
  the_later_one();
  waits_go_on();
  a_parent_in_vfork(SIGKILL, "SIGKILL for a parent in vfork");
  a_parent_in_vfork(SIGTERM, "SIGTERM for one");
  reaped_at_once();
  end("the heap grows beyond a page that may only be read", start(write_grown_heap));
  end("a write to that page", start(write_read_only_heap));
  end("a stack grows again that lost its lowest page", start(unmap_lowest_of_stack));
  say("calls: done\n");
  return 0;
}
