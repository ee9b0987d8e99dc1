// Memory objects: what regions map. An object is a row of pages: a file, a program's section, memory
// that processes share. A region maps a range of one (or of none: private memory that begins as zeros),
// privately or shared:
//   shared   its pages are the object's own; everybody who maps them sees a write (shared_pages.cc)
//   private  its pages are the object's until they are written, and then copies of its own: lab A's
//            copy-on-write serves them, as it serves those of regions without an object
//
// An object knows the regions that map it, so what happens to its pages reaches the page tables: who
// cuts a file unmaps what is gone, copies included; who writes dirty pages back protects them against
// writing first, so that the next write is noticed; who wants a page's memory unmaps it everywhere.
// Zircon calls such an object a VMO, Serenity a VMObject.
//
// Page and table agree by this order. A fault brings the page with no lock held, since it may wait for a
// disk, and maps it under its address space's lock, if confirm_page() says that it still is the
// object's. Who takes a page out of an object, or makes it clean, does that first and walks over the
// mappings afterwards; the walk takes each address space's lock. So a fault either sees the change, or
// has mapped the page before the walk comes to its address space.
//
// Locks: a walk holds one mutex, which all objects share (rank kMappings), and takes one address space's
// lock (kAddressSpace) at a time. An object's list has a spinlock (kMappingList), innermost.
#pragma once

#include <atomic>

#include "arch/layout.h"
#include "lib/list.h"
#include "lib/result.h"
#include "lib/types.h"
#include "sync/spinlock.h"

namespace cairn {

class AddressSpace;

/// What an object knows of a region that maps it. While it is in the object's list, it changes only
/// with that list's lock held, too.
struct Mapping {
  AddressSpace* space = nullptr;
  VirtRange range;
  uint64_t object_offset = 0;  // of range.start in the object, in bytes
  ListLink mapping_link;
};

/// What keeps an object while regions map it: an open file, say, which keeps its mount busy as well. The
/// last reference may have much to do when it goes: no lock is held then, an address space's least of
/// all.
class ObjectKeeper {
 public:
  virtual void retain() = 0;
  virtual void release() = 0;
  /// The open file that it is (vfs/file.h); null: something else.
  virtual struct File* as_file() { return nullptr; }

 protected:
  ~ObjectKeeper() = default;
};

/// Pages [first, first + count) of an object.
struct ObjectPages {
  const class MemoryObject& object;
  uint64_t first, count;

  /// The addresses at which a mapping shows them.
  VirtRange part_of(const Mapping& mapping) const;
};

class MemoryObject {
 public:
  MemoryObject() = default;
  MemoryObject(const MemoryObject&) = delete;
  MemoryObject& operator=(const MemoryObject&) = delete;

  /// The frame that holds bytes [offset, offset + 4096), with a reference for the caller. It is to be
  /// mapped; with `write` so that a process can write to it, and then what the object needs for that is
  /// there (a file's blocks). `offset` is page-aligned. May sleep and wait for a disk, so the caller
  /// holds no address space's lock. ENOMEM; all else is a bus error: ENXIO beyond the object's end,
  /// EIO, ENOSPC.
  virtual Result<FrameNumber> bring_page(uint64_t offset, bool write) = 0;
  /// Whether that frame still holds those bytes of the object. For `write`, marks them as to be written
  /// back. Called with the lock of the address space that maps it next; takes only spinlocks.
  virtual bool confirm_page(uint64_t offset, FrameNumber frame, bool write) = 0;
  /// The frame of those bytes if it can be had without waiting, with a reference for the caller, who maps it for
  /// reading at once; 0 if it can't, or if who reads them should come by bring_page(). Called as confirm_page().
  virtual FrameNumber present_page(uint64_t) { return FrameNumber(0); }
  /// Whether that page is in memory, so that nobody would wait for it. A snapshot. Called as confirm_page().
  virtual bool has_page(uint64_t) { return false; }
  /// What was written to [offset, offset + size) is on the device when this returns. EIO. May sleep.
  virtual Result<void> write_back_range(uint64_t offset, uint64_t size) { return {}; }

  /// A number that no other object has, nor ever will.
  uint64_t number();

  /// Whether any region maps it. A snapshot, but a page that was marked dirty through a mapping is seen
  /// dirty only by who also sees that mapping.
  bool is_mapped() const { return mapping_count_.load() != 0; }

  // ---- Walks over all mappings of pages [first, first + count). They sleep; the caller holds no
  // address space's lock. What they removed or narrowed is flushed when they return.

  /// Unmaps those pages, and in private regions the copies that were made of them: who cuts a file.
  void unmap_pages(uint64_t first, uint64_t count);
  /// Unmaps page `index` wherever `frame` is it; copies stay.
  void unmap_frame(uint64_t index, FrameNumber frame);
  /// Takes the right to write to them from shared regions.
  void protect_pages(uint64_t first, uint64_t count);
  /// Whether a process used page `index`, mapped from `frame`, since the last call.
  bool take_accessed(uint64_t index, FrameNumber frame);

  // For AddressSpace, with its lock held.
  void add_mapping(Mapping& mapping);
  void set_mapping_end(Mapping& mapping, VirtAddr end);
  void remove_mapping(Mapping& mapping);

 protected:
  ~MemoryObject() = default;

 private:
  /// Calls `visit(space, range)` for the part of each mapping that shows `pages`.
  template <class Visit>
  void for_each_mapping(const ObjectPages& pages, Visit visit);

  Spinlock list_lock_{"mapping list", LockRank::kMappingList};
  List<Mapping, &Mapping::mapping_link> mappings_ GUARDED_BY(list_lock_);
  Mapping* next_ GUARDED_BY(list_lock_) = nullptr;  // of the walk under way
  bool walking_ GUARDED_BY(list_lock_) = false;
  std::atomic<uint32_t> mapping_count_{0};
  std::atomic<uint64_t> number_{0};  // 0: nobody has asked
};

/// Returns once no walk looks at an address space whose mappings are all removed by now.
void wait_for_mapping_walk();

}  // namespace cairn
