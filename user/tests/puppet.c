// puppet: a process that does what the console tells it, one line at a time (puppet.h).
//
// The grader's copy-on-write tests are conversations with a family of puppets: the host draws
// random addresses and values, says who does what, and looks at page tables and frames from outside
// while every puppet is blocked in read(0). People can do the same: `run puppet`, then `0 0 fork`.
#include "puppet.h"

// Memory.

static long op_peek(const Arguments* in) { return *(volatile long*)in->a[0]; }

static long op_poke(const Arguments* in) {
  *(volatile long*)in->a[0] = in->a[1];
  return 0;
}

// fill ADDRESS PAGES SEED: every word of page i becomes pattern_word(SEED, i).
static long op_fill(const Arguments* in) {
  fill_pages((uint64_t*)in->a[0], in->a[1], (uint64_t)in->a[2]);
  return 0;
}

// sum ADDRESS PAGES: the sum of word k times (k + 1), modulo 2^64, over all words.
static long op_sum(const Arguments* in) {
  return (long)sum_pages((const uint64_t*)in->a[0], in->a[1]);
}

static long op_brk(const Arguments* in) { return syscall(SYS_brk, in->a[0]); }

// stack PAGES: writes a word in each of the PAGES pages below this one; the lowest address.
static long op_stack(const Arguments* in) {
  volatile char* here = __builtin_frame_address(0);
  for (long page = 1; page <= in->a[0]; page++) here[-page * kPageSize] = (char)page;
  return (long)(here - in->a[0] * kPageSize);
}

static const long constant_data = 0x0c0de;
static long initialised_data = 0x0da7a;
static long zero_data;

static long op_where(const Arguments* in) {  // one address in each part of the process
  (void)in;
  snprintf(reply_tail, sizeof reply_tail, " text=%p constant=%p data=%p bss=%p stack=%p heap=%#lx",
           (void*)op_where, (void*)&constant_data, (void*)&initialised_data, (void*)&zero_data,
           __builtin_frame_address(0), (unsigned long)syscall(SYS_brk, 0));
  return 0;
}

static long op_call(const Arguments* in) {  // jumps there; comes back if there is code that returns
  ((void (*)(void))in->a[0])();
  return 0;
}

// System calls in which the kernel reads or writes at an address of the host's choice.

static long op_write(const Arguments* in) { return write(1, (void*)in->a[0], (size_t)in->a[1]); }
static long op_clock(const Arguments* in) {
  return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, in->a[0]);
}
static long op_uname(const Arguments* in) { return syscall(SYS_uname, in->a[0]); }
static long op_waitinto(const Arguments* in) { return syscall(SYS_wait4, -1L, in->a[0], 0L, 0L); }

static long op_sigmask(const Arguments* in) {  // sigmask ADDRESS: the old signal mask (8 bytes)
  return syscall(SYS_rt_sigprocmask, 0L, 0L, in->a[0], 8L);
}

static long op_getfs(const Arguments* in) {  // getfs ADDRESS: the FS base (8 bytes)
  enum { kArchGetFs = 0x1003 };
  return syscall(SYS_arch_prctl, (long)kArchGetFs, in->a[0]);
}

// Processes.

enum { kParentWaits = 0x4000, kParentSetTid = 0x100000, kChildSignal = 17 };  // clone's flags

// clone ADDRESS: a fork for which the kernel writes the child's pid to ADDRESS in the parent. It wrote
// there right before as well, so the processor knows the page as one that may be written.
static long op_clone(const Arguments* in) {
  if (op_clock(in) != 0) return -1;
  long child = syscall(SYS_clone, (long)(kParentSetTid | kChildSignal), 0L, in->a[0], 0L, 0L);
  return child == 0 ? kNewChild : child;
}

// vfork STATUS: a child that only exits, with memory of its own; its parent waits for that.
static long op_vfork(const Arguments* in) {
  long child = syscall(SYS_clone, (long)(kParentWaits | kChildSignal), 0L, 0L, 0L, 0L);
  if (child == 0) _exit((int)in->a[0]);
  return child;
}

// storm COUNT BATCH ADDRESS PAGES: COUNT forks, BATCH children alive at a time. Child i writes a
// word in page i modulo PAGES and leaves with the low bits of what it found there as its status.
// The result: the sum of the statuses.
static long op_storm(const Arguments* in) {
  enum { kStatusBits = 0x3f, kWriteLost = 0x7f };
  long sum = 0;
  for (long done = 0; done < in->a[0]; done += in->a[1]) {
    for (long i = done; i < done + in->a[1]; i++) {
      pid_t child = fork();
      if (child < 0) return -1;
      if (child == 0) {
        volatile uint64_t* word = (uint64_t*)(in->a[2] + i % in->a[3] * kPageSize);
        uint64_t before = *word;
        *word = (uint64_t)i;
        _exit(*word == (uint64_t)i ? (int)(before & kStatusBits) : kWriteLost);
      }
    }
    for (long i = 0; i < in->a[1]; i++) {
      int status = 0;
      if (wait(&status) < 0) return -1;
      sum += status >> 8;
    }
  }
  return sum;
}

// readin ADDRESS BYTES: says `reading=1`, then reads the next line into memory of the host's
// choice.
static long op_readin(const Arguments* in) {
  answer("reading=1");
  return read(0, (void*)in->a[0], (size_t)in->a[1]);
}

// spin VALUE: answers, then computes in user mode for ever with VALUE in RBX.
static long op_spin(const Arguments* in) {
  answer("result=0");
  for (;;) __asm__ volatile("" : : "b"(in->a[0]));
  return 0;
}

static const Operation kOperations[] = {
    PUPPET_OPERATIONS,   {"peek", op_peek},   {"poke", op_poke},     {"fill", op_fill},
    {"sum", op_sum},     {"brk", op_brk},     {"stack", op_stack},   {"where", op_where},
    {"call", op_call},   {"clock", op_clock}, {"readin", op_readin}, {"waitinto", op_waitinto},
    {"uname", op_uname}, {"write", op_write}, {"getfs", op_getfs},   {"sigmask", op_sigmask},
    {"vfork", op_vfork}, {"storm", op_storm}, {"spin", op_spin},     {"clone", op_clone},
};

int main(void) { return run_puppet(kOperations, sizeof kOperations / sizeof kOperations[0]); }
