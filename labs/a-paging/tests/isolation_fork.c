// LAB A, item A5 (handouts/a-paging.md#a5): a test of isolation between parent and child.
//
// Exit with 0 if the kernel keeps parent and child apart: what one of them writes after fork(), the
// other never sees, and what was written before, both see. Otherwise exit with 1. The grader runs
// your tests on a correct kernel, where they must pass, and on kernels with mistakes, which they
// should notice. A test may use as many processes and pages as it likes, but no output is read.
// Run it: `run isolation_fork` at the monitor's prompt. Check: make grade LAB=a K=A5
#include <time.h>

#include "cairn.h"

// BEGIN SOLUTION A5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
enum { kPages = 12, kWords = kPages * kPageSize / 8, kMagic = 0x5eed };

static uint64_t kept(uint64_t round, long i) { return (round << 32) + (uint64_t)i * kMagic; }

static void fill(volatile uint64_t* words, uint64_t round) {
  for (long i = 0; i < kWords; i++) words[i] = kept(round, i);
}

static void expect(volatile uint64_t* words, uint64_t round) {
  for (long i = 0; i < kWords; i++) {
    if (words[i] != kept(round, i)) _exit(1);
  }
}

static void expect_success(pid_t child) {
  if (wait_for(child) != 0) exit(1);
}

int main(void) {
  volatile uint64_t* words = (volatile uint64_t*)new_pages(kPages);
  const struct timespec moment = {0, 5000000};
  for (uint64_t round = 1; round <= 4; round++) {
    fill(words, round);
    pid_t child = fork();
    if (child == 0) {
      // The parent writes while we sleep; we see the old words, and our own.
      nanosleep(&moment, NULL);
      expect(words, round);
      pid_t grandchild = fork();
      if (grandchild == 0) fill(words, 100 + round);
      if (grandchild == 0) _exit(0);
      expect_success(grandchild);
      expect(words, round);
      fill(words, 200 + round);
      expect(words, 200 + round);
      _exit(0);
    }
    fill(words, 300 + round);
    expect_success(child);
    expect(words, 300 + round);
    fill(words, 400 + round);  // alone again
    expect(words, 400 + round);
  }
  return 0;
}
// END SOLUTION
