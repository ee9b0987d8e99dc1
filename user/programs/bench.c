// What the kernel's paths cost a program: `make bench LAB=a` runs this under `-icount shift=0`,
// where the time stamp counter counts instructions. Each operation runs twice and the second figure
// stands; the cost of the empty loop is taken off.
// Prints `bench: name=NAME instructions=N` lines; elsewhere the counter counts time, and they say `ticks=N`.

#include <sys/syscall.h>

#include "cairn.h"

enum { kCalls = 1000, kPages = 64, kForks = 20 };

static inline long system_call(long number) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
  return result;
}

static void give_back(volatile char* pages) {
  if (munmap((void*)pages, kPages * kPageSize) != 0) die("munmap");
}

// Ticks that writing one byte to each page takes.
static uint64_t touch(volatile char* pages) {
  uint64_t start = read_tsc();
  for (size_t i = 0; i < kPages; i++) pages[i * kPageSize] = 1;
  return read_tsc() - start;
}

// Ticks of touch() where every page is already there: the loop itself.
static uint64_t touch_overhead(volatile char* pages) {
  touch(pages);
  return touch(pages);
}

static uint64_t null_call(void) {
  uint64_t start = read_tsc();
  for (int i = 0; i < kCalls; i++) __asm__ volatile("" ::"a"(SYS_getpid) : "rcx", "r11", "memory");
  uint64_t empty = read_tsc() - start;
  start = read_tsc();
  for (int i = 0; i < kCalls; i++) system_call(SYS_getpid);
  return (read_tsc() - start - empty) / kCalls;
}

static uint64_t demand_zero(void) {
  volatile char* pages = new_pages(kPages);
  uint64_t ticks = touch(pages);
  ticks -= touch_overhead(pages);
  give_back(pages);
  return ticks / kPages;
}

// Ticks of a loop with two instructions a round.
static uint64_t ticks_of(uint64_t rounds) {
  uint64_t start = read_tsc();
  __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(rounds) : : "cc");
  return read_tsc() - start;
}

// Whether the counter counts instructions: more rounds take exactly as many more, but for an interrupt at times.
static const char* unit(void) {
  int exact = 0;
  for (uint64_t more = 1; more <= 20; more++) {
    exact += ticks_of(1000 + 100 * more) - ticks_of(1000) == 2 * 100 * more;
  }
  return exact > 10 ? "instructions" : "ticks";
}

// A shared word for a child's figure would need shared memory, so the child prints it itself.
static void print(const char* name, uint64_t ticks) {
  say("bench: name=%s %s=%lu\n", name, unit(), ticks);
}

// Writes in the child to pages it shares with its parent: each one is copied. Then, with the child
// gone, in the parent: it is the last sharer and should write in place.
static uint64_t copy_on_write(int last_round) {
  volatile char* pages = new_pages(kPages);
  uint64_t overhead = touch_overhead(pages);
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    uint64_t ticks = touch(pages) - overhead;
    if (last_round) print("cow_copy", ticks / kPages);
    _exit(0);
  }
  wait_for(child);
  uint64_t ticks = touch(pages) - overhead;
  give_back(pages);
  return ticks / kPages;
}

static uint64_t fork_exit_wait(void) {
  uint64_t start = read_tsc();
  for (int i = 0; i < kForks; i++) {
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) _exit(0);
    wait_for(child);
  }
  return (read_tsc() - start) / kForks;
}

int main(void) {
  null_call();
  print("null_call", null_call());
  demand_zero();
  print("demand_zero", demand_zero());
  copy_on_write(0);
  uint64_t reuse = copy_on_write(1);
  print("cow_reuse", reuse);
  fork_exit_wait();
  print("fork_exit_wait", fork_exit_wait());
  return 0;
}
