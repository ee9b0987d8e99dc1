// The old partition table: four entries at the end of sector 0. An entry may be an extended
// partition, a chain of sectors with a table each, of which the first entry is a partition ("logical",
// numbered from 5) and the second the next link.
// Source: UEFI Specification, "Legacy Master Boot Record (MBR)"; for logical partitions Linux
// documentation and util-linux agree on what is told here.
#include "block/partition.h"
#include "debug/log.h"
#include "lib/string.h"

namespace cairn {

namespace {

constexpr size_t kEntriesAt = 446, kSignatureAt = 510;
constexpr unsigned kEntryCount = 4;
constexpr unsigned kFirstLogical = 5, kMostLogical = 60;
constexpr uint8_t kProtective = 0xee;

struct [[gnu::packed]] MbrEntry {
  uint8_t active;  // 0x80 or 0
  uint8_t first_geometry[3];
  uint8_t type;  // 0: unused
  uint8_t last_geometry[3];
  uint32_t first;  // sector; of logical ones and links, relative
  uint32_t count;  // sectors

  bool used() const { return type != 0 && count != 0; }
  bool extended() const { return type == 0x05 || type == 0x0f || type == 0x85; }
};
static_assert(sizeof(MbrEntry) == 16);

struct Mbr {
  MbrEntry entries[kEntryCount];
  bool has_signature;

  explicit Mbr(const uint8_t* sector) {
    memcpy(entries, sector + kEntriesAt, sizeof(entries));
    has_signature = sector[kSignatureAt] == 0x55 && sector[kSignatureAt + 1] == 0xaa;
  }
  /// Boot sectors of file systems have the same signature and other things in the entries' place.
  bool plausible() const {
    for (const MbrEntry& entry : entries) {
      if ((entry.active & 0x7f) != 0) return false;
    }
    return true;
  }
};

}  // namespace

void PartitionReader::read_mbr(const uint8_t* sector) {
  Mbr mbr(sector);
  if (!mbr.has_signature) return;  // a disk without partitions
  if (!mbr.plausible()) {
    log_warning("block", "{}: sector 0 holds no partition table, or a damaged one", disk_.name());
    return;
  }
  for (const MbrEntry& entry : mbr.entries) {
    if (entry.type == kProtective) return read_gpt();
  }
  for (unsigned i = 0; i < kEntryCount; i++) {
    const MbrEntry& entry = mbr.entries[i];
    if (!entry.used() || entry.extended()) continue;
    // Some file systems that fill a whole disk say so in an entry of their own.
    if (entry.first == 0) {
      log_debug("block", "{}: a partition that starts with the disk is the disk", disk_.name());
      continue;
    }
    add(i + 1, entry.first, entry.count);
  }
  for (const MbrEntry& entry : mbr.entries) {
    if (entry.used() && entry.extended()) return read_logical(entry.first, entry.count);
  }
}

void PartitionReader::read_logical(uint64_t first, uint64_t count) {
  TableBuffer buffer(kSectorSize);
  uint64_t link = 0;  // relative to `first`
  for (unsigned i = 0; i < kMostLogical; i++) {
    auto done = read(first + link, buffer, kSectorSize);
    if (!done.ok()) {
      log_warning("block", "{}: the chain of logical partitions breaks at sector {}: {}",
                  disk_.name(), first + link, errno_name(done.error()));
      return;
    }
    Mbr table(buffer.bytes());
    const MbrEntry& logical = table.entries[0];
    const MbrEntry& next = table.entries[1];
    bool inside = link + logical.first + logical.count <= count;
    if (!table.has_signature || !table.plausible() || (logical.used() && !inside)) {
      log_warning("block", "{}: the table of logical partitions in sector {} is damaged",
                  disk_.name(), first + link);
      return;
    }
    if (logical.used()) add(kFirstLogical + i, first + link + logical.first, logical.count);
    if (!next.used()) return;
    link = next.first;
  }
  log_warning("block", "{}: more than {} logical partitions, or a circle of them", disk_.name(),
              kMostLogical);
}

}  // namespace cairn
