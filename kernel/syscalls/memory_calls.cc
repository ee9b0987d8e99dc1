// mmap, munmap, mprotect, msync, madvise, mincore, mremap, brk.
#include <algorithm>

#include "address_space/address_space.h"
#include "address_space/user_copy.h"
#include "process/process.h"
#include "syscalls/arguments.h"
#include "syscalls/mapped_object.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/asm-generic/mman-common.h.
constexpr uint64_t kProtRead = 1, kProtWrite = 2, kProtExecute = 4;
constexpr uint64_t kMapShared = 0x01, kMapPrivate = 0x02, kMapSharedValidate = 0x03;
constexpr uint64_t kMapTypeMask = 0x0f;
constexpr uint64_t kMapFixed = 0x10, kMapAnonymous = 0x20, kMapHugeTlb = 0x40000;
constexpr uint64_t kMapFixedNoReplace = 0x100000;
constexpr uint64_t kMapNoReserve = 0x4000;
constexpr uint64_t kMap32Bit = 0x40, kMapGrowsDown = 0x100;  // not here
/// What MAP_SHARED_VALIDATE promises to know; for other types unknown bits mean nothing.
constexpr uint64_t kMapValidated = 0x7c07f973;
constexpr uint64_t kSyncAsync = 1, kSyncInvalidate = 2, kSyncWait = 4;

bool known_protection(uint64_t prot) {
  return (prot & ~(kProtRead | kProtWrite | kProtExecute)) == 0;
}
Access access_of(uint64_t prot) {
  return {(prot & kProtRead) != 0, (prot & kProtWrite) != 0, (prot & kProtExecute) != 0};
}

/// [address, address + length) rounded out to pages; EINVAL if it isn't in the user half.
Result<VirtRange> page_range(uint64_t address, uint64_t length) {
  if (!is_aligned(address, kPageSize) || !is_user_range(VirtAddr(address), length)) {
    return Errno::kEINVAL;
  }
  return VirtRange{VirtAddr(address), VirtAddr(align_up(address + length, kPageSize))};
}

}  // namespace

int64_t sys_mmap(TrapFrame& call) {
  uint64_t length = argument1(call), prot = argument2(call), flags = argument3(call);
  uint64_t offset = argument5(call), type = flags & kMapTypeMask;
  const bool file = (flags & kMapAnonymous) == 0;
  if (!is_aligned(offset, kPageSize) || !known_protection(prot)) return failure(Errno::kEINVAL);
  if (length == 0 && !file) return failure(Errno::kEINVAL);
  if (length > kUserEnd.value) return failure(Errno::kENOMEM);
  bool known = type == kMapPrivate || type == kMapShared || (file && type == kMapSharedValidate);
  RegionRequest request;
  request.address = VirtAddr(argument0(call));
  request.access = access_of(prot);
  request.fixed = (flags & (kMapFixed | kMapFixedNoReplace)) != 0;
  request.keep_others = (flags & kMapFixedNoReplace) != 0;
  request.huge = (flags & kMapHugeTlb) != 0;
  request.size = align_up(length, request.huge ? kHugePageSize : kPageSize);
  request.shared = type != kMapPrivate;
  request.reserve = (flags & kMapNoReserve) == 0;
  if (file) {
    auto shown = show_file(request, argument4(call), offset);
    if (!shown.ok()) return failure(shown.error());
  }
  if (!known || (flags & (kMap32Bit | kMapGrowsDown)) != 0) return failure(Errno::kEINVAL);
  if (type == kMapSharedValidate && (flags & ~kMapValidated) != 0)
    return failure(Errno::kEOPNOTSUPP);
  if (!file && request.shared) {
    auto shown = show_shared_memory(request);
    if (!shown.ok()) return failure(shown.error());
  }
  auto start = current_address_space()->map_region(request);
  return start.ok() ? int64_t((*start).value) : failure(start.error());
}

int64_t sys_munmap(TrapFrame& call) {
  if (argument1(call) == 0) return failure(Errno::kEINVAL);
  auto range = page_range(argument0(call), argument1(call));
  if (!range.ok()) return failure(range.error());
  return to_return(current_address_space()->unmap_range(*range));
}

int64_t sys_mprotect(TrapFrame& call) {
  if (!known_protection(argument2(call))) return failure(Errno::kEINVAL);
  if (!is_aligned(argument0(call), kPageSize)) return failure(Errno::kEINVAL);
  if (argument1(call) == 0) return 0;
  auto range = page_range(argument0(call), argument1(call));
  if (!range.ok()) return failure(Errno::kENOMEM);
  return to_return(current_address_space()->protect_range(*range, access_of(argument2(call))));
}

int64_t sys_msync(TrapFrame& call) {
  uint64_t start = argument0(call), length = argument1(call), flags = argument2(call);
  constexpr uint64_t kBoth = kSyncAsync | kSyncWait;
  bool known = (flags & ~(kBoth | kSyncInvalidate)) == 0 && (flags & kBoth) != kBoth;
  if (!known || !is_aligned(start, kPageSize)) return failure(Errno::kEINVAL);
  if (align_up(length, kPageSize) == 0) return 0;  // the largest, too, round to 0 on Linux
  auto range = page_range(start, length);
  if (!range.ok()) return failure(Errno::kENOMEM);
  bool wait = (flags & kSyncWait) != 0;
  return to_return(current_address_space()->write_back_range(*range, wait));
}

int64_t sys_madvise(TrapFrame& call) {
  // Source: Linux, include/uapi/asm-generic/mman-common.h. Of the others what is about huge pages, core dumps and
  // pages that aren't needed soon may be left undone.
  constexpr uint64_t kDontNeed = 4, kFree = 8;
  constexpr uint64_t kHeard = 0xf | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 20 | 1 << 21;
  uint64_t start = argument0(call), length = argument1(call);
  auto advice = uint32_t(argument2(call));
  bool drops = advice == kDontNeed || advice == kFree;
  bool known = drops || (advice < 64 && (kHeard >> advice & 1) != 0);
  if (!known || !is_aligned(start, kPageSize)) return failure(Errno::kEINVAL);
  if (length != 0 && align_up(length, kPageSize) == 0) return failure(Errno::kEINVAL);
  if (length == 0) return 0;
  auto range = page_range(start, length);
  if (!range.ok()) return failure(Errno::kENOMEM);
  AddressSpace& space = *current_address_space();
  return to_return(space.advise_range(*range, drops, advice == kFree));
}

int64_t sys_mincore(TrapFrame& call) {
  uint64_t start = argument0(call), to = argument2(call);
  if (!is_aligned(start, kPageSize)) return failure(Errno::kEINVAL);
  auto range = page_range(start, argument1(call));
  if (!range.ok()) return failure(Errno::kENOMEM);
  uint64_t left = range->size() / kPageSize;
  if (!is_user_range(VirtAddr(to), left)) return failure(Errno::kEFAULT);
  uint8_t present[128];
  for (VirtAddr at = range->start; left != 0;) {
    std::span noted(present, std::min<uint64_t>(left, sizeof(present)));
    auto done = current_address_space()->note_present_pages(at, noted);
    if (done.ok()) done = copy_to_user(VirtAddr(to), noted.data(), noted.size());
    if (!done.ok()) return failure(done.error());
    at += noted.size() * kPageSize;
    to += noted.size();
    left -= noted.size();
  }
  return 0;
}

int64_t sys_mremap(TrapFrame& call) {
  // Source: Linux, include/uapi/linux/mman.h.
  constexpr uint64_t kMayMove = 1, kFixed = 2;
  uint64_t start = argument0(call), flags = argument3(call), target = argument4(call);
  uint64_t old_size = align_up(argument1(call), kPageSize);
  uint64_t size = align_up(argument2(call), kPageSize);
  bool may_move = (flags & kMayMove) != 0, fixed = (flags & kFixed) != 0;
  if ((flags & ~(kMayMove | kFixed)) != 0 || (fixed && !may_move)) return failure(Errno::kEINVAL);
  if (!is_aligned(start, kPageSize) || size == 0) return failure(Errno::kEINVAL);
  if (fixed && (!is_aligned(target, kPageSize) || !is_user_range(VirtAddr(target), size)))
    return failure(Errno::kEINVAL);
  if (old_size == 0) return failure(Errno::kEINVAL);  // would show shared memory twice
  auto range = page_range(start, old_size);
  if (!range.ok()) return failure(Errno::kEFAULT);
  if (!is_user_range(VirtAddr(0), size)) return failure(Errno::kENOMEM);
  auto where = current_address_space()->remap_range(
      *range, size, may_move, fixed ? std::optional(VirtAddr(target)) : std::nullopt);
  return where.ok() ? int64_t((*where).value) : failure(where.error());
}

int64_t sys_brk(TrapFrame& call) {
  return int64_t(current_address_space()->set_break(VirtAddr(argument0(call))).value);
}

}  // namespace cairn
