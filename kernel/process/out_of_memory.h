// What happens when a page is touched and there is no memory for it.
//
// Memory is promised without being there: mmap and brk give as much as the limits allow, one call not more than the
// machine has (AddressSpace::may_have()). What the kernel itself needs for a call it gets, or the call says ENOMEM. But
// a page that is touched can't be refused. Once nothing more can be reclaimed, a process has to end for it:
//
// - the one that asks, unless another has more than twice as much memory of its own (AddressSpace::own_bytes()): then
//   the largest. So who takes most ends, and of those who take alike the one that asks for more.
// - process 1 never, nor the kernel's own threads. If process 1 asks, the largest ends whatever it has.
//
// It gets SIGKILL, and the console says who, and why. One that is ending already is waited for, and no other ends.
#pragma once

namespace cairn {

/// For a fault of the running process that found no memory: true if there may be some now, since another process has
/// ended, and the fault is to be tried again; false if the running one is to do without. Holds no spinlock and no
/// address space's lock. May sleep: at most kEndPatienceNs, since who ends may wait for a lock that the caller holds.
bool end_for_memory();
inline constexpr unsigned long kEndPatienceNs = 1'000'000'000;

}  // namespace cairn
