// An alternative to labs/a-paging/copy_on_write.cc: fork goes down the parent's tables itself
// instead of asking for one page after the other, and bit 58 marks copy-on-write.
#include "address_space/copy_on_write.h"

#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"

namespace cairn {

CAIRN_COUNTER(cow_shared_count, "cow.shared");
CAIRN_COUNTER(cow_copied_count, "cow.copied");
CAIRN_COUNTER(cow_reused_count, "cow.reused");
CAIRN_COUNTER(zero_filled_count, "faults.zero_filled");
CAIRN_COUNTER(zero_mapped_count, "faults.zero_mapped");

namespace {

constexpr Pte kCow = Pte(1ull << 58);

/// One fork of one region.
class Sharing {
 public:
  Sharing(PageTable& child, VirtRange range, TlbGather& gather)
      : child_(child), range_(range), gather_(gather) {}

  /// Shares what lies in the range of all that `table` maps, from address `start` on.
  Result<void> table(PhysAddr table, int level, VirtAddr start) {
    uint64_t span = kPageSize << (9 * (level - 1));
    unsigned used = level == 4 ? kEntriesPerTable / 2 : kEntriesPerTable;
    unsigned first = range_.start <= start ? 0 : unsigned((range_.start - start) / span);
    for (unsigned i = first; i < used; i++) {
      VirtAddr page = start + i * span;
      if (page >= range_.end) break;
      PageTableEntry& entry = table_at(table).entries[i];
      if (!entry.present()) continue;
      bool is_page = level == 1 || (level == 2 && entry.huge());
      TRY(is_page ? leaf(entry, page, PageSize(span))
                  : this->table(entry.address(), level - 1, page));
    }
    return {};
  }

 private:
  Result<void> leaf(PageTableEntry& entry, VirtAddr page, PageSize size) {
    uint64_t frames = uint64_t(size) / kPageSize;
    Pte flags = entry.flags();
    Pte closed = without(flags, Pte::kWritable);
    TRY(child_.map_page(page, entry.address(), closed & kPermissionBits, size));
    for (uint64_t i = 0; i < frames; i++) frame_get(frame_of(entry.address()) + i);
    if (!has(flags, Pte::kWritable) && !has(flags, kCow)) return {};
    PageTableEntry* theirs = TRY(child_.get_page_table_entry(page));
    theirs->set(entry.address(), theirs->flags() | kCow);
    if (has(flags, Pte::kWritable)) {
      (void)entry.add(kCow);
      (void)entry.remove(Pte::kWritable);
      gather_.add(page, size);
      cow_shared_count.increment(frames);
    }
    return {};
  }

  PageTable& child_;
  VirtRange range_;
  TlbGather& gather_;
};

/// A frame for the first access to a page, with the content it should have: of the object's page
/// `shown`, or zeros. What may be shared comes as it is, unless the access is a write.
struct FirstFrame {
  FrameNumber frame;
  bool shared;
};
Result<FirstFrame> first_frame(std::optional<FrameNumber> shown, bool write) {
  if (!shown && write) {
    zero_filled_count.increment();
    return FirstFrame{TRY(allocate_zeroed_frame(FrameUse::kUser)), false};
  }
  if (!shown) {
    zero_mapped_count.increment();
    frame_get(zero_frame());
    return FirstFrame{zero_frame(), true};
  }
  if (!write) return FirstFrame{*shown, true};
  auto own = allocate_frame(FrameUse::kUser);
  if (own.ok()) {
    memcpy(direct_map(frame_address(*own)), direct_map(frame_address(*shown)), kPageSize);
    cow_copied_count.increment();
  }
  frame_put(*shown);
  return FirstFrame{TRY(std::move(own)), false};
}

Result<void> first_large(PageTable& table, const Region& region, VirtAddr page) {
  VirtRange large{VirtAddr(align_down(page.value, kHugePageSize)), VirtAddr()};
  large.end = large.start + kHugePageSize;
  if (large.start < region.range.start || large.end > region.range.end) return Errno::kEINVAL;
  FrameNumber run = TRY(allocate_frames(kHugeOrder, FrameUse::kUser));
  memset(direct_map(frame_address(run)), 0, kHugePageSize);
  auto mapped =
      table.map_page(large.start, frame_address(run), region.page_flags(), PageSize::k2MiB);
  if (!mapped.ok()) {
    free_frames(run, kHugeOrder);
    return mapped;
  }
  zero_filled_count.increment(kHugePageSize / kPageSize);
  return {};
}

Result<void> first_access(PageTable& table, const Region& region, VirtAddr page, bool write,
                          std::optional<FrameNumber> shown) {
  if (region.huge && !shown && first_large(table, region, page).ok()) return {};
  FirstFrame got = TRY(first_frame(shown, write));
  Pte flags = got.shared ? without(region.page_flags(), Pte::kWritable) : region.page_flags();
  auto mapped = table.map_page(page, frame_address(got.frame), flags);
  if (!mapped.ok()) frame_put(got.frame);
  return mapped;
}

/// Gives `page`, which is mapped read-only, to the writer alone.
Result<void> separate(PageTable& table, const Region& region, VirtAddr page) {
  TlbGather gather(table);
  TRY(table.split_page(page, gather));
  PageTableEntry& entry = *TRY(table.get_page_table_entry(page));
  FrameNumber shared = frame_of(entry.address());
  FrameNumber own = shared;
  if (shared == zero_frame()) {
    own = TRY(allocate_zeroed_frame(FrameUse::kUser));
    zero_filled_count.increment();
  } else if (frame_references(shared) > 1) {
    own = TRY(allocate_frame(FrameUse::kUser));
    memcpy(direct_map(frame_address(own)), direct_map(frame_address(shared)), kPageSize);
    cow_copied_count.increment();
  } else {
    cow_reused_count.increment();
  }
  Pte flags = region.page_flags() | Pte::kPresent;
  if (own != shared) {
    (void)entry.exchange(frame_address(own), without(flags, Pte::kWritable));
    gather.add(page);
    gather.put_frame(frame_address(shared));
    gather.flush();
  }
  (void)entry.remove(kCow);
  (void)entry.add(Pte::kWritable);
  return {};
}

}  // namespace

Result<void> share_copy_on_write(AddressSpace& parent, AddressSpace& child, const Region& region,
                                 TlbGather& gather) {
  Sharing sharing(child.page_table_locked(), region.range, gather);
  return sharing.table(parent.page_table_locked().root(), 4, VirtAddr(0));
}

FaultOutcome handle_page_fault(AddressSpace& space, const Region& region, const PageFault& fault,
                               std::optional<FrameNumber> page) {
  PageTable& table = space.page_table_locked();
  VirtAddr at(align_down(fault.address.value, kPageSize));
  Result<void> done;
  if (!table.is_mapped(at)) {
    done = first_access(table, region, at, fault.write, page);
  } else if (fault.write && !has((*table.get_page_table_entry(at))->flags(), Pte::kWritable)) {
    done = separate(table, region, at);
  }
  return done.ok() ? FaultOutcome::kRetry : FaultOutcome::kOutOfMemory;
}

}  // namespace cairn
