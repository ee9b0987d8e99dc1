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
enum { kPages = 12, kWords = kPages * kPageSize / 8, kStep = kPageSize / 8 };

static uint64_t old_word(uint64_t round, long i) { return (round << 32) + (uint64_t)i * 0x5eed; }

static void fill(volatile uint64_t* words, uint64_t round) {
  for (long i = 0; i < kWords; i++) words[i] = old_word(round, i);
}

// Changes one word of each page. The other 511 must stay what they were.
static void change(volatile uint64_t* words, uint64_t mark) {
  for (long i = 0; i < kPages; i++) words[i * kStep + i] = mark;
}

// Leaves with 1 unless the pages hold what fill() and, with a mark other than 0, change() wrote.
static void expect(volatile uint64_t* words, uint64_t round, uint64_t mark) {
  for (long i = 0; i < kWords; i++) {
    int changed = mark != 0 && i % kStep == i / kStep;
    if (words[i] != (changed ? mark : old_word(round, i))) exit(1);
  }
}

static void expect_success(pid_t child) {
  if (child < 0 || wait_for(child) != 0) exit(1);
}

int main(void) {
  volatile uint64_t* words = (volatile uint64_t*)new_pages(kPages);
  const struct timespec moment = {0, 5000000};
  for (uint64_t round = 1; round <= 4; round++) {
    fill(words, round);
    pid_t child = fork();
    if (child == 0) {
      nanosleep(&moment, NULL);  // the parent writes meanwhile
      expect(words, round, 0);
      pid_t grandchild = fork();
      if (grandchild == 0) {
        change(words, 1);
        expect(words, round, 1);
        exit(0);
      }
      expect_success(grandchild);
      expect(words, round, 0);
      change(words, 2);
      expect(words, round, 2);
      exit(0);
    }
    change(words, 3);
    expect_success(child);
    expect(words, round, 3);
    change(words, 4);  // nobody else has them now
    expect(words, round, 4);
  }
  return 0;
}
// END SOLUTION
