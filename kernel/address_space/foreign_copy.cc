#include "address_space/foreign_copy.h"

#include <algorithm>

#include "lib/string.h"

namespace cairn {

namespace {

/// `present`: there is a page, but not for this.
Result<void> bring_page(AddressSpace& space, VirtAddr at, bool write, bool present) {
  PageFault fault{.address = at, .present = present, .write = write, .user = true, .fetch = false};
  switch (space.handle_fault(fault)) {
    case FaultOutcome::kRetry: return {};
    case FaultOutcome::kOutOfMemory: return Errno::kENOMEM;
    default: return Errno::kEFAULT;
  }
}

/// Where `at` lies, if it may be used so now; null if its page must be brought first.
uint8_t* usable_byte(AddressSpace& space, VirtAddr at, bool write, bool& present)
    REQUIRES(space.lock) {
  PageWalk walk = space.page_table_locked().walk_page_table(at);
  present = walk.is_mapped();
  if (!present) return nullptr;
  Pte flags = walk.entry().flags();
  if (!has(flags, Pte::kUser) || (write && !has(flags, Pte::kWritable))) return nullptr;
  uint64_t offset = at.value % uint64_t(walk.page_size());
  return direct_map_as<uint8_t>(walk.entry().address()) + offset;
}

/// Does `move(bytes, done, size)` for each piece of [start, start + count) that lies in one page.
template <class Move>
Result<void> for_each_piece(AddressSpace& space, VirtAddr start, uint64_t count, bool write,
                            Move move) {
  if (!is_user_range(start, count)) return Errno::kEFAULT;
  for (uint64_t done = 0; done < count;) {
    VirtAddr at = start + done;
    uint64_t size = std::min(count - done, kPageSize - at.value % kPageSize);
    bool present;
    {
      MutexGuard guard(space.lock);
      if (uint8_t* bytes = usable_byte(space, at, write, present)) {
        move(bytes, done, size);
        done += size;
        continue;
      }
    }
    TRY(bring_page(space, at, write, present));  // it may go again before we look: then once more
  }
  return {};
}

}  // namespace

Result<void> copy_to_space(AddressSpace& space, VirtAddr to, const void* from, uint64_t count) {
  auto* source = static_cast<const uint8_t*>(from);
  return for_each_piece(space, to, count, true, [&](uint8_t* bytes, uint64_t done, uint64_t size) {
    memcpy(bytes, source + done, size);
  });
}

Result<void> copy_from_space(AddressSpace& space, void* to, VirtAddr from, uint64_t count) {
  auto* target = static_cast<uint8_t*>(to);
  return for_each_piece(
      space, from, count, false,
      [&](uint8_t* bytes, uint64_t done, uint64_t size) { memcpy(target + done, bytes, size); });
}

Result<void> zero_in_space(AddressSpace& space, VirtAddr start, uint64_t count) {
  return for_each_piece(space, start, count, true,
                        [](uint8_t* bytes, uint64_t, uint64_t size) { memset(bytes, 0, size); });
}

Result<uint64_t> string_size_in_space(AddressSpace& space, VirtAddr start, uint64_t most) {
  uint64_t size = 0;
  while (size < most) {
    VirtAddr at = start + size;
    uint64_t piece = std::min(most - size, kPageSize - at.value % kPageSize);
    const void* end = nullptr;
    uint64_t found = 0;
    TRY(for_each_piece(space, at, piece, false, [&](uint8_t* bytes, uint64_t, uint64_t count) {
      end = memchr(bytes, 0, count);
      if (end != nullptr) found = uint64_t(static_cast<const uint8_t*>(end) - bytes) + 1;
    }));
    if (end != nullptr) return size + found;
    size += piece;
  }
  return Errno::kEFAULT;
}

}  // namespace cairn
