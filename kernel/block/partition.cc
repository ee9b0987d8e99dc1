#include "block/partition.h"

#include "arch/layout.h"
#include "debug/log.h"
#include "memory/heap.h"

namespace cairn {

TableBuffer::TableBuffer(size_t bytes) : bytes_(static_cast<uint8_t*>(heap_allocate(bytes))) {}
TableBuffer::~TableBuffer() { heap_free(bytes_); }

void add_partitions(BlockDevice& disk) { PartitionReader(disk).read_table(); }

Result<void> PartitionReader::read(uint64_t sector, TableBuffer& buffer, uint32_t size) {
  if (buffer.bytes() == nullptr) return Errno::kENOMEM;
  // The heap lies in the direct map, so its objects are contiguous in physical memory too.
  return transfer(disk_, BlockOperation::kRead, SectorNumber(sector), physical_of(buffer.bytes()),
                  size);
}

void PartitionReader::read_table() {
  if (disk_.sector_count() == 0) return;
  TableBuffer sector(kSectorSize);
  auto done = read(0, sector, kSectorSize);
  if (!done.ok()) {
    log_warning("block", "{}: the partition table can't be read: {}", disk_.name(),
                errno_name(done.error()));
    return;
  }
  read_mbr(sector.bytes());
}

void PartitionReader::add(unsigned number, uint64_t first, uint64_t count) {
  if (!add_checked(number, first, count)) {
    log_warning("block", "{}: partition {} left out, the table is damaged: sectors {} to {}",
                disk_.name(), number, first, first + count - 1);
  }
}

bool PartitionReader::add_checked(unsigned number, uint64_t first, uint64_t count) {
  // No partition holds the table itself, in sector 0.
  if (first == 0 || first >= disk_.sector_count() || count > disk_.sector_count() - first) {
    return false;
  }
  for (Partition& other : found_) {
    uint64_t start = other.first().value;
    if (first < start + other.sector_count() && start < first + count) return false;
  }
  // As Linux names them: vda1, but ram0p1, where a digit before would be read as part of the number.
  char last = disk_.name().back();
  char name[16];
  BufferWriter out(name);
  print(out, "{}{}{}", disk_.name(), last >= '0' && last <= '9' ? "p" : "", number);
  auto* partition = new_object<Partition>(disk_, out.text(), SectorNumber(first), count);
  if (partition == nullptr) {
    log_error("block", "no memory for {}", out.text());
    return true;
  }
  found_.push_back(*partition);
  register_block_device(*partition);
  return true;
}

}  // namespace cairn
