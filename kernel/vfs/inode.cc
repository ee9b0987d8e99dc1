// What inodes do unless their file system says otherwise; special_files/ has what devices and FIFOs do.
#include "vfs/inode.h"

#include "lib/string.h"
#include "memory/heap.h"
#include "time/clock.h"
#include "vfs/mount.h"

namespace cairn {

uint32_t mode_bits(FileType type) {
  // Source: Linux, include/uapi/linux/stat.h.
  constexpr uint32_t kBits[] = {0, 0100000, 0040000, 0020000, 0060000, 0010000, 0140000, 0120000};
  return kBits[uint8_t(type)];
}

FileType type_of_mode(uint32_t mode) {
  constexpr uint32_t kTypeMask = 0170000;
  for (uint8_t type = 1; type <= uint8_t(FileType::kSymlink); type++) {
    if (mode_bits(FileType(type)) == (mode & kTypeMask)) return FileType(type);
  }
  return FileType::kUnknown;
}

Timestamp current_time() {
  constexpr uint64_t kNsPerSecond = 1'000'000'000;
  uint64_t now = realtime_ns();
  return {int64_t(now / kNsPerSecond), uint32_t(now % kNsPerSecond)};
}

namespace {
constinit std::atomic<uint64_t> next_serial{1};
}

Inode::Inode(FileSystem& file_system, InodeNumber number, FileType type, BlockDevice* device,
             uint32_t block_size)
    : CacheOwner(device, block_size),
      file_system(file_system),
      number(number),
      type(type),
      serial(next_serial.fetch_add(1)) {}

Inode::~Inode() { heap_free(noted_name.load()); }

void Inode::note_name(const Inode& directory, std::string_view name) {
  auto* noted = static_cast<NotedName*>(heap_allocate(sizeof(NotedName) + name.size()));
  if (noted == nullptr) return;
  new (noted) NotedName;
  noted->directory = directory.number;
  noted->length = uint16_t(name.size());
  memcpy(noted->bytes, name.data(), name.size());
  NotedName* old = noted_name.exchange(noted);
  if (old == nullptr) return;
  call_rcu(*old, [](RcuHead& head) { heap_free(static_cast<NotedName*>(&head)); });
}

RefPtr<Inode> Inode::try_share(Inode* inode) {
  if (inode == nullptr) return nullptr;
  uint32_t count = inode->references_.load(std::memory_order_relaxed);
  do {
    if (count == 0) return nullptr;
  } while (!inode->references_.compare_exchange_weak(count, count + 1));
  return RefPtr<Inode>::adopt(inode);
}

void Inode::free_after_readers() {
  call_rcu(*this, [](RcuHead& head) { delete &static_cast<Inode&>(head); });
}

void Inode::release() {
  uint32_t before = references_.load(std::memory_order_relaxed);
  while (before > 1) {
    if (references_.compare_exchange_weak(before, before - 1, std::memory_order_acq_rel)) return;
  }
  file_system.inodes.release_last(*this);
}

Result<RefPtr<Inode>> Inode::lookup(std::string_view) { return Errno::kENOTDIR; }
Result<bool> Inode::read_entry(uint64_t, DirectoryEntry&) { return Errno::kENOTDIR; }
Result<RefPtr<Inode>> Inode::create(std::string_view, const NewFile&) { return Errno::kENOTDIR; }
Result<void> Inode::link(std::string_view, Inode&) { return Errno::kENOTDIR; }
Result<void> Inode::unlink(std::string_view, Inode&) { return Errno::kENOTDIR; }
Result<void> Inode::rename(std::string_view, Inode&, Inode&, std::string_view, Inode*) {
  return Errno::kENOTDIR;
}

Result<void> Inode::resize(uint64_t) { return Errno::kEINVAL; }
Result<uint64_t> Inode::read_link(std::span<char>) { return Errno::kEINVAL; }
Result<Place> Inode::jump() { return Place(); }
Result<void> Inode::sync() { return {}; }
Result<void> Inode::set_attributes(const AttributeChange&) { return Errno::kEPERM; }

Result<void> Inode::locate_page(uint64_t, std::span<uint64_t>) { return Errno::kEIO; }
uint64_t Inode::page_limit() { return (size.load() + kPageSize - 1) / kPageSize; }

}  // namespace cairn
