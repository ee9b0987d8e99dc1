#include "tmpfs/tmpfs.h"

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "tmpfs/tmp_file_system.h"

namespace cairn {

namespace {
constexpr uint64_t kTmpMagic = 0x01021994;  // Linux, include/uapi/linux/magic.h
}

TmpFileSystem::TmpFileSystem(bool read_only)
    : FileSystem("tmpfs", nullptr, read_only),
      page_limit_(total_frame_count() / 2),
      inode_limit_(total_frame_count() / 2) {}

Result<void> TmpFileSystem::start() {
  root_ = TRY(create_inode({.type = FileType::kDirectory, .permissions = 01777}));
  auto& root = static_cast<TmpInode&>(*root_);
  root.links = 2;
  root.set_parent(root);
  return {};
}

FileSystemStatistics TmpFileSystem::statistics() {
  FileSystemStatistics result;
  result.type = kTmpMagic;
  result.block_size = kPageSize;
  result.blocks = page_limit_;
  result.free_blocks = result.available_blocks = page_limit_ - pages_.load();
  result.files = inode_limit_;
  result.free_files = inode_limit_ - inodes_.load();
  return result;
}

Result<void> TmpFileSystem::take_page() {
  if (pages_.fetch_add(1) < page_limit_) return {};
  pages_.fetch_sub(1);
  return Errno::kENOSPC;
}

Result<RefPtr<Inode>> TmpFileSystem::create_inode(const NewFile& file) {
  if (inodes_.fetch_add(1) >= inode_limit_) {
    inodes_.fetch_sub(1);
    return Errno::kENOSPC;
  }
  auto* inode = new_object<TmpInode>(*this, InodeNumber(last_number_.fetch_add(1) + 1), file);
  if (inode == nullptr) {
    inodes_.fetch_sub(1);
    return Errno::kENOMEM;
  }
  RefPtr<Inode> result = RefPtr<Inode>::adopt(inode);
  if (file.type == FileType::kDirectory) {
    Guard guard(parents_lock);
    directories_.insert(*inode);
  }
  if (file.type == FileType::kSymlink) {
    inode->target_ = static_cast<char*>(heap_allocate(file.target.size() + 1));
    if (inode->target_ == nullptr) return Errno::kENOMEM;  // `result` takes the inode with it
    memcpy(inode->target_, file.target.data(), file.target.size());
    inode->target_[file.target.size()] = '\0';
    inode->size = file.target.size();
  }
  return result;
}

RefPtr<Inode> TmpFileSystem::directory_at(InodeNumber number) {
  Guard guard(parents_lock);
  TmpInode* found = directories_.lower_bound(number);
  return Inode::try_share(found != nullptr && found->number == number ? found : nullptr);
}

void TmpFileSystem::delete_inode(Inode& inode) { static_cast<TmpInode&>(inode).free_pages(0); }

void TmpFileSystem::destroy_inode(Inode& inode) {
  auto& file = static_cast<TmpInode&>(inode);
  if (file.type == FileType::kDirectory) {
    Guard guard(parents_lock);
    directories_.remove(file);
  }
  file.free_pages(0);
  RefPtr<Inode> above = file.take_kept_parent();
  inodes_.fetch_sub(1);
  file.free_after_readers();
  // It may be the last user of the removed directory that held it, and so on up: a long chain, so each
  // one's own parent is taken before it goes.
  while (above) {
    RefPtr<Inode> next;
    bool goes = above->links.load() == 0 && above->references() == 1;
    if (goes) next = static_cast<TmpInode&>(*above).take_kept_parent();
    above = std::move(next);
  }
}

/// Directories are emptied one after the other, not one within the other: the tree may be deep.
Result<void> TmpFileSystem::shut_down() {
  TmpEntryList entries;
  if (root_) static_cast<TmpInode&>(*root_).take_entries(entries);
  while (TmpEntry* entry = entries.pop_front()) {
    if (entry->inode->type == FileType::kDirectory) {
      static_cast<TmpInode&>(*entry->inode).take_entries(entries);
    }
    TmpEntry::destroy(entry);
  }
  root_ = nullptr;
  return {};
}

Result<RefPtr<FileSystem>> open_tmpfs(BlockDevice*, bool read_only) {
  auto* raw = new_object<TmpFileSystem>(read_only);
  if (raw == nullptr) return Errno::kENOMEM;
  auto file_system = RefPtr<FileSystem>::adopt(raw);
  TRY(raw->start());
  return file_system;
}

}  // namespace cairn
