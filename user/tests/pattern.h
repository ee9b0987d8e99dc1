// The page patterns that the tests and the host (grading/tests/a/pattern.py) both know how to make.
#ifndef USER_TESTS_PATTERN_H
#define USER_TESTS_PATTERN_H

#include "cairn.h"

enum { kWordsPerPage = kPageSize / 8 };

// The generator "splitmix64", one step from `state`.
static inline uint64_t mix(uint64_t state) {
  uint64_t z = state + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline uint64_t pattern_word(uint64_t seed, uint64_t page) { return mix(seed + page); }

// Every word of page i becomes pattern_word(seed, i).
static inline void fill_pages(uint64_t* words, long pages, uint64_t seed) {
  for (long page = 0; page < pages; page++) {
    uint64_t word = pattern_word(seed, (uint64_t)page);
    for (int i = 0; i < kWordsPerPage; i++) words[page * kWordsPerPage + i] = word;
  }
}

// The sum of word k times (k + 1), modulo 2^64: moved, lost and exchanged words all show.
static inline uint64_t sum_pages(const uint64_t* words, long pages) {
  uint64_t sum = 0;
  for (long k = 0; k < pages * kWordsPerPage; k++) sum += words[k] * (uint64_t)(k + 1);
  return sum;
}

#endif
