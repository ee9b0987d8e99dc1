// The content of a tmpfs's files. Only pages that were written exist; what is missing reads as zeros.
#include <algorithm>

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/heap.h"
#include "tmpfs/tmp_file_system.h"
#include "vfs/file.h"

namespace cairn {

namespace {
constexpr uint64_t kMaxSize = INT64_MAX;  // bytes
}

TmpInode::TmpInode(TmpFileSystem& file_system, InodeNumber number, const NewFile& file)
    : MemoryInode(file_system, number, file) {
  if (type == FileType::kDirectory) size = kEmptySize;
}

TmpInode::~TmpInode() { heap_free(target_); }

TmpFileSystem& TmpInode::tmpfs() const { return static_cast<TmpFileSystem&>(file_system); }

void TmpInode::free_pages(uint64_t first) { tmpfs().give_back_pages(drop_pages(*this, first)); }

Result<uint64_t> TmpInode::read(File& file, IoBuffer& buffer, uint64_t offset) {
  if (type != FileType::kRegular) return MemoryInode::read(file, buffer, offset);
  uint64_t end = size.load(), done = 0;
  if (offset >= end) return uint64_t(0);
  buffer.limit(end - offset);
  while (buffer.left() > 0) {
    uint64_t in_page = (offset + done) % kPageSize;
    uint64_t piece = std::min(buffer.left(), kPageSize - in_page);
    PageRef page = find_page(*this, (offset + done) / kPageSize);
    const void* from = page ? page->data() + in_page : direct_map(frame_address(zero_frame()));
    uint64_t moved = buffer.put_some(from, piece);
    done += moved;
    if (done == 0) return Errno::kEFAULT;
    if (moved < piece) break;
  }
  note_read();
  return done;
}

Result<PageRef> TmpInode::page_for_writing(uint64_t index) {
  PageRef page = find_page(*this, index);
  if (page) return page;
  TRY(tmpfs().take_page());
  bool created = false;
  auto fresh = new_page(*this, index, &created);
  if (!created) tmpfs().give_back_pages(1);  // a fault was faster, or there is no memory
  return fresh;
}

Result<FrameNumber> TmpInode::bring_page(uint64_t offset, bool write) {
  const uint64_t index = offset / kPageSize;
  if (index >= page_limit()) return Errno::kENXIO;
  // Also for who only reads: a hole that is mapped must be the page that others write to.
  PageRef page = TRY(page_for_writing(index));
  if (write) note_modified();
  frame_get(page->frame);
  return page->frame;
}

Result<uint64_t> TmpInode::write(File& file, IoBuffer& buffer, uint64_t& offset) {
  if (type != FileType::kRegular) return MemoryInode::write(file, buffer, offset);
  if (buffer.left() == 0) return uint64_t(0);
  ExclusiveGuard guard(lock);
  if (file.append()) offset = size.load();
  if (offset >= kMaxSize) return Errno::kEFBIG;
  buffer.limit(kMaxSize - offset);
  TRY(zero_beyond_end(*this, size.load(), offset));
  uint64_t done = 0;
  Result<void> failed;
  while (buffer.left() > 0) {
    uint64_t in_page = (offset + done) % kPageSize;
    uint64_t piece = std::min(buffer.left(), kPageSize - in_page);
    auto page = page_for_writing((offset + done) / kPageSize);
    if (!page.ok()) failed = page.error();
    uint64_t moved = page.ok() ? buffer.take_some((*page)->data() + in_page, piece) : 0;
    if (page.ok() && moved == 0) failed = Errno::kEFAULT;
    done += moved;
    if (moved < piece) break;
  }
  if (done != 0) {
    if (offset + done > size.load()) size = offset + done;
    note_modified();
  }
  if (done == 0 && !failed.ok()) return failed.error();
  return done;
}

Result<void> TmpInode::resize(uint64_t new_size) {
  if (new_size > kMaxSize) return Errno::kEFBIG;
  uint64_t old_size = size.load();
  TRY(zero_beyond_end(*this, old_size, new_size));
  size = new_size;
  if (new_size < old_size) {
    uint64_t kept = (new_size + kPageSize - 1) / kPageSize;
    free_pages(kept);
    uint64_t in_page = new_size % kPageSize;
    PageRef last = in_page != 0 ? find_page(*this, new_size / kPageSize) : PageRef();
    if (last) memset(last->data() + in_page, 0, kPageSize - in_page);
  }
  note_modified();
  return {};
}

Result<uint64_t> TmpInode::read_link(std::span<char> buffer) {
  if (type != FileType::kSymlink) return Errno::kEINVAL;
  uint64_t length = std::min<uint64_t>(size.load(), buffer.size());
  memcpy(buffer.data(), target_, length);
  return length;
}

}  // namespace cairn
