// Where the names of a large directory are: a hash table in memory beside the list on the device, so
// that finding one name among 100,000 reads one block. It is made when a large directory is searched
// for the first time, kept as long as the inode is in memory, and told of every change. Where the list
// can't be followed, or no more memory is to be had, the table ends and the list goes on.
#pragma once

#include "ext2/directory.h"

namespace cairn::ext2 {

class NameIndex {
 public:
  /// Directories below this many bytes are searched from end to end.
  static constexpr uint64_t kSmallest = (8 << 10) + 1;

  /// The names of the directory; null if memory is short. May sleep.
  static NameIndex* make(Ext2Inode& directory) REQUIRES_SHARED(directory.lock);

  /// The entry of the name; ENOENT, EUCLEAN, EIO. May sleep.
  Result<EntryPlace> find(Ext2Inode& directory, std::string_view name) const
      REQUIRES_SHARED(directory.lock);

  // The directory's lock is held for writing. `position`: of the entry, in bytes.
  void insert(std::string_view name, uint64_t position);
  void remove(std::string_view name, uint64_t position);

 private:
  /// A name: 32 bits of its hash, and where its entry begins, in units of 4 bytes.
  struct Slot {
    uint32_t hash;
    uint32_t where;
  };
  static constexpr uint32_t kFree = UINT32_MAX;  // Slot::where

  /// An array in single pages: a long one needs no large run of frames.
  class Slots {
   public:
    static constexpr uint32_t kPerPage = kPageSize / sizeof(Slot);

    Slots() = default;
    Slots(const Slots&) = delete;
    ~Slots();

    /// Free slots, once; `count` is a multiple of kPerPage. False: no memory, or tables have enough of it.
    bool allocate(uint32_t count);
    uint32_t count() const { return count_; }
    void swap(Slots& other);
    Slot& operator[](uint32_t at) const { return pages_[at / kPerPage][at % kPerPage]; }

   private:
    Slot** pages_ = nullptr;
    uint32_t count_ = 0;
    uint32_t reserved_ = 0;  // pages, of all tables' share of the memory
  };

  /// All names up to the first entry that is damaged, can't be read, or finds no memory.
  void insert_all(Ext2Inode& directory) REQUIRES_SHARED(directory.lock);
  bool resize(uint32_t capacity);
  void put(Slot slot);
  uint32_t mask() const { return slots_.count() - 1; }

  Slots slots_;  // a power of two of them
  uint32_t names_ = 0;
  /// Where the table ends: names of entries from here on (bytes) may be in the list alone. Who looks for
  /// one that isn't in the table meets there what is wrong with the list.
  uint64_t end_ = UINT64_MAX;
};

/// find_entry(), through the index where the directory is large enough to have one. ENOENT, EUCLEAN,
/// EIO. May sleep.
Result<EntryPlace> find_name(Ext2Inode& directory, std::string_view name)
    REQUIRES_SHARED(directory.lock);
/// Keeps the index, if there is one, in step with an entry that was put in or is being taken out.
void note_entry_put(Ext2Inode& directory, std::string_view name, uint64_t position)
    REQUIRES(directory.lock);
void note_entry_cleared(Ext2Inode& directory, const EntryPlace& place) REQUIRES(directory.lock);

}  // namespace cairn::ext2
