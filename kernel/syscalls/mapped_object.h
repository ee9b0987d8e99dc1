// What mmap maps but private memory: files and shared memory come with lab B
// (syscalls/lab_b/mapped_object.cc). Until then both are ENOSYS (standins/b.cc).
#pragma once

#include "address_space/address_space.h"

namespace cairn {

/// Has the region show the file behind `fd` from `offset` (bytes, page-aligned) on; request.access and
/// request.shared say how. EBADF; EACCES if the file isn't open for that; ENODEV for what can't be mapped;
/// EOVERFLOW beyond the largest file.
Result<void> show_file(RegionRequest& request, uint64_t fd, uint64_t offset);
/// Has the region show new memory that forked processes will share. ENOMEM.
Result<void> show_shared_memory(RegionRequest& request);

}  // namespace cairn
