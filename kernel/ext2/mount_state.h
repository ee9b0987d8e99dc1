// What the superblock says of the whole: in use or clean, damaged or not, when it was mounted and written.
#pragma once

#include "ext2/commit.h"

namespace cairn::ext2 {

class MountState {
 public:
  explicit MountState(MetadataStore& metadata) : metadata_(metadata) {}

  /// Clean, or in use: mounted for writing. Takes an operation; the next commit writes it.
  void mark(bool clean);
  /// For CommitClient.
  void seal();

 private:
  MetadataStore& metadata_;
  bool clean_when_mounted_ = false;
  std::atomic<bool> writing_{false};  // marked as in use
};

}  // namespace cairn::ext2
