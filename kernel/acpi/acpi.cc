#include "acpi/acpi.h"

#include <string_view>

#include "acpi/mp_table.h"
#include "arch/layout.h"
#include "debug/log.h"
#include "lib/string.h"

namespace cairn {

namespace {

struct [[gnu::packed]] Rsdp {
  char signature[8];
  uint8_t checksum;
  char oem[6];
  uint8_t revision;
  uint32_t rsdt;
  uint32_t length;  // from here on: revision 2 and later
  uint64_t xsdt;
  uint8_t extended_checksum;
  uint8_t reserved[3];
};

struct [[gnu::packed]] TableHeader {
  char signature[4];
  uint32_t length;
  uint8_t revision;
  uint8_t checksum;
  char oem[6];
  char oem_table[8];
  uint32_t oem_revision;
  uint32_t creator;
  uint32_t creator_revision;
};

constexpr uint32_t kMaxTableLength = 1 << 20;  // bytes; QEMU's largest is well below
constexpr uint64_t kAcpiLimit = 1ull << 32;    // the boot map covers 4 GiB; QEMU's tables are below

constinit AcpiInfo info = [] {
  AcpiInfo standard;
  for (unsigned i = 0; i < standard.isa.size(); i++) standard.isa[i] = {i, false, false};
  return standard;
}();

bool is_rsdp(PhysAddr address) {
  auto* rsdp = direct_map_as<const Rsdp>(address);
  return memcmp(rsdp->signature, "RSD PTR ", 8) == 0 && byte_sum(rsdp, 20) == 0;
}

/// On 16-byte boundaries in the BIOS read-only area.
PhysAddr search_rsdp() {
  for (uint64_t at = 0xe0000; at < 0x100000; at += 16) {
    if (is_rsdp(PhysAddr(at))) return PhysAddr(at);
  }
  return PhysAddr(0);
}

/// The table at `address` if it is whole, else null.
const TableHeader* checked_table(uint64_t address) {
  if (address == 0 || address > kAcpiLimit - sizeof(TableHeader)) return nullptr;
  auto* header = direct_map_as<const TableHeader>(PhysAddr(address));
  bool sane = header->length >= sizeof(TableHeader) && header->length <= kMaxTableLength &&
              address + header->length <= kAcpiLimit;
  if (sane && byte_sum(header, header->length) == 0) return header;
  log_warning("acpi", "table at {:x} is damaged and left out", address);
  return nullptr;
}

/// Bits of an MADT interrupt's flags: polarity 3 is active low, trigger 3 is level.
IsaOverride decode_override(uint32_t interrupt, uint16_t flags) {
  return {interrupt, (flags & 3) == 3, (flags >> 2 & 3) == 3};
}

void read_madt_entry(const uint8_t* entry, uint8_t length) {
  auto u16 = [entry](int at) { return uint16_t(entry[at] | entry[at + 1] << 8); };
  auto u32 = [u16](int at) { return uint32_t(u16(at)) | uint32_t(u16(at + 2)) << 16; };
  switch (entry[0]) {
    case 1:  // I/O APIC
      if (length >= 12 && info.io_apic_count < info.io_apics.size()) {
        info.io_apics[info.io_apic_count++] = {PhysAddr(u32(4)), u32(8)};
      }
      break;
    case 2:  // interrupt source override
      if (length >= 10 && entry[3] < 16) info.isa[entry[3]] = decode_override(u32(4), u16(8));
      break;
    case 5:  // local APIC address override
      if (length >= 12) info.local_apic = PhysAddr(u32(4) | uint64_t(u32(8)) << 32);
      break;
  }
}

/// What neither the MADT nor, without one, the MP table tells rightly, isn't known: the boot processor runs alone.
void note_processors(const char* table, Result<ProcessorList> found) {
  if (!found.ok())
    return log_warning("acpi", "the {}'s list of processors is damaged and left out", table);
  info.processors = *found;
  if (found->left_out != 0)
    log_warning("acpi", "{} processors are left out: {} are the most", found->left_out, kMaxCpus);
}

void read_madt(const TableHeader* header) {
  auto* bytes = reinterpret_cast<const uint8_t*>(header);
  note_processors("MADT", processors_of_madt({bytes, header->length}));
  constexpr uint32_t kFirstEntry = sizeof(TableHeader) + 8;
  if (header->length < kFirstEntry) return;
  uint32_t address;
  memcpy(&address, bytes + sizeof(TableHeader), 4);
  info.local_apic = PhysAddr(address);
  info.io_apic_count = 0;
  for (uint32_t at = kFirstEntry; at + 2 <= header->length;) {
    uint8_t length = bytes[at + 1];
    if (length < 2 || at + length > header->length) {
      log_warning("acpi", "MADT entry at offset {} has a wrong length {}", at, length);
      return;
    }
    read_madt_entry(bytes + at, length);
    at += length;
  }
}

/// FADT: PM1a_CNT_BLK is at offset 64.
void read_fadt(const TableHeader* header) {
  if (header->length < 68) return;
  uint32_t port;
  memcpy(&port, reinterpret_cast<const uint8_t*>(header) + 64, 4);
  info.pm1a_control = uint16_t(port);
}

void read_root_table(const TableHeader* root, unsigned pointer_size) {
  auto* bytes = reinterpret_cast<const uint8_t*>(root);
  for (uint32_t at = sizeof(TableHeader); at + pointer_size <= root->length; at += pointer_size) {
    uint64_t address = 0;
    memcpy(&address, bytes + at, pointer_size);
    const TableHeader* table = checked_table(address);
    if (table == nullptr) continue;
    if (memcmp(table->signature, "APIC", 4) == 0) read_madt(table);
    if (memcmp(table->signature, "FACP", 4) == 0) read_fadt(table);
  }
}

}  // namespace

uint8_t byte_sum(const void* data, size_t length) {
  uint8_t sum = 0;
  for (size_t i = 0; i < length; i++) sum = uint8_t(sum + static_cast<const uint8_t*>(data)[i]);
  return sum;
}

void do_without_acpi() {
  std::span<const uint8_t> table = find_mp_table();
  if (!table.empty()) note_processors("MP table", processors_of_mp_table(table));
}

const AcpiInfo& read_acpi_tables(PhysAddr given) {
  PhysAddr address = given;
  bool usable = given.value != 0 && given.value < kAcpiLimit - sizeof(Rsdp) && is_rsdp(given);
  if (!usable) address = search_rsdp();
  if (address.value == 0) {
    log_warning("acpi", "no tables found; assuming the standard addresses");
    do_without_acpi();
    return info;
  }
  auto* rsdp = direct_map_as<const Rsdp>(address);
  bool extended = rsdp->revision >= 2 && byte_sum(rsdp, sizeof(Rsdp)) == 0 && rsdp->xsdt != 0;
  const TableHeader* root = checked_table(extended ? rsdp->xsdt : rsdp->rsdt);
  if (root == nullptr) return info;
  read_root_table(root, extended ? 8 : 4);
  info.valid = true;
  return info;
}

const AcpiInfo& acpi_info() { return info; }

}  // namespace cairn
