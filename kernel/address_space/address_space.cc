#include "address_space/address_space.h"

#include <algorithm>

#include "address_space/copy_on_write.h"
#include "address_space/detached_regions.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "memory/page_cursor.h"

namespace cairn {

Result<RefPtr<AddressSpace>> AddressSpace::create() {
  PageTable table = TRY(PageTable::create());
  void* memory = heap_allocate(sizeof(AddressSpace));
  if (memory == nullptr) return Errno::kENOMEM;
  return RefPtr<AddressSpace>::adopt(new (memory) AddressSpace(std::move(table)));
}

AddressSpace::~AddressSpace() NO_THREAD_SAFETY_ANALYSIS {
  // The last reference is gone, so nobody else can hold or want the lock, but for walks over the
  // mappings of objects.
  bool any_object = false;
  for (Region* region = regions_.first(); region != nullptr; region = regions_.next(*region)) {
    if (region->object != nullptr) region->object->remove_mapping(*region);
    any_object |= region->object != nullptr;
  }
  if (any_object) wait_for_mapping_walk();
  TlbGather gather(table_);
  while (Region* region = regions_.root()) {
    unmap_pages(region->range, gather);
    regions_.remove(*region);
    delete region;
  }
}

Region* AddressSpace::region_at(VirtAddr address) const {
  Region* region = regions_.at_or_before(address);
  return region != nullptr && region->range.contains(address) ? region : nullptr;
}

Result<AddressSpace::SharedPlace> AddressSpace::shared_place(VirtAddr address) {
  MutexGuard guard(lock);
  Region* region = region_at(address);
  if (region == nullptr || !(region->access.read || region->access.write)) return Errno::kEFAULT;
  // What can't be written is still the object's, if it is private, too.
  if (region->object != nullptr && (region->shared || !region->access.write)) {
    return SharedPlace{region->object->number(), region->object_offset_of(address)};
  }
  if (!region->access.write) return Errno::kEFAULT;
  return SharedPlace{0, address.value};
}

Result<void> AddressSpace::note_present_pages(VirtAddr start, std::span<uint8_t> present) {
  MutexGuard guard(lock);
  for (uint8_t& page : present) {
    Region* region = region_at(start);
    if (region == nullptr) return Errno::kENOMEM;
    MemoryObject* object = region->object;
    page = table_.is_mapped(start) ||
           (object != nullptr && object->has_page(region->object_offset_of(start)));
    start += kPageSize;
  }
  return {};
}

bool AddressSpace::is_free(VirtRange range) const {
  if (Region* before = regions_.at_or_before(range.start);
      before && before->range.overlaps(range)) {
    return false;
  }
  Region* after = regions_.lower_bound(range.start);
  return after == nullptr || !after->range.overlaps(range);
}

/// Bytes of regions in the range.
uint64_t AddressSpace::bytes_in(VirtRange range) const {
  uint64_t bytes = 0;
  Region* region = regions_.at_or_before(range.start);
  if (region == nullptr) region = regions_.first();
  for (; region != nullptr && region->range.start < range.end; region = regions_.next(*region)) {
    VirtAddr start = std::max(region->range.start, range.start);
    VirtAddr end = std::min(region->range.end, range.end);
    if (start < end) bytes += end - start;
  }
  return bytes;
}

/// Whether the limits leave room for so many more bytes, and for so many of data. What is there already stays. Memory
/// is promised without being there (overcommit), but with `reserve` not more at once than the machine has.
bool AddressSpace::may_have(uint64_t bytes, uint64_t data, bool reserve) const {
  if (reserve && data > total_frame_count() * kPageSize) return false;
  const MemoryLimits limits = current_memory_limits();
  const Region* all = regions_.root();
  uint64_t bytes_now = all != nullptr ? all->subtree_bytes : 0;
  uint64_t data_now = all != nullptr ? all->subtree_data : 0;
  return (bytes == 0 || bytes_now + bytes <= limits.total) &&
         (data == 0 || data_now + data <= limits.data);
}

void AddressSpace::insert_region(Region& region) {
  region.space = this;
  regions_.insert(region);
  if (region.object != nullptr) region.object->add_mapping(region);
}

/// Where the region will be. With request.fixed others may be there, and are in its way.
Result<VirtAddr> AddressSpace::place(const RegionRequest& request) const {
  uint64_t alignment = request.huge ? kHugePageSize : kPageSize;
  VirtAddr wish(align_down(request.address.value, alignment));
  VirtRange range{wish, wish + request.size};
  bool possible = wish >= kUserStart && is_user_range(wish, request.size);
  if (request.fixed) {
    if (wish != request.address) return Errno::kEINVAL;
    if (wish < kUserStart) return Errno::kEPERM;
    if (!possible) return Errno::kENOMEM;
    if (request.keep_others && !is_free(range)) return Errno::kEEXIST;
    return wish;
  }
  if (request.address.value != 0 && possible && is_free(range)) return wish;
  return find_gap(regions_, request.size, alignment, kUserStart, kMmapTop);
}

/// What is in the way of a new region goes, if the limits permit to have it then.
Result<void> AddressSpace::make_room(const Region& region, bool reserve,
                                     DetachedRegions& detached) {
  uint64_t size = region.range.size(), replaced = bytes_in(region.range);
  uint64_t more = size - replaced, more_data = region.is_data() ? more : 0;
  if (!may_have(more, more_data, reserve)) return Errno::kENOMEM;
  return replaced == 0 ? Result<void>() : unmap_locked(region.range, detached);
}

Result<VirtAddr> AddressSpace::map_region(const RegionRequest& request) {
  if (request.size == 0 || !is_aligned(request.size, kPageSize)) return Errno::kEINVAL;
  if (request.huge && !is_aligned(request.size, kHugePageSize)) return Errno::kEINVAL;
  if (!is_user_range(VirtAddr(0), request.size)) return Errno::kENOMEM;
  auto* region = new_object<Region>();
  if (region == nullptr) return Errno::kENOMEM;
  DetachedRegions detached;
  MutexGuard guard(lock);
  auto start = place(request);
  if (!start.ok()) {
    delete region;
    return start.error();
  }
  region->range = {*start, *start + request.size};
  region->access = request.access;
  region->kind = request.kind;
  region->grows_down = request.grows_down;
  region->huge = request.huge;
  region->shared = request.shared;
  region->may_write = request.may_write;
  region->object = request.object;
  region->keeper = request.keeper;
  region->object_offset = request.object_offset;
  auto room = make_room(*region, request.reserve, detached);
  if (!room.ok()) {
    delete region;
    return room.error();
  }
  insert_region(*region);
  return *start;
}

/// Makes `address` a border between regions, and so between pages: none lies in two regions.
Result<void> AddressSpace::split_at(VirtAddr address, TlbGather& gather) {
  Region* region = region_at(address);
  if (region == nullptr || region->range.start == address) return {};
  if (region->huge && table_.is_mapped(address)) TRY(table_.split_page(address, gather));
  Region* upper = region->alike({address, region->range.end}, region->object_offset_of(address));
  if (upper == nullptr) return Errno::kENOMEM;
  set_end(*region, address);
  insert_region(*upper);
  return {};
}

/// Its place among the others stays: nothing lies between.
void AddressSpace::set_end(Region& region, VirtAddr end) {
  if (region.object != nullptr) {
    region.object->set_mapping_end(region, end);
  } else {
    region.range.end = end;
  }
  regions_.refresh(region);
}

Result<void> AddressSpace::unmap_range(VirtRange range) {
  DetachedRegions detached;
  MutexGuard guard(lock);
  return unmap_locked(range, detached);
}

Result<void> AddressSpace::unmap_locked(VirtRange range, DetachedRegions& detached) {
  TlbGather gather(table_);
  TRY(split_at(range.start, gather));
  TRY(split_at(range.end, gather));
  Region* region = regions_.lower_bound(range.start);
  while (region != nullptr && region->range.start < range.end) {
    Region* next = regions_.next(*region);
    unmap_pages(region->range, gather);
    regions_.remove(*region);
    detached.add(*region);
    region = next;
  }
  return {};
}

/// Unmaps what is mapped in the range, whole pages of either size.
void AddressSpace::unmap_pages(VirtRange range, TlbGather& gather) {
  PageCursor pages(table_, range);
  while (auto page = pages.next()) {
    auto old = table_.unmap_page(page->start, gather, page->size);
    if (old.ok()) gather.put_frame(old->address(), page->size);
  }
}

void AddressSpace::set_break_start(VirtAddr start) {
  MutexGuard guard(lock);
  break_start_ = break_ = start;
}

VirtAddr AddressSpace::set_break(VirtAddr wanted) {
  VirtAddr from, to;
  DetachedRegions detached;
  {
    MutexGuard guard(lock);
    if (wanted < break_start_ || wanted >= kMmapTop) return break_;
    from = VirtAddr(align_up(break_.value, kPageSize));
    to = VirtAddr(align_up(wanted.value, kPageSize));
    if (to < from && !unmap_locked({to, from}, detached).ok()) return break_;
    if (to > from) {
      if (!is_free({from, to}) || !may_have(to - from, to - from)) return break_;
      Region* heap = from.value == 0 ? nullptr : region_at(from - 1);
      constexpr Access kHeapAccess{.read = true, .write = true};
      bool goes_on =
          heap != nullptr && heap->kind == RegionKind::kHeap && heap->access == kHeapAccess;
      if (goes_on) {
        set_end(*heap, to);
      } else {
        heap = new_object<Region>();
        if (heap == nullptr) return break_;
        heap->range = {from, to};
        heap->access = kHeapAccess;
        heap->kind = RegionKind::kHeap;
        insert_region(*heap);
      }
    }
    break_ = wanted;
    return break_;
  }
}

Result<RefPtr<AddressSpace>> AddressSpace::fork() NO_THREAD_SAFETY_ANALYSIS {
  RefPtr<AddressSpace> child = TRY(create());
  MutexGuard guard(lock);
  MutexGuard child_guard(child->lock, BesideEqualRank{});
  TlbGather gather(table_);
  child->break_start_ = break_start_;
  child->break_ = break_;
  child->strings_ = strings_;
  child->program_ = program_;
  child->has_hidden_pages_ = has_hidden_pages_.load();
  for (Region* region = regions_.first(); region != nullptr; region = regions_.next(*region)) {
    Region* copy = region->alike(region->range, region->object_offset);
    if (copy == nullptr) return Errno::kENOMEM;
    child->insert_region(*copy);
    // Of a shared region the child gets its pages from the object, when it touches them.
    if (!region->shared) TRY(share_copy_on_write(*this, *child, *region, gather));
  }
  return child;
}

void AddressSpace::note_program(const ProgramStrings& strings) {
  MutexGuard guard(lock);
  if (program_) return;  // it stays what it was first: nothing is let go here
  strings_ = strings;
  for (Region* region = regions_.first(); region != nullptr; region = regions_.next(*region)) {
    if (region->kind != RegionKind::kProgram) continue;
    program_ = region->keeper;
    return;
  }
}

ProgramStrings AddressSpace::program_strings() {
  MutexGuard guard(lock);
  return strings_;
}

RefPtr<ObjectKeeper> AddressSpace::program_keeper() {
  MutexGuard guard(lock);
  return program_;
}

void AddressSpace::print_regions(Writer& out) {
  for_each_region([&out](const Region& region) {
    const char access[] = {region.access.read ? 'r' : '-', region.access.write ? 'w' : '-',
                           region.access.execute ? 'x' : '-', '\0'};
    print(out, "start={} end={} access={} kind={}{}{}\n", region.range.start, region.range.end,
          access, region_kind_name(region.kind), region.huge ? " huge=1" : "",
          region.shared ? " shared=1" : "");
  });
}

uint64_t AddressSpace::own_bytes() {
  Usage all = usage();
  return (all.pages - all.file_pages - all.zero_pages) * kPageSize;
}

AddressSpace::Usage AddressSpace::usage() {
  MutexGuard guard(lock);
  Usage usage{0, 1};
  uint64_t last_table[4] = {};  // by level: tables come in order of address
  for (VirtAddr at{0}; at < kUserEnd;) {
    PageWalk walk = table_.walk_page_table(at);
    if (walk.level == 0) break;
    if (walk.is_mapped()) {
      PhysAddr start = walk.entry().address();
      usage.pages += uint64_t(walk.page_size()) / kPageSize;
      usage.file_pages +=
          is_known_frame(start) && frame_info(frame_of(start)).use == FrameUse::kCache;
      usage.zero_pages += frame_of(start) == zero_frame();
    }
    for (int level = 3; level >= walk.level && level >= 1; level--) {
      uint64_t table = reinterpret_cast<uint64_t>(walk.entries[level]) / kPageSize;
      if (table == last_table[level]) continue;
      last_table[level] = table;
      usage.tables++;
    }
    at = walk.end(at);
  }
  return usage;
}

}  // namespace cairn
