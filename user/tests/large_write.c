// large_write FILE MIB TIMES: one write() of so many MiB, so many times, each word the number of its
// place in the file.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cairn.h"

int main(int count, char** arguments) {
  if (count != 4) return say("usage: large_write FILE MIB TIMES\n"), 2;
  size_t size = (size_t)atol(arguments[2]) << 20;
  long times = atol(arguments[3]);
  uint32_t* words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (words == MAP_FAILED) return say("mmap: out of memory\n"), 1;
  int fd = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
  uint32_t next = 0;
  for (long i = 0; i < times; i++) {
    for (size_t at = 0; at < size / sizeof(*words); at++) words[at] = next++;
    long written = write(fd, words, size);
    if (written != (long)size)
      return say("write %ld: %ld bytes of %ld\n", i, written, (long)size), 1;
  }
  return close(fd) == 0 ? 0 : 1;
}
