#include <algorithm>

#include "debug/kernel_test.h"
#include "devfs/random.h"
#include "lib/string.h"

namespace cairn {

// Source: RFC 8439, "Test Vector for the ChaCha20 Block Function".
KERNEL_TEST(chacha20_gives_the_block_of_the_rfc) {
  uint32_t key[8], block[16];
  for (uint32_t i = 0; i < 8; i++) key[i] = 0x03020100 + i * 0x04040404;
  const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0x00000000};
  chacha20_block(key, 1, nonce, block);
  constexpr uint32_t kExpected[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
                                      0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
                                      0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                      0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
  EXPECT(std::equal(block, block + 16, kExpected));
}

KERNEL_TEST(random_bytes_differ) {
  uint8_t first[96] = {}, second[96] = {};
  IoBuffer into_first = IoBuffer::kernel(first, sizeof(first));
  IoBuffer into_second = IoBuffer::kernel(second, sizeof(second));
  auto one = fill_random(into_first), two = fill_random(into_second);
  EXPECT(one.ok() && *one == sizeof(first));
  EXPECT(two.ok() && *two == sizeof(second));
  EXPECT(memcmp(first, second, sizeof(first)) != 0);
  EXPECT(memcmp(first, first + 64, 32) != 0);
}

}  // namespace cairn
