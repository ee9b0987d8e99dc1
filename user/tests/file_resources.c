// Resource limits: what they hold back, and with which errors. Amounts are compared only as far as they don't depend on
// how large the program itself is.
#include <poll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "file_calls.h"

enum { kMib = 1 << 20, kStranger = 54321 };

static void set_soft(int kind, unsigned long soft) {
  struct rlimit limit;
  need(getrlimit(kind, &limit) == 0, "getrlimit");
  limit.rlim_cur = soft;
  need(setrlimit(kind, &limit) == 0, "setrlimit");
}

static void be_stranger(void) {
  need(setresgid(kStranger, kStranger, kStranger) == 0, "setresgid");
  need(setresuid(kStranger, kStranger, kStranger) == 0, "setresuid");
}

// ---- Descriptors

static int fill_descriptors(void) {
  int count = 0;
  while (dup(0) >= 0) count++;
  report(-1, "dup, too many");
  return count;
}

static void descriptors(void) {
  put_file("a", "x");
  set_soft(RLIMIT_NOFILE, 10);
  CALL(fcntl, 0, F_DUPFD, 9);
  CALL(fcntl, 0, F_DUPFD, 9);
  CALL(fcntl, 0, F_DUPFD, 10);
  CALL(fcntl, 0, F_DUPFD_CLOEXEC, 1000);
  CALL(dup2, 0, 9);
  CALL(dup2, 0, 10);
  CALL(dup3, 0, 10, O_CLOEXEC);
  CALL(dup2, 10, 10);
  fact("%d more descriptors", fill_descriptors());
  CALL(open, "a", O_RDONLY);
  CALL(open, "new", O_WRONLY | O_CREAT, 0644);
  show("new");
  int ends[2];
  report(pipe(ends), "pipe, none left");
  close(9);
  report(pipe(ends), "pipe, one left");
  CALL(open, "a", O_RDONLY);
  set_soft(RLIMIT_NOFILE, 5);
  CALL(fstat, 9, ends);
  CALL(read, 9, ends, 1);
  CALL(dup2, 0, 9);
  CALL(close, 4);
  CALL(dup, 9);
  CALL(dup, 9);
  struct pollfd fds[8] = {[0 ... 7] = {-1, POLLIN, 0}};
  CALL(poll, fds, 5, 0);
  CALL(poll, fds, 6, 0);
  set_soft(RLIMIT_NOFILE, 0);
  CALL(dup, 0);
  CALL(open, "a", O_RDONLY);
  CALL(poll, fds, 0, 0);
  CALL(poll, fds, 1, 0);
  CALL(write, 9, "", 0);
}

static void inherit_child(void) { fact("%d more descriptors in a child", fill_descriptors()); }
static void inheritance(void) {
  set_soft(RLIMIT_NOFILE, 7);
  in_child("forked", inherit_child);
  set_soft(RLIMIT_NOFILE, 6);
  in_child("forked", inherit_child);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  fact("soft limit %ld", (long)limit.rlim_cur);
}

// ---- File sizes

static volatile sig_atomic_t told, told_code, told_self;
static void on_signal(int signal, siginfo_t* info, void* context) {
  (void)context;
  told = signal;
  told_code = info->si_code;
  told_self = info->si_pid == getpid() && info->si_uid == getuid();
}
static void limited(long result, const char* what) {
  report(result, "%s", what);
  fact("signal %d code %d from itself %d", (int)told, (int)told_code, (int)told_self);
  told = told_code = told_self = 0;
}

static void write_too_far(void) {
  int fd = open("killed", O_WRONLY | O_CREAT, 0644);
  set_soft(RLIMIT_FSIZE, 0);
  report(write(fd, "x", 1), "write");
}

static void sizes(void) {
  static char buffer[3000];
  struct iovec parts[] = {{buffer, 600}, {buffer, 600}};
  sigaction(SIGXFSZ, &(struct sigaction){.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, NULL);
  put_file("old", "0123456789");
  int fd = open("a", O_RDWR | O_CREAT, 0644), ends[2];
  need(pipe(ends) == 0, "pipe");
  set_soft(RLIMIT_FSIZE, 2000);
  limited(write(fd, buffer, 1500), "write up to 1500");
  limited(write(fd, buffer, 1500), "write from there");
  limited(write(fd, buffer, 1), "write at the limit");
  limited(write(fd, buffer, 0), "write nothing there");
  limited(pwrite(fd, buffer, 100, 1990), "pwrite over it");
  limited(pwrite(fd, buffer, 100, 2000), "pwrite at it");
  limited(pwrite(fd, buffer, 100, 1L << 40), "pwrite far beyond");
  limited(pwritev(fd, parts, 2, 1000), "pwritev over it");
  lseek(fd, 1000, SEEK_SET);
  limited(writev(fd, parts, 2), "writev over it");
  limited(writev(fd, parts, 2), "writev at it");
  limited(ftruncate(fd, 2000), "ftruncate to it");
  limited(ftruncate(fd, 2001), "ftruncate beyond");
  limited(truncate("a", 2001), "truncate beyond");
  limited(truncate("a", 100), "truncate below");
  int append = open("a", O_WRONLY | O_APPEND);
  limited(write(append, buffer, 3000), "append");
  limited(write(append, buffer, 1), "append at it");
  int old = open("old", O_RDONLY);
  lseek(fd, 1995, SEEK_SET);
  report(sendfile(fd, old, NULL, 10), "sendfile over it");
  told = 0;  // some files' sendfile() runs into the limit within one call
  limited(sendfile(fd, old, NULL, 10), "sendfile at it");
  limited(write(ends[1], buffer, 2500), "write to a pipe");
  show("a");
  set_soft(RLIMIT_FSIZE, 5);
  limited(pwrite(fd, "y", 1, 3), "pwrite below, in a larger file");
  limited(ftruncate(fd, 1000), "a larger file is cut");
  limited(ftruncate(fd, 1001), "and made longer");
  limited(open("new", O_WRONLY | O_CREAT | O_TRUNC, 0644) >= 0 ? 0 : -1, "a new file");
  signal(SIGXFSZ, SIG_IGN);
  limited(pwrite(fd, "y", 1, 5), "ignored: pwrite at it");
  signal(SIGXFSZ, SIG_DFL);
  set_soft(RLIMIT_FSIZE, RLIM_INFINITY);
  in_child("by default", write_too_far);
  show("killed");
}

// ---- Memory

static void* map(size_t size, int prot) {
  return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static long mapped(const void* at) { return at == MAP_FAILED ? -1 : 0; }
enum { kRw = PROT_READ | PROT_WRITE };

// How many MiB there are still, one by one.
static int mib_left(int prot) {
  int count = 0;
  while (map(kMib, prot) != MAP_FAILED) count++;
  return count;
}

// Whether there can be 2 MiB more of it; else it must stay.
static int break_moves(void) {
  long before = syscall(SYS_brk, 0), after = syscall(SYS_brk, before + 2 * kMib);
  need(after == before || after == before + 2 * kMib, "brk");
  return after != before;
}

// More than any machine has: only where nothing may come of it.
static void promises(void) {
  const size_t kMuch = 1ul << 46;
  report(malloc(1ul << 50) == NULL ? -1 : 0, "malloc of 2^50 bytes");
  report(malloc(kMuch) == NULL ? -1 : 0, "malloc of 2^46 bytes");
  report(mapped(mmap(NULL, kMuch, kRw, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), "shared memory");
  report(mapped(mmap(NULL, kMuch, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
         "MAP_NORESERVE");
  char* at = map(kMuch / 2, PROT_NONE);
  report(mapped(at), "PROT_NONE");
  report(mprotect(at, kMuch / 2, kRw), "mprotect of all of it");
  report(mprotect(at, kMib, kRw), "mprotect of a part");
}

static void all_memory(void) {
  char* there = map(4096, PROT_READ);
  set_soft(RLIMIT_AS, 64 * kMib);
  report(mapped(map(64 * kMib, PROT_NONE)), "as much as the limit");
  char* at = map(32 * kMib, PROT_NONE);
  report(mapped(at), "half of it");
  report(mapped(map(32 * kMib, PROT_READ)), "the other half");
  report(mapped(mmap(at, 32 * kMib, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)),
         "over the first half");
  report(
      mapped(mmap(at + 16 * kMib, 64 * kMib, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)),
      "over it and beyond");
  report(mapped(mmap(NULL, 40 * kMib, kRw, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), "shared");
  int left = mib_left(PROT_NONE);
  fact("between 20 and 31 MiB left: %d", left > 20 && left < 32);
  fact("the break moves: %d", break_moves());
  report(fork() == 0 ? (_exit(0), 0) : 0, "fork");
  report(munmap(at, 32 * kMib), "munmap");
  left = mib_left(PROT_NONE);
  fact("32 MiB again: %d", left == 32);
  set_soft(RLIMIT_AS, 0);
  report(mapped(map(4096, PROT_READ)), "none left");
  report(mprotect(there, 4096, kRw), "mprotect of what is there");
  set_soft(RLIMIT_AS, RLIM_INFINITY);
  report(mapped(map(64 * kMib, PROT_READ)), "without a limit");
  promises();
}

static void data_memory(void) {
  char* there = map(8 * kMib, PROT_READ);
  set_soft(RLIMIT_DATA, 16 * kMib);
  report(mapped(map(64 * kMib, PROT_READ)), "what can't be written doesn't count");
  report(mapped(mmap(NULL, 64 * kMib, kRw, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
         "nor what is shared");
  report(mapped(map(16 * kMib, kRw)), "all of it");
  char* at = map(8 * kMib, kRw);
  report(mapped(at), "half of it");
  int left = mib_left(kRw);
  fact("between 4 and 7 MiB left: %d", left >= 4 && left < 8);
  report(mprotect(there, 8 * kMib, kRw), "mprotect to more");
  report(mprotect(at, 8 * kMib, kRw), "mprotect of data");
  report(mprotect(at, 8 * kMib, PROT_READ), "mprotect of half");
  left = mib_left(kRw);
  fact("8 MiB again: %d", left == 8);
  fact("the break moves: %d", break_moves());
  set_soft(RLIMIT_DATA, RLIM_INFINITY);
  fact("the break moves without a limit: %d", break_moves());
}

// Touches the stack down to there, page by page.
static long deep(long kib) {
  volatile char* here = __builtin_frame_address(0);
  for (long below = 0; below < kib * 1024; below += kPageSize) here[-below] = 1;
  return 0;
}
static void below_half(void) { report(deep(300), "300 KiB of stack"); }
static void beyond_half(void) { report(deep(900), "900 KiB of stack"); }
static void stack_memory(void) {
  set_soft(RLIMIT_STACK, 512 * 1024);
  in_child("below the limit", below_half);
  in_child("beyond the limit", beyond_half);
  set_soft(RLIMIT_STACK, 2 * kMib);
  in_child("below a higher limit", beyond_half);
}

// ---- Processes

static int live_children(void) {
  int count = 0;
  pid_t child;
  while ((child = fork()) > 0) count++;
  if (child == 0) pause();
  report(-1, "fork, too many");
  return count;
}

static void end_children(void) {
  int ended = 0;
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGTERM);
  while (wait(NULL) > 0) ended++;
  fact("%d ended", ended);
  signal(SIGTERM, SIG_DFL);
}

static void strangers_processes(void) {
  be_stranger();
  set_soft(RLIMIT_NPROC, 5);
  fact("%d children", live_children());
  report(vfork() == 0 ? (_exit(0), 0) : -1, "vfork");
  set_soft(RLIMIT_NPROC, 7);
  fact("%d children", live_children());
  set_soft(RLIMIT_NPROC, 0);
  fact("%d children", live_children());
  end_children();
  set_soft(RLIMIT_NPROC, 3);
  fact("%d children", live_children());
  end_children();
}
static void own_group(void) {
  setpgid(0, 0);
  strangers_processes();
}
static void processes(void) {
  in_child("a stranger", own_group);
  set_soft(RLIMIT_NPROC, 0);  // doesn't count for root
  pid_t child = fork();
  if (child == 0) _exit(0);
  report(child > 0 ? 0 : -1, "root's fork");
}

// ---- The calls themselves

static void others_limits(void) {
  struct rlimit limit = {3, 4}, old;
  pid_t parent = getppid();
  be_stranger();
  CALL(prlimit64, 0, RLIMIT_CORE, &limit, 0);
  limit.rlim_max = 5;
  CALL(prlimit64, 0, RLIMIT_CORE, &limit, 0);
  limit.rlim_cur = 6;
  CALL(prlimit64, 0, RLIMIT_CORE, &limit, 0);
  report(prlimit(parent, RLIMIT_CORE, NULL, &old), "another's");
  report(prlimit(parent, 99, NULL, &old), "another's, unknown");
  report(prlimit(getpid(), RLIMIT_CORE, NULL, &old), "one's own by pid");
  pid_t child = fork();
  if (child == 0) pause();
  limit.rlim_cur = limit.rlim_max = 2;
  report(prlimit(child, RLIMIT_CORE, &limit, &old), "one's child's");
  report(prlimit(child, RLIMIT_CORE, NULL, &old), "one's child's");
  fact("now %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
  kill(child, SIGKILL);
}
static void foreign(void) { in_child("a stranger", others_limits); }

static void calls(void) {
  struct rlimit limit, wrong = {2, 1}, good = {1, 1};
  for (int kind = 0; kind < 16; kind++) report(getrlimit(kind, &limit), "getrlimit %d", kind);
  CALL(getrlimit, 16, &limit);
  CALL(getrlimit, -1, &limit);
  CALL(getrlimit, 16, 0);
  CALL(getrlimit, RLIMIT_CORE, 0);
  CALL(getrlimit, RLIMIT_CORE, 8);
  CALL(setrlimit, 16, &good);
  CALL(setrlimit, 16, 0);
  CALL(setrlimit, 16, 8);
  CALL(setrlimit, 16, &wrong);
  CALL(setrlimit, RLIMIT_CORE, &wrong);
  CALL(setrlimit, RLIMIT_CORE, 0);
  CALL(setrlimit, RLIMIT_CORE, &good);
  CALL(prlimit64, 0, 16, 0, &limit);
  CALL(prlimit64, 0, 16, 8, &limit);
  CALL(prlimit64, -1, 16, 0, &limit);
  CALL(prlimit64, -1, RLIMIT_CORE, 0, &limit);
  CALL(prlimit64, 99999999, RLIMIT_CORE, 0, &limit);
  CALL(prlimit64, 99999999, RLIMIT_CORE, 8, &limit);
  CALL(prlimit64, 99999999, RLIMIT_CORE, &wrong, &limit);
  CALL(prlimit64, 0, RLIMIT_CORE, 0, 0);
  CALL(prlimit64, 0, RLIMIT_CORE, 0, 8);
  CALL(prlimit64, 0, RLIMIT_CORE, &wrong, &limit);
  good.rlim_cur = 0;
  CALL(prlimit64, 0, RLIMIT_CORE, &good, 8);
  CALL(prlimit64, 0, RLIMIT_CORE, 0, &limit);
  fact("soft %ld hard %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
}

SECTIONS({"descriptors", descriptors}, {"inheritance", inheritance}, {"sizes", sizes},
         {"allmemory", all_memory}, {"datamemory", data_memory}, {"stackmemory", stack_memory},
         {"userprocesses", processes}, {"foreignlimits", foreign}, {"limitcalls", calls})
