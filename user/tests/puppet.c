// puppet: a process that does what the console tells it, one line at a time.
//
// The grader's copy-on-write tests are conversations with a family of puppets: the host draws
// random addresses and values, says who does what, and looks at page tables and frames from outside
// while every puppet is blocked in read(0). People can do the same: `run puppet`, then `0 0 fork`.
//
//   in:   SEQ PID OPERATION [ARGUMENT…]          PID 0 means whoever reads the line
//   out:  puppet: seq=SEQ pid=ME result=0x…      or errno=N instead of the result
//
// A puppet that reads a line meant for another one answers `pass=1` and steps aside for a moment.
// Numbers are decimal or 0x… hexadecimal. `0 0 help` lists the operations.
#include <sys/syscall.h>
#include <time.h>

#include "pattern.h"

enum { kMaxArguments = 4, kReplySize = 256, kLineSize = 256, kNewChild = -0x6e6577 };

typedef struct {
  long a[kMaxArguments];  // numeric arguments, 0 where absent
} Arguments;

static char reply_tail[kReplySize];  // further key=value words for the reply line

static void put(const char* line) {
  size_t length = strlen(line);  // one write a line: lines of several puppets don't mix
  while (length > 0) {
    ssize_t written = write(1, line, length);
    if (written <= 0) return;
    line += written;
    length -= (size_t)written;
  }
}

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

static long op_mmap(const Arguments* in) {  // mmap PAGES PROTECTION [ADDRESS] [FURTHER FLAGS]
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (in->a[2] ? MAP_FIXED : 0) | (int)in->a[3];
  return (long)mmap((void*)in->a[2], (size_t)in->a[0] * kPageSize, (int)in->a[1], flags, -1, 0);
}

static long op_munmap(const Arguments* in) {
  return munmap((void*)in->a[0], (size_t)in->a[1] * kPageSize);
}

static long op_mprotect(const Arguments* in) {  // mprotect ADDRESS PAGES PROTECTION
  return mprotect((void*)in->a[0], (size_t)in->a[1] * kPageSize, (int)in->a[2]);
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

static long op_fork(const Arguments* in) {
  (void)in;
  pid_t child = fork();
  return child == 0 ? kNewChild : child;
}

// clone ADDRESS: a fork for which the kernel writes the child's pid to ADDRESS in the parent. It wrote
// there right before as well, so the processor knows the page as one that may be written.
static long op_clone(const Arguments* in) {
  enum { kParentSetTid = 0x100000, kChildSignal = 17 };
  if (op_clock(in) != 0) return -1;
  long child = syscall(SYS_clone, (long)(kParentSetTid | kChildSignal), 0L, in->a[0], 0L, 0L);
  return child == 0 ? kNewChild : child;
}

static long op_vfork(const Arguments* in) {  // vfork STATUS: a child that only exits
  pid_t child = vfork();
  if (child == 0) _exit((int)in->a[0]);
  return child;
}

static long op_wait(const Arguments* in) {  // wait [PID]: status= in the reply
  int status = -1;
  pid_t child = waitpid(in->a[0] ? (pid_t)in->a[0] : -1, &status, 0);
  snprintf(reply_tail, sizeof reply_tail, " status=%#x", (unsigned)status);
  return child;
}

static long op_exit(const Arguments* in) { _exit((int)in->a[0]); }

static long op_kill(const Arguments* in) { return syscall(SYS_kill, in->a[0], in->a[1]); }

static long op_sleep(const Arguments* in) {  // sleep MILLISECONDS
  struct timespec pause = {in->a[0] / 1000, in->a[0] % 1000 * 1000000};
  return nanosleep(&pause, NULL);
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

static unsigned long current_sequence;

static void answer(const char* result) {
  char line[kReplySize * 2];
  snprintf(line, sizeof line, "puppet: seq=%lu pid=%d %s%s\n", current_sequence, (int)getpid(),
           result, reply_tail);
  put(line);
}

// readin ADDRESS BYTES: says `reading=1`, then reads the next line into memory of the host's
// choice.
static long op_readin(const Arguments* in) {
  answer("reading=1");
  return read(0, (void*)in->a[0], (size_t)in->a[1]);
}

// await PID: says `waiting=1`, then waits for the child.
static long op_await(const Arguments* in) {
  answer("waiting=1");
  return op_wait(in);
}

// spin VALUE: answers, then computes in user mode for ever with VALUE in RBX.
static long op_spin(const Arguments* in) {
  answer("result=0");
  for (;;) __asm__ volatile("" : : "b"(in->a[0]));
  return 0;
}

static const struct {
  const char* name;
  long (*run)(const Arguments*);
} kOperations[] = {
    {"peek", op_peek},     {"poke", op_poke},         {"fill", op_fill},
    {"sum", op_sum},       {"mmap", op_mmap},         {"munmap", op_munmap},
    {"brk", op_brk},       {"mprotect", op_mprotect}, {"stack", op_stack},
    {"where", op_where},   {"call", op_call},         {"clock", op_clock},
    {"readin", op_readin}, {"waitinto", op_waitinto}, {"uname", op_uname},
    {"write", op_write},   {"getfs", op_getfs},       {"sigmask", op_sigmask},
    {"fork", op_fork},     {"vfork", op_vfork},       {"wait", op_wait},
    {"exit", op_exit},     {"kill", op_kill},         {"sleep", op_sleep},
    {"storm", op_storm},   {"spin", op_spin},         {"await", op_await},
    {"clone", op_clone},
};
enum { kOperationCount = sizeof kOperations / sizeof kOperations[0] };

static void help(void) {
  for (int i = 0; i < kOperationCount; i++) {
    put(kOperations[i].name);
    put(i + 1 < kOperationCount ? " " : "\n");
  }
}

static void perform(const char* name, const Arguments* in) {
  if (strcmp(name, "help") == 0) help();
  for (int i = 0; i < kOperationCount; i++) {
    if (strcmp(name, kOperations[i].name) != 0) continue;
    char result[64];
    errno = 0;
    long value = kOperations[i].run(in);
    if (value == kNewChild) return;  // it waits for a line of its own
    if (value == -1 && errno != 0) {
      snprintf(result, sizeof result, "errno=%d", errno);
    } else {
      snprintf(result, sizeof result, "result=%#lx", (unsigned long)value);
    }
    answer(result);
    return;
  }
  answer("unknown=1");
}

static void obey(char* line) {
  char* words[3 + kMaxArguments] = {0};
  int count = 0;
  for (char* word = strtok(line, " \r\n"); word; word = strtok(NULL, " \r\n")) {
    if (count < 3 + kMaxArguments) words[count++] = word;
  }
  if (count == 0) return;
  if (count < 3) {
    put("puppet: a line is: SEQ PID OPERATION [ARGUMENT...]; 0 0 help lists the operations\n");
    return;
  }
  reply_tail[0] = 0;
  current_sequence = strtoul(words[0], NULL, 0);
  long addressee = strtol(words[1], NULL, 0);
  if (addressee != 0 && addressee != getpid()) {
    answer("pass=1");
    op_sleep(&(Arguments){{2}});
    return;
  }
  Arguments in = {{0}};
  for (int i = 0; i < kMaxArguments; i++) {
    if (words[3 + i]) in.a[i] = (long)strtoull(words[3 + i], NULL, 0);
  }
  perform(words[2], &in);
}

int main(void) {
  static char line[kLineSize];
  size_t length = 0;
  answer("ready=1");
  for (;;) {
    ssize_t got = read(0, line + length, sizeof line - 1 - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    line[length] = 0;
    char* end = strchr(line, '\n');
    if (!end && length < sizeof line - 1) continue;
    if (end) *end = 0;
    obey(line);
    length = 0;
  }
}
