// From a fault to its region. What then happens with the page is lab A's
// (labs/a-paging/copy_on_write.cc).
#include "address_space/page_fault.h"

#include "address_space/address_space.h"
#include "address_space/copy_on_write.h"
#include "metrics/counter.h"

namespace cairn {

CAIRN_COUNTER(page_fault_count, "faults.page");
CAIRN_COUNTER(stack_growth_count, "faults.stack_growth");

namespace {

/// The stack grows by at least this much, so that deep calls don't fault at every page.
constexpr uint64_t kStackGrowth = 64 * 1024;  // bytes
/// And keeps this distance from what lies below it.
constexpr uint64_t kStackGuard = 1 << 20;  // bytes

bool permits(const Access& access, const PageFault& fault) {
  if (fault.fetch) return access.execute;
  if (fault.write) return access.write;
  // The processor can't forbid reading what it may write or run.
  return access.read || access.write || access.execute;
}

}  // namespace

/// The stack region extended down to `address`, or null if there is none that may grow so far.
Region* AddressSpace::grow_stack(VirtAddr address) {
  Region* stack = regions_.lower_bound(address);
  if (stack == nullptr || !stack->grows_down || address < kUserStackTop - kUserStackSize)
    return nullptr;
  VirtAddr start(align_down(address.value, kPageSize));
  if (stack->range.start - start < kStackGrowth) start = stack->range.start - kStackGrowth;
  if (start < kUserStackTop - kUserStackSize) start = kUserStackTop - kUserStackSize;
  if (!is_free({start - kStackGuard, stack->range.start})) return nullptr;
  // Starting lower doesn't change its place among the others: nothing lies between.
  stack->range.start = start;
  regions_.refresh(*stack);
  stack_growth_count.increment();
  return stack;
}

FaultOutcome AddressSpace::handle_fault(const PageFault& fault) {
  page_fault_count.increment();
  if (!is_user_address(fault.address)) return FaultOutcome::kBadAddress;
  MutexGuard guard(lock);
  Region* region = region_at(fault.address);
  if (region == nullptr) region = grow_stack(fault.address);
  if (region == nullptr) return FaultOutcome::kBadAddress;
  if (!permits(region->access, fault)) return FaultOutcome::kNotAllowed;
  return handle_page_fault(*this, *region, fault);
}

}  // namespace cairn
