// What the small programs share: unbuffered printing, leaving with a reason, waiting for a child,
// pages to play with. Header only; a program includes it and links with musl alone.
#ifndef USER_INCLUDE_CAIRN_H
#define USER_INCLUDE_CAIRN_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kPageSize = 4096 };

// Prints to standard output at once. Unlike printf() it leaves nothing in a buffer that fork()
// would copy and both processes would print.
#define say(...) dprintf(STDOUT_FILENO, __VA_ARGS__)

// Prints `what` with errno's text and exits with status 1.
static inline _Noreturn void die(const char* what) {
  say("%s: %s\n", what, strerror(errno));
  exit(1);
}

// Exits with status 1 unless `right`: how a test says that the kernel isn't.
static inline void require(int right) {
  if (!right) exit(1);
}

// `count` fresh, zeroed, private pages that can be written; exits where there is no memory.
static inline volatile char* new_pages(size_t count) {
  void* pages =
      mmap(NULL, count * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) die("mmap");
  return (volatile char*)pages;
}

// No signal is ignored or blocked from here on, whatever started us said. By the calls themselves: libraries keep 32 and
// 33 for their threads, and leave them as they find them.
static inline void default_signals(void) {
  struct {
    uint64_t handler, flags, restorer, mask;
  } action = {0};
  for (int signal = 1; signal <= 64; signal++)
    syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(action.mask));
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &action.mask, NULL, sizeof(action.mask));
}

// Waits for the child `pid` to end and returns its wait status (WIFEXITED() and friends).
static inline int wait_for(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) die("waitpid");
  return status;
}

// Sleeps that long, whatever signals come.
static inline void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) continue;
}

// Since some moment.
static inline long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// The time of a clock that long from now.
static inline struct timespec in_ms(clockid_t clock, long ms) {
  struct timespec now;
  clock_gettime(clock, &now);
  long ns = now.tv_nsec + ms * 1000000;
  return (struct timespec){now.tv_sec + ns / 1000000000, ns % 1000000000};
}

// The time stamp counter. Under QEMU's `-icount shift=0` a tick is one instruction.
static inline uint64_t read_tsc(void) { return __builtin_ia32_rdtsc(); }

// Marks this place for QEMU's counter of instructions (grading/bench/instruction_count.py), which writes down
// the count whenever a mark is passed. Without the counter it is an instruction that does nothing.
// `number` is a constant below 0xff00.
#define mark(number) \
  __asm__ volatile("nopl %c0(%%rax,%%rax,1)" : : "i"((int)(0xca120000u | (number))) : "memory")

#endif
