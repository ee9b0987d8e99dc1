#include "special_files/device_file.h"

#include "address_space/user_copy.h"
#include "special_files/pipe.h"

namespace cairn {

namespace {

constexpr uint64_t kWritePiece = 32 * kPageSize;  // bytes between looks at how much is dirty

constinit List<CharacterDevice, &CharacterDevice::link> character_devices;

/// How far a block device reaches, in bytes.
uint64_t size_of(const BlockDevice& device) { return device.sector_count() * kSectorSize; }

Result<BlockDevice*> block_device_of(Inode& inode) {
  BlockDevice* device = find_block_device_by_number(inode.attributes().device);
  if (device == nullptr) return Errno::kENXIO;
  return device;
}

/// What open() found; a file that nobody opened has none.
CharacterDevice* driver_of(File& file) { return static_cast<CharacterDevice*>(file.stream); }

Result<uint64_t> read_block_device(Inode& inode, File& file, IoBuffer& buffer, uint64_t offset) {
  BlockDevice& device = *TRY(block_device_of(inode));
  CacheOwner& pages = *TRY(device_pages(device));
  return read_cached(pages, buffer, offset, size_of(device), &file.read_ahead);
}

Result<uint64_t> write_block_device(Inode& inode, IoBuffer& buffer, uint64_t offset) {
  BlockDevice& device = *TRY(block_device_of(inode));
  if (device.read_only()) return Errno::kEPERM;
  if (buffer.left() == 0) return uint64_t(0);
  uint64_t size = size_of(device);
  if (offset >= size) return Errno::kENOSPC;
  buffer.limit(size - offset);
  CacheOwner& pages = *TRY(device_pages(device));
  uint64_t total = 0;
  while (buffer.left() != 0) {
    IoBuffer piece = buffer;
    piece.limit(kWritePiece);
    const uint64_t wanted = piece.left();
    auto written = write_cached(pages, piece, offset + total, size);
    if (!written.ok() && total == 0) return written.error();
    if (!written.ok()) break;
    total += *written;
    buffer.skip(*written);
    balance_dirty_pages();
    if (*written < wanted) break;
  }
  return total;
}

Result<int64_t> control_block_device(Inode& inode, uint64_t request, uint64_t argument) {
  // Source: Linux, include/uapi/linux/fs.h.
  constexpr uint64_t kGetSectors = 0x1260, kGetSectorSize = 0x1268, kGetBytes = 0x80081272;
  BlockDevice& device = *TRY(block_device_of(inode));
  switch (request) {
    case kGetSectors: TRY(write_user(VirtAddr(argument), device.sector_count())); break;
    case kGetSectorSize: TRY(write_user(VirtAddr(argument), int32_t(kSectorSize))); break;
    case kGetBytes: TRY(write_user(VirtAddr(argument), size_of(device))); break;
    default: return Errno::kENOTTY;
  }
  return int64_t(0);
}

}  // namespace

void register_character_device(CharacterDevice& device) { character_devices.push_back(device); }

CharacterDevice* find_character_device(uint64_t number) {
  for (CharacterDevice& device : character_devices) {
    if (number - device.number < device.count) return &device;
  }
  return nullptr;
}

CharacterDevice* next_character_device(const CharacterDevice* previous) {
  return character_devices.next_after(previous);
}

uint64_t block_device_number(const BlockDevice& device) {
  uint32_t minor = 0;
  for (BlockDevice* at = next_block_device(nullptr); at != nullptr; at = next_block_device(at)) {
    if (at == &device) break;
    minor++;
  }
  return make_device_number(kBlockMajor, minor);
}

/// File systems without a device count up from 1 under major number 0.
uint64_t FileSystem::number_for(const BlockDevice* device) {
  static constinit std::atomic<uint32_t> last_minor{0};
  if (device != nullptr) return block_device_number(*device);
  return make_device_number(0, last_minor.fetch_add(1) + 1);
}

BlockDevice* find_block_device_by_number(uint64_t number) {
  if (device_major(number) != kBlockMajor) return nullptr;
  BlockDevice* at = next_block_device(nullptr);
  for (uint32_t i = device_minor(number); i > 0 && at != nullptr; i--) at = next_block_device(at);
  return at;
}

Result<uint64_t> block_device_size(Inode& inode) { return size_of(*TRY(block_device_of(inode))); }

Result<void> device_sync(Inode& inode) {
  if (inode.type != FileType::kBlockDevice) return Errno::kEINVAL;
  BlockDevice& device = *TRY(block_device_of(inode));
  TRY(write_back(*TRY(device_pages(device))));
  return flush_device(device);
}

// What vfs/inode.h declares, for whichever file system holds the inode (ext2, tmpfs, devfs).

Result<void> Inode::on_open(File& file) {
  if (file.path_only) return {};
  switch (type) {
    case FileType::kFifo: return open_fifo(*this, file);
    case FileType::kCharacterDevice: {
      const uint64_t number = attributes().device;
      CharacterDevice* driver = find_character_device(number);
      if (driver == nullptr) return Errno::kENXIO;
      file.stream = driver;
      return driver->open != nullptr ? driver->open(file, number) : Result<void>();
    }
    case FileType::kBlockDevice: {
      BlockDevice& device = *TRY(block_device_of(*this));
      return file.writable && device.read_only() ? Errno::kEACCES : Result<void>();
    }
    case FileType::kSocket: return Errno::kENXIO;
    default: return {};
  }
}

void Inode::on_close(File& file) {
  if (type == FileType::kFifo) return close_pipe_end(file);
  CharacterDevice* driver = type == FileType::kCharacterDevice ? driver_of(file) : nullptr;
  if (driver != nullptr && driver->close != nullptr) driver->close(file);
}

Result<uint64_t> Inode::read(File& file, IoBuffer& buffer, uint64_t offset) {
  switch (type) {
    case FileType::kFifo: return read_pipe(file, buffer);
    case FileType::kBlockDevice: return read_block_device(*this, file, buffer, offset);
    case FileType::kCharacterDevice: {
      CharacterDevice* driver = driver_of(file);
      if (driver == nullptr) return Errno::kENXIO;
      return driver->read != nullptr ? driver->read(file, buffer, offset) : Errno::kEINVAL;
    }
    default: return Errno::kEINVAL;
  }
}

Result<uint64_t> Inode::write(File& file, IoBuffer& buffer, uint64_t& offset) {
  switch (type) {
    case FileType::kFifo: return write_pipe(file, buffer);
    case FileType::kBlockDevice: return write_block_device(*this, buffer, offset);
    case FileType::kCharacterDevice: {
      CharacterDevice* driver = driver_of(file);
      if (driver == nullptr) return Errno::kENXIO;
      return driver->write != nullptr ? driver->write(file, buffer, offset) : Errno::kEINVAL;
    }
    default: return Errno::kEINVAL;
  }
}

Result<int64_t> Inode::control(File& file, uint64_t request, uint64_t argument) {
  switch (type) {
    case FileType::kFifo: return control_pipe(file, request, argument);
    case FileType::kBlockDevice: return control_block_device(*this, request, argument);
    case FileType::kCharacterDevice: {
      CharacterDevice* driver = driver_of(file);
      if (driver == nullptr || driver->control == nullptr) return Errno::kENOTTY;
      return driver->control(file, request, argument);
    }
    default: return Errno::kENOTTY;
  }
}

uint32_t Inode::poll(File& file, WaitQueue** wait) {
  if (type == FileType::kFifo) return poll_pipe(file, wait);
  if (type == FileType::kCharacterDevice) {
    CharacterDevice* driver = driver_of(file);
    if (driver != nullptr && driver->poll != nullptr) return driver->poll(file, wait);
  }
  return kPollIn | kPollOut;
}

bool Inode::seekable() const {
  if (type == FileType::kRegular || type == FileType::kDirectory) return true;
  if (type != FileType::kCharacterDevice) return type == FileType::kBlockDevice;
  // Attributes are read under a lock, and that is no change to anybody.
  uint64_t number = const_cast<Inode*>(this)->attributes().device;
  CharacterDevice* driver = find_character_device(number);
  return driver != nullptr && driver->seekable;
}

}  // namespace cairn
