// eventfd: what is counted, who waits, what poll() sees.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "file_calls.h"

static uint64_t value;

static void show_value(int fd) {
  value = 99;
  report(read(fd, &value, sizeof(value)), "read");
  fact("value %lu", value);
}
static void add(int fd, uint64_t more) {
  report(write(fd, &more, sizeof(more)), "write %lu", more);
}
static void show_ready(int fd) {
  struct pollfd asked = {.fd = fd, .events = POLLIN | POLLOUT};
  int count = poll(&asked, 1, 0);
  fact("poll: %d, %x", count, (unsigned)asked.revents);
}

static void counters(void) {
  int fd = (int)CALL(eventfd2, 3, EFD_NONBLOCK);
  show_ready(fd);
  show_value(fd);
  show_ready(fd);
  show_value(fd);
  add(fd, 5);
  add(fd, 0);
  add(fd, 7);
  show_value(fd);
  add(fd, UINT64_MAX);
  add(fd, UINT64_MAX - 1);
  show_ready(fd);
  add(fd, 0);
  add(fd, 1);
  show_value(fd);
  show_ready(fd);
  CALL(read, fd, &value, 7);
  CALL(write, fd, &value, 7);
  add(fd, 2);
  char many[16];
  CALL(read, fd, many, 16);
  CALL(write, fd, 8, 8);
  add(fd, 4);
  CALL(read, fd, 8, 8);
  show_value(fd);
  CALL(ftruncate, fd, 0);
  CALL(fchdir, fd);
  CALL(getdents64, fd, many, sizeof(many));
  struct stat status;
  CALL(fstat, fd, &status);
  fact("mode %o, %ld bytes", status.st_mode, (long)status.st_size);
  CALL(eventfd2, 0, 2);
  CALL(eventfd2, 0, 0x10000);
  int closing = (int)CALL(eventfd2, 0, EFD_CLOEXEC);
  fact("close on exec: %d; flags %o", fcntl(closing, F_GETFD), fcntl(closing, F_GETFL));
  fact("flags %o", fcntl(fd, F_GETFL));
}

static void semaphores(void) {
  int fd = (int)CALL(eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK);
  show_value(fd);
  show_value(fd);
  show_value(fd);
  add(fd, 3);
  show_value(fd);
  CALL(fcntl, fd, F_SETFL, 0);
  show_value(fd);
  show_value(fd);
}

// A child that waits, and is told by its parent; and a parent that polls, and is told by its child.
static void telling(void) {
  int fd = (int)CALL(eventfd, 0), answer = (int)CALL(eventfd, 0);
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; i++) {
      require(read(fd, &value, sizeof(value)) == sizeof(value));
      value *= 10;
      require(write(answer, &value, sizeof(value)) == sizeof(value));
    }
    _exit(7);
  }
  for (uint64_t i = 1; i <= 3; i++) {
    add(fd, i);
    struct pollfd asked = {.fd = answer, .events = POLLIN};
    fact("poll: %d, %x", poll(&asked, 1, -1), (unsigned)asked.revents);
    show_value(answer);
  }
  fact("the child: %d", WEXITSTATUS(wait_for(child)));
  // Full: a writer waits for a reader.
  add(fd, UINT64_MAX - 1);
  child = fork();
  if (child == 0) {
    value = 9;
    _exit(write(fd, &value, sizeof(value)) != sizeof(value));
  }
  show_value(fd);
  fact("the writer: %d", WEXITSTATUS(wait_for(child)));
  show_value(fd);
}

static void ignore(int signal) { (void)signal; }
static void interrupted(void) {
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  int fd = (int)CALL(eventfd, 0);
  struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  show_value(fd);
}

SECTIONS({"counters", counters}, {"semaphores", semaphores}, {"telling", telling},
         {"interrupted", interrupted})
