// What commits (commit.h) ask of the rest of the file system.
#pragma once

#include "lib/result.h"

namespace cairn::ext2 {

/// One commit calls at a time.
class CommitClient {
 public:
  /// Writes the data of all files that are dirty. Takes no inode's lock, and drops no inode: the caller
  /// of commit() may hold the one, and deleting the other is an operation. The first error. May sleep.
  virtual Result<void> write_data() = 0;
  /// A transaction ends, no operation is running: what it freed is put aside; the superblock may change.
  virtual void seal() = 0;
  /// That transaction is complete on the device: what it freed can be taken again.
  virtual void release() = 0;
  /// The commit is over, its locks are not held.
  virtual void after_commit() = 0;

 protected:
  ~CommitClient() = default;
};

}  // namespace cairn::ext2
