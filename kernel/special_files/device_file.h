// Device files: which driver is behind a number. Subsystems above register their devices (terminals,
// tty/lab_b/terminal_files.cc); devfs lists them. What their inodes do stands in device_file.cc.
#pragma once

#include "vfs/file.h"
#include "vfs/memory_inode.h"

namespace cairn {

constexpr uint64_t make_device_number(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | uint64_t(major & 0xfff) << 8 | uint64_t(minor & ~0xffu) << 12;
}
constexpr uint32_t device_major(uint64_t number) { return uint32_t(number >> 8) & 0xfff; }
constexpr uint32_t device_minor(uint64_t number) {
  return uint32_t((number & 0xff) | (number >> 12 & ~0xffull));
}

/// Block devices have this major number and minor numbers in order of discovery.
inline constexpr uint32_t kBlockMajor = 254;
inline constexpr uint64_t kConsoleDevice = make_device_number(5, 1);

/// A character device. Null functions: EINVAL for I/O, ENOTTY for control, always ready for poll.
struct CharacterDevice {
  const char* name;  // in /dev; null: devfs doesn't list it
  uint64_t number;
  uint16_t permissions;
  bool seekable;  // false: a terminal
  Result<uint64_t> (*read)(File& file, IoBuffer& buffer, uint64_t offset);
  Result<uint64_t> (*write)(File& file, IoBuffer& buffer, uint64_t offset);
  Result<int64_t> (*control)(File& file, uint64_t request, uint64_t argument);
  uint32_t (*poll)(File& file, class WaitQueue** wait);
  bool maps_zeros = false;  // mmap gives memory that begins as zeros; else it is ENODEV
  /// Called when a file of the device `number` is opened; may choose another driver for it (File::stream).
  Result<void> (*open)(File& file, uint64_t number) = nullptr;
  void (*close)(File& file) = nullptr;
  uint32_t count = 1;  // it drives so many numbers, from `number` on
  ListLink link{};
};

/// At boot, from one thread; never undone.
void register_character_device(CharacterDevice& device);
/// Null if nobody drives it.
CharacterDevice* find_character_device(uint64_t number);
CharacterDevice* next_character_device(const CharacterDevice* previous);

uint64_t block_device_number(const BlockDevice& device);
/// Null if there is none.
BlockDevice* find_block_device_by_number(uint64_t number);
/// How far the file of a block device reaches, in bytes. ENXIO.
Result<uint64_t> block_device_size(Inode& inode);

/// EINVAL for what has nothing to write back: character devices, pipes, sockets.
Result<void> device_sync(Inode& inode);

/// The inode of a device that lives in memory only: devfs's, and a process's first console.
class DeviceInode final : public MemoryInode {
 public:
  DeviceInode(FileSystem& file_system, InodeNumber number, const NewFile& file)
      : MemoryInode(file_system, number, file) {}
};

}  // namespace cairn
