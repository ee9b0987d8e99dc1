// An inode whose attributes live in memory only: of pipes, devfs, tmpfs.
#pragma once

#include "vfs/inode.h"

namespace cairn {

/// Makes the change to attributes that are kept in memory, at the time `now`. The caller's lock.
void apply_change(Attributes& attributes, const AttributeChange& change, Timestamp now);

class MemoryInode : public Inode {
 public:
  MemoryInode(FileSystem& file_system, InodeNumber number, const NewFile& file);
  ~MemoryInode() override = default;

  Attributes attributes() override;
  Result<void> set_attributes(const AttributeChange& change) override REQUIRES(lock);

  /// The content changed now.
  void note_modified();
  /// It was read: told only if nobody has read it since it changed, as Linux's relatime has it.
  void note_read();
  /// Only the inode did: its links.
  void note_changed();

 private:
  Spinlock attributes_lock_{"attributes", LockRank::kPipe};
  Attributes attributes_ GUARDED_BY(attributes_lock_);  // all but links, size, sectors
};

}  // namespace cairn
