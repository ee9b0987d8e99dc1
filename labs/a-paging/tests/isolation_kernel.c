// LAB A, item A5 (handouts/a-paging.md#a5): a test of isolation where the kernel writes to memory.
//
// Exit with 0 if what a system call writes to one process's memory, and what a program must not
// write at all, never shows in another process; otherwise with 1.
// Run it: `run isolation_kernel` at the monitor's prompt. Check: make grade LAB=a K=A5
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include "cairn.h"

// BEGIN SOLUTION A5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
enum { kPages = 8, kSize = kPages * kPageSize, kOld = 0xa5 };

static void expect(volatile char* bytes, size_t size, unsigned char value) {
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)bytes[i] != value) exit(1);
  }
}

// Makes the kernel write into five pages, one result across two of them.
static void let_the_kernel_write(volatile char* bytes) {
  struct utsname* name = (struct utsname*)(bytes + 2 * kPageSize - 100);
  if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bytes) != 0 || uname(name) != 0) exit(1);
  pid_t child = fork();
  if (child == 0) _exit(3);
  if (wait4(child, (int*)(bytes + 4 * kPageSize), 0, NULL) != child) exit(1);
  if (syscall(SYS_rt_sigprocmask, 0, NULL, bytes + 5 * kPageSize, 8) != 0) exit(1);
  if (bytes[4 * kPageSize + 1] != 3 || bytes[2 * kPageSize - 100] == (char)kOld) exit(1);
}

// A page made read-only is read-only in a child as well: writing there must end it.
static void expect_fault(volatile char* page) {
  if (mprotect((void*)page, kPageSize, PROT_READ) != 0) exit(1);
  pid_t child = fork();
  if (child == 0) {
    page[0] = 1;
    _exit(0);
  }
  if (WTERMSIG(wait_for(child)) != 11) exit(1);
}

int main(void) {
  volatile char* bytes = new_pages(kSize / kPageSize);
  memset((void*)bytes, kOld, kSize);
  volatile char* untouched = new_pages(2);
  expect(untouched, kPageSize, 0);
  pid_t child = fork();
  if (child == 0) {
    let_the_kernel_write(bytes);
    if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, untouched) != 0) exit(1);
    untouched[kPageSize] = 1;
    _exit(0);
  }
  if (wait_for(child) != 0) exit(1);
  expect(bytes, kSize, kOld);
  expect(untouched, 2 * kPageSize, 0);
  expect_fault(bytes + kPageSize);
  bytes = new_pages(kPages);  // never shared so far
  memset((void*)bytes, kOld, kSize);
  expect_fault(bytes);
  expect(bytes, kSize, kOld);
  return 0;
}
// END SOLUTION
