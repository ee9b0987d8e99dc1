// The content of files, through the page cache.
//
// A write is done in pieces. Each is one operation: blocks for the piece, the data into pages, the new
// size. So a commit finds data, pointers and size together, and writes the data first (order_data()). What only
// overwrites a file's own blocks is no business of commits: sync() writes it, and fsync. The map's
// lock is held only while blocks are made; readers take it for each page that isn't in the cache.
#include "ext2/allocation.h"
#include "ext2/block_map.h"
#include "ext2/inode_table.h"
#include "ext2/names.h"
#include "ext2/truncate.h"
#include "vfs/file.h"

namespace cairn::ext2 {

namespace {

constexpr uint64_t kPieceSize = 32 * kPageSize;  // bytes of a write in one operation
constexpr unsigned kMaxTouches = 16;             // of memory that is taken away again and again
constexpr uint64_t kMaxSmallFile = 0x7fff'ffff;  // bytes; more needs the feature large_file

Result<bool> has_hole(Ext2Inode& inode, uint64_t first_block, uint64_t last_block) {
  SharedGuard guard(inode.map_lock);
  for (uint64_t block = first_block; block <= last_block; block++) {
    if (TRY(map_block(inode, block)).value == 0) return true;
  }
  return false;
}

/// Makes blocks for bytes [start, end) of one page.
Result<void> make_blocks_of_page(Ext2Inode& inode, uint64_t start, uint64_t end)
    REQUIRES_SHARED(running_operation) {
  const uint32_t block_size = inode.block_size;
  const uint64_t first = start / block_size, last = (end - 1) / block_size;
  PageRef page;
  if (align_down(start, kPageSize) < inode.size.load()) {
    // Others may read the page now: it must show zeros for a new block, not what the block held.
    if (!TRY(has_hole(inode, first, last))) return {};
    page = TRY(read_page(inode, start / kPageSize));
  }
  ExclusiveGuard guard(inode.map_lock);
  Result<void> result;
  bool any_created = false;
  for (uint64_t block = first; block <= last && result.ok(); block++) {
    bool created = false;
    auto made = map_or_allocate_block(inode, block, created);
    if (!made.ok()) result = made.error();
    any_created |= created;
  }
  if (any_created && page) mark_dirty(*page);
  if (any_created) inode.fs().order_data(inode);
  return result;
}

/// What a write through a mapping needs: blocks for a page, as far as the file goes, and new times. The
/// inode's lock isn't held, so where the file ends is looked at with the map's: who cuts the file lowers
/// its size first.
Result<void> prepare_page(Ext2Inode& inode, uint64_t index) REQUIRES_SHARED(running_operation) {
  const uint64_t start = index * kPageSize, per_page = kPageSize / inode.block_size;
  PageRef page;
  if (TRY(has_hole(inode, index * per_page, (index + 1) * per_page - 1))) {
    page = TRY(read_page(inode, index));  // zeros, for a new block
  }
  ExclusiveGuard guard(inode.map_lock);
  const uint64_t end = std::min(start + kPageSize, inode.size.load());
  if (start >= end) return Errno::kENXIO;
  bool any_created = false;
  Result<void> result;
  for (uint64_t block = start / inode.block_size; block * inode.block_size < end; block++) {
    bool created = false;
    auto made = map_or_allocate_block(inode, block, created);
    any_created |= created;
    if (!made.ok()) result = made.error();
    if (!made.ok()) break;
  }
  if (any_created && page) mark_dirty(*page);
  if (any_created) inode.fs().order_data(inode);
  set_raw_times(inode.raw, current_time());
  auto stored = store_inode(inode);
  return result.ok() ? stored : result;
}

/// Makes blocks for bytes [start, end), as far as the transaction has room for what that changes. The end of
/// what has them: more than `start`, or the error.
Result<uint64_t> make_blocks(Ext2Inode& inode, uint64_t start, uint64_t end)
    REQUIRES_SHARED(running_operation) {
  uint64_t done = start;
  while (done < end && (done == start || inode.fs().metadata.has_room())) {
    uint64_t page_end = std::min(align_down(done, kPageSize) + kPageSize, end);
    auto made = make_blocks_of_page(inode, done, page_end);
    if (!made.ok() && done == start) return made.error();
    if (!made.ok()) break;
    done = page_end;
  }
  return done;
}

/// Stores the inode after a piece of a write that was to end at `wanted` and ended at `end`; what was
/// made for the rest goes.
Result<void> finish_piece(Ext2Inode& inode, uint64_t end, uint64_t wanted) REQUIRES(inode.lock)
    REQUIRES_SHARED(running_operation) {
  ExclusiveGuard guard(inode.map_lock);
  uint64_t size = std::max(inode.size.load(), end);
  if (end < wanted) {
    uint64_t first_unused = (size + inode.block_size - 1) / inode.block_size;
    (void)take_back_blocks(inode, first_unused);
  }
  if (size != inode.size.load()) inode.fs().order_data(inode);
  set_raw_size(inode.raw, size);
  set_raw_times(inode.raw, current_time());
  inode.size.store(size);
  return store_inode(inode);
}

/// Writes one piece: up to kPieceSize bytes, within a run of so many pages. Bytes written.
Result<uint64_t> write_piece(Ext2Inode& inode, IoBuffer& buffer, uint64_t offset)
    REQUIRES(inode.lock) {
  Ext2FileSystem& fs = inode.fs();
  const uint64_t size = inode.size.load();
  const uint64_t wanted =
      std::min(offset + buffer.left(), align_down(offset, kPieceSize) + kPieceSize);
  // Faults are taken before the operation, which others may wait for; within it, only what is present is
  // copied.
  (void)buffer.touch(wanted - offset);
  Operation operation(fs.metadata);
  if (wanted > kMaxSmallFile) fs.mark_large_file();
  auto room = make_blocks(inode, offset, wanted);
  IoBuffer piece = buffer.without_faults();
  piece.limit(room.ok() ? *room - offset : 0);
  auto written = room.ok() ? write_cached(inode, piece, offset, size) : room.error();
  uint64_t count = written.ok() ? *written : 0;
  auto finished = finish_piece(inode, count == 0 ? size : offset + count, wanted);
  if (count == 0) drop_pages(inode, (size + kPageSize - 1) / kPageSize);
  TRY(std::move(written));
  TRY(finished);
  buffer.skip(count);
  return count;
}

}  // namespace

Result<uint64_t> Ext2Inode::read(File& file, IoBuffer& buffer, uint64_t offset) {
  if (type == FileType::kDirectory) return Errno::kEISDIR;
  if (type != FileType::kRegular) return Inode::read(file, buffer, offset);
  return read_cached(*this, buffer, offset, size.load(), &file.read_ahead);
}

Result<uint64_t> Ext2Inode::write(File& file, IoBuffer& buffer, uint64_t& offset) {
  if (type != FileType::kRegular) return Inode::write(file, buffer, offset);
  if (file_system.read_only) return Errno::kEROFS;
  uint64_t total = 0;
  Result<void> result;
  {
    ExclusiveGuard guard(lock);
    if (file.append()) offset = size.load();
    const uint64_t limit = fs().max_file_size();
    if (buffer.left() != 0 && offset >= limit) return Errno::kEFBIG;
    buffer.limit(limit - std::min(offset, limit));
    if (buffer.left() != 0) TRY(zero_beyond_end(*this, size.load(), offset));
    bool committed = false;
    unsigned touches = 0;
    while (buffer.left() != 0) {
      auto written = write_piece(*this, buffer, offset + total);
      if (written.ok()) {
        total += *written;
        // With the inode's lock held: write-back doesn't take it.
        balance_dirty_pages();
        continue;
      }
      result = written.error();
      // Perhaps the memory was taken away again after it was touched.
      const bool may_be_there = result.error() == Errno::kEFAULT && touches++ < kMaxTouches;
      if (may_be_there && buffer.touch(1).ok()) continue;
      if (committed || !commit_would_help(fs(), written.error())) break;
      committed = true;
      result = fs().metadata.commit();
      if (!result.ok()) break;
    }
  }
  if (total == 0 && !result.ok()) return result.error();
  if ((file.flags.load() & open_flag::kDataSync) != 0) TRY(sync());
  return total;
}

namespace {

Result<void> shrink(Ext2Inode& inode, uint64_t new_size) REQUIRES(inode.lock) {
  const uint64_t old_size = inode.size.load();
  const uint64_t first_page = (new_size + kPageSize - 1) / kPageSize;
  inode.size.store(new_size);
  if (!is_aligned(new_size, kPageSize)) {
    auto zeroed = zero_cached(inode, new_size, first_page * kPageSize);
    if (!zeroed.ok()) {
      inode.size.store(old_size);
      return zeroed;
    }
  }
  auto cut = cut_file(inode, new_size);
  // Whoever began to read before the size changed may have brought pages back.
  drop_pages(inode, first_page);
  return cut;
}

Result<void> extend(Ext2Inode& inode, uint64_t new_size) REQUIRES(inode.lock) {
  Ext2FileSystem& fs = inode.fs();
  TRY(zero_beyond_end(inode, inode.size.load(), new_size));
  Operation operation(fs.metadata);
  if (new_size > kMaxSmallFile) fs.mark_large_file();
  ExclusiveGuard guard(inode.map_lock);
  const RawInode before = inode.raw;
  set_raw_size(inode.raw, new_size);
  set_raw_times(inode.raw, current_time());
  auto stored = store_inode(inode);
  if (stored.ok()) {
    fs.order_data(inode);
    inode.size.store(new_size);
  } else {
    inode.raw = before;
  }
  return stored;
}

}  // namespace

Result<void> Ext2Inode::resize(uint64_t new_size) {
  if (type == FileType::kDirectory) return Errno::kEISDIR;
  if (type != FileType::kRegular) return Errno::kEINVAL;
  if (file_system.read_only) return Errno::kEROFS;
  if (new_size > fs().max_file_size()) return Errno::kEFBIG;
  return new_size < size.load() ? shrink(*this, new_size) : extend(*this, new_size);
}

Result<void> Ext2Inode::sync() {
  if (type != FileType::kRegular && type != FileType::kDirectory) return Inode::sync();
  if (file_system.read_only) return {};
  auto written = write_back(*this);
  auto committed = fs().metadata.commit();
  TRY(take_write_error(*this));
  TRY(written);
  return committed;
}

Result<void> Ext2Inode::locate_page(uint64_t index, std::span<uint64_t> sectors) {
  if (type != FileType::kRegular) return Inode::locate_page(index, sectors);
  const uint32_t sectors_per_block = fs().geometry.sectors_per_block();
  SharedGuard guard(map_lock);
  for (uint64_t i = 0; i < sectors.size(); i++) {
    auto block = map_block(*this, index * sectors.size() + i);
    if (!block.ok() && block.error() != Errno::kEFBIG) return block.error();
    bool hole = !block.ok() || block->value == 0;
    sectors[i] = hole ? kHole : block->value * sectors_per_block;
  }
  return {};
}

uint64_t Ext2Inode::page_limit() { return (size.load() + kPageSize - 1) / kPageSize; }

void Ext2Inode::on_dirty() { fs().add_dirty(*this); }

Result<void> Ext2Inode::prepare_write(uint64_t index) {
  if (file_system.read_only) return Errno::kEROFS;
  auto prepared = [&]() -> Result<void> {
    Operation operation(fs().metadata);
    return prepare_page(*this, index);
  };
  auto result = prepared();
  if (result.ok() || !commit_would_help(fs(), result.error())) return result;
  TRY(fs().metadata.commit());
  return prepared();
}

}  // namespace cairn::ext2
