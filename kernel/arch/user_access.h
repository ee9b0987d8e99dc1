// Raw access to user memory. Only address_space/user_copy.h and the monitor's table commands use
// it; everything else goes through the checked copy.
//
// A fault inside is resolved like a user's own (demand-zero, copy-on-write) if it can be; if not,
// execution goes on at the place that the exception table names for the faulting instruction, and
// the copy reports how much is missing.
#pragma once

#include <cstddef>

#include "arch/cpu.h"

namespace cairn {

/// Copies `count` bytes, one side of them in user memory, which is open. How many are missing at the end:
/// never too few, but up to seven that could have been copied may be among them.
extern "C" size_t raw_copy_user(void* to, const void* from, size_t count);

/// The same with what is present: no fault of it is resolved, so it never sleeps, and takes no lock. What
/// isn't in the page table counts as missing.
extern "C" size_t raw_copy_present(void* to, const void* from, size_t count);

/// Compares an aligned word of user memory, which is open, with `*expected` and exchanges it for `desired` if they are the
/// same, in one step; `*expected` is what was there. False: it isn't to be written to.
extern "C" bool raw_exchange_user(uint32_t* word, uint32_t* expected, uint32_t desired);
/// The same with what is present, as raw_copy_present(); and one load of an aligned word.
extern "C" bool raw_exchange_present(uint32_t* word, uint32_t* expected, uint32_t desired);
extern "C" bool raw_load_present(uint32_t* to, const uint32_t* from);

/// Opens user memory (SMAP) for a scope.
class UserAccess {
 public:
  UserAccess() {
    if (cpu_has_smap) asm volatile("stac" : : : "memory");
  }
  ~UserAccess() {
    if (cpu_has_smap) asm volatile("clac" : : : "memory");
  }
  UserAccess(const UserAccess&) = delete;
  UserAccess& operator=(const UserAccess&) = delete;
};

/// Where to continue after an unresolvable fault of the instruction at `rip`, or 0 if that
/// instruction has no business with user memory.
uint64_t user_access_fixup(uint64_t rip);
/// Whether the instruction at `rip` is of those that take only what is present.
bool copies_present_only(uint64_t rip);

}  // namespace cairn
