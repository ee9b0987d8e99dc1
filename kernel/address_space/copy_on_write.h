// LAB A, item A4: fork shares memory, and a write separates it.
//
// fork gives the child every page of the parent without copying: both map the same frames, write-
// protected. The first write to such a page faults; the fault handler copies the page for the
// writer, unless the writer is the last one that has it. Kernel code that writes to user memory
// (address_space/user_copy.h) runs with CR0.WP set, so it takes the same faults and gets the same
// treatment.
#pragma once

#include <optional>

#include "address_space/address_space.h"
#include "memory/tlb.h"
#include "metrics/counter.h"

namespace cairn {

extern Counter cow_shared_count;   // 4 KiB pages that fork shared and write-protected
extern Counter cow_copied_count;   // pages copied for a writer
extern Counter cow_reused_count;   // pages whose last sharer wrote in place, without a copy
extern Counter zero_filled_count;  // pages that a first touch filled with zeros
extern Counter zero_mapped_count;  // pages that a first read mapped to the shared zero page

// ---- LAB A4 (handouts/a-paging.md#a4) --------------------------------------------------------

/// Shares all mapped pages of `region` with the child at the same addresses, for fork.
/// Writable pages become read-only in both and carry your copy-on-write bit in both; the others are
/// mapped as they are. 2 MiB pages stay 2 MiB pages. Each page shared gets a reference for each of
/// its 4 KiB frames. The parent's narrowed translations go to `gather`, which the caller flushes
/// before it gives up the parent's lock: until then threads of the parent may write to what is shared,
/// and the child doesn't run.
/// ENOMEM: what was shared so far stays mapped in the child, which the caller destroys; the
/// parent then still works, its pages being separated by its next writes without a copy.
/// Locks: both address spaces' locks.
Result<void> share_copy_on_write(AddressSpace& parent, AddressSpace& child, const Region& region,
                                 TlbGather& gather) REQUIRES(parent.lock, child.lock);

/// Makes the page at `fault.address` usable for the access that faulted. The caller has found the
/// region, which is private, and seen that it permits the access. If the region shows an object (a
/// program, a file) and nothing is mapped there, he has brought that page of it: `page`, a frame with
/// one reference, which is handed over. Otherwise there is none. Cases:
///  - nothing mapped, and `page`: for a read it is mapped, read-only, since it is the object's; a write
///    gets a copy of its own.
///  - nothing mapped, no `page`: zeros: the shared zero page read-only for a read, a fresh zeroed
///    frame for a write.
///  - nothing mapped in a region of 2 MiB pages: a zeroed 2 MiB page, if one can be had, else 4 KiB.
///  - a write to a page mapped read-only: it is shared, or was (fork), or mprotect narrowed it. A
///    frame with one reference is written in place; otherwise the page is copied and the old
///    frame's reference dropped. A shared 2 MiB page is split, and only the 4 KiB written copied.
///    The old translation is flushed before the copy becomes writable (memory/tlb.h).
///  - the page is mapped as wanted: another thread was faster, or the translation was stale, and the
///    fault itself has made the processor forget it. Nothing to do.
/// kRetry, or kOutOfMemory with nothing changed and no reference left over: the caller then has memory
/// reclaimed, with no lock held, and calls again with what he finds there.
/// Runs the same for user code and for the kernel on its behalf (fault.user false).
/// Locks: the address space's lock. Threads that fault at the same time come one after the other. It
/// works on memory only, and waits for no disk.
FaultOutcome handle_page_fault(AddressSpace& space, const Region& region, const PageFault& fault,
                               std::optional<FrameNumber> page) REQUIRES(space.lock);

}  // namespace cairn
