#include "ext2/mount_state.h"

#include "time/clock.h"

namespace cairn::ext2 {

namespace {

uint32_t now() {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  return uint32_t(realtime_ns() / kNanosecondsPerSecond);
}

}  // namespace

// As Linux does: a file system that was not clean when it was mounted isn't when it is unmounted.
void MountState::mark(bool clean) {
  Operation operation(metadata_);
  Superblock& superblock = metadata_.superblock();
  const uint16_t errors = metadata_.has_errors() ? kStateErrors : superblock.state & kStateErrors;
  if (clean) {
    superblock.state = uint16_t(errors | (clean_when_mounted_ ? kStateClean : 0));
  } else {
    clean_when_mounted_ = (superblock.state & kStateClean) != 0;
    superblock.state = errors;
    superblock.mount_count++;
    superblock.mount_time = now();
  }
  superblock.write_time = now();
  metadata_.want_commit();
  writing_.store(!clean);
}

void MountState::seal() {
  if (!writing_.load()) return;
  if (metadata_.has_errors()) metadata_.superblock().state |= kStateErrors;
  metadata_.superblock().write_time = now();
}

}  // namespace cairn::ext2
