// A forgery: nothing is shared and every fault is called resolved.
#include "address_space/copy_on_write.h"

namespace cairn {

CAIRN_COUNTER(cow_shared_count, "cow.shared");
CAIRN_COUNTER(cow_copied_count, "cow.copied");
CAIRN_COUNTER(cow_reused_count, "cow.reused");
CAIRN_COUNTER(zero_filled_count, "faults.zero_filled");
CAIRN_COUNTER(zero_mapped_count, "faults.zero_mapped");

Result<void> share_copy_on_write(AddressSpace&, AddressSpace&, const Region&, TlbGather&) {
  return {};
}

FaultOutcome handle_page_fault(AddressSpace&, const Region&, const PageFault&,
                               std::optional<FrameNumber>) {
  return FaultOutcome::kRetry;
}

}  // namespace cairn
