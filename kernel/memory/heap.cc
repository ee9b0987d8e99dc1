// A slab is one frame: a header, then objects of one size. Free objects of a slab are chained
// through their first word. A class keeps the slabs that have room in a list; full ones are in none
// and come back when an object of theirs is freed. All operations are O(1).
// Source: Bonwick, "The Slab Allocator: An Object-Caching Kernel Memory Allocator" (1994).
#include "memory/heap.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include "arch/layout.h"
#include "lib/list.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

constexpr uint8_t kFreedByte = 0xdd;
constexpr size_t kMaxSlabObject = 1008;

struct alignas(16) Slab {
  ListLink link;
  void* free = nullptr;  // chain of free objects
  uint16_t used = 0;
  uint16_t class_index = 0;
};

struct FreeObject {
  FreeObject* next;
};

struct SizeClass {
  constexpr explicit SizeClass(size_t bytes) : size(bytes) {}

  size_t size;  // bytes of an object
  Spinlock lock{"heap", LockRank::kHeap};
  List<Slab, &Slab::link> partial GUARDED_BY(lock);
  Slab* spare GUARDED_BY(lock) = nullptr;  // one empty slab is kept
};

constinit SizeClass classes[] = {SizeClass(16),  SizeClass(32),  SizeClass(48),
                                 SizeClass(64),  SizeClass(96),  SizeClass(128),
                                 SizeClass(192), SizeClass(256), SizeClass(320),
                                 SizeClass(448), SizeClass(672), SizeClass(kMaxSlabObject)};
constinit std::atomic<size_t> bytes_in_use{0};

SizeClass* class_for(size_t bytes) {
  for (SizeClass& c : classes) {
    if (bytes <= c.size) return &c;
  }
  return nullptr;
}

/// Order of the run of frames for an object too large for a slab.
unsigned run_order(size_t bytes) { return unsigned(std::bit_width((bytes - 1) >> kPageShift)); }

void poison(void* object, size_t size) {
  if (kDebugBuild) memset(object, kFreedByte, size);
}
void check_poison(const void* object, size_t size) {
  if (!kDebugBuild) return;
  auto* bytes = static_cast<const uint8_t*>(object);
  for (size_t i = sizeof(FreeObject); i < size; i++) {
    if (bytes[i] != kFreedByte) panic("heap: an object was written after it was freed");
  }
}

Slab* new_slab(SizeClass& c) {
  auto frame = allocate_frame(FrameUse::kHeap);
  if (!frame.ok()) return nullptr;
  auto* start = direct_map_as<uint8_t>(frame_address(*frame));
  auto* slab = new (start) Slab;
  slab->class_index = uint16_t(&c - classes);
  for (size_t at = sizeof(Slab); at + c.size <= kPageSize; at += c.size) {
    poison(start + at, c.size);
    auto* object = reinterpret_cast<FreeObject*>(start + at);
    object->next = static_cast<FreeObject*>(slab->free);
    slab->free = object;
  }
  return slab;
}

void* take_object(SizeClass& c, Slab* fresh) {
  IrqGuard guard(c.lock);
  if (fresh != nullptr) c.partial.push_front(*fresh);
  Slab* slab = c.partial.front();
  if (slab == nullptr) return nullptr;
  if (slab == c.spare) c.spare = nullptr;
  auto* object = static_cast<FreeObject*>(slab->free);
  slab->free = object->next;
  slab->used++;
  if (slab->free == nullptr) c.partial.remove(*slab);
  return object;
}

/// Puts the object back; returns a slab that became empty and superfluous.
Slab* give_object(SizeClass& c, Slab& slab, void* object) {
  IrqGuard guard(c.lock);
  ASSERT(slab.used > 0);
  auto* freed = static_cast<FreeObject*>(object);
  if (slab.free == nullptr) c.partial.push_front(slab);
  freed->next = static_cast<FreeObject*>(slab.free);
  slab.free = freed;
  if (--slab.used > 0) return nullptr;
  if (c.spare == nullptr) {
    c.spare = &slab;
    return nullptr;
  }
  if (c.spare == &slab) return nullptr;
  c.partial.remove(slab);
  return &slab;
}

}  // namespace

void* heap_allocate(size_t bytes) {
  SizeClass* c = class_for(bytes);
  if (c == nullptr) {
    auto run = allocate_frames(run_order(bytes), FrameUse::kHeap);
    if (!run.ok()) return nullptr;
    bytes_in_use += kPageSize << run_order(bytes);
    return direct_map(frame_address(*run));
  }
  void* object = take_object(*c, nullptr);
  if (object == nullptr) {
    Slab* slab = new_slab(*c);
    if (slab == nullptr) return nullptr;
    object = take_object(*c, slab);
  }
  check_poison(object, c->size);
  bytes_in_use += c->size;
  return object;
}

void heap_free(void* object) {
  if (object == nullptr) return;
  auto address = reinterpret_cast<uint64_t>(object);
  if (is_aligned(address, kPageSize)) {  // never a slab's object: those start after a header
    FrameNumber frame = frame_of(physical_of(object));
    unsigned order = frame_info(frame).order;
    bytes_in_use -= kPageSize << order;
    free_frames(frame, order);
    return;
  }
  auto* slab = reinterpret_cast<Slab*>(align_down(address, kPageSize));
  SizeClass& c = classes[slab->class_index];
  poison(object, c.size);
  bytes_in_use -= c.size;
  if (Slab* empty = give_object(c, *slab, object)) free_frame(frame_of(physical_of(empty)));
}

size_t heap_bytes_in_use() { return bytes_in_use; }

}  // namespace cairn

void operator delete(void* object) noexcept { cairn::heap_free(object); }
void operator delete(void* object, size_t) noexcept { cairn::heap_free(object); }
void operator delete(void* object, std::align_val_t) noexcept { cairn::heap_free(object); }
void operator delete(void* object, size_t, std::align_val_t) noexcept { cairn::heap_free(object); }
