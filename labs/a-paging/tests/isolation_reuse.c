// LAB A, item A5 (handouts/a-paging.md#a5): a test of memory that is used again.
//
// Exit with 0 if memory that a process still has is never given to another one, and memory that is
// new holds zeros whatever was there before; otherwise with 1.
// Run it: `run isolation_reuse` at the monitor's prompt. Check: make grade LAB=a K=A5
#include "cairn.h"

// BEGIN SOLUTION A5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
enum { kPages = 24, kSize = kPages * kPageSize };

static void expect(volatile char* bytes, char value) {
  for (long i = 0; i < kSize; i++) {
    if (bytes[i] != value) exit(1);
  }
}

// Has `generations` descendants look at the memory, each the child of the one before.
static void look(volatile char* old, volatile char* untouched, int generations) {
  expect(old, 7);
  expect(untouched, 0);
  if (generations == 0) return;
  pid_t child = fork();
  if (child < 0) exit(1);
  if (child == 0) {
    look(old, untouched, generations - 1);
    exit(0);
  }
  if (wait_for(child) != 0) exit(1);
  expect(old, 7);
}

int main(void) {
  volatile char* old = new_pages(kPages);
  volatile char* untouched = new_pages(kPages);
  memset((void*)old, 7, kSize);
  for (int round = 0; round < 4; round++) {
    look(old, untouched, 3);
    volatile char* fresh = new_pages(kPages);  // must not be what others still have
    expect(fresh, 0);
    memset((void*)fresh, 9, kSize);
    expect(old, 7);
    expect(untouched, 0);
    if (munmap((void*)fresh, kSize) != 0) exit(1);
    expect(new_pages(kPages), 0);
  }
  return 0;
}
// END SOLUTION
