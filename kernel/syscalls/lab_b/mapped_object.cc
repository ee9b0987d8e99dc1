// Files and shared memory in address spaces.
#include "syscalls/mapped_object.h"

#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "page_cache/shared_memory.h"
#include "special_files/device_file.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

/// /dev/zero: memory as without a file.
bool maps_zeros(Inode& inode) {
  if (inode.type != FileType::kCharacterDevice) return false;
  const CharacterDevice* device = find_character_device(inode.attributes().device);
  return device != nullptr && device->maps_zeros;
}

}  // namespace

Result<void> show_file(RegionRequest& request, uint64_t fd, uint64_t offset) {
  RefPtr<File> file = TRY(usable_file(fd));
  if (request.size == 0) return Errno::kEINVAL;
  if (offset + request.size < offset || offset + request.size > uint64_t(INT64_MAX)) {
    return Errno::kEOVERFLOW;
  }
  // Private pages begin as the file's, so that needs reading, whatever the access.
  if (!file->readable) return Errno::kEACCES;
  if (request.shared && request.access.write && !file->writable) return Errno::kEACCES;
  if (request.shared && file->writable && file->inode().protection != 0) return Errno::kEACCES;
  if (maps_zeros(file->inode()))
    return request.shared ? show_shared_memory(request) : Result<void>();
  if (file->inode().type != FileType::kRegular) return Errno::kENODEV;
  if (file->inode().file_system.changes_by_itself) return Errno::kENODEV;  // it has no pages
  request.may_write = !request.shared || file->writable;
  request.kind = RegionKind::kFile;
  request.object = &file->inode();
  request.object_offset = offset;
  request.keeper = RefPtr<ObjectKeeper>::share(file.get());
  return {};
}

Result<void> show_shared_memory(RegionRequest& request) {
  if (request.reserve && request.size > total_frame_count() * kPageSize) return Errno::kENOMEM;
  auto* memory = new_object<SharedMemory>(request.size / kPageSize);
  if (memory == nullptr) return Errno::kENOMEM;
  request.object = memory;
  request.keeper = RefPtr<ObjectKeeper>::adopt(memory);
  return {};
}

}  // namespace cairn
