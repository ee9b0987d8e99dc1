// One entry of a page table, as the processor reads it: its bits, and the operations on it.
// Source: Intel SDM 3A, "4-Level Paging and 5-Level Paging".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "arch/layout.h"
#include "lib/types.h"

namespace cairn {

/// Bits of an entry. Bits 9–11 and 52–58 are ignored by the processor: they are yours.
enum class Pte : uint64_t {
  kNone = 0,
  kPresent = 1ull << 0,
  kWritable = 1ull << 1,
  kUser = 1ull << 2,
  kWriteThrough = 1ull << 3,
  kCacheDisable = 1ull << 4,
  kAccessed = 1ull << 5,  // set by the processor
  kDirty = 1ull << 6,     // set by the processor, leaves only
  kHuge = 1ull << 7,      // in level 2: a leaf of 2 MiB
  kGlobal = 1ull << 8,
  kNoExecute = 1ull << 63,
};
constexpr Pte operator|(Pte a, Pte b) { return Pte(uint64_t(a) | uint64_t(b)); }
constexpr Pte operator&(Pte a, Pte b) { return Pte(uint64_t(a) & uint64_t(b)); }
constexpr Pte without(Pte flags, Pte removed) { return Pte(uint64_t(flags) & ~uint64_t(removed)); }
constexpr bool has(Pte flags, Pte wanted) { return (flags & wanted) == wanted; }

inline constexpr Pte kUserData = Pte::kPresent | Pte::kWritable | Pte::kUser | Pte::kNoExecute;
inline constexpr Pte kUserReadOnly = Pte::kPresent | Pte::kUser | Pte::kNoExecute;
inline constexpr Pte kUserText = Pte::kPresent | Pte::kUser;
static_assert(uint64_t(kUserData) == 0x8000'0000'0000'0007);

/// What a caller of map_page() and remap_page() may ask for; kHuge follows from the page size.
inline constexpr Pte kPermissionBits = Pte::kWritable | Pte::kUser | Pte::kNoExecute;
inline constexpr uint64_t kPteFrameMask = 0x000f'ffff'ffff'f000;
inline constexpr unsigned kEntriesPerTable = 512;

enum class PageSize : uint64_t { k4KiB = kPageSize, k2MiB = kHugePageSize };  // bytes

/// One entry, as the processor reads it: every access is a single 8-byte load or store.
class PageTableEntry {
 public:
  uint64_t value() const { return bits_.load(std::memory_order_relaxed); }
  bool present() const { return value() & uint64_t(Pte::kPresent); }
  bool huge() const { return value() & uint64_t(Pte::kHuge); }
  PhysAddr address() const { return PhysAddr(value() & kPteFrameMask); }
  Pte flags() const { return Pte(value() & ~kPteFrameMask); }

  void set(PhysAddr address, Pte flags) {
    bits_.store(address.value | uint64_t(flags), std::memory_order_release);
  }
  void clear() { bits_.store(0, std::memory_order_release); }
  /// Stores a new value and returns the old one, with what the processor set until then.
  uint64_t exchange(uint64_t value) { return bits_.exchange(value); }

 private:
  std::atomic<uint64_t> bits_;
};
static_assert(sizeof(PageTableEntry) == 8);

struct Table {
  std::array<PageTableEntry, kEntriesPerTable> entries;
};
static_assert(sizeof(Table) == kPageSize);

/// The table that lies in a frame.
inline Table& table_at(PhysAddr address) { return *direct_map_as<Table>(address); }

}  // namespace cairn
