// The streams of bytes that the file tests write, and the sums by which they are known again. The host
// makes the same (grading/machine/stream.py).
//
// Byte n of the stream SEED is short[n % 4093] ^ long[n % 16381], two rings of random bytes: cheap to
// make anywhere in the stream, and equal at no two places that a mistake could exchange.
#ifndef USER_TESTS_STREAM_H
#define USER_TESTS_STREAM_H

#include "pattern.h"

enum { kShortRing = 4093, kLongRing = 16381 };  // primes

typedef struct {
  uint64_t seed;
  int ready;
  uint64_t short_words[kShortRing / 8 + 1];
  uint64_t long_words[kLongRing / 8 + 1];
} Rings;

static inline const Rings* rings(uint64_t seed) {
  static Rings made;
  if (made.ready && made.seed == seed) return &made;
  for (uint64_t i = 0; i <= kShortRing / 8; i++) made.short_words[i] = mix(seed + i);
  for (uint64_t i = 0; i <= kLongRing / 8; i++) made.long_words[i] = mix(~seed + i);
  made.seed = seed;
  made.ready = 1;
  return &made;
}

// Bytes [offset, offset + count) of the stream.
static inline void make_stream(unsigned char* to, uint64_t count, uint64_t seed, uint64_t offset) {
  const Rings* made = rings(seed);
  const unsigned char* a = (const unsigned char*)made->short_words;
  const unsigned char* b = (const unsigned char*)made->long_words;
  uint64_t i = offset % kShortRing, j = offset % kLongRing;
  for (uint64_t n = 0; n < count; n++) {
    to[n] = a[i] ^ b[j];
    if (++i == kShortRing) i = 0;
    if (++j == kLongRing) j = 0;
  }
}

// How many of the bytes differ from the stream's.
static inline uint64_t count_wrong(const unsigned char* bytes, uint64_t count, uint64_t seed,
                                   uint64_t offset) {
  static unsigned char piece[kPageSize];
  uint64_t wrong = 0;
  for (uint64_t done = 0; done < count; done += sizeof piece) {
    uint64_t length = count - done < sizeof piece ? count - done : sizeof piece;
    make_stream(piece, length, seed, offset + done);
    for (uint64_t i = 0; i < length; i++) wrong += bytes[done + i] != piece[i];
  }
  return wrong;
}

// The CRC-32 of zlib, going on from that of the bytes before (0: none).
static inline uint32_t crc32_of(uint32_t before, const unsigned char* bytes, uint64_t count) {
  static uint32_t table[256];
  for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) {
      table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0xedb88320 : 0);
    }
  }
  uint32_t crc = ~before;
  for (uint64_t i = 0; i < count; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}

#endif
