// The inodes of a tmpfs. For this subsystem only.
#pragma once

#include "lib/tree.h"
#include "vfs/memory_inode.h"
#include "vfs/name_ops.h"

namespace cairn {

class TmpFileSystem;
class TmpInode;

/// A name in a directory: in its trees by name and by position. Keeps the file.
struct TmpEntry {
  RefPtr<Inode> inode;
  uint64_t position = 0;  // where read_entry() finds it: they only go up, so listings stay valid
  TreeLink<TmpEntry> name_link;
  TreeLink<TmpEntry> position_link;
  ListLink gone_link;  // while the file system is taken apart
  uint16_t length = 0;
  char bytes[];

  std::string_view name() const { return {bytes, length}; }

  /// ENOMEM.
  static Result<TmpEntry*> create(std::string_view name);
  static void destroy(TmpEntry* entry);
};
inline std::string_view name_key(const TmpEntry& entry) { return entry.name(); }
inline uint64_t position_key(const TmpEntry& entry) { return entry.position; }
using TmpEntryList = List<TmpEntry, &TmpEntry::gone_link>;

class TmpInode final : public MemoryInode {
 public:
  TmpInode(TmpFileSystem& file_system, InodeNumber number, const NewFile& file);
  ~TmpInode() override;

  // Directories (tmp_directory.cc).
  Result<RefPtr<Inode>> lookup(std::string_view name) override REQUIRES_SHARED(lock);
  Result<bool> read_entry(uint64_t position, DirectoryEntry& entry) override REQUIRES_SHARED(lock);
  Result<RefPtr<Inode>> create(std::string_view name, const NewFile& file) override REQUIRES(lock);
  Result<void> link(std::string_view name, Inode& target) override REQUIRES(lock);
  Result<void> unlink(std::string_view name, Inode& victim) override REQUIRES(lock);
  Result<void> rename(std::string_view name, Inode& moved, Inode& target, std::string_view new_name,
                      Inode* victim) override REQUIRES(lock);
  /// Takes all entries out, when nobody uses the file system any more.
  void take_entries(TmpEntryList& entries);
  /// The directory that holds this one; of the root itself.
  RefPtr<Inode> parent();
  void set_parent(TmpInode& parent);
  /// A removed directory keeps the one that held it: ".." of a process that is still in it.
  void keep_parent() { kept_parent_ = parent(); }
  RefPtr<Inode> take_kept_parent() { return std::move(kept_parent_); }

  // Content (tmp_data.cc).
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t offset) override;
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t& offset) override;
  Result<void> resize(uint64_t new_size) override REQUIRES(lock);
  Result<uint64_t> read_link(std::span<char> buffer) override;
  Result<FrameNumber> bring_page(uint64_t offset, bool write) override;
  /// Frees the pages from `first` on.
  void free_pages(uint64_t first);

 private:
  TmpFileSystem& tmpfs() const;
  TmpEntry* find(std::string_view name) const REQUIRES_SHARED(lock);
  void add(TmpEntry& entry, TmpInode& inode) REQUIRES(lock);
  void remove(TmpEntry& entry) REQUIRES(lock);
  /// The victim of unlink or rename loses a name. ENOTEMPTY.
  Result<void> check_empty(TmpInode& victim) REQUIRES(lock);
  void drop_link(TmpInode& victim) REQUIRES(lock);
  /// The page of data, made if it isn't there. Writers hold `lock`, faults don't.
  Result<PageRef> page_for_writing(uint64_t index);

  static constexpr uint64_t kFirstPosition = 2;  // after "." and ".."
  static constexpr uint64_t kEntrySize = 20;     // bytes a name counts for in a directory's size
  static constexpr uint64_t kEmptySize = 2 * kEntrySize;

  Tree<TmpEntry, &TmpEntry::name_link, name_key> names_ GUARDED_BY(lock);
  Tree<TmpEntry, &TmpEntry::position_link, position_key> positions_ GUARDED_BY(lock);
  uint64_t next_position_ GUARDED_BY(lock) = kFirstPosition;
  TmpInode* parent_ = nullptr;         // protected by the file system's parents_lock
  RefPtr<Inode> kept_parent_;          // set once, by who removes the directory, with its lock held
  TreeLink<TmpInode> directory_link_;  // of directories, among all; protected by parents_lock, too

  friend class TmpFileSystem;
  char* target_ = nullptr;  // symbolic links; immutable
};

}  // namespace cairn
