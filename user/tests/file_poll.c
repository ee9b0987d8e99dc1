// poll, ppoll, select and pselect6 on pipes, FIFOs, files, folders and devices.
#include <poll.h>
#include <sys/select.h>

#include "file_calls.h"

static char buffer[200000];
static int ends[2];  // the section's pipe: [0] is read, [1] written

static void new_pipe(int flags) { need(pipe2(ends, flags) == 0, "pipe2"); }
static void join(pid_t child) { waitpid(child, NULL, 0); }

static struct pollfd polled[4];

// Polls one descriptor without waiting for all events.
static void poll_one(const char* what, int fd) {
  polled[0] =
      (struct pollfd){fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDHUP, 0};
  long result = poll(polled, 1, 0);
  fact("%s: poll %ld, events %#x", what, result, (unsigned)polled[0].revents);
}

static void polls(void) {
  put_file("a", "x");
  new_pipe(O_NONBLOCK);
  poll_one("empty pipe, read end", ends[0]);
  poll_one("empty pipe, write end", ends[1]);
  CALL(write, ends[1], "x", 1);
  poll_one("pipe with data, read end", ends[0]);
  poll_one("pipe with data, write end", ends[1]);
  while (write(ends[1], buffer, 4096) > 0) {
  }
  poll_one("full pipe, write end", ends[1]);
  int keep = dup(ends[1]);
  close(ends[1]);
  poll_one("full pipe, read end", ends[0]);
  close(keep);
  poll_one("full pipe without a writer", ends[0]);
  while (read(ends[0], buffer, sizeof(buffer)) > 0) {
  }
  poll_one("empty pipe without a writer", ends[0]);
  new_pipe(0);
  close(ends[0]);
  poll_one("pipe without a reader", ends[1]);
  poll_one("file to read", open("a", O_RDONLY));
  poll_one("file to write", open("a", O_WRONLY));
  poll_one("folder", open(".", O_RDONLY));
  poll_one("path", open("a", O_PATH));
  poll_one("/dev/null", open("/dev/null", O_RDWR));
  poll_one("/dev/zero", open("/dev/zero", O_RDWR));
  poll_one("99", 99);
  poll_one("-1", -1);
  poll_one("1 << 20", 1 << 20);
  need(mkfifo("f", 0600) == 0, "fifo");
  poll_one("fifo, both ends", open("f", O_RDWR | O_NONBLOCK));
  need(mkfifo("g", 0600) == 0, "fifo");
  int reader = open("g", O_RDONLY | O_NONBLOCK);
  poll_one("fifo that had no writer yet", reader);
  close(open("g", O_WRONLY));
  poll_one("fifo whose writer is gone", reader);
  // Several, and no events asked for.
  new_pipe(0);
  polled[0] = (struct pollfd){ends[0], POLLIN, 0};
  polled[1] = (struct pollfd){ends[1], POLLOUT, 0};
  polled[2] = (struct pollfd){-5, POLLIN, 0x7f};
  polled[3] = (struct pollfd){ends[1], 0, 0x7f};
  CALL(poll, polled, 4, 1000);
  fact("events %#x %#x %#x %#x", (unsigned)polled[0].revents, (unsigned)polled[1].revents,
       (unsigned)polled[2].revents, (unsigned)polled[3].revents);
  close(ends[0]);
  CALL(poll, polled + 3, 1, 0);
  fact("an error is told unasked: %#x", (unsigned)polled[3].revents);
  CALL(poll, polled, 0, 0);
  CALL(poll, NULL, 0, 10);
  CALL(poll, NULL, 1, 0);
  CALL(poll, 1l << 47, 1, 0);
  CALL(poll, polled, 1025, 0);
  CALL(poll, polled, -1, 0);
  CALL(poll, polled + 2, 1, 0);
}

static void waiting(void) {
  new_pipe(0);
  long start = now_ms();
  polled[0] = (struct pollfd){ends[0], POLLIN, 0};
  CALL(poll, polled, 1, 50);
  fact("that took 50 ms: %d", now_ms() - start >= 49);
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(30);
    write(ends[1], "x", 1);
    _exit(0);
  }
  start = now_ms();
  CALL(poll, polled, 1, 30000);
  fact("events %#x, long before the timeout: %d", (unsigned)polled[0].revents,
       now_ms() - start < 20000);
  join(child);
  read(ends[0], buffer, 1);
  child = fork();
  if (child == 0) {
    sleep_ms(30);
    _exit(0);
  }
  close(ends[1]);
  CALL(poll, polled, 1, -1);
  fact("events %#x", (unsigned)polled[0].revents);
  join(child);
  // Room for a writer.
  new_pipe(O_NONBLOCK);
  while (write(ends[1], buffer, 4096) > 0) {
  }
  child = fork();
  if (child == 0) {
    sleep_ms(30);
    read(ends[0], buffer, sizeof(buffer));
    _exit(0);
  }
  polled[0] = (struct pollfd){ends[1], POLLOUT, 0};
  CALL(poll, polled, 1, 30000);
  fact("events %#x", (unsigned)polled[0].revents);
  join(child);
  close(ends[0]);
  CALL(poll, polled, 1, 30000);
  fact("events %#x", (unsigned)polled[0].revents);
}

// A blocked signal that the mask of the wait lets through.
static void signal_during_ppoll(void) {
  sigset_t blocked, none;
  struct timespec zero = {0, 0}, long_time = {20, 0};
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  need(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 && kill(getpid(), SIGUSR1) == 0, "signals");
  CALL(ppoll, NULL, 0, &zero, NULL, 8);
  CALL(ppoll, NULL, 0, &zero, &blocked, 8);
  CALL(ppoll, NULL, 0, &long_time, &none, 8);
  fact("the signal didn't end it");
}

// The same with no time to wait.
static void signal_during_instant_ppoll(void) {
  sigset_t blocked, none;
  struct timespec zero = {0, 0};
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  need(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 && kill(getpid(), SIGUSR1) == 0, "signals");
  CALL(ppoll, NULL, 0, &zero, &none, 8);
  fact("the signal didn't end it");
}

// A file is ready: the call returns, the old mask is back, and the signal stays blocked.
static void signal_beside_a_ready_file(void) {
  sigset_t blocked, none;
  struct timespec long_time = {20, 0};
  struct {
    const void* mask;
    size_t size;
  } masked = {&none, 8};
  int ends[2];
  fd_set readable;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  need(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 && kill(getpid(), SIGUSR1) == 0, "signals");
  need(pipe(ends) == 0 && write(ends[1], "x", 1) == 1, "pipe");
  struct pollfd polled = {ends[0], POLLIN, 0};
  CALL(ppoll, &polled, 1, &long_time, &none, 8);
  FD_ZERO(&readable);
  FD_SET(ends[0], &readable);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &long_time, &masked);
  sigset_t now;
  need(sigprocmask(SIG_BLOCK, NULL, &now) == 0, "mask");
  fact("blocked: %d", sigismember(&now, SIGUSR1));
  need(sigprocmask(SIG_SETMASK, &none, NULL) == 0, "mask");
  fact("the signal didn't end it");
}

static void masked_polls(void) {
  new_pipe(0);
  uint64_t mask = 0;
  struct timespec zero = {0, 0}, time = {20, 0}, short_time = {0, 20000000}, negative = {-1, 0},
                  early = {0, -1}, odd = {0, 1000000000}, last = {0, 999999999};
  polled[0] = (struct pollfd){ends[0], POLLIN, 0};
  polled[1] = (struct pollfd){ends[1], POLLOUT, 0};
  CALL(ppoll, polled, 1, &zero, NULL, 0);
  long start = now_ms();
  CALL(ppoll, polled, 1, &short_time, NULL, 0);
  fact("that took 20 ms: %d", now_ms() - start >= 19);
  fact("left: %ld s %ld ns", (long)short_time.tv_sec, short_time.tv_nsec);
  CALL(ppoll, polled, 2, &time, NULL, 0);
  fact("events %#x %#x, time left: %d", (unsigned)polled[0].revents, (unsigned)polled[1].revents,
       time.tv_sec >= 10 && time.tv_sec < 20);
  CALL(ppoll, polled + 1, 1, NULL, NULL, 0);
  CALL(ppoll, polled + 1, 1, &last, NULL, 0);
  CALL(ppoll, NULL, 0, &zero, NULL, 0);
  CALL(ppoll, polled, 1, &negative, NULL, 0);
  CALL(ppoll, polled, 1, &early, NULL, 0);
  CALL(ppoll, polled, 1, &odd, NULL, 0);
  CALL(ppoll, polled, 1, 8, NULL, 0);
  CALL(ppoll, polled, 1, 1l << 47, NULL, 0);
  CALL(ppoll, polled, 1, &zero, &mask, 8);
  CALL(ppoll, polled, 1, &zero, NULL, 4);
  CALL(ppoll, polled, 1, &zero, &mask, 4);
  CALL(ppoll, polled, 1, &zero, &mask, 128);
  CALL(ppoll, polled, 1, &zero, 8, 8);
  CALL(ppoll, polled, 1, &odd, 8, 8);
  CALL(ppoll, NULL, 1, &zero, NULL, 0);
  CALL(ppoll, 8, 1, &odd, NULL, 0);
  CALL(ppoll, polled, 1025, &zero, NULL, 0);
  CALL(ppoll, polled, -1, &zero, NULL, 0);
  CALL(ppoll, polled, 1025, &zero, 8, 8);
  polled[2] = (struct pollfd){99, POLLIN, 0};
  CALL(ppoll, polled + 2, 1, &zero, NULL, 0);
  fact("events %#x", (unsigned)polled[2].revents);
  // The time left is told where it can be.
  struct timespec* fixed = (struct timespec*)(guarded_pages() + kPageSize);
  *fixed = (struct timespec){20, 0};
  need(mprotect(fixed, kPageSize, PROT_READ) == 0, "mprotect");
  CALL(ppoll, polled + 1, 1, fixed, NULL, 0);
  in_child("a signal that was blocked", signal_during_ppoll);
  in_child("a signal that was blocked, and no time", signal_during_instant_ppoll);
  in_child("a signal that was blocked, and a ready file", signal_beside_a_ready_file);
  start = now_ms();
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(30);
    write(ends[1], "x", 1);
    _exit(0);
  }
  CALL(ppoll, polled, 1, NULL, &mask, 8);
  fact("events %#x", (unsigned)polled[0].revents);
  join(child);
}

static fd_set readable, writable, exceptional;

// All three sets hold `fds`; no waiting.
static void select_now(const char* what, int first, int second) {
  FD_ZERO(&readable);
  FD_SET(first, &readable);
  if (second >= 0) FD_SET(second, &readable);
  writable = exceptional = readable;
  struct timeval now = {0, 0};
  int highest = first > second ? first : second;
  report(RAW(select, highest + 1, &readable, &writable, &exceptional, &now), "select of %s", what);
  fact("readable %d%d writable %d%d exceptional %d%d", !!FD_ISSET(first, &readable),
       second >= 0 && FD_ISSET(second, &readable), !!FD_ISSET(first, &writable),
       second >= 0 && FD_ISSET(second, &writable), !!FD_ISSET(first, &exceptional),
       second >= 0 && FD_ISSET(second, &exceptional));
}

static void selects(void) {
  put_file("a", "x");
  new_pipe(O_NONBLOCK);
  select_now("an empty pipe", ends[0], ends[1]);
  write(ends[1], "x", 1);
  select_now("a pipe with data", ends[0], ends[1]);
  while (write(ends[1], buffer, 4096) > 0) {
  }
  select_now("a full pipe", ends[0], ends[1]);
  select_now("a file", open("a", O_RDWR), -1);
  select_now("a folder", open(".", O_RDONLY), -1);
  close(ends[1]);
  while (read(ends[0], buffer, sizeof(buffer)) > 0) {
  }
  select_now("a pipe without a writer", ends[0], -1);
  new_pipe(0);
  close(ends[0]);
  select_now("a pipe without a reader", ends[1], -1);
  new_pipe(0);
  struct timeval none = {0, 0}, some = {0, 50000}, negative = {-1, 0}, odd = {0, 2000000},
                 minus = {0, -1};
  FD_ZERO(&readable);
  FD_SET(ends[0], &readable);
  CALL(select, ends[0] + 1, &readable, NULL, NULL, &none);
  fact("left: %d", FD_ISSET(ends[0], &readable));
  FD_SET(ends[0], &readable);
  long start = now_ms();
  CALL(select, ends[0] + 1, &readable, NULL, NULL, &some);
  fact("that took 50 ms: %d", now_ms() - start >= 49);
  CALL(select, 0, NULL, NULL, NULL, &none);
  CALL(select, -1, NULL, NULL, NULL, &none);
  CALL(select, 0, NULL, NULL, NULL, &negative);
  CALL(select, 0, NULL, NULL, NULL, &minus);
  CALL(select, ends[1] + 1, NULL, NULL, NULL, &none);
  FD_ZERO(&writable);
  FD_SET(ends[1], &writable);
  CALL(select, ends[1] + 1, NULL, &writable, NULL, &odd);
  FD_ZERO(&readable);
  FD_SET(60, &readable);
  CALL(select, 61, &readable, NULL, NULL, &none);
  CALL(select, 60, &readable, NULL, NULL, &none);
  CALL(select, 5000, NULL, NULL, NULL, &none);
  CALL(select, 8, 1l << 47, NULL, NULL, &none);
  CALL(select, 8, NULL, NULL, NULL, 8);
  CALL(select, 0, 8, NULL, NULL, &none);
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(30);
    write(ends[1], "x", 1);
    _exit(0);
  }
  FD_ZERO(&readable);
  FD_SET(ends[0], &readable);
  CALL(select, ends[0] + 1, &readable, NULL, NULL, NULL);
  fact("readable: %d", FD_ISSET(ends[0], &readable));
  join(child);
  // pselect6: a timespec that isn't changed, and a signal mask with its size.
  struct timespec zero = {0, 0}, bad = {0, 1000000000}, short_time = {0, 20000000};
  uint64_t mask = 0;
  struct {
    const void* mask;
    size_t size;
  } good_mask = {&mask, 8}, bad_size = {&mask, 4}, bad_mask = {(void*)8, 8}, no_mask = {NULL, 0};
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &zero, NULL);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &zero, &good_mask);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &zero, &no_mask);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &zero, &bad_size);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &zero, &bad_mask);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, &bad, NULL);
  CALL(pselect6, 0, NULL, NULL, NULL, &short_time, NULL);
  CALL(pselect6, ends[0] + 1, &readable, NULL, NULL, NULL, NULL);
  CALL(pselect6, 0, NULL, NULL, NULL, &zero, 8);
}

SECTIONS({"poll", polls}, {"pollwait", waiting}, {"ppoll", masked_polls}, {"select", selects})
