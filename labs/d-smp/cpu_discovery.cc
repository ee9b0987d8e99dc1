// LAB D1: which processors there are. Contract: kernel/acpi/processors.h.
// handouts/d-smp.md#d1 explains the tables; check with: make grade LAB=d K=D1
#include <algorithm>
#include <string_view>

#include "acpi/acpi.h"
#include "acpi/processors.h"
#include "standins/standins.h"

namespace cairn {

// BEGIN SOLUTION D1
// STARTER:
namespace {

using Bytes = std::span<const uint8_t>;

/// A number of `size` bytes, the lowest first. The caller has checked that they are there.
uint32_t number_at(Bytes bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; i++) value |= uint32_t(bytes[at + i]) << (8 * i);
  return value;
}

void add(ProcessorList& list, uint32_t apic_id) {
  if (std::ranges::find(list.all(), apic_id) != list.all().end()) return;
  if (list.count == list.apic_ids.size()) {
    list.left_out++;
  } else {
    list.apic_ids[list.count++] = apic_id;
  }
}

/// The table as long as it says it is, or nothing.
Bytes checked(Bytes table, std::string_view signature, size_t header_size, size_t length_size) {
  if (table.size() < header_size) return {};
  for (size_t i = 0; i < signature.size(); i++) {
    if (table[i] != uint8_t(signature[i])) return {};
  }
  size_t length = number_at(table, 4, length_size);
  if (length < header_size || length > table.size()) return {};
  return byte_sum(table.data(), length) == 0 ? table.first(length) : Bytes();
}

}  // namespace
// END SOLUTION

// LAB D1: processors_of_madt() (handouts/d-smp.md#d1). Check: make grade LAB=d K=D1
Result<ProcessorList> processors_of_madt(std::span<const uint8_t> table) {
  // BEGIN SOLUTION D1
  // STARTER: return standin::processors_of_madt(table);
  constexpr size_t kFirstEntry = 44;
  constexpr uint8_t kLocalApic = 0, kLocalX2Apic = 9;
  constexpr uint32_t kEnabled = 1;
  Bytes rest = checked(table, "APIC", kFirstEntry, 4);
  if (rest.empty()) return Errno::kEINVAL;
  rest = rest.subspan(kFirstEntry);
  ProcessorList list;
  while (!rest.empty()) {
    if (rest.size() < 2 || rest[1] < 2 || rest[1] > rest.size()) return Errno::kEINVAL;
    Bytes entry = rest.first(rest[1]);
    rest = rest.subspan(entry.size());
    if (entry[0] == kLocalApic) {
      if (entry.size() < 8) return Errno::kEINVAL;
      if (number_at(entry, 4, 4) & kEnabled) add(list, entry[3]);
    } else if (entry[0] == kLocalX2Apic) {
      if (entry.size() < 16) return Errno::kEINVAL;
      if (number_at(entry, 8, 4) & kEnabled) add(list, number_at(entry, 4, 4));
    }
  }
  return list;
  // END SOLUTION
}

// LAB D1: processors_of_mp_table() (handouts/d-smp.md#d1). Check: make grade LAB=d K=D1
Result<ProcessorList> processors_of_mp_table(std::span<const uint8_t> table) {
  // BEGIN SOLUTION D1
  // STARTER: return standin::processors_of_mp_table(table);
  constexpr size_t kFirstEntry = 44, kEntryCount = 34;
  constexpr uint8_t kProcessor = 0, kLastType = 4, kEnabled = 1;
  Bytes rest = checked(table, "PCMP", kFirstEntry, 2);
  if (rest.empty()) return Errno::kEINVAL;
  size_t count = number_at(rest, kEntryCount, 2);
  rest = rest.subspan(kFirstEntry);
  ProcessorList list;
  for (; count > 0; count--) {
    if (rest.empty() || rest[0] > kLastType) return Errno::kEINVAL;
    size_t size = rest[0] == kProcessor ? 20 : 8;
    if (size > rest.size()) return Errno::kEINVAL;
    if (rest[0] == kProcessor && (rest[3] & kEnabled)) add(list, rest[1]);
    rest = rest.subspan(size);
  }
  return list;
  // END SOLUTION
}

}  // namespace cairn
