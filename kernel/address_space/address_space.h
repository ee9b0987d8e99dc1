// The memory of a process: its regions, what they promise, and its page table, what has been used
// of it so far.
#pragma once

#include <atomic>
#include <optional>

#include "address_space/page_fault.h"
#include "address_space/region.h"
#include "lib/format.h"
#include "lib/ref_ptr.h"
#include "memory/page_table.h"
#include "memory/tlb.h"
#include "sched/mutex.h"

namespace cairn {

/// What map_region() is to make.
struct RegionRequest {
  VirtAddr address{};  // where, or a wish; 0: anywhere
  uint64_t size = 0;   // bytes, a multiple of the page size
  Access access;
  RegionKind kind = RegionKind::kAnonymous;
  bool fixed = false;        // exactly there, replacing what is there
  bool keep_others = false;  // with fixed: EEXIST rather than replace
  bool grows_down = false;
  bool huge = false;
  bool shared = false;    // with an object
  bool reserve = true;    // false: it may promise more than the machine has
  bool may_write = true;  // false: mprotect must not permit writing
  MemoryObject* object = nullptr;
  RefPtr<ObjectKeeper> keeper{};
  uint64_t object_offset = 0;  // bytes, page-aligned
};

/// Where exec put a program's arguments and its environment: strings, each with its NUL, one behind the other.
struct ProgramStrings {
  VirtRange arguments, environment;
};

/// How much memory the running process may have, in bytes; a kernel thread as much as there is. Implemented in process.
struct MemoryLimits {
  uint64_t total = UINT64_MAX, data = UINT64_MAX, stack = kUserStackSize;
};
MemoryLimits current_memory_limits();

class DetachedRegions;

class AddressSpace : public RefCounted<AddressSpace> {
 public:
  /// Empty. ENOMEM.
  static Result<RefPtr<AddressSpace>> create();
  ~AddressSpace();

  const PageTable& page_table() const { return table_; }
  PageTable& page_table_locked() REQUIRES(lock) { return table_; }

  /// Makes a region; nothing is mapped until it is touched. ENOMEM, also for a fixed address beyond
  /// the user half, and beyond the limits; EPERM for the null page; EINVAL, EEXIST.
  Result<VirtAddr> map_region(const RegionRequest& request) EXCLUDES(lock);
  /// Removes all pages and regions in the range; parts of regions too. EINVAL, ENOMEM.
  Result<void> unmap_range(VirtRange range) EXCLUDES(lock);
  /// Changes the access of the whole range. ENOMEM if part of it belongs to no region, or it would be more data than
  /// there may be; EACCES for writing where a region says no.
  Result<void> protect_range(VirtRange range, Access access) EXCLUDES(lock);
  /// The same for the whole region that holds `inside`, as far as it has grown. ENOMEM if there is none.
  Result<void> protect_region(VirtAddr inside, Access access) EXCLUDES(lock);

  /// Where the program break starts; once, when a program is loaded.
  void set_break_start(VirtAddr start) EXCLUDES(lock);
  /// brk: moves the break if it can; returns where it is.
  VirtAddr set_break(VirtAddr wanted) EXCLUDES(lock);

  /// A copy for fork, sharing all pages copy-on-write. ENOMEM.
  Result<RefPtr<AddressSpace>> fork() EXCLUDES(lock);

  /// Finds the fault's region, checks the access, grows the stack, and has the page made present:
  /// brings it if it is an object's, maps it itself if it is shared, and has lab A serve private memory
  /// (address_space/copy_on_write.h). Any number of threads may be in it at once, while others map and
  /// unmap. May sleep and wait for a disk: the caller holds no lock that bringing a page takes
  /// (MemoryObject::bring_page()), and no spinlock.
  FaultOutcome handle_fault(const PageFault& fault) EXCLUDES(lock);

  /// Whether the kernel may read (or write) the whole range for the process. Mostly the MMU decides
  /// that; but pages without any access are mapped out of the user's reach only, so an address space
  /// that has some is asked here first.
  bool permits_kernel_access(VirtAddr start, uint64_t size, bool write) EXCLUDES(lock) {
    return !has_hidden_pages_.load(std::memory_order_relaxed) || regions_permit(start, size, write);
  }

  /// What is known at an address, and to others who share it at theirs: the number of a memory object, and where in it;
  /// for memory that is this address space's alone, 0 and the address. EFAULT: it belongs to no region, or can't be read; or
  /// is memory without an object that can't be written. The page itself isn't looked at.
  struct SharedPlace {
    uint64_t object, offset;
  };
  Result<SharedPlace> shared_place(VirtAddr address) EXCLUDES(lock);

  /// Notes of the pages from `start` on whether each is in memory: 1 if it is mapped, or the object that is to be seen
  /// there has it. ENOMEM: one belongs to no region.
  Result<void> note_present_pages(VirtAddr start, std::span<uint8_t> present) EXCLUDES(lock);

  /// Notes, as a program starts, where its strings are, and which object its lowest region shows: for those who ask
  /// later, whatever it does to its memory. A fork inherits both.
  void note_program(const ProgramStrings& strings) EXCLUDES(lock);
  ProgramStrings program_strings() EXCLUDES(lock);
  /// Keeps what the program was loaded from; null: nothing that needs to be kept.
  RefPtr<ObjectKeeper> program_keeper() EXCLUDES(lock);

  /// A line a region.
  void print_regions(Writer& out) EXCLUDES(lock);
  /// Calls use(const Region&) for each in order of address, with the lock held.
  template <class Use>
  void for_each_region(Use use) EXCLUDES(lock);
  /// 4 KiB pages mapped, and frames that hold its page tables (the root included).
  struct Usage {
    uint64_t pages;
    uint64_t tables;
    uint64_t file_pages = 0;  // of `pages`: the page cache's
    uint64_t zero_pages = 0;  // of `pages`: the zero page, which is nobody's memory
  };
  Usage usage() EXCLUDES(lock);
  /// Bytes of memory that it has of its own: pages that hold what it wrote, those too that a fork still shares.
  uint64_t own_bytes() EXCLUDES(lock);

  /// mremap: `range`, which lies in one region, becomes `size` bytes long, and goes on to show what it showed. Where it
  /// can't grow it moves, with `to` in any case: there, to replace what is there, or with 0 to where there is room;
  /// without `may_move` nothing moves. EFAULT: it isn't in one region; EINVAL: in one of 2 MiB pages, or where it is
  /// to go isn't apart from it; EPERM for the null page; ENOMEM, the range as it was but perhaps for what it was to lose.
  Result<VirtAddr> remap_range(VirtRange range, uint64_t size, bool may_move,
                               std::optional<VirtAddr> to) EXCLUDES(lock);
  /// madvise: with `drop`, the pages in the range are let go, and begin again as they began: zeros, or what the object
  /// has; `private_only`: EINVAL where the memory isn't a process's alone. ENOMEM if part of the range belongs to no
  /// region (the rest is done nevertheless), or no page table could be had.
  Result<void> advise_range(VirtRange range, bool drop, bool private_only) EXCLUDES(lock);
  /// msync: with `wait`, returns when what was written to the shared regions in the range is on the
  /// device; it gets there some time in any case. ENOMEM if part of the range belongs to no region; EIO.
  /// May sleep.
  Result<void> write_back_range(VirtRange range, bool wait) EXCLUDES(lock);

  // MemoryObject's walks do these here, where regions in `range` show the pages.
  void unmap_object_pages(const ObjectPages& pages, VirtRange range) EXCLUDES(lock);
  void unmap_object_frame(const ObjectPages& wanted, VirtRange range, FrameNumber frame)
      EXCLUDES(lock);
  void protect_object_pages(const ObjectPages& pages, VirtRange range) EXCLUDES(lock);
  bool take_object_accessed(const ObjectPages& wanted, VirtRange range, FrameNumber frame)
      EXCLUDES(lock);

  /// Protects everything below, page table included. Held for work on memory only: its holder never
  /// waits for a disk, nor for a lock of a file system; so it may be taken with any of these held.
  Mutex lock{"address space", LockRank::kAddressSpace};

 private:
  explicit AddressSpace(PageTable table) : table_(std::move(table)) {}

  struct BroughtPage;  // page_fault.cc

  std::optional<FaultOutcome> resolve_fault(const PageFault& fault,
                                            std::optional<BroughtPage>& page) EXCLUDES(lock);
  std::optional<FaultOutcome> resolve_object_fault(Region& region, const PageFault& fault,
                                                   std::optional<BroughtPage>& page) REQUIRES(lock);
  void map_ahead(const Region& region, VirtAddr at) REQUIRES(lock);
  FaultOutcome map_shared_page(const Region& region, VirtAddr at, FrameNumber frame, bool write)
      REQUIRES(lock);
  bool regions_permit(VirtAddr start, uint64_t size, bool write) EXCLUDES(lock);
  Region* region_at(VirtAddr address) const REQUIRES(lock);
  Region* grow_stack(VirtAddr address) REQUIRES(lock);
  bool is_free(VirtRange range) const REQUIRES(lock);
  uint64_t bytes_in(VirtRange range) const REQUIRES(lock);
  Result<void> make_room(const Region& region, bool reserve, DetachedRegions& detached)
      REQUIRES(lock);
  bool may_have(uint64_t bytes, uint64_t data, bool reserve = true) const REQUIRES(lock);
  Result<void> split_at(VirtAddr address, TlbGather& gather) REQUIRES(lock);
  Result<void> unmap_locked(VirtRange range, DetachedRegions& detached) REQUIRES(lock);
  void insert_region(Region& region) REQUIRES(lock);
  void set_end(Region& region, VirtAddr end) REQUIRES(lock);
  Result<void> move_pages(VirtRange from, VirtRange to, DetachedRegions& detached) REQUIRES(lock);
  Result<void> show_pages_at(VirtRange from, VirtAddr to) REQUIRES(lock);
  template <class Use>
  void for_each_object_page(const ObjectPages& wanted, VirtRange range, Use use) REQUIRES(lock);
  void unmap_pages(VirtRange range, TlbGather& gather) REQUIRES(lock);
  void narrow_pages(const Region& region, TlbGather& gather) REQUIRES(lock);
  Result<VirtAddr> place(const RegionRequest& request) const REQUIRES(lock);

  PageTable table_;
  std::atomic<bool> has_hidden_pages_{false};  // set by the first mprotect to no access
  RegionTree regions_ GUARDED_BY(lock);
  VirtAddr break_start_ GUARDED_BY(lock){};
  VirtAddr break_ GUARDED_BY(lock){};
  ProgramStrings strings_ GUARDED_BY(lock){};
  RefPtr<ObjectKeeper> program_ GUARDED_BY(lock);
};

template <class Use>
void AddressSpace::for_each_region(Use use) {
  MutexGuard guard(lock);
  for (const Region* region = regions_.first(); region != nullptr; region = regions_.next(*region))
    use(*region);
}

/// The address space of the running process, null in a kernel thread. Implemented in process.
AddressSpace* current_address_space();

}  // namespace cairn
