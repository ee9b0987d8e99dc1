// mincore(): which pages are in memory, of each kind of mapping, and what is no answer. The suite runs the same program on
// Linux and on Cairn and compares every line (grading/suite/test_calls.py).
#include <fcntl.h>

#include "cairn.h"

enum { kPages = 6, kSize = kPages * kPageSize, kBoth = PROT_READ | PROT_WRITE };

static void show(const char* what, const void* start, size_t size) {
  unsigned char present[kPages + 1];
  char text[kPages + 2] = "";
  memset(present, 7, sizeof(present));
  int failed = mincore((void*)start, size, present);
  for (size_t i = 0; i <= kPages && present[i] != 7; i++) text[i] = (char)('0' + (present[i] & 1));
  if (failed)
    say("calls: %s: %s\n", what, strerror(errno));
  else
    say("calls: %s: %s.\n", what, text);
}

static char* map(int protection, int flags, int fd) {
  char* at = mmap(NULL, kSize, protection, flags, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  madvise(at, kSize, MADV_NOHUGEPAGE);
  return at;
}

static void own_memory(void) {
  char* own = map(kBoth, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  show("nothing was touched", own, kSize);
  own[0] = own[3 * kPageSize] = 1;
  (void)*(volatile char*)(own + kPageSize);
  show("written, read, not, written", own, kSize);
  show("from the second page", own + kPageSize, 3 * kPageSize);
  show("a byte of a page", own, 1);
  show("a page and a byte", own, kPageSize + 1);
  show("no bytes", own, 0);
  show("not at a page", own + 1, kPageSize);
  madvise(own, kPageSize, MADV_DONTNEED);
  show("given back", own, kSize);
  mprotect(own + 3 * kPageSize, kPageSize, PROT_NONE);
  show("without access", own, kSize);
  pid_t child = fork();
  if (child == 0) {
    show("a child's", own, kSize);
    own[5 * kPageSize] = 1;
    show("what it wrote", own, kSize);
    _exit(0);
  }
  wait_for(child);
  show("its parent's", own, kSize);
  munmap(own + 4 * kPageSize, kPageSize);
  show("up to a hole", own, 4 * kPageSize);
  show("over a hole", own, kSize);
  show("a hole", own + 4 * kPageSize, kPageSize);
}

static void shared_memory(void) {
  char* shared = map(kBoth, MAP_SHARED | MAP_ANONYMOUS, -1);
  show("shared, nothing was touched", shared, kSize);
  pid_t child = fork();
  if (child == 0) {
    shared[2 * kPageSize] = 1;
    show("a child wrote", shared, kSize);
    _exit(0);
  }
  wait_for(child);
  show("what it wrote is there for its parent", shared, kSize);
}

static void files(void) {
  static char page[kPageSize] = "page";
  int fd = open("presence-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (int i = 0; i < 4; i++) {
    if (write(fd, page, sizeof(page)) != sizeof(page)) die("write");
  }
  char* file = map(PROT_READ, MAP_SHARED, fd);
  show("a file's four pages, just written", file, 4 * kPageSize);
  show("and what is behind its end", file, kSize);
  char* copy = map(kBoth, MAP_PRIVATE, fd);
  copy[kPageSize] = 'c';
  show("a private view", copy, 4 * kPageSize);
  if (ftruncate(fd, kPageSize) != 0) die("ftruncate");
  show("cut to one", file, kSize);
  show("and its private view", copy, kSize);
  close(fd);
  unlink("presence-file");
}

static void errors(void) {
  char* own = map(kBoth, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  const struct {
    const char* what;
    void* start;
    size_t size;
    void* to;
  } kCases[] = {
      {"to nowhere", own, kSize, (void*)8},
      {"to the kernel", own, kSize, (void*)(1ul << 63)},
      {"of the kernel", (void*)(1ul << 63), kPageSize, own},
      {"too much", own, 1ul << 62, own},
      {"of the null page", NULL, kPageSize, own},
      {"nothing, to nowhere", own, 0, (void*)8},
      {"not at a page, to nowhere", own + 1, 0, (void*)8},
  };
  for (size_t i = 0; i < sizeof(kCases) / sizeof(kCases[0]); i++) {
    long got = syscall(SYS_mincore, kCases[i].start, kCases[i].size, kCases[i].to);
    say("calls: %s: %s\n", kCases[i].what, got == 0 ? "0" : strerror(errno));
  }
}

int main(void) {
  default_signals();
  own_memory();
  shared_memory();
  files();
  errors();
  say("calls: done\n");
  return 0;
}
