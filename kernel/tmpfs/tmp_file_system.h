// A tmpfs as a whole: how much it may hold. For this subsystem only.
#pragma once

#include "tmpfs/tmp_inode.h"

namespace cairn {

class TmpFileSystem final : public FileSystem {
 public:
  explicit TmpFileSystem(bool read_only);
  Result<void> start();

  Result<RefPtr<Inode>> root() override { return RefPtr<Inode>(root_); }
  FileSystemStatistics statistics() override;
  Result<void> shut_down() override;
  void delete_inode(Inode& inode) override;
  void destroy_inode(Inode& inode) override;
  RefPtr<Inode> directory_at(InodeNumber number) override;

  /// A file without a name yet. ENOSPC, ENOMEM.
  Result<RefPtr<Inode>> create_inode(const NewFile& file);

  /// One page more. ENOSPC when half of the memory is in use.
  Result<void> take_page();
  void give_back_pages(uint64_t count) { pages_.fetch_sub(count); }

  /// Which directory holds which, and which there are. Taken with nothing taken inside.
  Spinlock parents_lock{"tmpfs parents", LockRank::kPipe};

 private:
  const uint64_t page_limit_;
  const uint64_t inode_limit_;
  std::atomic<uint64_t> pages_{0};
  std::atomic<uint64_t> inodes_{0};
  std::atomic<uint64_t> last_number_{0};
  RefPtr<Inode> root_;
  static InodeNumber number_key(const TmpInode& inode) { return inode.number; }
  Tree<TmpInode, &TmpInode::directory_link_, number_key> directories_ GUARDED_BY(parents_lock);
};

}  // namespace cairn
