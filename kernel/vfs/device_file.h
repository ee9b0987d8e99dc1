// Device files: which driver is behind a number. Rooms above register their devices (the console,
// monitor/console.cc); devfs lists them.
#pragma once

#include "vfs/file.h"

namespace cairn {

constexpr uint64_t make_device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | uint64_t(major & 0xfff) << 8 | uint64_t(minor & ~0xffu) << 12;
}

/// A character device. Null functions: EINVAL for I/O, ENOTTY for control, always ready for poll.
struct CharacterDevice {
  const char* name;  // in /dev
  uint64_t number;
  uint16_t permissions;
  bool seekable;  // false: a terminal
  Result<uint64_t> (*read)(File& file, IoBuffer& buffer, uint64_t offset);
  Result<uint64_t> (*write)(File& file, IoBuffer& buffer, uint64_t offset);
  Result<int64_t> (*control)(File& file, uint64_t request, uint64_t argument);
  uint32_t (*poll)(File& file, class WaitQueue** wait);
  ListLink link;
};

/// At boot, from one thread; never undone.
void register_character_device(CharacterDevice& device);
/// Null if nobody drives it.
CharacterDevice* find_character_device(uint64_t number);
CharacterDevice* next_character_device(const CharacterDevice* previous);

/// The I/O of a device file's inode, whichever file system holds it (ext2, tmpfs, devfs): their
/// virtual functions call these. ENXIO if nobody drives the device.
Result<uint64_t> device_read(Inode& inode, File& file, IoBuffer& buffer, uint64_t offset);
Result<uint64_t> device_write(Inode& inode, File& file, IoBuffer& buffer, uint64_t& offset);

}  // namespace cairn
