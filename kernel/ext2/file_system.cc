// Mounting an ext2, and what concerns all of it.
#include "ext2/file_system.h"

#include "debug/log.h"
#include "ext2/allocation.h"
#include "ext2/commit.h"
#include "ext2/superblock.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(damage_count, "ext2.damage");

namespace {

constexpr uint64_t kStatfsMagic = 0xef53;
constexpr uint64_t kLoggedDamage = 20;  // lines a mount, then only the counter
// Blocks are as large as a page at most; others have larger ones. Source: e2fsprogs, mke2fs(8), -b.
constexpr uint32_t kMaxLogBlockSize = 2, kLargestLogBlockSize = 6;

Result<Superblock> read_superblock(BlockDevice& device) {
  if (device.sector_count() < kPageSize / kSectorSize) return Errno::kEINVAL;
  CacheOwner* pages = TRY(device_pages(device));
  PageRef page = TRY(read_page(*pages, 0));
  Superblock raw;
  memcpy(&raw, page->data() + kSuperblockOffset, sizeof(raw));
  return raw;
}

bool is_power_of(uint32_t number, uint32_t base) {
  while (number > 1 && number % base == 0) number /= base;
  return number == 1;
}

/// Blocks that hold superblocks, descriptors, bitmaps and inodes, as statfs() counts them.
uint64_t overhead_of(const Geometry& geometry) {
  uint64_t block_size = geometry.block_size;
  uint64_t inode_table =
      (uint64_t(geometry.inodes_per_group) * geometry.inode_size + block_size - 1) / block_size;
  uint64_t blocks = geometry.first_data_block + geometry.group_count * (2 + inode_table);
  for (uint32_t group = 0; group < geometry.group_count; group++) {
    if (geometry.has_superblock(group)) blocks += 1 + geometry.descriptor_blocks();
  }
  return std::min(blocks, geometry.block_count);
}

/// Why it can only be read, or null.
const char* reason_to_only_read(const BlockDevice& device, const Geometry& geometry) {
  if (device.read_only()) return "the device can only be read";
  if (!geometry.writable) return "it has features that are unknown here";
  if (!geometry.clean) return "it was not unmounted, or is damaged: run e2fsck -p on it";
  return nullptr;
}

}  // namespace

// Source: Poirier, "The Second Extended File System", "Superblock".
bool Geometry::has_superblock(uint32_t group) const {
  if (!sparse_super || group <= 1) return true;
  return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

Ext2FileSystem::Ext2FileSystem(BlockDevice& device, bool read_only, const Geometry& geometry,
                               MetadataStore& metadata, Allocator& allocator, uint64_t id)
    : FileSystem("ext2", &device, read_only),
      geometry(geometry),
      metadata(metadata),
      allocator(allocator),
      id_(id),
      overhead_(overhead_of(geometry)) {}

Ext2FileSystem::~Ext2FileSystem() {
  inodes.shrink(UINT64_MAX);
  metadata.set_client(nullptr);
  delete &allocator;
  delete &metadata;
}

Result<RefPtr<FileSystem>> open_ext2(BlockDevice* device, bool read_only) {
  const Superblock raw = TRY(read_superblock(*device));
  if (raw.magic == kMagic && (raw.feature_incompat & kIncompatRecover) != 0) {
    log_warning("ext2", "{}: its last change waits in a journal: run e2fsck -p on it",
                device->name());
  }
  if (raw.magic == kMagic && raw.log_block_size > kMaxLogBlockSize &&
      raw.log_block_size <= kLargestLogBlockSize) {
    log_warning("ext2", "{}: block size not supported: {} bytes", device->name(),
                1024u << raw.log_block_size);
    return Errno::kEINVAL;
  }
  Geometry geometry = TRY(check_superblock(raw, device->sector_count()));
  const char* reason = reason_to_only_read(*device, geometry);
  if (reason != nullptr && !read_only) {
    log_warning("ext2", "{}: mounted read-only: {}", device->name(), reason);
  }
  read_only |= reason != nullptr;

  MetadataStore* metadata =
      TRY(MetadataStore::create(*device, geometry.block_size, geometry.block_count));
  auto allocator = Allocator::create(*metadata, geometry, read_only);
  void* memory = allocator.ok() ? heap_allocate(sizeof(Ext2FileSystem)) : nullptr;
  if (memory == nullptr) {
    if (allocator.ok()) delete *allocator;
    delete metadata;
    return allocator.ok() ? Errno::kENOMEM : allocator.error();
  }
  uint64_t id[2];
  memcpy(id, raw.uuid, sizeof(id));
  auto* fs = new (memory)
      Ext2FileSystem(*device, read_only, geometry, *metadata, **allocator, id[0] ^ id[1]);
  auto result = RefPtr<FileSystem>::adopt(fs);
  TRY(fs->inodes.start());
  metadata->set_client(fs);
  TRY(fs->root());
  if (!read_only) {
    fs->allocator.open_journal();
    fs->state_.mark(false);
    TRY(metadata->commit());
  }
  return result;
}

Result<RefPtr<Inode>> Ext2FileSystem::root() {
  auto found = get_inode(InodeNumber(kRootInode));
  if (!found.ok() && found.error() == Errno::kENOENT) return damaged("root", kRootInode);
  RefPtr<Ext2Inode> inode = TRY(std::move(found));
  if (inode->type != FileType::kDirectory || inode->size.load() == 0 ||
      inode->attributes().sectors == 0) {
    return damaged("root", kRootInode);
  }
  return RefPtr<Inode>(RefPtr<Inode>::share(inode.get()));
}

FileSystemStatistics Ext2FileSystem::statistics() {
  FileSystemStatistics result;
  result.type = kStatfsMagic;
  result.block_size = geometry.block_size;
  result.blocks = geometry.block_count - overhead_;
  const auto space = allocator.space();
  result.free_blocks = space.free_blocks;
  if (space.usable_blocks > geometry.reserved_blocks) {
    result.available_blocks = space.usable_blocks - geometry.reserved_blocks;
  }
  result.files = geometry.inode_count;
  result.free_files = space.free_inodes;
  result.id = id_;
  return result;
}

Result<void> Ext2FileSystem::sync() {
  if (read_only) return {};
  Result<void> written = write_dirty();
  TRY(metadata.commit());
  return written;
}

Result<void> Ext2FileSystem::shut_down() {
  // While files that nobody uses are still here to say what of theirs couldn't be written.
  Result<void> written = sync();
  inodes.shrink(UINT64_MAX);
  if (read_only) return {};
  TRY(metadata.commit());
  state_.mark(true);
  TRY(metadata.commit());
  return written;
}

bool Ext2FileSystem::is_data_block(uint64_t block) const {
  return geometry.is_data_block(block) && !allocator.is_system_block(block);
}

Errno Ext2FileSystem::damaged(const char* what, uint64_t number) {
  damage_count.increment();
  if (damage_count_.fetch_add(1) < kLoggedDamage) {
    log_warning("ext2", "{} is damaged: {} {}", device->name(), what, number);
  }
  metadata.note_errors();
  return Errno::kEUCLEAN;
}

void Ext2FileSystem::add_dirty(Ext2Inode& inode) {
  IrqGuard guard(dirty_lock_);
  if (!inode.dirty_link.linked()) dirty_inodes_.push_back(inode);
}

void Ext2FileSystem::order_data(Ext2Inode& inode) {
  const uint64_t running = metadata.transaction();
  if (inode.ordered_in.load(std::memory_order_relaxed) == running) return;
  IrqGuard guard(dirty_lock_);
  inode.ordered_in.store(running, std::memory_order_relaxed);
  if (!inode.ordered_link.linked()) ordered_inodes_.push_back(inode);
}

void Ext2FileSystem::forget(Ext2Inode& inode) {
  IrqGuard guard(dirty_lock_);
  dirty_inodes_.remove(inode);
  ordered_inodes_.remove(inode);
}

/// Writes all that is dirty now, of each file.
Result<void> Ext2FileSystem::write_dirty() {
  MutexGuard one_at_a_time(sync_mutex_);
  List<Ext2Inode, &Ext2Inode::dirty_link> round;
  {
    IrqGuard guard(dirty_lock_);
    round.append(dirty_inodes_);
  }
  Result<void> first;
  while (true) {
    InodeNumber number;
    {
      IrqGuard guard(dirty_lock_);  // an inode of this round may go meanwhile, and leave the list
      Ext2Inode* inode = round.pop_front();
      if (inode == nullptr) return first;
      number = inode->number;
    }
    // Who deletes a file may wait for a commit.
    RefPtr<Inode> inode = inodes.find(number, InodeCache::Deleted::kIgnore);
    if (!inode) continue;
    auto written = write_back(*inode);
    if (!written.ok() && first.ok()) first = written;
    if (inode->dirty_count.load() != 0) add_dirty(static_cast<Ext2Inode&>(*inode));
  }
}

// ---- For commits ---------------------------------------------------------------------------------

void Ext2FileSystem::seal() {
  state_.seal();
  IrqGuard guard(dirty_lock_);
  sealed_inodes_.append(ordered_inodes_);
}

/// Takes an inode off the list, and says whether it stays while its data is written. `held`: what is to be had
/// by its number. If that is nothing, the inode is leaving memory, and its data was written before, or its file
/// is being deleted, though not yet in the sealed transaction: then delete_inode() waits for the end of the data.
bool Ext2FileSystem::take_sealed(Ext2Inode& inode, const Inode* held) {
  IrqGuard guard(dirty_lock_);
  if (sealed_inodes_.front() != &inode) return false;  // it has left
  sealed_inodes_.remove(inode);
  const bool is_in_running = inode.ordered_in.load() == metadata.transaction();
  if (is_in_running) ordered_inodes_.push_back(inode);
  return held == &inode || inode.links.load() == 0;
}

Result<void> Ext2FileSystem::write_data() {
  Result<void> first;
  while (true) {
    Ext2Inode* inode;
    InodeNumber number;
    {
      IrqGuard guard(dirty_lock_);
      inode = sealed_inodes_.front();
      if (inode == nullptr) return first;
      number = inode->number;
    }
    RefPtr<Inode> held = inodes.find(number, InodeCache::Deleted::kIgnore);
    if (take_sealed(*inode, held.get())) {
      auto written = write_back(*inode);
      if (!written.ok() && first.ok()) first = written;
    }
    if (!held) continue;
    auto& file = static_cast<Ext2Inode&>(*held);
    IrqGuard guard(dirty_lock_);
    if (!file.written_link.linked()) {
      file.retain();
      written_inodes_.push_back(file);
    }
    held = nullptr;  // not the last reference, as long as the list is locked
  }
}

void Ext2FileSystem::committed(BlockNumber block, const uint8_t* content) {
  allocator.committed(block, content);
}
void Ext2FileSystem::release() { allocator.release(); }

void Ext2FileSystem::after_commit() {
  while (true) {
    Ext2Inode* inode;
    {
      IrqGuard guard(dirty_lock_);
      inode = written_inodes_.pop_front();
    }
    if (inode == nullptr) return;
    RefPtr<Inode>::adopt(inode);
  }
}

}  // namespace cairn::ext2
