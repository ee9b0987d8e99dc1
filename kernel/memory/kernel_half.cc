// Source: Intel SDM 3A, "4-Level Paging and 5-Level Paging"; handouts/memory-layout.md.
#include "memory/kernel_half.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/mmio.h"
#include "memory/frame_allocator.h"
#include "memory/page_table.h"

namespace cairn {

namespace {

extern "C" {
extern char image_text_start[], image_text_end[], image_rodata_start[], image_rodata_end[];
extern char image_data_start[], image_data_end[];
}

constexpr Pte kData = Pte::kPresent | Pte::kWritable | Pte::kNoExecute | Pte::kGlobal;
constexpr Pte kConstants = Pte::kPresent | Pte::kNoExecute | Pte::kGlobal;
constexpr Pte kText = Pte::kPresent | Pte::kGlobal;
constexpr Pte kDevice = kData | Pte::kCacheDisable | Pte::kWriteThrough;
constexpr Pte kLink = Pte::kPresent | Pte::kWritable;  // to a lower table

constinit PhysAddr root{0};
constinit PhysAddr mmio_directory{0};
constinit uint64_t mmio_used = 0;  // bytes
constinit PhysAddr stack_directory{0};

constexpr unsigned index_at(uint64_t address, int level) {
  return unsigned(address >> (kPageShift + 9 * (level - 1))) % kEntriesPerTable;
}

/// Tables come from the boot map's memory, so they must lie below its 4 GiB.
PhysAddr new_table(MemoryMap& map) { return map.take(kPageSize, PhysAddr(1ull << 32)); }

/// The table below entry `index`, made if missing; {0} if memory is short.
PhysAddr table_below(MemoryMap& map, PhysAddr table, unsigned index) {
  PageTableEntry& entry = table_at(table).entries[index];
  if (!entry.present()) {
    PhysAddr fresh = new_table(map);
    if (fresh.value == 0) return fresh;
    entry.set(fresh, kLink);
  }
  return entry.address();
}

/// The level 2 table for `address` in the kernel half.
PhysAddr directory_for(MemoryMap& map, uint64_t address) {
  PhysAddr upper = table_below(map, root, index_at(address, 4));
  return upper.value == 0 ? upper : table_below(map, upper, index_at(address, 3));
}

bool map_ram(MemoryMap& map) {
  for (PhysRange range : map.ram()) {
    uint64_t end = align_up(range.end.value, kHugePageSize);
    for (uint64_t at = align_down(range.start.value, kHugePageSize); at < end;
         at += kHugePageSize) {
      uint64_t address = kDirectMapStart.value + at;
      PhysAddr directory = directory_for(map, address);
      if (directory.value == 0) return false;
      table_at(directory).entries[index_at(address, 2)].set(PhysAddr(at), kData | Pte::kHuge);
    }
  }
  return true;
}

bool map_image_part(MemoryMap& map, const char* start, const char* end, Pte flags) {
  for (auto at = reinterpret_cast<uint64_t>(start); at < reinterpret_cast<uint64_t>(end);
       at += kPageSize) {
    PhysAddr directory = directory_for(map, at);
    if (directory.value == 0) return false;
    PhysAddr table = table_below(map, directory, index_at(at, 2));
    if (table.value == 0) return false;
    table_at(table).entries[index_at(at, 1)].set(PhysAddr(at - kImageStart.value), flags);
  }
  return true;
}

bool map_image(MemoryMap& map) {
  return map_image_part(map, image_text_start, image_text_end, kText) &&
         map_image_part(map, image_rodata_start, image_rodata_end, kConstants) &&
         map_image_part(map, image_data_start, image_data_end, kData);
}

}  // namespace

bool build_kernel_half(MemoryMap& map) {
  root = new_table(map);
  if (root.value == 0) return false;
  mmio_directory = directory_for(map, kMmioStart.value);
  stack_directory = directory_for(map, kStackArenaStart.value);
  if (mmio_directory.value == 0 || stack_directory.value == 0) return false;
  if (!map_ram(map) || !map_image(map)) return false;
  load_kernel_half();
  return true;
}

void load_kernel_half() {
  // Global pages survive CR3 loads: the kernel half is the same in every table.
  Cr3{root.value}.write();
  Cr4 cr4 = Cr4::read();
  cr4.value |= 1 << 7;
  cr4.write();
}

PhysAddr kernel_root() { return root; }

volatile void* map_mmio(PhysAddr address, uint64_t size) {
  uint64_t offset = address.value % kHugePageSize;
  uint64_t bytes = align_up(offset + size, kHugePageSize);
  if (mmio_used + bytes > kMmioSize) return nullptr;
  uint64_t start = kMmioStart.value + mmio_used;
  for (uint64_t at = 0; at < bytes; at += kHugePageSize) {
    table_at(mmio_directory)
        .entries[index_at(start + at, 2)]
        .set(PhysAddr(address.value - offset + at), kDevice | Pte::kHuge);
  }
  mmio_used += bytes;
  return reinterpret_cast<volatile void*>(start + offset);
}

namespace {

/// The entry of level 2 above a stack slot, and the first of its four in the table below.
struct SlotEntries {
  explicit SlotEntries(uint64_t index)
      : address(kStackArenaStart.value + index * kStackSlotSize + kStackSlotSize - kStackSize),
        link(table_at(stack_directory).entries[index_at(address, 2)]) {}
  PageTableEntry& entry(unsigned i) const {
    return table_at(link.address()).entries[index_at(address + i * kPageSize, 1)];
  }

  uint64_t address;
  PageTableEntry& link;
};

}  // namespace

Result<void> map_stack_slot(uint64_t index, const FrameNumber (&frames)[4]) {
  SlotEntries slot(index);
  if (!slot.link.present()) {
    FrameNumber table = TRY(allocate_zeroed_frame(FrameUse::kPageTable));
    slot.link.set(frame_address(table), kLink);
  }
  for (unsigned i = 0; i < 4; i++) slot.entry(i).set(frame_address(frames[i]), kData);
  return {};
}

void unmap_stack_slot(uint64_t index, FrameNumber (&frames)[4]) {
  SlotEntries slot(index);
  for (unsigned i = 0; i < 4; i++) frames[i] = frame_of(slot.entry(i).take().address());
}

}  // namespace cairn
