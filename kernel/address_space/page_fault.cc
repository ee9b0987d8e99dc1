// From a fault to its region, and to the page of an object if it shows one. What then happens with
// private memory is lab A's (labs/a-paging/copy_on_write.cc).
//
// Threads of one process may fault at the same time, and while others map and unmap. The address
// space's lock is held while the region is looked at and the table changed: work on memory only, which
// never waits for a disk. Everything that may wait is done between two such looks with no lock held:
// bringing an object's page, and getting memory back. Regions may be others afterwards, so the second
// look finds the region anew, and takes the page only if it is still the one wanted.
#include "address_space/page_fault.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "address_space/address_space.h"
#include "address_space/copy_on_write.h"
#include "lib/assert.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "metrics/counter.h"

namespace cairn {

CAIRN_COUNTER(page_fault_count, "faults.page");
CAIRN_COUNTER(stack_growth_count, "faults.stack_growth");

namespace {

/// The stack grows by at least this much, so that deep calls don't fault at every page.
constexpr uint64_t kStackGrowth = 64 * 1024;  // bytes
/// And keeps this distance from what lies below it.
constexpr uint64_t kStackGuard = 1 << 20;  // bytes

/// Who reads a page of an object after the one before it mostly reads on. So the fault maps what follows it in the same
/// aligned piece, too, as far as it is in memory, which costs a fifth of a fault a page. Not so for who runs it: in a
/// program's text one jumps about, and pages mapped for nothing cost more than they save.
constexpr uint64_t kFaultAhead = 64 * 1024;  // bytes; at most what one table of level 1 maps

bool permits(const Access& access, const PageFault& fault) {
  if (fault.fetch) return access.execute;
  if (fault.write) return access.write;
  // The processor can't forbid reading what it may write or run.
  return access.read || access.write || access.execute;
}

}  // namespace

/// The page of an object that a fault is about: wanted, or brought.
struct AddressSpace::BroughtPage {
  MemoryObject* object = nullptr;
  RefPtr<ObjectKeeper> keeper;
  RefPtr<ObjectKeeper> replaced;  // of what was wanted before; dropped with no lock held
  uint64_t offset = 0;            // bytes
  bool write = false;             // through a shared mapping
  FrameNumber frame{};            // with a reference; 0: not brought

  ~BroughtPage() { drop_frame(); }
  FrameNumber take_frame() { return std::exchange(frame, FrameNumber(0)); }
  void drop_frame() {
    if (frame.value != 0) frame_put(take_frame());
  }
  /// Whether it was brought for `region`, to be used as the fault wants it.
  bool is_for(const Region& region, VirtAddr at, bool to_write) const {
    return frame.value != 0 && object == region.object && offset == region.object_offset_of(at) &&
           write == to_write;
  }
  void want(const Region& region, VirtAddr at, bool to_write) {
    if (object != region.object) {
      replaced = std::move(keeper);
      keeper = region.keeper;
      object = region.object;
    }
    offset = region.object_offset_of(at);
    write = to_write;
  }
  /// Brings it; no outcome if it is there.
  std::optional<FaultOutcome> bring() {
    replaced = nullptr;
    drop_frame();
    auto brought = object->bring_page(offset, write);
    if (!brought.ok()) {
      bool memory = brought.error() == Errno::kENOMEM;
      return memory ? FaultOutcome::kOutOfMemory : FaultOutcome::kBusError;
    }
    frame = *brought;
    return std::nullopt;
  }
};

/// The stack region extended down to `address`, or null if there is none that may grow so far.
Region* AddressSpace::grow_stack(VirtAddr address) {
  Region* stack = regions_.lower_bound(address);
  uint64_t limit = align_down(std::min(current_memory_limits().stack, kUserStackSize), kPageSize);
  const VirtAddr lowest = kUserStackTop - limit;
  if (stack == nullptr || !stack->grows_down || address < lowest) return nullptr;
  VirtAddr start(align_down(address.value, kPageSize));
  if (stack->range.start - start < kStackGrowth) start = stack->range.start - kStackGrowth;
  if (start < lowest) start = lowest;
  if (!is_free({start - kStackGuard, stack->range.start})) return nullptr;
  if (!may_have(stack->range.start - start, 0)) return nullptr;
  // Starting lower doesn't change its place among the others: nothing lies between.
  stack->range.start = start;
  regions_.refresh(*stack);
  stack_growth_count.increment();
  return stack;
}

FaultOutcome AddressSpace::handle_fault(const PageFault& fault) {
  page_fault_count.increment();
  if (!is_user_address(fault.address)) return FaultOutcome::kBadAddress;
  std::optional<BroughtPage> page;
  for (unsigned reclaims = 0;;) {
    auto outcome = resolve_fault(fault, page);
    if (!outcome) outcome = page->bring();
    if (!outcome) continue;
    if (*outcome != FaultOutcome::kOutOfMemory) return *outcome;
    // Each time somebody's memory was freed, if perhaps taken by others before us.
    if (reclaims++ == kMaxReclaims || !reclaim_frames()) return FaultOutcome::kOutOfMemory;
  }
}

/// One look, with the lock. No outcome: `page`, which is there then, is to be brought first.
std::optional<FaultOutcome> AddressSpace::resolve_fault(const PageFault& fault,
                                                        std::optional<BroughtPage>& page) {
  MutexGuard guard(lock);
  Region* region = region_at(fault.address);
  if (region == nullptr) region = grow_stack(fault.address);
  if (region == nullptr) return FaultOutcome::kBadAddress;
  if (!permits(region->access, fault)) return FaultOutcome::kNotAllowed;
  if (region->object != nullptr) return resolve_object_fault(*region, fault, page);
  return handle_page_fault(*this, *region, fault, std::nullopt);
}

std::optional<FaultOutcome> AddressSpace::resolve_object_fault(Region& region,
                                                               const PageFault& fault,
                                                               std::optional<BroughtPage>& page) {
  VirtAddr at(align_down(fault.address.value, kPageSize));
  PageWalk walk = table_.walk_page_table(at);
  const bool mapped = walk.is_mapped();
  if (mapped && !region.shared) return handle_page_fault(*this, region, fault, std::nullopt);
  const bool to_write = region.shared && fault.write;
  if (mapped && (!to_write || has(walk.entry().flags(), Pte::kWritable))) {
    return FaultOutcome::kRetry;  // another thread was faster
  }
  bool brought = page && page->is_for(region, at, to_write) &&
                 region.object->confirm_page(page->offset, page->frame, to_write);
  if (!brought) {
    if (!page) page.emplace();
    page->want(region, at, to_write);
    return std::nullopt;
  }
  FaultOutcome outcome = region.shared
                             ? map_shared_page(region, at, page->take_frame(), to_write)
                             : handle_page_fault(*this, region, fault, page->take_frame());
  if (outcome == FaultOutcome::kRetry && !fault.write && !fault.fetch) map_ahead(region, at);
  return outcome;
}

/// Not where a process may write privately: there pages are mostly written first, and then copied at once.
void AddressSpace::map_ahead(const Region& region, VirtAddr at) {
  if (!region.shared && region.access.write) return;
  if (at == region.range.start || !table_.is_mapped(at - kPageSize)) return;
  const PageWalk walk = table_.walk_page_table(at);
  if (walk.level != 1 || !walk.is_mapped()) return;
  const PageTableEntry* entry = &walk.entry();
  VirtAddr piece_end(align_down(at.value, kFaultAhead) + kFaultAhead);
  VirtAddr end = std::min(piece_end, region.range.end);
  for (PageFault ahead{at + kPageSize, false, false, true, false}; ahead.address < end;
       ahead.address += kPageSize) {
    if ((++entry)->present()) continue;
    FrameNumber frame = region.object->present_page(region.object_offset_of(ahead.address));
    if (frame.value == 0) return;
    FaultOutcome outcome = region.shared ? map_shared_page(region, ahead.address, frame, false)
                                         : handle_page_fault(*this, region, ahead, frame);
    if (outcome != FaultOutcome::kRetry) return;
  }
}

/// Maps the object's own page, whose reference is handed over, or widens the entry that maps it.
FaultOutcome AddressSpace::map_shared_page(const Region& region, VirtAddr at, FrameNumber frame,
                                           bool write) {
  // Not writable before it is written to, so that the object learns of it.
  Pte read_only = without(region.page_flags(), Pte::kWritable);
  PageWalk walk = table_.walk_page_table(at);
  if (!walk.is_mapped()) {
    Pte flags = write ? region.page_flags() : read_only;
    if (table_.map_page(at, frame_address(frame), flags).ok()) return FaultOutcome::kRetry;
    frame_put(frame);
    return FaultOutcome::kOutOfMemory;
  }
  if (walk.entry().address() == frame_address(frame)) {
    frame_put(frame);  // the entry has a reference
  } else {
    // A page that has left the object, to which the walk that unmaps it hasn't come yet.
    TlbGather gather(table_);
    auto old = table_.remap_page(at, frame_address(frame), read_only, gather);
    ASSERT(old.ok());  // a whole page that is mapped: nothing to allocate
    gather.put_frame(old->address());
  }
  if (write) (void)walk.entry().add(Pte::kWritable);
  return FaultOutcome::kRetry;
}

}  // namespace cairn
