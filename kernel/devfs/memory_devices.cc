// Devices that need no hardware. Numbers and permissions are Linux's.
// Source: Linux documentation, "Linux allocated devices", character device 1.
#include "devfs/devfs.h"
#include "devfs/random.h"
#include "special_files/device_file.h"

namespace cairn {

namespace {

Result<uint64_t> read_nothing(File&, IoBuffer&, uint64_t) { return uint64_t(0); }
Result<uint64_t> swallow(File&, IoBuffer& buffer, uint64_t) { return buffer.left(); }
Result<uint64_t> refuse(File&, IoBuffer&, uint64_t) { return Errno::kENOSPC; }

Result<uint64_t> read_zeros(File&, IoBuffer& buffer, uint64_t) {
  constexpr uint64_t kPiece = 64 << 10;  // bytes; then a signal may come in between
  uint64_t done = 0;
  while (buffer.left() > 0) {
    uint64_t piece = buffer.left() < kPiece ? buffer.left() : kPiece;
    auto put = buffer.put_zeros(piece);
    if (!put.ok()) return done != 0 ? Result<uint64_t>(done) : put.error();
    done += piece;
    if (current_thread()->interrupted.load()) break;
  }
  return done;
}

Result<uint64_t> read_random(File&, IoBuffer& buffer, uint64_t) { return fill_random(buffer); }
Result<uint64_t> write_random(File&, IoBuffer& buffer, uint64_t) { return stir_random(buffer); }

constexpr uint16_t kEverybody = 0666;
constinit CharacterDevice devices[] = {
    {"null", make_device_number(1, 3), kEverybody, true, read_nothing, swallow, nullptr, nullptr},
    {"zero", make_device_number(1, 5), kEverybody, true, read_zeros, swallow, nullptr, nullptr,
     true},
    {"full", make_device_number(1, 7), kEverybody, true, read_zeros, refuse, nullptr, nullptr},
    {"random", make_device_number(1, 8), kEverybody, true, read_random, write_random, nullptr,
     nullptr},
    {"urandom", make_device_number(1, 9), kEverybody, true, read_random, write_random, nullptr,
     nullptr},
};

}  // namespace

void register_memory_devices() {
  start_random();
  for (CharacterDevice& device : devices) register_character_device(device);
}

}  // namespace cairn
