// LAB A, items A1 and A2: the page table of one address space.
//
// x86-64 translates a virtual address by four tables of 512 entries, 8 bytes each. The address
// holds an index for each level (bits 47–39, 38–30, 29–21, 20–12) and the offset in the page. An
// entry of level 4, 3 or 2 points to the next table; an entry of level 1, or of level 2 with kHuge
// set, is a leaf and points to a frame of 4 KiB or to 2 MiB of contiguous memory.
// Source: Intel SDM 3A, "4-Level Paging and 5-Level Paging".
//
// The kernel half (entries 256–511 of the root) is built once at boot and shared by all tables:
// these functions serve the user half only and refuse any other address with EINVAL.
//
// Locks: a page table belongs to one AddressSpace. Callers hold its lock, alone; the functions take
// none. The processor reads and writes entries (accessed, dirty) at any time without one, which is
// why entries are atomic.
#pragma once

#include <array>
#include <cstdint>

#include "arch/cpu_set.h"
#include "arch/layout.h"
#include "arch/percpu.h"
#include "lib/result.h"
#include "lib/types.h"
#include "memory/frame.h"
#include "memory/page_table_entry.h"

namespace cairn {

class TlbGather;

/// The way from the root to where a translation ends.
struct PageWalk {
  /// entries[4] … entries[level]: the entry looked at on each level. The others mean nothing.
  std::array<PageTableEntry*, 5> entries;
  /// Where the walk ended: at a leaf (level 1, or 2 for 2 MiB), or at the first entry that isn't
  /// present; 0 if the address isn't in the user half.
  int level = 0;

  PageTableEntry& entry() const { return *entries[level]; }
  bool is_mapped() const { return level != 0 && entry().present(); }
  /// Bytes that the last entry covers: the size of the leaf, or of the hole around the address.
  uint64_t span() const { return 1ull << (kPageShift + 9 * (level - 1)); }
  PageSize page_size() const { return level == 2 ? PageSize::k2MiB : PageSize::k4KiB; }
  /// The address after everything that the last entry covers.
  VirtAddr end(VirtAddr address) const {
    return VirtAddr(align_down(address.value, span()) + span());
  }
};

class PageTable {
 public:
  /// A table with an empty user half and the kernel's upper half. ENOMEM.
  static Result<PageTable> create();
  /// Frees the root. Every page of the user half must have been unmapped, and no thread has the
  /// table for its own. Processors that still have it loaded, running kernel threads, leave it first:
  /// flush_tlb_everywhere(), so interrupts on, no spinlock held.
  ~PageTable();
  PageTable(PageTable&& other) noexcept : root_(other.root_) { other.root_ = PhysAddr(0); }
  PageTable& operator=(PageTable&&) = delete;

  /// Physical address of the level 4 table: what CR3 holds while this table is in use.
  PhysAddr root() const { return root_; }
  /// Loads this table on this processor, unless it is loaded already. Preemption disabled.
  void activate() const;
  /// Loads the kernel's own table instead. Preemption disabled.
  static void activate_kernel();
  /// Whether this processor has it loaded. Preemption disabled.
  bool is_active() const { return this_cpu().loaded_table == this; }
  /// The processors that have this table loaded, those included that run a kernel thread on it, which
  /// has no use for any user half: all that may hold translations of it. The order of updates is in
  /// memory/tlb.h.
  CpuSet active_cpus() const { return active_cpus_.load(); }

  // ---- LAB A1 (handouts/a-paging.md#a1) ------------------------------------------------------

  /// Walks from the root as far as there are tables. Allocates and changes nothing.
  /// `level` is 0 for an address outside the user half [0, kUserEnd).
  PageWalk walk_page_table(VirtAddr address) const;

  /// The leaf entry that maps `address`, of either size.
  /// ENOENT if nothing is mapped there, EINVAL outside the user half.
  Result<PageTableEntry*> get_page_table_entry(VirtAddr address) const;

  // ---- LAB A2 (handouts/a-paging.md#a2) ------------------------------------------------------

  /// Maps the page at `page` to the memory at `frame` with `flags` (of kPermissionBits; present is
  /// implied). Tables on the way are allocated as needed (allocate_table()) and must not restrict
  /// what leaves grant: user and writable set, no-execute clear.
  /// EEXIST if any part of the page is mapped; EINVAL if `page` or `frame` isn't aligned to `size`,
  /// the page isn't in the user half or `flags` has other bits; ENOMEM, leaving no trace: tables
  /// allocated on the way are freed again.
  /// Takes no reference on the frame: the caller hands over the one it has.
  /// A translation that wasn't present needs no flush.
  Result<void> map_page(VirtAddr page, PhysAddr frame, Pte flags, PageSize size = PageSize::k4KiB);

  /// Removes the page and returns the entry that mapped it, as it was when it went: the memory, whose
  /// reference goes to the caller, who drops it only after `gather` has flushed
  /// (TlbGather::put_frame()), and the flags, among them whether the page was accessed and dirty. Only
  /// one atomic operation stands between a processor's last write and that answer.
  /// A 4 KiB page inside a 2 MiB page: the 2 MiB page is split first (split_page()), its other
  /// pages stay.
  /// Tables left without a present entry are freed (TlbGather::free_table()), up to, not
  /// including, the root. Every translation removed is told to `gather`.
  /// ENOENT if nothing is mapped there; for 2 MiB also if only parts are; EINVAL as for map_page();
  /// ENOMEM if a split found no frame for its table, nothing changed.
  Result<EntryValue> unmap_page(VirtAddr page, TlbGather& gather, PageSize size = PageSize::k4KiB);

  /// Gives a mapped page another frame, other permissions or both. The bits that are yours (9–11,
  /// 52–58) stay as they were; accessed and dirty start clear, and the old entry, with what was set in
  /// it up to the exchange, is returned. Splits like unmap_page(). The old translation is told to
  /// `gather`, also if it was only widened (memory/tlb.h), unless nothing changed: then accessed and
  /// dirty stay, too. References are the caller's business. ENOENT, EINVAL, ENOMEM as unmap_page().
  Result<EntryValue> remap_page(VirtAddr page, PhysAddr frame, Pte flags, TlbGather& gather,
                                PageSize size = PageSize::k4KiB);

  /// Replaces a 2 MiB page by a table of 512 entries of 4 KiB that map the same memory with the same
  /// flags, your bits included, and accessed and dirty as they were up to the moment of replacement.
  /// `page` is any address in it. Nothing to do for a 4 KiB page.
  /// The old translation is told to `gather`. ENOENT, EINVAL; ENOMEM, nothing changed.
  Result<void> split_page(VirtAddr page, TlbGather& gather);

  /// Whether a translation for `address` is present. False outside the user half.
  bool is_mapped(VirtAddr address) const;

 private:
  explicit PageTable(PhysAddr root) : root_(root) {}
  friend void flush_tlb_here(const PageTable& table, VirtRange range);

  PhysAddr root_;
  mutable AtomicCpuSet active_cpus_;
  bool retired_ = false;  // nobody needs it any more: processors leave it when told to flush
};

/// A zeroed frame for a page table (use kPageTable). ENOMEM.
Result<PhysAddr> allocate_table();
/// Frees a table that no processor can be using: one that was never linked. A table that was goes
/// through TlbGather::free_table().
void free_table(PhysAddr table);

/// How many present entries the table in this frame holds. Kept for you with the frame, so that
/// nobody has to look at 512 entries to see whether a table is empty; starts at 0.
inline uint16_t& table_entry_count(PhysAddr table) {
  return frame_info(frame_of(table)).table_entries;
}

/// The kernel's own table, whose user half is empty. Complete once build_kernel_half() ran.
PhysAddr kernel_root();

}  // namespace cairn
