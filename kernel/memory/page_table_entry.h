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

/// What an entry says at one moment.
class EntryValue {
 public:
  constexpr EntryValue() = default;
  constexpr explicit EntryValue(uint64_t bits) : bits_(bits) {}
  constexpr EntryValue(PhysAddr address, Pte flags) : bits_(address.value | uint64_t(flags)) {}

  constexpr uint64_t bits() const { return bits_; }
  constexpr bool present() const { return (bits_ & uint64_t(Pte::kPresent)) != 0; }
  constexpr bool huge() const { return (bits_ & uint64_t(Pte::kHuge)) != 0; }
  constexpr PhysAddr address() const { return PhysAddr(bits_ & kPteFrameMask); }
  constexpr Pte flags() const { return Pte(bits_ & ~kPteFrameMask); }

 private:
  uint64_t bits_ = 0;
};

/// One entry, as the processor reads it: every access is a single 8-byte operation. The processors
/// set kAccessed and kDirty in present entries whenever they like, so such an entry changes only by
/// the atomic operations below, which lose neither: they change single bits, or hand back what they
/// replace, with all that was set until then.
class PageTableEntry {
 public:
  EntryValue load() const { return EntryValue(value()); }
  uint64_t value() const { return bits_.load(std::memory_order_relaxed); }
  bool present() const { return load().present(); }
  bool huge() const { return load().huge(); }
  PhysAddr address() const { return load().address(); }
  Pte flags() const { return load().flags(); }

  /// For an entry that isn't present, or whose table no processor can reach yet.
  void set(PhysAddr address, Pte flags) {
    bits_.store(EntryValue(address, flags).bits(), std::memory_order_release);
  }
  /// Replaces the entry; returns the old one.
  EntryValue exchange(PhysAddr address, Pte flags) {
    return EntryValue(bits_.exchange(EntryValue(address, flags).bits()));
  }
  /// Empties the entry; returns the old one.
  EntryValue take() { return EntryValue(bits_.exchange(0)); }
  /// Sets or clears bits, and leaves the others; returns the old entry.
  EntryValue add(Pte bits) { return EntryValue(bits_.fetch_or(uint64_t(bits))); }
  EntryValue remove(Pte bits) { return EntryValue(bits_.fetch_and(~uint64_t(bits))); }

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
