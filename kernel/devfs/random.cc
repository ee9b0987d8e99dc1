#include "devfs/random.h"

#include <algorithm>
#include <bit>

#include "arch/cpu.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "sync/guarded.h"
#include "time/clock.h"

namespace cairn {

namespace {

struct Key {
  uint32_t words[8] = {};
};

constexpr uint32_t kNoNonce[3] = {};
constinit Guarded<Key> generator{"random", LockRank::kLog};

void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
  a += b, d = std::rotl(d ^ a, 16);
  c += d, b = std::rotl(b ^ c, 12);
  a += b, d = std::rotl(d ^ a, 8);
  c += d, b = std::rotl(b ^ c, 7);
}

/// Replaces the generator's key by half a block and returns the other half. `extra` goes in first.
Key next_key(const Key& extra) {
  uint64_t now = read_tsc(), hardware = 0;
  (void)read_hardware_random(hardware);
  Key result;
  generator.with([&](Key& key) {
    for (unsigned i = 0; i < 8; i++) key.words[i] ^= extra.words[i];
    const uint32_t nonce[3] = {uint32_t(now), uint32_t(hardware), uint32_t(hardware >> 32)};
    uint32_t block[16];
    chacha20_block(key.words, uint32_t(now >> 32), nonce, block);
    memcpy(key.words, block, sizeof(key.words));
    memcpy(result.words, block + 8, sizeof(result.words));
  });
  return result;
}

}  // namespace

void chacha20_block(const uint32_t (&key)[8], uint32_t counter, const uint32_t (&nonce)[3],
                    uint32_t (&block)[16]) {
  constexpr uint32_t kConstants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  uint32_t state[16];
  std::copy_n(kConstants, 4, state);
  std::copy_n(key, 8, state + 4);
  state[12] = counter;
  std::copy_n(nonce, 3, state + 13);
  std::copy_n(state, 16, block);
  constexpr int kDoubleRounds = 10;
  for (int i = 0; i < kDoubleRounds; i++) {
    for (int column = 0; column < 4; column++) {
      quarter_round(block[column], block[4 + column], block[8 + column], block[12 + column]);
    }
    for (int diagonal = 0; diagonal < 4; diagonal++) {
      quarter_round(block[diagonal], block[4 + (diagonal + 1) % 4], block[8 + (diagonal + 2) % 4],
                    block[12 + (diagonal + 3) % 4]);
    }
  }
  for (int i = 0; i < 16; i++) block[i] += state[i];
}

void start_random() {
  // The clock's low bits between two readings depend on everything the machine does meanwhile; one bit
  // of doubt in each of 512 steps would do.
  constexpr unsigned kSteps = 512;
  for (unsigned i = 0; i < kSteps; i++) {
    Key extra;
    uint64_t date = realtime_ns();
    extra.words[0] = uint32_t(date), extra.words[1] = uint32_t(date >> 32);
    (void)next_key(extra);
  }
}

Result<uint64_t> fill_random(IoBuffer& buffer) {
  constexpr uint32_t kBlocksAKey = 1024;  // 64 KiB
  uint64_t done = 0;
  while (buffer.left() > 0) {
    Key key = next_key({});
    for (uint32_t counter = 0; counter < kBlocksAKey && buffer.left() > 0; counter++) {
      uint32_t block[16];
      chacha20_block(key.words, counter, kNoNonce, block);
      uint64_t piece = std::min<uint64_t>(buffer.left(), sizeof(block));
      auto put = buffer.put(block, piece);
      if (!put.ok()) return done != 0 ? Result<uint64_t>(done) : put.error();
      done += piece;
    }
    if (current_thread()->interrupted.load()) break;
  }
  return done;
}

Result<uint64_t> stir_random(IoBuffer& buffer) {
  uint64_t done = 0;
  while (buffer.left() > 0) {
    Key extra;
    uint64_t piece = std::min<uint64_t>(buffer.left(), sizeof(extra.words));
    auto taken = buffer.take(extra.words, piece);
    if (!taken.ok()) return done != 0 ? Result<uint64_t>(done) : taken.error();
    (void)next_key(extra);
    done += piece;
  }
  return done;
}

}  // namespace cairn
