// Memory that processes share without a file: mmap with MAP_SHARED and MAP_ANONYMOUS.
#pragma once

#include "lib/ref_ptr.h"
#include "page_cache/page_cache.h"

namespace cairn {

/// Zeros at first, in memory until the last region that maps it goes.
class SharedMemory final : public CacheOwner, public RefCounted<SharedMemory>, public ObjectKeeper {
 public:
  explicit SharedMemory(uint64_t pages) : CacheOwner(nullptr, kPageSize), page_limit_(pages) {}
  ~SharedMemory() { drop_pages(*this); }

  // CacheOwner's. Without a device it is not asked where its pages are.
  Result<void> locate_page(uint64_t, std::span<uint64_t>) override { return Errno::kEIO; }
  uint64_t page_limit() override { return page_limit_; }
  // ObjectKeeper's.
  void retain() override { RefCounted::retain(); }
  void release() override { RefCounted::release(); }

 private:
  const uint64_t page_limit_;
};

}  // namespace cairn
