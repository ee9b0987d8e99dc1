// The words a flat program finds on its stack: argc, argv, an empty environment and the auxiliary
// vector, laid out as start.S draws them. This runs before musl has set anything up: no TLS, no
// library calls, no writable globals.
//
// Sources: System V ABI AMD64, "Initial Stack and Register State"; elf.h for the AT_ numbers.

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

extern const Elf64_Ehdr __ehdr_start;  // the linker puts the ELF header at the start of the text
extern void _start(void);              // musl's entry point

enum { kPageSize = 4096, kAuxPairs = 10, kRandomWords = 2 };

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

static size_t count_words(const char* line) {
  size_t words = 0;
  for (size_t i = 0; line[i] != '\0'; i++)
    words += !is_blank(line[i]) && (i == 0 || is_blank(line[i - 1]));
  return words;
}

// Bytes that cairn_start_fill() writes for this command line, rounded up to 16.
size_t cairn_start_size(const char* line) {
  size_t words = 1 + (count_words(line) + 1) + 1 + 2 * kAuxPairs + kRandomWords;
  return (words * sizeof(uint64_t) + 15) & ~(size_t)15;
}

// Sixteen bytes for musl's stack and heap cookies: the time stamp counter, mixed (splitmix64).
// They differ from run to run; they are no secret.
static uint64_t next_random(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Fills the block at `block`, which holds cairn_start_size(line) bytes, and cuts `line` into words
// by writing NULs over its blanks.
void cairn_start_fill(uint64_t* block, char* line) {
  uint64_t* next = block + 1;
  for (char* at = line; *at != '\0';) {
    if (is_blank(*at)) {
      *at++ = '\0';
      continue;
    }
    *next++ = (uintptr_t)at;
    while (*at != '\0' && !is_blank(*at)) at++;
  }
  block[0] = (uint64_t)(next - block - 1);
  *next++ = 0;  // end of argv
  *next++ = 0;  // end of the environment

  uint64_t* random = next + 2 * kAuxPairs;
  uint64_t state = __builtin_ia32_rdtsc();
  for (int i = 0; i < kRandomWords; i++) random[i] = next_random(&state);

  const uint64_t auxv[kAuxPairs][2] = {
      {AT_PHDR, (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff},
      {AT_PHENT, __ehdr_start.e_phentsize},
      {AT_PHNUM, __ehdr_start.e_phnum},
      {AT_PAGESZ, kPageSize},
      {AT_ENTRY, (uintptr_t)&_start},
      {AT_SECURE, 0},
      {AT_RANDOM, (uintptr_t)random},
      {AT_EXECFN, block[0] > 0 ? block[1] : (uintptr_t)line},
      {AT_BASE, 0},
      {AT_NULL, 0},
  };
  for (int i = 0; i < kAuxPairs; i++) {
    *next++ = auxv[i][0];
    *next++ = auxv[i][1];
  }
}
