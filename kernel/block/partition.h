// Partitions, and what the readers of the two kinds of partition tables share. For this subsystem only.
#pragma once

#include "block/block_device.h"

namespace cairn {

/// A range of a disk's sectors, as a device of its own.
class Partition final : public BlockDevice {
 public:
  Partition(BlockDevice& disk, std::string_view name, SectorNumber first, uint64_t count)
      : BlockDevice(name, count, disk.read_only(), &disk), disk_(disk), first_(first) {}

  SectorNumber first() const { return first_; }

  ListLink table_link;  // PartitionReader::found_

 private:
  void start(BlockRequest& request) override {
    request.disk_first += first_.value;
    disk_.start(request);
  }

  BlockDevice& disk_;
  SectorNumber first_;
};

/// Memory to read a table into; null if there is none.
class TableBuffer {
 public:
  explicit TableBuffer(size_t bytes);
  ~TableBuffer();
  TableBuffer(const TableBuffer&) = delete;
  TableBuffer& operator=(const TableBuffer&) = delete;

  const uint8_t* bytes() const { return bytes_; }
  uint8_t* bytes() { return bytes_; }

 private:
  uint8_t* bytes_;
};

/// Reads one disk's table and makes devices of what it finds.
class PartitionReader {
 public:
  explicit PartitionReader(BlockDevice& disk) : disk_(disk) {}

  /// Finds out which kind of table there is and reads it. May sleep, as all functions here.
  void read_table();

 private:
  // block/partition.cc
  Result<void> read(uint64_t sector, TableBuffer& buffer, uint32_t size);
  /// Adds a device for sectors [first, first + count); logs and leaves out what lies outside the
  /// disk or in another partition.
  void add(unsigned number, uint64_t first, uint64_t count);
  bool add_checked(unsigned number, uint64_t first, uint64_t count);

  // block/mbr.cc
  void read_mbr(const uint8_t* sector);
  void read_logical(uint64_t first, uint64_t count);

  // block/gpt.cc
  void read_gpt();
  /// EINVAL with a log line for a damaged header or array; EIO, ENOMEM.
  Result<void> read_gpt_at(uint64_t header_sector);
  void add_gpt_entries(const struct GptHeader& header, const uint8_t* entries);

  BlockDevice& disk_;
  List<Partition, &Partition::table_link> found_;
};

/// Adds a device to the registry without looking for partitions on it.
void register_block_device(BlockDevice& device);

}  // namespace cairn
