// Random numbers: a ChaCha20 stream, seeded from the processor's generator if it has one and from the
// jitter of its clock. Each request takes a key of its own off the generator's, which is replaced in
// the same step: whoever sees the generator's state later can't compute what was given out before.
// Source: RFC 8439, "The ChaCha20 Block Function"; Bernstein, "Fast-key-erasure random-number
// generators" (2017).
#pragma once

#include "address_space/io_buffer.h"

namespace cairn {

/// Seeds the generator. Once, at boot.
void start_random();

/// Fills the buffer; bytes. EFAULT where nothing could be stored. May sleep; ends early when the thread
/// is interrupted.
Result<uint64_t> fill_random(IoBuffer& buffer);
/// Mixes the buffer's bytes into the generator; bytes. EFAULT.
Result<uint64_t> stir_random(IoBuffer& buffer);

/// The ChaCha20 block function: 64 bytes from a key, a block counter and a nonce.
void chacha20_block(const uint32_t (&key)[8], uint32_t counter, const uint32_t (&nonce)[3],
                    uint32_t (&block)[16]);

}  // namespace cairn
