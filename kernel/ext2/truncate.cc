// Cutting files, and deleting them.
//
// Blocks are freed from the end backwards, and each pointer is cleared as its block is freed, so that
// what an operation leaves is a shorter file and not a damaged one. A long file takes several
// operations; others run between them. A page that is dropped goes in the operation that cuts its blocks: if
// a commit came between, blocks that are new would be on the device without what was written to them.
#include "ext2/truncate.h"

#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation.h"
#include "ext2/inode_table.h"

namespace cairn::ext2 {

namespace {

constexpr uint64_t kBlocksPerOperation = 2048;

/// Frees the blocks of one inode, as far as its budget goes.
class Cutter {
 public:
  /// `budget` null: all.
  Cutter(Ext2Inode& inode, uint64_t first, uint64_t* budget)
      : fs_(inode.fs()),
        raw_(raw_of(inode)),
        first_(first),
        budget_(budget),
        at_first_(budget != nullptr ? *budget : 0),
        is_metadata_(inode.type != FileType::kRegular) {}

  /// The file block from which on all is freed.
  Result<uint64_t> run() REQUIRES_SHARED(running_operation) {
    return TRY(cut_all()) ? first_ : freed_from_;
  }

 private:
  Result<bool> cut_all() REQUIRES_SHARED(running_operation) {
    const uint64_t pointers = fs_.geometry.pointers_per_block();
    const uint64_t single = kDirectBlocks, twofold = single + pointers,
                   threefold = twofold + pointers * pointers;
    if (!TRY(cut(raw_.block[kTripleIndirect], threefold, 3))) return false;
    if (!TRY(cut(raw_.block[kDoubleIndirect], twofold, 2))) return false;
    if (!TRY(cut(raw_.block[kIndirect], single, 1))) return false;
    for (unsigned i = kDirectBlocks; i-- > 0;) {
      if (!TRY(cut(raw_.block[i], i, 0))) return false;
    }
    return true;
  }

  // The caller of free_blocks() holds the lock all the time.
  static RawInode& raw_of(Ext2Inode& inode) NO_THREAD_SAFETY_ANALYSIS { return inode.raw; }

  /// Blocks of a file that a tree of so many levels maps.
  uint64_t span(unsigned levels) const {
    uint64_t blocks = 1;
    for (; levels > 0; levels--) blocks *= fs_.geometry.pointers_per_block();
    return blocks;
  }

  bool is_used_up() REQUIRES_SHARED(running_operation) {
    if (budget_ == nullptr) return false;
    return *budget_ == 0 || (*budget_ != at_first_ && !fs_.metadata.has_room());
  }

  /// Cuts the tree of `levels` pointer blocks behind `pointer`, whose first block is the file's block
  /// `start`. False once the budget is used up.
  Result<bool> cut(uint32_t& pointer, uint64_t start, unsigned levels)
      REQUIRES_SHARED(running_operation) {
    if (pointer == 0 || start + span(levels) <= first_) return true;
    if (is_used_up()) return false;
    const BlockNumber block(pointer);
    const bool all = start >= first_;
    if (!fs_.is_data_block(pointer)) {
      Errno damage = fs_.damaged("block pointer", pointer);
      if (!all) return damage;
      pointer = 0;
      return true;
    }
    if (levels > 0 && !TRY(cut_table(block, start, levels, all))) return false;
    if (!all) return true;
    if (levels > 0 || is_metadata_) fs_.metadata.forget(block);
    fs_.allocator.free_block(block);
    pointer = 0;
    freed_from_ = start;
    raw_.sectors -= fs_.geometry.sectors_per_block();
    if (budget_ != nullptr) --*budget_;
    return true;
  }

  /// Cuts what the pointer block `block` points to. With `all`, a block that can't be read is no
  /// reason to stop: what it points to is lost until e2fsck finds it.
  Result<bool> cut_table(BlockNumber block, uint64_t start, unsigned levels, bool all)
      REQUIRES_SHARED(running_operation) {
    auto read = fs_.metadata.read(block);
    if (!read.ok()) {
      if (!all) return read.error();
      log_error("ext2", "{}: pointer block {} can't be read: {}", fs_.device->name(), block,
                errno_name(read.error()));
      return true;
    }
    MetadataBlock table = read.take();
    TRY(fs_.metadata.change(table));
    const uint64_t child_span = span(levels - 1);
    for (uint64_t i = fs_.geometry.pointers_per_block(); i-- > 0;) {
      uint64_t child_start = start + i * child_span;
      if (child_start + child_span <= first_) break;
      if (!TRY(cut(table.as<uint32_t>()[i], child_start, levels - 1))) return false;
    }
    return true;
  }

  Ext2FileSystem& fs_;
  RawInode& raw_;
  const uint64_t first_;  // file blocks from here on go
  uint64_t* budget_;      // blocks
  const uint64_t at_first_;
  uint64_t freed_from_ = UINT64_MAX;  // a file block
  const bool is_metadata_;
};

/// Gives up the inode's block of extended attributes, which several inodes may share.
/// Source: e2fsprogs, lib/ext2fs/ext2_ext_attr.h.
Result<void> free_attribute_block(Ext2Inode& inode) REQUIRES(inode.map_lock)
    REQUIRES_SHARED(running_operation) {
  struct AttributeHeader {
    uint32_t magic, references, blocks, hash;
  };
  constexpr uint32_t kAttributeMagic = 0xea02'0000;
  Ext2FileSystem& fs = inode.fs();
  BlockNumber number(inode.raw.file_acl);
  if (number.value == 0) return {};
  if (!fs.is_data_block(number.value)) return fs.damaged("attributes", number.value);
  MetadataBlock block = TRY(fs.metadata.read(number));
  auto& header = *block.as<AttributeHeader>();
  if (header.magic != kAttributeMagic) return fs.damaged("attributes", number.value);
  TRY(fs.metadata.change(block));
  // Two inodes that share it may be deleted at once.
  if (std::atomic_ref<uint32_t>(header.references).fetch_sub(1) <= 1) {
    fs.metadata.forget(number);
    fs.allocator.free_block(number);
  }
  inode.raw.file_acl = 0;
  inode.raw.sectors -= fs.geometry.sectors_per_block();
  return {};
}

}  // namespace

bool has_block_pointers(const RawInode& raw, const Geometry& geometry) {
  switch (type_of_mode(raw.mode)) {
    case FileType::kRegular:
    case FileType::kDirectory: return true;
    case FileType::kSymlink: {
      uint32_t attribute_sectors = raw.file_acl != 0 ? geometry.sectors_per_block() : 0;
      return raw.sectors != attribute_sectors;
    }
    default: return false;
  }
}

Result<uint64_t> free_blocks(Ext2Inode& inode, uint64_t first, uint64_t& budget) {
  inode.allocation_goal = 0;
  if (!has_block_pointers(inode.raw, inode.fs().geometry)) return first;
  return Cutter(inode, first, &budget).run();
}

Result<void> take_back_blocks(Ext2Inode& inode, uint64_t first) {
  inode.allocation_goal = 0;
  if (has_block_pointers(inode.raw, inode.fs().geometry)) {
    TRY(Cutter(inode, first, nullptr).run());
  }
  return {};
}

namespace {

/// One operation's part of cut_file(): what free_blocks() returns. `left`: blocks that may be freed.
Result<uint64_t> cut_once(Ext2Inode& inode, uint64_t first, uint64_t size, uint64_t& left)
    REQUIRES_SHARED(running_operation) {
  ExclusiveGuard guard(inode.map_lock);
  uint64_t budget = std::min(left, kBlocksPerOperation);
  left -= budget;
  auto from = free_blocks(inode, first, budget);
  left += budget;
  if (from.ok() && *from == first) set_raw_size(inode.raw, size);
  set_raw_times(inode.raw, current_time());
  auto stored = store_inode(inode);
  if (from.ok() && !stored.ok()) return stored.error();
  return from;
}

}  // namespace

Result<void> cut_file(Ext2Inode& inode, uint64_t size) {
  Ext2FileSystem& fs = inode.fs();
  const uint64_t first = (size + fs.geometry.block_size - 1) / fs.geometry.block_size;
  const uint64_t blocks_per_page = kPageSize / fs.geometry.block_size;
  // No sane file has more blocks than the device: pointers that go in circles end here.
  uint64_t left = fs.geometry.block_count + 1;
  while (left > 0) {
    Operation operation(fs.metadata);
    fs.metadata.wait_for_data();
    auto from = cut_once(inode, first, size, left);
    if (!from.ok()) return from.error();
    drop_pages(inode, *from / blocks_per_page + (*from % blocks_per_page != 0 ? 1 : 0));
    if (*from == first) return {};
  }
  return fs.damaged("more blocks than there are in inode", inode.number.value);
}

void Ext2FileSystem::delete_inode(Inode& inode) {
  if (read_only) return;
  auto& file = static_cast<Ext2Inode&>(inode);
  auto cut = cut_file(file, 0);
  Operation operation(metadata);
  metadata.wait_for_data();  // a commit may be about to write this file's
  forget(file);
  ExclusiveGuard guard(file.map_lock);
  auto attributes = free_attribute_block(file);
  file.raw.links_count = 0;
  file.raw.deletion_time = uint32_t(current_time().seconds);
  auto stored = store_inode(file);
  allocator.free_inode(file.number, file.type == FileType::kDirectory);
  if (cut.ok() && attributes.ok() && stored.ok()) return;
  log_error("ext2", "{}: deleting inode {} left things behind for e2fsck", device->name(),
            file.number);
}

}  // namespace cairn::ext2
