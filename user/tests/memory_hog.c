// memory_hog MIB [hold]: touches so much memory, page by page, and says so; with `hold` it keeps it until it is killed.
#include "cairn.h"

int main(int argc, char** argv) {
  size_t size = (size_t)(argc > 1 ? atol(argv[1]) : 1) << 20;
  volatile char* memory =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  for (size_t at = 0; at < size; at += kPageSize) memory[at] = 1;
  say("hog: touched %zu MiB\n", size >> 20);
  if (argc > 2) pause();
  return 0;
}
