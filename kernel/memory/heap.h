// The kernel's heap: objects of up to 1 KiB from slabs of one size class each, larger ones as runs
// of frames. Debug builds fill freed objects with 0xdd and check the fill when they are handed out
// again, so that a use after free shows.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace cairn {

/// `bytes` of undefined content, aligned to 16; null if memory is short. Never sleeps.
void* heap_allocate(size_t bytes);
/// Frees what heap_allocate() gave; null is fine.
void heap_free(void* object);
/// Bytes in live objects of all size classes, rounded up to the classes; a snapshot.
size_t heap_bytes_in_use();

/// Constructs a T on the heap; null if memory is short. `delete` frees it.
template <class T, class... Arguments>
T* new_object(Arguments&&... arguments) {
  static_assert(alignof(T) <= 16 || sizeof(T) > 1024);
  void* memory = heap_allocate(sizeof(T));
  return memory == nullptr ? nullptr : new (memory) T(std::forward<Arguments>(arguments)...);
}

}  // namespace cairn
