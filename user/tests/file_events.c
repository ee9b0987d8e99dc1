// eventfd and timerfd: what is counted, who waits, what poll() sees.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

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
static void show_poll(int fd, short events, int timeout) {
  struct pollfd asked = {.fd = fd, .events = events};
  int count = poll(&asked, 1, timeout);
  fact("poll: %d, %x", count, (unsigned)asked.revents);
}
static void show_ready(int fd) { show_poll(fd, POLLIN | POLLOUT, 0); }
static void wait_ready(int fd) { show_poll(fd, POLLIN, -1); }

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
    wait_ready(answer);
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

static int set(int fd, int flags, long ms, long interval_ms) {
  struct itimerspec old,
      times = {.it_value = {ms / 1000, ms % 1000 * 1000000},
               .it_interval = {interval_ms / 1000, interval_ms % 1000 * 1000000}};
  memset(&old, 99, sizeof(old));
  int result = (int)RAW(timerfd_settime, fd, flags, &times, &old);
  report(result, "settime %d, %ld ms, each %ld ms", flags, ms, interval_ms);
  if (result == 0)
    fact("before: runs %d, interval %ld ms", old.it_value.tv_sec != 0 || old.it_value.tv_nsec != 0,
         old.it_interval.tv_sec * 1000 + old.it_interval.tv_nsec / 1000000);
  return result;
}

static void timers(void) {
  static const int kClocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
  for (size_t i = 0; i < COUNT(kClocks); i++) {
    int fd = (int)CALL(timerfd_create, kClocks[i], TFD_NONBLOCK);
    show_ready(fd);
    show_value(fd);
    set(fd, 0, 100000000, 0);
    show_value(fd);
    set(fd, 0, 20, 0);
    wait_ready(fd);
    show_ready(fd);
    show_value(fd);
    show_value(fd);
    set(fd, 0, 100000000, 5);
    set(fd, 0, 0, 7);
    set(fd, 0, 0, 0);
    set(fd, TFD_TIMER_ABSTIME, 1, 0);  // long ago
    wait_ready(fd);
    show_value(fd);
    set(fd, TFD_TIMER_ABSTIME, 1, 1);
    read(fd, &value, sizeof(value));
    fact("several at once: %d", value >= 5);
    // Whether a timer "runs" at the very moment at which it fires is a matter of chance.
    const struct itimerspec never = {0};
    need(timerfd_settime(fd, 0, &never, NULL) == 0, "timerfd_settime");
    set(fd, 0, 5000000, 3000000);
    struct itimerspec left;
    CALL(timerfd_gettime, fd, &left);
    fact("left: %d, interval %ld", left.it_value.tv_sec >= 4000 && left.it_value.tv_sec <= 5000,
         (long)left.it_interval.tv_sec);
    struct timespec soon;
    clock_gettime(kClocks[i], &soon);
    struct itimerspec times = {.it_value = {soon.tv_sec + 1, 0}};
    CALL(timerfd_settime, fd, TFD_TIMER_ABSTIME, &times, 0);
    CALL(fcntl, fd, F_SETFL, 0);
    show_value(fd);
    struct timespec now;
    clock_gettime(kClocks[i], &now);
    fact("in time: %d", now.tv_sec >= soon.tv_sec + 1);
    CALL(timerfd_gettime, fd, &left);
    fact("left: %d", left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0);
    CALL(write, fd, &value, 8);
    CALL(read, fd, &value, 7);
    close(fd);
  }
}

static void timer_errors(void) {
  struct itimerspec times = {.it_value = {1, 0}}, wrong = {.it_value = {1, 1000000000}};
  int fd = (int)CALL(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC), counter = (int)CALL(eventfd, 0);
  int file = open("file", O_RDWR | O_CREAT, 0644), ends[2];
  need(pipe(ends) == 0, "pipe");
  fact("close on exec: %d", fcntl(fd, F_GETFD));
  CALL(timerfd_create, 2, 0);
  CALL(timerfd_create, 100, 0);
  CALL(timerfd_create, CLOCK_MONOTONIC, 1);
  CALL(timerfd_settime, fd, 0, &wrong, 0);
  wrong.it_value.tv_nsec = -1;
  CALL(timerfd_settime, fd, 0, &wrong, 0);
  wrong.it_value = (struct timespec){-1, 0};
  CALL(timerfd_settime, fd, 0, &wrong, 0);
  wrong = (struct itimerspec){.it_interval = {0, 1000000000}};
  CALL(timerfd_settime, fd, 0, &wrong, 0);
  CALL(timerfd_settime, fd, 4, &times, 0);
  CALL(timerfd_settime, fd, 0, 8, 0);
  CALL(timerfd_settime, fd, 0, &times, 8);
  CALL(timerfd_settime, counter, 0, &times, 0);
  CALL(timerfd_settime, file, 0, &times, 0);
  CALL(timerfd_settime, ends[0], 0, &times, 0);
  CALL(timerfd_settime, 99, 0, &times, 0);
  CALL(timerfd_gettime, counter, &times);
  CALL(timerfd_gettime, 99, &times);
  CALL(timerfd_gettime, fd, 8);
}

SECTIONS({"timers", timers}, {"timererrors", timer_errors}, {"counters", counters},
         {"semaphores", semaphores}, {"telling", telling}, {"interrupted", interrupted})
