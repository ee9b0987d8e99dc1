// Job control on the terminal it runs on, whose session it leads: a line for each result, which the suite compares with
// Linux's (grading/suite/test_tty.py). Where it says `type`, the suite types that.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "cairn.h"

enum { kNone = 99999 };  // a number that no group has

static volatile sig_atomic_t caught;
static void note(int signal) { caught = signal; }

// What became of the child: how it ended, or which signal stopped it.
static void look(const char* what, pid_t child) {
  int status = 0;
  if (waitpid(child, &status, WUNTRACED) != child) die("waitpid");
  if (WIFSTOPPED(status)) {
    say("tty: %s: stopped by %d\n", what, WSTOPSIG(status));
  } else if (WIFSIGNALED(status)) {
    say("tty: %s: killed by %d\n", what, WTERMSIG(status));
  } else {
    say("tty: %s: status %d\n", what, WEXITSTATUS(status));
  }
}

static void result(const char* what, int value) {
  say("tty: %s: %d %s\n", what, value, value < 0 ? strerror(errno) : "");
}

// A child in a group of its own that does `run` and exits with what that returned. It waits until it is let go.
static pid_t start(int (*run)(void)) {
  int gate[2];
  char byte;
  if (pipe(gate) != 0) die("pipe");
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 0) _exit(99);
    close(gate[0]);
    _exit(run());
  }
  if (setpgid(child, child) != 0) die("setpgid");
  close(gate[0]);
  close(gate[1]);
  return child;
}

static void bring_forward(pid_t group) {
  if (tcsetpgrp(STDIN_FILENO, group) != 0) die("tcsetpgrp");
}
static void go_on(pid_t child) {
  if (kill(-child, SIGCONT) != 0) die("kill");
}

static int read_line(void) {
  char line[100];
  ssize_t count = read(STDIN_FILENO, line, sizeof(line));
  return count < 0 ? errno : (int)count;
}
static int read_ignoring(void) {
  signal(SIGTTIN, SIG_IGN);
  return read_line();
}
static int read_blocking(void) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGTTIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return read_line();
}
static int read_catching(void) {
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGTTIN, &action, NULL);
  return read_line() == EINTR && caught == SIGTTIN ? 7 : 8;
}
static int write_text(void) { return write(STDOUT_FILENO, "", 1) == 1 ? 0 : errno; }
static int take_foreground(void) { return tcsetpgrp(STDIN_FILENO, getpgrp()) == 0 ? 0 : errno; }
static int take_foreground_ignoring(void) {
  signal(SIGTTOU, SIG_IGN);
  return take_foreground();
}
static int change_settings(void) {
  struct termios settings;
  if (tcgetattr(STDIN_FILENO, &settings) != 0) return errno;
  return tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0 ? 0 : errno;
}
static int wait_for_ever(void) {
  say("tty: type key\n");
  pause();
  return 0;
}
static int open_own(void) {
  int fd = open("/dev/tty", O_RDWR);
  if (fd < 0) return errno;
  return isatty(fd) && tcgetpgrp(fd) > 0 ? 0 : 1;
}
static int open_own_alone(void) {
  if (fork() != 0) return wait(NULL) > 0 ? 0 : 1;
  setsid();
  _exit(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO && tcgetpgrp(0) < 0 && errno == ENOTTY ? 0
                                                                                              : 1);
}
static int set_alone(void) {
  pid_t child = fork();
  if (child == 0) {
    setsid();
    _exit(ioctl(0, TIOCSCTTY, 0) < 0 ? errno : 0);
  }
  return WEXITSTATUS(wait_for(child));
}
static int has_none(void) {
  return open("/dev/tty", O_RDWR) < 0 && errno == ENXIO && tcgetpgrp(0) < 0 && errno == ENOTTY;
}
// One that doesn't lead the session gives the terminal up for itself and for children to come.
static int give_up(void) {
  if (ioctl(0, TIOCNOTTY) != 0) return errno;
  if (!has_none() || ioctl(0, TIOCNOTTY) == 0 || errno != ENOTTY) return 1;
  if (ioctl(0, TIOCSCTTY, 0) == 0 || errno != EPERM) return 2;
  pid_t child = fork();
  if (child == 0) _exit(has_none() ? 0 : 3);
  return WEXITSTATUS(wait_for(child));
}
// A group whose parent is gone reads: nobody could have it go on.
static int read_orphaned(void) {
  int report[2];
  if (pipe(report) != 0) return errno;
  if (fork() == 0) {
    if (fork() == 0) {
      setpgid(0, 0);
      while (getppid() != 1) usleep(1000);
      char result = (char)read_line();
      _exit(write(report[1], &result, 1) == 1 ? 0 : 1);
    }
    _exit(0);
  }
  wait(NULL);
  char result = 0;
  close(report[1]);
  return read(report[0], &result, 1) == 1 ? result : 1;
}

int main(void) {
  struct termios settings;
  signal(SIGTTOU, SIG_IGN);
  pid_t me = getpgrp();
  say("tty: session %d, group %d\n", tcgetsid(0) == getpid(), tcgetpgrp(0) == me);
  result("no such group", tcsetpgrp(0, kNone));
  result("a negative group", tcsetpgrp(0, -2));
  result("another session's", tcsetpgrp(0, getppid() > 1 ? getpgid(getppid()) : kNone) < 0);

  pid_t child = start(read_line);
  look("reads in the background", child);
  go_on(child);
  look("goes on in the background", child);
  bring_forward(child);
  go_on(child);
  say("tty: type line\n");
  look("reads in the foreground", child);
  result("the parent reads", 0);
  bring_forward(me);

  look("ignores SIGTTIN", start(read_ignoring));
  look("blocks SIGTTIN", start(read_blocking));
  look("catches SIGTTIN", start(read_catching));
  signal(SIGTTOU, SIG_DFL);
  child = start(take_foreground);
  look("takes the foreground", child);
  kill(child, SIGKILL);
  look("is killed", child);
  child = start(change_settings);
  look("changes settings", child);
  kill(child, SIGKILL);
  look("is killed", child);
  look("writes", start(write_text));
  tcgetattr(0, &settings);
  settings.c_lflag |= TOSTOP;
  tcsetattr(0, TCSANOW, &settings);
  child = start(write_text);
  look("writes with TOSTOP", child);
  kill(child, SIGKILL);
  look("is killed", child);
  settings.c_lflag &= ~(tcflag_t)TOSTOP;
  tcsetattr(0, TCSANOW, &settings);
  signal(SIGTTOU, SIG_IGN);
  look("takes the foreground, ignoring SIGTTOU", start(take_foreground_ignoring));
  bring_forward(me);

  child = start(wait_for_ever);
  bring_forward(child);
  look("^C", child);
  child = start(wait_for_ever);
  bring_forward(child);
  look("^Z", child);
  go_on(child);
  kill(child, SIGTERM);
  look("is ended", child);
  bring_forward(me);

  look("opens /dev/tty", start(open_own));
  look("opens /dev/tty without a terminal", start(open_own_alone));
  look("takes another's terminal", start(set_alone));
  look("reads in an orphaned group", start(read_orphaned));
  look("gives up the terminal", start(give_up));
  result("the others keep it", tcgetpgrp(0) == me);
  signal(SIGWINCH, note);
  struct winsize size = {.ws_row = 40, .ws_col = 90};
  ioctl(0, TIOCSWINSZ, &size);
  say("tty: the window changed: signal %d\n", caught);
  say("tty: end\n");
  return 0;
}
