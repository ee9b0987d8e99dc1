// A page fault, decoded once.
#pragma once

#include "lib/types.h"

namespace cairn {

/// Source: Intel SDM 3A, "Interrupt 14—Page-Fault Exception (#PF)".
struct PageFault {
  VirtAddr address;
  bool present;  // a translation was there and forbade the access
  bool write;
  bool user;   // user mode; false: the kernel, copying for a process
  bool fetch;  // an instruction fetch

  static PageFault decode(VirtAddr address, uint64_t error) {
    return {address, (error & 1) != 0, (error & 2) != 0, (error & 4) != 0, (error & 16) != 0};
  }
};

enum class FaultOutcome {
  kRetry,       // resolved: run the instruction again
  kBadAddress,  // no region there
  kNotAllowed,  // the region forbids it
  kOutOfMemory,
  kBusError,  // there is no such page: beyond a file's end, or a disk failed
};

}  // namespace cairn
