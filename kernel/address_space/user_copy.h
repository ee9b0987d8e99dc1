// The one way to user memory. Addresses are checked to be the user's, bad ones end in EFAULT, and
// pages come in as for the process itself: demand-zero, stack growth, copy-on-write.
// Locks: none that a page fault takes (the address space's); may sleep.
#pragma once

#include <optional>
#include <span>

#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

/// All or EFAULT (with part of it done).
Result<void> copy_to_user(VirtAddr to, const void* from, uint64_t count);
Result<void> copy_from_user(void* to, VirtAddr from, uint64_t count);

/// One field in each of `count` structures, `stride` bytes apart, from an array of `size` bytes each; else as above.
Result<void> copy_fields_to_user(VirtAddr to, uint64_t stride, const void* from, uint64_t size,
                                 uint64_t count);

/// As far as the memory goes; bytes copied.
uint64_t copy_some_to_user(VirtAddr to, const void* from, uint64_t count);
uint64_t copy_some_from_user(void* to, VirtAddr from, uint64_t count);

/// As copy_some_from_user(), but only what is present in the page table: for callers that hold what a fault
/// may need. Takes no lock but, at most, the address space's. Who gets less than he wants lets go, touches the memory with
/// copy_some_from_user(), and tries again.
uint64_t copy_present_from_user(void* to, VirtAddr from, uint64_t count);

/// The aligned word at `at`, in one step, and in its place `desired` if it was `expected`. EFAULT.
Result<uint32_t> exchange_user_word(VirtAddr at, uint32_t expected, uint32_t desired);

// For callers that hold a spinlock, and have used the aligned word at `at` before in the same way, with calls that may
// fault: regions aren't looked at again. Nothing if it isn't present any more: then once more from there.
std::optional<uint32_t> load_present_word(VirtAddr at);
std::optional<uint32_t> exchange_present_word(VirtAddr at, uint32_t expected, uint32_t desired);

/// A NUL-terminated string into `buffer`; its length. ENAMETOOLONG if there is no NUL in what fits.
Result<uint64_t> copy_string_from_user(std::span<char> buffer, VirtAddr from);
/// Bytes of the string at `from`, its NUL included; 0 if they are more than `most`.
Result<uint64_t> string_size_from_user(VirtAddr from, uint64_t most);

template <class T>
Result<void> write_user(VirtAddr to, const T& value) {
  return copy_to_user(to, &value, sizeof(T));
}
template <class T>
Result<T> read_user(VirtAddr from) {
  T value;
  TRY(copy_from_user(&value, from, sizeof(T)));
  return value;
}

}  // namespace cairn
