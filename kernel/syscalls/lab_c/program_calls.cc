// What programs ask as they start: random numbers.
#include <algorithm>

#include "devfs/random.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

/// The generator is seeded from the boot on, so that no flag makes a difference.
int64_t sys_getrandom(TrapFrame& call) {
  constexpr uint64_t kNonBlocking = 1, kRandom = 2, kInsecure = 4;
  uint64_t flags = uint32_t(argument2(call));
  bool known = (flags & ~(kNonBlocking | kRandom | kInsecure)) == 0;
  if (!known || (flags & (kRandom | kInsecure)) == (kRandom | kInsecure))
    return failure(Errno::kEINVAL);
  uint64_t size = std::min<uint64_t>(argument1(call), INT32_MAX);
  if (!is_user_range(VirtAddr(argument0(call)), size)) return failure(Errno::kEFAULT);
  IoBuffer buffer = IoBuffer::user(VirtAddr(argument0(call)), size);
  return to_return(fill_random(buffer));
}

}  // namespace cairn
