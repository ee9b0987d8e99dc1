// The GUID partition table: a header in sector 1 and an array of entries, both with checksums, and a
// copy of both at the disk's end, which serves when the first are damaged.
// Source: UEFI Specification, "GUID Partition Table (GPT) Disk Layout".
#include <algorithm>
#include <bit>

#include "block/partition.h"
#include "debug/log.h"
#include "lib/crc32.h"
#include "lib/string.h"

namespace cairn {

struct [[gnu::packed]] GptHeader {
  char signature[8];
  uint32_t revision;
  uint32_t header_size;  // bytes that the checksum covers
  uint32_t header_crc;   // computed with 0 here
  uint32_t reserved;
  uint64_t own_sector;
  uint64_t other_sector;
  uint64_t first_usable;
  uint64_t last_usable;
  uint8_t disk_guid[16];
  uint64_t entries_sector;
  uint32_t entry_count;
  uint32_t entry_size;  // bytes
  uint32_t entries_crc;
};
static_assert(sizeof(GptHeader) == 92);

namespace {

constexpr uint64_t kMostEntryBytes = 64 * 1024;  // 512 entries of the usual size

struct [[gnu::packed]] GptEntry {
  uint8_t type[16];  // all zero: unused
  uint8_t guid[16];
  uint64_t first;
  uint64_t last;  // the last sector that belongs to it
  uint64_t attributes;
  uint16_t name[36];
};
static_assert(sizeof(GptEntry) == 128);

uint64_t entry_bytes(const GptHeader& header) {
  return uint64_t(header.entry_count) * header.entry_size;
}

/// The checksum of the header in `sector`, whose size has been checked.
uint32_t header_checksum(const uint8_t* sector, const GptHeader& header) {
  constexpr uint32_t kZero = 0;
  constexpr size_t kAt = offsetof(GptHeader, header_crc), kAfter = kAt + sizeof(kZero);
  uint32_t crc = crc32({sector, kAt});
  crc = crc32({reinterpret_cast<const uint8_t*>(&kZero), sizeof(kZero)}, crc);
  return crc32({sector + kAfter, header.header_size - kAfter}, crc);
}

/// What is wrong with the header read from `sector`; null if nothing is.
const char* fault_in(const GptHeader& header, const uint8_t* bytes, uint64_t sector,
                     uint64_t disk_sectors) {
  if (memcmp(header.signature, "EFI PART", 8) != 0) return "no signature";
  if (header.header_size < sizeof(GptHeader) || header.header_size > kSectorSize) {
    return "impossible header size";
  }
  if (header_checksum(bytes, header) != header.header_crc) return "wrong checksum of the header";
  if (header.own_sector != sector) return "a header that belongs elsewhere";
  if (header.first_usable > header.last_usable || header.last_usable >= disk_sectors) {
    return "usable sectors beyond the disk";
  }
  if (!std::has_single_bit(header.entry_size) || header.entry_size < sizeof(GptEntry) ||
      header.entry_count == 0 || entry_bytes(header) > kMostEntryBytes) {
    return "impossible or too many entries";
  }
  uint64_t sectors = align_up(entry_bytes(header), kSectorSize) / kSectorSize;
  if (header.entries_sector < 2 || header.entries_sector >= disk_sectors ||
      sectors > disk_sectors - header.entries_sector) {
    return "entries beyond the disk";
  }
  return nullptr;
}

}  // namespace

void PartitionReader::read_gpt() {
  if (read_gpt_at(1).ok()) return;
  if (read_gpt_at(disk_.sector_count() - 1).ok()) {
    log_warning("block", "{}: partitions taken from the table's copy at the disk's end",
                disk_.name());
  }
}

Result<void> PartitionReader::read_gpt_at(uint64_t header_sector) {
  const char* which = header_sector == 1 ? "GPT" : "GPT copy";
  TableBuffer buffer(kSectorSize);
  auto done = read(header_sector, buffer, kSectorSize);
  const char* fault = nullptr;
  GptHeader header{};
  if (done.ok()) {
    memcpy(&header, buffer.bytes(), sizeof(header));
    fault = fault_in(header, buffer.bytes(), header_sector, disk_.sector_count());
    if (fault != nullptr) done = Errno::kEINVAL;
  }
  if (done.ok()) {
    auto size = uint32_t(align_up(entry_bytes(header), kSectorSize));
    TableBuffer entries(size);
    done = read(header.entries_sector, entries, size);
    if (done.ok() && crc32({entries.bytes(), entry_bytes(header)}) != header.entries_crc) {
      fault = "wrong checksum of the entries";
      done = Errno::kEINVAL;
    }
    if (done.ok()) add_gpt_entries(header, entries.bytes());
  }
  if (!done.ok()) {
    log_warning("block", "{}: {} in sector {}: {}", disk_.name(), which, header_sector,
                fault != nullptr ? fault : errno_name(done.error()));
  }
  return done;
}

void PartitionReader::add_gpt_entries(const GptHeader& header, const uint8_t* entries) {
  for (uint32_t i = 0; i < header.entry_count; i++) {
    GptEntry entry;
    memcpy(&entry, entries + uint64_t(i) * header.entry_size, sizeof(entry));
    bool used = std::any_of(entry.type, entry.type + 16, [](uint8_t byte) { return byte != 0; });
    if (!used) continue;
    bool sound = header.first_usable <= entry.first && entry.first <= entry.last &&
                 entry.last <= header.last_usable;
    if (!sound) {
      log_warning("block", "{}: partition {} left out, the table is damaged: sectors {} to {}",
                  disk_.name(), i + 1, entry.first, entry.last);
      continue;
    }
    add(i + 1, entry.first, entry.last - entry.first + 1);
  }
}

}  // namespace cairn
