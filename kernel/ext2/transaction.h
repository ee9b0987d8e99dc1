// Blocks of metadata in memory, and those that a transaction changes.
#pragma once

#include "lib/tree.h"
#include "page_cache/page_cache.h"

namespace cairn::ext2 {

/// A block of metadata, pinned in the page cache.
class MetadataBlock {
 public:
  MetadataBlock() = default;
  MetadataBlock(PageRef page, uint32_t offset, BlockNumber number)
      : page_(std::move(page)), offset_(offset), number_(number) {}
  explicit operator bool() const { return bool(page_); }
  uint8_t* data() const { return page_->data() + offset_; }
  template <class T>
  T* as(uint32_t offset = 0) const {
    return reinterpret_cast<T*>(data() + offset);
  }
  BlockNumber number() const { return number_; }

 private:
  PageRef page_;
  uint32_t offset_ = 0;  // bytes in the page
  BlockNumber number_{};
};

/// A changed block, and room for its copy.
struct Record {
  TreeLink<Record> link;
  uint64_t key = 0;     // the block's number; of the superblock, which comes last, more than any
  MetadataBlock block;  // pinned
  uint8_t* copy = nullptr;  // in a frame of its own: the block as it was when its transaction ended
  bool escaped = false;     // `copy` is without its first word, as it is logged (journal.cc)
  bool lasts = false;       // it is in every transaction that is committed, and not freed with any

  /// Null: no memory.
  static Record* make(const MetadataBlock& block);
  ~Record();
};
inline uint64_t key_of_record(const Record& record) { return record.key; }

/// Not locked by itself.
class Transaction {
 public:
  ~Transaction() { clear(); }
  Record* find(uint64_t key);
  void insert(Record& record);
  void remove(Record& record);
  /// Frees all records but those that last.
  void clear();

  uint32_t count() const { return count_; }
  /// In order of key; null ends it.
  Record* first() const { return records_.first(); }
  Record* next(Record& record) const { return records_.next(record); }

 private:
  static constexpr uint32_t kRecent = 16;

  Tree<Record, &Record::link, &key_of_record> records_;
  uint32_t count_ = 0;
  Record* recent_[kRecent] = {};
};

}  // namespace cairn::ext2
