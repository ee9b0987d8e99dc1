#include "ext2/journal.h"

#include <algorithm>

#include "lib/string.h"
#include "memory/frame_allocator.h"

namespace cairn::ext2 {

namespace {

// As they lie on the device: big-endian.
struct JournalHeader {
  uint32_t magic, type, sequence;
};
struct JournalSuperblock {
  JournalHeader header;
  uint32_t block_size, block_count, first, sequence, start;
};
struct JournalTag {  // of a block in the transaction
  uint32_t number;
  uint16_t checksum, flags;
};
constexpr uint32_t kJournalMagic = 0xc03b'3998;
enum BlockType : uint32_t { kDescriptor = 1, kCommit = 2, kJournalSuperblock = 4 };
constexpr uint16_t kEscaped = 1;  // the block begins with the magic: zeros are logged instead
constexpr uint16_t kSameUuid = 2, kLastTag = 8;
constexpr uint32_t kSequence = 1;  // of each transaction: the journal holds one
constexpr uint8_t kBackupOfPointers = 1;

constexpr uint32_t kFileBlocks =
    1024;  // no journal is shorter; what isn't there is the last block again
constexpr uint32_t kPointerBlocks = 2;  // indirect, double indirect

enum Place : uint32_t { kCommitPlace = 3, kZerosPlace, kSuperblockPlace };  // before: descriptors

uint32_t big(uint32_t value) { return __builtin_bswap32(value); }
uint16_t big16(uint16_t value) { return __builtin_bswap16(value); }
JournalHeader header(BlockType type) { return {big(kJournalMagic), big(type), big(kSequence)}; }

/// Zeros stand in the copy of a block that begins as the journal's own do.
void escape(Record& record) {
  uint32_t first;
  memcpy(&first, record.copy, sizeof(first));
  if (first != big(kJournalMagic)) return;
  record.escaped = true;
  memset(record.copy, 0, sizeof(first));
}
void take_back_escape(Record& record) {
  const uint32_t magic = big(kJournalMagic);
  if (record.escaped) memcpy(record.copy, &magic, sizeof(magic));
  record.escaped = false;
}

}  // namespace

Journal::~Journal() {
  for (uint8_t* memory : places_) {
    if (memory != nullptr) free_frame(frame_of(physical_of(memory)));
  }
}

uint32_t Journal::tags_per_block() const {
  return uint32_t((block_size_ - sizeof(JournalHeader)) / sizeof(JournalTag));
}

uint32_t Journal::longest() const {
  return std::min(kLongest, kDirectBlocks + pointers_per_block() + kPointerBlocks);
}

uint32_t Journal::capacity_of(uint32_t count) const {
  const uint32_t descriptors = (count + tags_per_block() - 1) / tags_per_block();
  const uint32_t others = kOverhead + descriptors - 1;
  return count > others ? count - others : 0;
}

BlockNumber Journal::at(uint64_t index) const {
  return BlockNumber(blocks_[std::min<uint64_t>(kPointerBlocks + index, count_ - 1)]);
}

/// A block of memory, zeros.
uint8_t* Journal::place(uint32_t index) {
  memset(places_[index], 0, block_size_);
  return places_[index];
}

Result<void> Journal::open(std::span<const uint32_t> blocks) {
  for (uint8_t*& memory : places_) {
    if (memory != nullptr) continue;
    memory = direct_map_as<uint8_t>(frame_address(TRY(allocate_frame(FrameUse::kDma))));
  }
  std::copy(blocks.begin(), blocks.end(), blocks_);
  count_ = uint32_t(blocks.size());
  const uint32_t indirect = blocks_[0], double_indirect = blocks_[1];

  auto* superblock = reinterpret_cast<JournalSuperblock*>(place(0));
  *superblock = {header(kJournalSuperblock),
                 big(block_size_),
                 big(kFileBlocks),
                 big(1),
                 big(kSequence),
                 big(1)};
  writer_.add(at(0), places_[0]);
  const uint32_t count = pointers_per_block();
  auto* pointers = reinterpret_cast<uint32_t*>(place(1));
  for (uint32_t i = 0; i < count; i++) pointers[i] = uint32_t(at(kDirectBlocks + i).value);
  writer_.add(BlockNumber(indirect), places_[1]);
  pointers = reinterpret_cast<uint32_t*>(place(2));
  for (uint32_t i = 0; kDirectBlocks + (i + 1) * count < kFileBlocks; i++) pointers[i] = indirect;
  writer_.add(BlockNumber(double_indirect), places_[2]);
  return writer_.finish();
}

void Journal::log(const Transaction& transaction) {
  uint64_t next = 1;  // block of the journal's file
  Record* described = transaction.first();
  for (uint32_t descriptor = 0; described != nullptr; descriptor++) {
    Record* logged = described;
    auto* tags = place(descriptor);
    *reinterpret_cast<JournalHeader*>(tags) = header(kDescriptor);
    auto* tag = reinterpret_cast<JournalTag*>(tags + sizeof(JournalHeader));
    writer_.add(at(next++), tags);
    for (uint32_t left = tags_per_block(); left > 0 && described != nullptr; left--) {
      escape(*described);
      uint16_t flags = described->escaped ? kSameUuid | kEscaped : kSameUuid;
      const auto number = uint32_t(described->block.number().value);
      described = transaction.next(*described);
      if (left == 1 || described == nullptr) flags |= kLastTag;
      *tag++ = {big(number), 0, big16(flags)};
    }
    for (; logged != described; logged = transaction.next(*logged)) {
      writer_.add(at(next++), logged->copy);
    }
  }
  *reinterpret_cast<JournalHeader*>(place(kCommitPlace)) = header(kCommit);
  writer_.add(at(next++), places_[kCommitPlace]);
  // Where a replay ends; without them it might go on with what a file once had there.
  writer_.add(at(next++), place(kZerosPlace));
  ASSERT(next + kPointerBlocks <= count_);
}

void Journal::show(const Record& superblock) {
  uint8_t* bytes = place(kSuperblockPlace);
  memcpy(bytes, superblock.copy, block_size_);
  auto& shown = *reinterpret_cast<Superblock*>(bytes + kSuperblockOffset % block_size_);
  shown.feature_compat |= kCompatJournal;
  shown.feature_incompat |= kIncompatRecover;
  shown.journal_inode = kJournalInode;
  shown.journal_backup_type = kBackupOfPointers;
  uint32_t* pointers = shown.journal_pointers;
  for (uint32_t i = 0; i < kDirectBlocks; i++) pointers[i] = uint32_t(at(i).value);
  pointers[kIndirect] = blocks_[0];
  pointers[kDoubleIndirect] = blocks_[1];
  pointers[kTripleIndirect] = 0;
  pointers[kBlockPointers] = 0;  // the upper half of its size
  pointers[kBlockPointers + 1] = kFileBlocks * block_size_;
  writer_.add(superblock.block.number(), bytes);
}

void Journal::write_home(Record& record) {
  take_back_escape(record);
  writer_.add(record.block.number(), record.copy);
}

}  // namespace cairn::ext2
