// Process groups, sessions, orphans, and every way to wait for a child. The suite runs the same program on Linux and
// on Cairn and compares every line (grading/suite/test_calls.py). Pids are told by what they are equal to.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "cairn.h"

#define TRY(...) \
  say("calls: " #__VA_ARGS__ ": %s\n", (long)(__VA_ARGS__) >= 0 ? "yes" : strerror(errno))
static const char* error_of(long result) { return result >= 0 ? "yes" : strerror(errno); }

// A child that waits for orders: a byte each, answered by a byte. Its pipes close with the parent.
struct Child {
  pid_t pid;
  int orders, answers;
};
static int my_orders, my_answers;
static struct Child make(void (*run)(void)) {
  int to[2], from[2];
  if (pipe(to) != 0 || pipe(from) != 0) die("pipe");
  struct Child child = {fork(), to[1], from[0]};
  if (child.pid < 0) die("fork");
  if (child.pid == 0) {
    close(to[1]), close(from[0]);
    my_orders = to[0], my_answers = from[1];
    run();
    _exit(0);
  }
  close(to[0]), close(from[1]);
  return child;
}
static void answer(char byte) {
  if (write(my_answers, &byte, 1) != 1) _exit(90);
}
static void await_order(void) {
  char byte;
  if (read(my_orders, &byte, 1) != 1) _exit(91);
}
static void order(struct Child* child) {
  if (write(child->orders, "!", 1) != 1) die("order");
}
static char hear(struct Child* child) {
  char byte = 0;
  return read(child->answers, &byte, 1) == 1 ? byte : '-';
}
static int end(struct Child* child) {
  close(child->orders), close(child->answers);
  return wait_for(child->pid);
}
static void obey(void) {
  await_order();
  await_order();
}
static void forever(void) {
  while (1) sleep_ms(1000);
}

static void alone_in_session(void) {
  pid_t me = getpid();
  pid_t session = setsid();
  say("calls: setsid: it leads %d %d %d\n", session == me, getsid(0) == me, getpgrp() == me);
  TRY(setsid());
  TRY(setpgid(0, 0));
  answer('s');
  await_order();
}
static void in_own_group(void) {
  TRY(setpgid(0, 0));
  say("calls: its own group %d, in the same session %d\n", getpgrp() == getpid(),
      getsid(0) == getsid(getppid()));
  TRY(setsid());
  answer('g');
  await_order();
}
static void groups(void) {
  pid_t me = getpid(), mine = getpgrp();
  struct Child session = make(alone_in_session);
  hear(&session);
  struct Child group = make(in_own_group);
  hear(&group);
  struct Child plain = make(obey);
  pid_t gone = fork();
  if (gone == 0) _exit(0);
  wait_for(gone);
  say("calls: getpgid %d %d %d, getsid %d %d\n", getpgid(0) == mine,
      getpgid(group.pid) == group.pid, getpgid(plain.pid) == mine,
      getsid(session.pid) == session.pid, getsid(plain.pid) == getsid(0));
  TRY(getpgid(gone));
  TRY(getpgid(-1));
  TRY(getsid(gone));
  TRY(setpgid(gone, 0));
  TRY(setpgid(-1, 0));
  TRY(setpgid(0, -1));
  TRY(setpgid(getppid(), 0));
  TRY(setpgid(session.pid, 0));
  TRY(setpgid(plain.pid, session.pid));
  TRY(setpgid(plain.pid, gone));
  TRY(setpgid(plain.pid, group.pid));
  say("calls: moved %d\n", getpgid(plain.pid) == group.pid);
  TRY(setpgid(plain.pid, group.pid));
  TRY(setpgid(plain.pid, mine));
  TRY(setpgid(plain.pid, 0));
  say("calls: a group of its own %d\n", getpgid(plain.pid) == plain.pid);
  TRY(kill(-plain.pid, 0));
  TRY(kill(-plain.pid, 65));
  TRY(kill(-gone, 0));
  TRY(kill(-gone, 65));
  TRY(kill(-1, 0));
  TRY(kill(-1, 65));
  TRY(kill(0, 0));
  TRY(kill((pid_t)0x80000000, 0));
  // The number of a group stays in use while anybody is in it.
  TRY(setpgid(plain.pid, group.pid));
  order(&group);
  say("calls: its leader ended: %#x\n", end(&group));
  say("calls: its group is there %d\n", getpgid(plain.pid) == group.pid);
  TRY(setpgid(0, group.pid));
  TRY(setpgid(0, mine));
  kill(-group.pid, SIGTERM);
  say("calls: told as a group: %#x\n", end(&plain));
  TRY(kill(-group.pid, 0));
  order(&session);
  say("calls: the session's end: %#x\n", end(&session));
  say("calls: my own %d\n", me == getpid() && getpgrp() == mine);
}

// kill(0): all of the caller's group, himself too.
static volatile int taken;
static void take(int signal) {
  (void)signal;
  taken++;
}
static void wait_to_be_taken(void) {
  answer('r');
  while (taken == 0) sleep_ms(5);
  answer('t');
}
static void head_of_group(void) {
  setpgid(0, 0);
  signal(SIGUSR1, take);
  struct Child first = make(wait_to_be_taken), second = make(wait_to_be_taken);
  hear(&first), hear(&second);
  kill(0, SIGUSR1);
  say("calls: kill(0): %d %c %c\n", taken, hear(&first), hear(&second));
  end(&first), end(&second);
}

static void looked(const char* what, int result, const siginfo_t* info, pid_t child) {
  say("calls: %s: %s signo %d code %d status %d by it %d\n", what, error_of(result), info->si_signo,
      info->si_code, info->si_status, info->si_pid == child);
}
static void look(const char* what, idtype_t type, id_t id, int options, pid_t child) {
  siginfo_t info;
  memset(&info, 0x5a, sizeof(info));
  int result = waitid(type, id, &info, options);
  looked(what, result, &info, child);
}
static void look4(const char* what, pid_t which, int options, pid_t child) {
  int status = 0x5a5a;
  struct rusage usage;
  pid_t got = wait4(which, &status, options, &usage);
  say("calls: %s: %s status %#x by it %d\n", what, got == 0 ? "nothing" : error_of(got), status,
      got == child);
}
static void exit_7(void) { _exit(7); }
static void waits(void) {
  pid_t child = make(forever).pid;
  enum { kAll = WEXITED | WSTOPPED | WCONTINUED };
  look("nothing yet", P_PID, child, kAll | WNOHANG, child);
  look("no kind", P_PID, child, WNOHANG, child);
  look("unknown options", P_PID, child, kAll | 0x100, child);
  look("unknown type", (idtype_t)9, child, kAll, child);
  look("no pid", P_PID, 0, kAll, child);
  look("not a child", P_PID, getppid(), kAll, child);
  look("no such group", P_PGID, child, kAll, child);
  kill(child, SIGSTOP);
  look("stopped, left there", P_PID, child, WSTOPPED | WNOWAIT, child);
  look("stopped, only ended ones wanted", P_PID, child, WEXITED | WNOHANG, child);
  look("stopped", P_ALL, 0, WSTOPPED, child);
  look("told once", P_ALL, 0, WSTOPPED | WNOHANG, child);
  kill(child, SIGCONT);
  look("continued", P_PGID, 0, WCONTINUED, child);
  kill(child, SIGSTOP);
  look4("stopped", -1, WUNTRACED, child);
  kill(child, SIGCONT);
  look4("continued", 0, WCONTINUED, child);
  look4("nothing", child, WNOHANG, child);
  look4("not a child", getppid(), 0, child);
  look4("no such group", -child, 0, child);
  look4("of another kind", -1, WNOHANG | (int)__WCLONE, child);
  look4("of any kind", -1, WNOHANG | __WALL, child);
  look4("of this thread", -1, WNOHANG | __WNOTHREAD, child);
  look4("unknown options", -1, 0x100, child);
  look4("the least number", (pid_t)0x80000000, 0, child);
  setpgid(child, 0);
  look4("its group", -child, WNOHANG, child);
  look4("mine has no child now", 0, WNOHANG, child);
  kill(child, SIGTERM);
  look("ended, left there", P_PGID, child, WEXITED | WNOWAIT, child);
  look("ended", P_PGID, child, WEXITED, child);
  look("there is none", P_ALL, 0, WEXITED, child);
  look4("there is none", -1, 0, child);
  child = make(exit_7).pid;
  look("exited", P_ALL, 0, WEXITED, child);
  child = make(exit_7).pid;
  look4("exited", -1, 0, child);
  child = make(exit_7).pid;
  int result = waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
  say("calls: nowhere to tell: %s\n", error_of(result));
  say("calls: a bad address: %s\n", error_of(syscall(SYS_wait4, child, 8, 0, NULL)));
  look4("it is gone", child, 0, child);
}

static siginfo_t told;
static void note(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  taken++;
  told = *info;
}
static void news(const char* what, pid_t child) {
  for (int i = 0; i < 400 && taken == 0; i++) sleep_ms(5);
  say("calls: %s: %d times, code %d status %d by it %d\n", what, taken, told.si_code,
      told.si_status, told.si_pid == child);
  taken = 0;
  memset(&told, 0, sizeof(told));
}
static void catch_children(int flags) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | flags};
  action.sa_sigaction = note;
  sigaction(SIGCHLD, &action, NULL);
}
static void child_signals(void) {
  taken = 0;
  catch_children(0);
  pid_t child = make(forever).pid;
  kill(child, SIGSTOP);
  news("a child stopped", child);
  kill(child, SIGCONT);
  news("it goes on", child);
  kill(child, SIGKILL);
  news("it was killed", child);
  wait_for(child);
  child = make(exit_7).pid;
  news("one exited", child);
  wait_for(child);
  catch_children(SA_NOCLDSTOP);
  child = make(forever).pid;
  kill(child, SIGSTOP);
  look("stopped", P_PID, child, WSTOPPED, child);
  kill(child, SIGCONT);
  look("continued", P_PID, child, WCONTINUED, child);
  kill(child, SIGTERM);
  news("SA_NOCLDSTOP", child);
  wait_for(child);
  catch_children(SA_NOCLDWAIT);
  child = make(exit_7).pid;
  news("SA_NOCLDWAIT", child);
  look4("no zombie", child, 0, child);
  signal(SIGCHLD, SIG_IGN);
  child = make(exit_7).pid;
  look4("ignored, no zombie", child, 0, child);
  signal(SIGCHLD, SIG_DFL);
}

// Stops of the terminal don't stop orphans; a group that is orphaned while it is stopped is woken.
static void orphan_stops(void) {
  setsid();
  struct Child inner = make(obey);
  kill(inner.pid, SIGTSTP);
  sleep_ms(100);
  look4("SIGTSTP in an orphaned group", inner.pid, WUNTRACED | WNOHANG, inner.pid);
  kill(inner.pid, SIGSTOP);
  look4("SIGSTOP in one", inner.pid, WUNTRACED, inner.pid);
  kill(inner.pid, SIGKILL);
  end(&inner);
  inner = make(obey);
  setpgid(inner.pid, 0);
  kill(inner.pid, SIGTTIN);
  look4("SIGTTIN in a group with a parent outside", inner.pid, WUNTRACED, inner.pid);
  kill(inner.pid, SIGKILL);
  end(&inner);
}
static int report_end;
static void report_signals(int signal) {
  if (signal == SIGHUP) taken |= 1;
  if (signal == SIGCONT) taken |= 2;
}
static void stopped_orphan(void) {
  signal(SIGHUP, report_signals);
  signal(SIGCONT, report_signals);
  answer('r');
  sleep_ms(100);
  while (taken != 3) sleep_ms(5);
  char byte = (char)('0' + taken);
  if (write(report_end, &byte, 1) != 1) _exit(92);
}
static void parent_of_stopped(void) {
  setsid();
  taken = 0;
  struct Child inner = make(stopped_orphan);
  setpgid(inner.pid, inner.pid);
  hear(&inner);
  kill(inner.pid, SIGSTOP);
  look4("stopped", inner.pid, WUNTRACED, inner.pid);
}
static void orphans(void) {
  struct Child outer = make(orphan_stops);
  end(&outer);
  int report[2];
  if (pipe(report) != 0) die("pipe");
  report_end = report[1];
  outer = make(parent_of_stopped);
  end(&outer);
  char byte = '-';
  close(report[1]);
  long got = read(report[0], &byte, 1);
  say("calls: woken by both: %c %ld\n", byte, got);
  close(report[0]);
}

static void die_with_parent(void) {
  int signal = 99;
  prctl(PR_GET_PDEATHSIG, &signal);
  say("calls: inherited death signal %d\n", signal);
  TRY(prctl(PR_SET_PDEATHSIG, 65));
  TRY(prctl(PR_SET_PDEATHSIG, SIGTERM));
  prctl(PR_GET_PDEATHSIG, &signal);
  say("calls: death signal %d\n", signal);
  answer('r');
  forever();
}
static void short_parent(void) {
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  struct Child inner = make(die_with_parent);
  hear(&inner);
}
static void slow_exit(void) {
  await_order();
  await_order();
  _exit(getppid() == 1 ? 8 : 9);
}
static pid_t grandchild;
static void leave_child(void) {
  struct Child inner = make(slow_exit);
  if (write(report_end, &inner.pid, sizeof(inner.pid)) != sizeof(inner.pid)) _exit(93);
  if (inner.orders < 0) _exit(94);
  order(&inner);
  order(&inner);
  hear(&inner);  // it ends, perhaps before this does
}
static void reapers(void) {
  int flag = 9;
  TRY(prctl(PR_GET_CHILD_SUBREAPER, &flag));
  say("calls: a reaper: %d\n", flag);
  TRY(prctl(PR_GET_CHILD_SUBREAPER, 8));
  TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
  prctl(PR_GET_CHILD_SUBREAPER, &flag);
  say("calls: a reaper: %d\n", flag);
  int report[2];
  if (pipe(report) != 0) die("pipe");
  report_end = report[1];
  struct Child parent = make(leave_child);
  if (read(report[0], &grandchild, sizeof(grandchild)) != sizeof(grandchild)) die("read");
  say("calls: its parent: %#x\n", end(&parent));
  look4("inherited", grandchild, 0, grandchild);
  parent = make(short_parent);
  end(&parent);
  int status = 0;
  wait(&status);
  say("calls: a child of one that ended: %#x\n", status);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_GET_CHILD_SUBREAPER, &flag);
    _exit(flag);
  }
  say("calls: a child's: %#x\n", wait_for(child));
  close(report[0]), close(report[1]);
}

static void names(void) {
  char name[32];
  memset(name, 0x5a, sizeof(name));
  TRY(prctl(PR_SET_NAME, "short"));
  TRY(prctl(PR_GET_NAME, name));
  say("calls: the name %s, %d bytes\n", name, name[16] == 0x5a);
  TRY(prctl(PR_SET_NAME, "sixteen and more letters"));
  prctl(PR_GET_NAME, name);
  say("calls: the name %s\n", name);
  TRY(prctl(PR_SET_NAME, "fifteen letters"));
  prctl(PR_GET_NAME, name);
  say("calls: the name %s\n", name);
  TRY(prctl(PR_SET_NAME, 8));
  TRY(prctl(PR_GET_NAME, 8));
  TRY(prctl(0x7fffffff, 0));
}

// A signal to a group finds all of it, whatever forks meanwhile: a child that it missed waits for a byte for ever. Three
// processes at most, however long the signal takes to come. By the call itself: the library's fork() blocks signals
// before the call, and one that comes between is its caller's alone.
static void forker(void) {
  int go[2];
  if (setpgid(0, 0) != 0 || pipe(go) != 0) _exit(92);
  answer('r');
  while (1) {
    pid_t child = (pid_t)syscall(SYS_fork);
    char byte = 0;
    if (child == 0) _exit(read(go[0], &byte, 1) == 1 ? 0 : 93);
    if (child < 0 || write(go[1], &byte, 1) != 1 || waitpid(child, NULL, 0) != child) _exit(94);
  }
}
static void group_that_forks(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int wrong = 0;
  for (int round = 0; round < 5; round++) {
    struct Child first = make(forker);
    hear(&first);
    sleep_ms(2);
    kill(-first.pid, SIGTERM);
    int status = wait_for(first.pid);
    if (status != SIGTERM) wrong++;
    for (int i = 0; i < 500 && kill(-first.pid, 0) == 0; i++) {
      while (waitpid(-1, &status, WNOHANG) > 0) wrong += status != SIGTERM && status != 0;
      sleep_ms(5);
    }
    wrong += kill(-first.pid, SIGKILL) == 0;
    close(first.orders), close(first.answers);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  say("calls: survivors of a group: %d\n", wrong);
}

static void all(void) {
  setpgid(0, 0);
  groups();
  struct Child head = make(head_of_group);
  say("calls: %#x\n", end(&head));
  waits();
  child_signals();
  orphans();
  reapers();
  names();
  group_that_forks();
}

// In a child, which leads no session, wherever this was started.
int main(void) {
  pid_t child = fork();
  if (child == 0) {
    all();
    _exit(0);
  }
  say("calls: the end: %#x\n", wait_for(child));
  say("calls: done\n");
  return 0;
}
