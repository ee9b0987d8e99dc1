// epoll: what is told, how often, and in which order; on pipes, FIFOs, counters, timers, and on other epoll files.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "file_calls.h"

enum { kMany = 64 };
static int ends[2];
static char buffer[200000];
static struct epoll_event events[kMany + 8];

static void new_pipe(void) { need(pipe2(ends, O_NONBLOCK) == 0, "pipe"); }
static int new_epoll(void) {
  int fd = epoll_create1(0);
  need(fd >= 0, "epoll_create1");
  return fd;
}
static void control(int epoll, const char* name, int operation, int fd, uint32_t wanted) {
  struct epoll_event event = {.events = wanted, .data.u64 = 0x100000000u + (unsigned)fd};
  report(epoll_ctl(epoll, operation, fd, &event), "%s %d, %#x", name, fd, wanted);
}
static void add(int epoll, int fd, uint32_t wanted) {
  control(epoll, "add", EPOLL_CTL_ADD, fd, wanted);
}
static void change(int epoll, int fd, uint32_t wanted) {
  control(epoll, "change", EPOLL_CTL_MOD, fd, wanted);
}
static void drop(int epoll, int fd) { control(epoll, "drop", EPOLL_CTL_DEL, fd, 0); }

// What is told now, in its order.
static void show_told(int epoll, int most, int timeout_ms) {
  memset(events, 99, sizeof(events));
  int count = epoll_wait(epoll, events, most, timeout_ms);
  char text[kLineLimit] = "";
  for (int i = 0; i < count && i < 12; i++) {
    size_t length = strlen(text);
    snprintf(text + length, sizeof(text) - length, " %ld:%#x",
             (long)(events[i].data.u64 - 0x100000000u), events[i].events);
  }
  report(count, "told%s", text);
}
static void told(int epoll) { show_told(epoll, kMany, 0); }
static void ready(int epoll) {
  struct pollfd asked = {.fd = epoll, .events = POLLIN | POLLOUT};
  int count = poll(&asked, 1, 0);
  fact("poll: %d, %#x", count, (unsigned)asked.revents);
}
static void put(int fd, const char* text) {
  report(write(fd, text, strlen(text)), "write \"%s\"", text);
}
static void take(int fd, size_t count) { report(read(fd, buffer, count), "read %zu", count); }

static void levels(void) {
  int epoll = new_epoll();
  new_pipe();
  told(epoll);
  add(epoll, ends[0], EPOLLIN);
  told(epoll);
  ready(epoll);
  put(ends[1], "abc");
  told(epoll);
  told(epoll);
  ready(epoll);
  take(ends[0], 1);
  told(epoll);
  take(ends[0], 10);
  ready(epoll);
  told(epoll);
  add(epoll, ends[1], EPOLLOUT);
  told(epoll);
  while (write(ends[1], buffer, 4096) > 0) continue;
  told(epoll);
  take(ends[0], sizeof(buffer));
  told(epoll);
  change(epoll, ends[1], 0);
  told(epoll);
  change(epoll, ends[1], EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
  put(ends[1], "x");
  change(epoll, ends[0], EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
  told(epoll);
  close(ends[1]);
  told(epoll);
  take(ends[0], 10);
  told(epoll);
  change(epoll, ends[0], 0);
  told(epoll);
  drop(epoll, ends[0]);
  told(epoll);
}

static void edges(void) {
  int epoll = new_epoll();
  new_pipe();
  add(epoll, ends[0], EPOLLIN | EPOLLET);
  add(epoll, ends[1], EPOLLOUT | EPOLLET);
  told(epoll);
  told(epoll);
  put(ends[1], "abc");
  told(epoll);
  told(epoll);
  ready(epoll);
  take(ends[0], 1);
  told(epoll);
  put(ends[1], "d");
  ready(epoll);
  told(epoll);
  change(epoll, ends[0], EPOLLIN | EPOLLET);
  told(epoll);
  told(epoll);
  take(ends[0], 10);
  while (write(ends[1], buffer, 4096) > 0) continue;
  told(epoll);
  take(ends[0], sizeof(buffer));
  told(epoll);
  told(epoll);
  close(ends[0]);
  told(epoll);
  told(epoll);
}

static void one_shots(void) {
  int epoll = new_epoll();
  new_pipe();
  add(epoll, ends[0], EPOLLIN | EPOLLONESHOT);
  told(epoll);
  put(ends[1], "abc");
  told(epoll);
  told(epoll);
  put(ends[1], "def");
  told(epoll);
  ready(epoll);
  change(epoll, ends[0], EPOLLIN | EPOLLONESHOT);
  ready(epoll);
  told(epoll);
  told(epoll);
  close(ends[1]);
  told(epoll);
  change(epoll, ends[0], EPOLLIN | EPOLLONESHOT | EPOLLET);
  told(epoll);
  told(epoll);
  drop(epoll, ends[0]);
  change(epoll, ends[0], EPOLLIN);
}

// Many: who was ready first comes first, and all come in turn.
static void orders(void) {
  int epoll = new_epoll(), counters[kMany];
  for (int i = 0; i < kMany; i++) {
    counters[i] = eventfd(0, EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x100000000u + (unsigned)i};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, counters[i], &event) == 0, "add");
  }
  told(epoll);
  uint64_t one = 1;
  for (int i = 0; i < kMany; i++) {
    int which = i * 7 % kMany;
    need(write(counters[which], &one, sizeof(one)) == sizeof(one), "write");
  }
  for (int i = 0; i < 10; i++) show_told(epoll, 9, 0);
  told(epoll);
  for (int i = 0; i < kMany; i += 2) take(counters[i], 8);
  told(epoll);
  show_told(epoll, 5, 0);
  for (int i = 1; i < kMany; i += 2) close(counters[i]);
  told(epoll);
}

// A closed file isn't watched; one with another descriptor is, and can't be told off by the closed one.
static void closing(void) {
  int epoll = new_epoll();
  new_pipe();
  add(epoll, ends[0], EPOLLIN);
  put(ends[1], "abc");
  told(epoll);
  int copy = dup(ends[0]);
  close(ends[0]);
  told(epoll);
  drop(epoll, ends[0]);
  add(epoll, copy, EPOLLIN | EPOLLET);
  told(epoll);
  told(epoll);
  close(copy);
  told(epoll);
  new_pipe();
  add(epoll, ends[0], EPOLLIN);
  put(ends[1], "abc");
  pid_t child = fork();
  if (child == 0) {  // its copy keeps the file
    sleep_ms(30);
    _exit(0);
  }
  close(ends[0]);
  told(epoll);
  wait_for(child);
  told(epoll);
  // The same number again is another file.
  new_pipe();
  add(epoll, ends[0], EPOLLIN);
  // And the epoll file itself goes while it watches and is watched.
  int outer = new_epoll();
  add(outer, epoll, EPOLLIN);
  put(ends[1], "x");
  told(outer);
  close(epoll);
  told(outer);
  put(ends[1], "x");
}

static void nesting(void) {
  int inner = new_epoll(), outer = new_epoll(), third = new_epoll();
  new_pipe();
  add(inner, ends[0], EPOLLIN);
  add(outer, inner, EPOLLIN);
  add(third, outer, EPOLLIN | EPOLLET);
  told(third);
  put(ends[1], "abc");
  told(third);
  told(third);
  told(outer);
  told(inner);
  told(outer);
  take(ends[0], 10);
  ready(outer);
  told(outer);
  put(ends[1], "abc");
  ready(third);
  told(third);
  add(inner, outer, EPOLLIN);
  add(inner, third, EPOLLIN);
  add(inner, inner, EPOLLIN);
  add(outer, inner, EPOLLIN);
  add(outer, outer, 0);
  drop(third, outer);
  add(inner, third, EPOLLIN);
  add(third, inner, EPOLLIN);
  int lowest = new_epoll(), upper = lowest, levels = 0;
  for (; levels < 20; levels++) {
    int next = new_epoll();
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(next, EPOLL_CTL_ADD, upper, &event) != 0) break;
    upper = next;
  }
  fact("levels end: %d, %s", levels > 2 && levels < 20, error_name(errno));
  // One that waits is woken through the others.
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(30);
    _exit(write(ends[1], "x", 1) != 1);
  }
  take(ends[0], 10);
  show_told(outer, 1, -1);
  wait_for(child);
}

static void kinds(void) {
  int epoll = new_epoll();
  put_file("file", "x");
  put_folder("folder");
  add(epoll, open("file", O_RDWR), EPOLLIN);
  add(epoll, open("folder", O_RDONLY), EPOLLIN);
  add(epoll, open("/dev/null", O_RDWR), EPOLLIN);
  add(epoll, open("/dev/zero", O_RDWR), EPOLLIN);
  add(epoll, open("file", O_PATH), EPOLLIN);
  need(mkfifo("fifo", 0600) == 0, "mkfifo");
  int fifo = open("fifo", O_RDWR | O_NONBLOCK), counter = eventfd(3, EFD_NONBLOCK);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  add(epoll, fifo, EPOLLIN | EPOLLOUT);
  told(epoll);
  put(fifo, "abc");
  told(epoll);
  drop(epoll, fifo);
  add(epoll, counter, EPOLLIN | EPOLLOUT | EPOLLET);
  told(epoll);
  told(epoll);
  take(counter, 8);
  told(epoll);
  put(counter, "\1\0\0\0\0\0\0");
  uint64_t one = 1;
  report(write(counter, &one, 8), "write");
  told(epoll);
  drop(epoll, counter);
  add(epoll, timer, EPOLLIN);
  told(epoll);
  struct itimerspec soon = {.it_value = {0, 20000000}};
  CALL(timerfd_settime, timer, 0, &soon, 0);
  show_told(epoll, 4, -1);
  told(epoll);
  take(timer, 8);
  told(epoll);
}

static void wrong(void) {
  int epoll = new_epoll(), file;
  new_pipe();
  put_file("file", "x");
  file = open("file", O_RDWR);
  struct epoll_event event = {.events = EPOLLIN};
  char* pages = guarded_pages();
  CALL(epoll_create, 0);
  CALL(epoll_create, -1);
  fact("create: %d", (int)RAW(epoll_create, 1) >= 0);
  CALL(epoll_create1, 1);
  CALL(epoll_create1, O_NONBLOCK);
  int closing = (int)RAW(epoll_create1, EPOLL_CLOEXEC);
  fact("close on exec: %d; flags %o", fcntl(closing, F_GETFD), fcntl(closing, F_GETFL));
  CALL(epoll_ctl, epoll, 0, ends[0], &event);
  CALL(epoll_ctl, epoll, 4, ends[0], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_MOD, ends[1], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_DEL, ends[1], 0);
  CALL(epoll_ctl, epoll, EPOLL_CTL_DEL, ends[0], 0);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], 0);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, ends[0], 8);
  CALL(epoll_ctl, 99, EPOLL_CTL_ADD, ends[0], 8);
  CALL(epoll_ctl, 99, EPOLL_CTL_ADD, ends[0], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, 99, &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, file, &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_DEL, file, &event);
  CALL(epoll_ctl, file, EPOLL_CTL_ADD, file, &event);
  CALL(epoll_ctl, file, EPOLL_CTL_ADD, ends[0], &event);
  CALL(epoll_ctl, ends[1], EPOLL_CTL_ADD, ends[0], &event);
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, epoll, &event);
  CALL(epoll_wait, epoll, events, 0, 0);
  CALL(epoll_wait, epoll, events, -1, 0);
  CALL(epoll_wait, epoll, events, 0x7fffffff, 0);
  CALL(epoll_wait, epoll, 8, 1, 0);
  CALL(epoll_wait, epoll, -4096, 1, 0);
  CALL(epoll_wait, 99, events, 1, 0);
  CALL(epoll_wait, ends[0], events, 1, 0);
  CALL(epoll_wait, file, events, 1, 0);
  CALL(read, epoll, buffer, 8);
  CALL(write, epoll, buffer, 8);
  show_fd("epoll", epoll);
  // Where events can't be stored none is lost.
  add(epoll, ends[0], EPOLLIN | EPOLLET);
  put(ends[1], "abc");
  report(epoll_wait(epoll, (void*)(pages + 2 * kPageSize), 1, 0), "into no page");
  report(epoll_wait(epoll, (void*)(pages + 3 * kPageSize), 1, 0), "into a page to read");
  told(epoll);
  change(epoll, ends[0], EPOLLIN | EPOLLONESHOT);
  report(epoll_wait(epoll, (void*)(pages + 2 * kPageSize), 1, 0), "into no page");
  told(epoll);
  told(epoll);
}

static void exclusive(void) {
  int epoll = new_epoll(), other = new_epoll();
  new_pipe();
  add(epoll, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT);
  add(epoll, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP);
  add(epoll, other, EPOLLIN | EPOLLEXCLUSIVE);
  add(epoll, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
  change(epoll, ends[0], EPOLLIN);
  change(epoll, ends[0], EPOLLIN | EPOLLEXCLUSIVE);
  add(other, ends[0], EPOLLIN | EPOLLEXCLUSIVE);
  put(ends[1], "x");
  told(epoll);
  told(epoll);
  drop(epoll, ends[0]);
  add(epoll, ends[0], EPOLLIN | EPOLLWAKEUP);
  change(epoll, ends[0], EPOLLIN | EPOLLEXCLUSIVE);
  told(epoll);
}

static int alarms;
static void count_alarm(int signal) { (void)signal, alarms++; }
static void alarm_in(int ms) {
  struct itimerval soon = {.it_value = {.tv_usec = ms * 1000}};
  setitimer(ITIMER_REAL, &soon, NULL);
}

static void waits(void) {
  int epoll = new_epoll();
  new_pipe();
  add(epoll, ends[0], EPOLLIN);
  long start = now_ms();
  show_told(epoll, 1, 40);
  fact("waited: %d", now_ms() - start >= 39);
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(30);
    _exit(write(ends[1], "x", 1) != 1);
  }
  show_told(epoll, 1, -1);
  wait_for(child);
  take(ends[0], 9);
  // Signals, with SA_RESTART too, end it.
  struct sigaction action = {.sa_handler = count_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarm_in(20);
  show_told(epoll, 1, -1);
  fact("alarms: %d", alarms);
  sigset_t set, empty;
  sigemptyset(&empty);
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGALRM);
  report(epoll_pwait(epoll, events, 1, 0, NULL), "pwait without a mask");
  report(epoll_pwait(epoll, events, 1, 1000000, &empty), "pwait");
  fact("alarms: %d", alarms);
  raise(SIGALRM);
  put(ends[1], "x");
  report(epoll_pwait(epoll, events, 1, 1000000, &empty), "pwait with an event");
  fact("alarms: %d", alarms);
  CALL(epoll_pwait, epoll, events, 1, 0, &empty, 4);
  CALL(epoll_pwait, epoll, events, 1, 0, 8, 8);
  struct timespec none = {0, 0}, wrong_time = {0, 1000000000}, little = {0, 5000000};
  CALL(epoll_pwait2, epoll, events, 1, &none, 0, 8);
  CALL(epoll_pwait2, epoll, events, 1, &wrong_time, 0, 8);
  CALL(epoll_pwait2, epoll, events, 1, 8, 0, 8);
  CALL(epoll_pwait2, epoll, events, 1, 0, 0, 8);
  take(ends[0], 1);
  CALL(epoll_pwait2, epoll, events, 1, &little, &set, 8);
}

// Several processes wait at one epoll file; each event is taken by one of them.
static void crowd(void) {
  enum { kWorkers = 4, kJobs = 200 };
  int epoll = new_epoll(), done[2];
  new_pipe();
  need(pipe(done) == 0, "pipe");
  struct epoll_event event = {.events = EPOLLIN};
  need(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "add");
  for (int i = 0; i < kWorkers; i++) {
    if (fork() != 0) continue;
    close(ends[1]);
    while (epoll_wait(epoll, events, 4, -1) > 0) {
      char job;
      ssize_t got = read(ends[0], &job, 1);
      if (got == 0) _exit(0);
      if (got == 1) require(write(done[1], &job, 1) == 1);
    }
    _exit(1);
  }
  int sum = 0;
  for (int i = 0; i < kJobs; i++) {
    char job = (char)i, answer;
    require(write(ends[1], &job, 1) == 1 && read(done[0], &answer, 1) == 1);
    sum += answer == job;
  }
  fact("%d of %d", sum, kJobs);
  close(ends[1]);
  for (int i = 0; i < kWorkers; i++) {
    int status;
    wait(&status);
    fact("a worker: %d", status);
  }
}

SECTIONS({"levels", levels}, {"edges", edges}, {"oneshots", one_shots}, {"orders", orders},
         {"closing", closing}, {"nesting", nesting}, {"kinds", kinds}, {"wrongepolls", wrong},
         {"exclusive", exclusive}, {"epollwaits", waits}, {"crowd", crowd})
