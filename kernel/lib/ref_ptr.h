// Shared ownership by an intrusive count. An object starts with one reference, which adopt() takes
// over; the last RefPtr to go deletes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "lib/assert.h"

namespace cairn {

template <class T>
class RefCounted {
 public:
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    uint32_t before = references_.fetch_sub(1, std::memory_order_acq_rel);
    ASSERT(before != 0);
    if (before == 1) delete static_cast<T*>(this);
  }
  uint32_t references() const { return references_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> references_{1};
};

template <class T>
class RefPtr {
 public:
  constexpr RefPtr() = default;
  constexpr RefPtr(std::nullptr_t) {}
  /// Takes over the reference that the caller holds.
  static RefPtr adopt(T* object) {
    RefPtr pointer;
    pointer.object_ = object;
    return pointer;
  }
  /// Adds a reference to an object that somebody else keeps alive.
  static RefPtr share(T* object) {
    if (object != nullptr) object->retain();
    return adopt(object);
  }
  RefPtr(const RefPtr& other) : RefPtr(share(other.object_)) {}
  RefPtr(RefPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  RefPtr& operator=(RefPtr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~RefPtr() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace cairn
