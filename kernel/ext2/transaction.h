// Private to commit.cc and journal.cc: the blocks that a transaction changes.
#pragma once

#include "ext2/commit.h"
#include "lib/tree.h"

namespace cairn::ext2 {

/// A changed block, and room for its copy.
struct Record {
  TreeLink<Record> link;
  uint64_t number = 0;
  MetadataBlock block;      // pinned
  uint8_t* copy = nullptr;  // in a frame of its own: the block as it was when its transaction ended
  bool escaped = false;     // `copy` is without its first word, as it is logged (journal.cc)

  /// Null: no memory.
  static Record* make(const MetadataBlock& block);
  ~Record();
};
inline uint64_t key_of_record(const Record& record) { return record.number; }

/// Not locked by itself.
class Transaction {
 public:
  ~Transaction() { clear(); }
  Record* find(uint64_t number);
  void insert(Record& record);
  void remove(Record& record);
  /// Frees all records.
  void clear();

  uint32_t count() const { return count_; }
  /// In order of number; null ends it.
  Record* first() const { return records_.first(); }
  Record* next(Record& record) const { return records_.next(record); }

 private:
  static constexpr uint32_t kRecent = 16;

  Tree<Record, &Record::link, &key_of_record> records_;
  uint32_t count_ = 0;
  Record* recent_[kRecent] = {};
};

}  // namespace cairn::ext2
