// large_map FILE MIB OTHER: maps a file of so many MiB, more than there is memory, and reads all of it; then
// wants OTHER MiB for itself, and children, each with one page more in use than the one before: so every part of
// fork() once finds the memory used up. Ends with status 0 if all that can be had.
#include <fcntl.h>

#include "cairn.h"

enum { kMarkEvery = 1 << 20 };  // bytes
enum { kChildren = 600 };  // in turn; many more than the pages that the kernel takes back at once

// Reads each page. What isn't marked is zeros.
static int check(const volatile uint64_t* words, size_t size) {
  for (size_t at = 0; at < size; at += kPageSize) {
    if (words[at / sizeof(*words)] != (at % kMarkEvery == 0 ? at + 1 : 0)) return 0;
  }
  return 1;
}

int main(int count, char** arguments) {
  if (count != 4) return say("usage: large_map FILE MIB OTHER\n"), 2;
  size_t size = (size_t)atol(arguments[2]) << 20, other = (size_t)atol(arguments[3]) << 20;
  int fd = open(arguments[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0) die("a file");
  for (size_t at = 0; at < size; at += kMarkEvery) {
    uint64_t mark = at + 1;
    if (pwrite(fd, &mark, sizeof(mark), (off_t)at) != (ssize_t)sizeof(mark)) die("write");
  }
  const volatile uint64_t* words = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  if (words == MAP_FAILED) die("mmap");
  if (!check(words, size)) return say("wrong content\n"), 3;
  volatile char* pages = new_pages(other / kPageSize + kChildren);
  for (size_t at = 0; at < other; at += kPageSize) pages[at] = 1;
  for (int i = 0; i < kChildren; i++) {
    pages[other + (size_t)i * kPageSize] = 1;
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) _exit(0);
    if (wait_for(child) != 0) return say("the child died\n"), 4;
  }
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    for (size_t at = 0; at < other; at += 16 * kPageSize) pages[at] = 2;
    _exit(0);
  }
  if (wait_for(child) != 0) return say("the child died\n"), 4;
  return check(words, size) ? 0 : 5;
}
