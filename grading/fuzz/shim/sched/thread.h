// On the host: what the kernel's files count for the running thread.
#pragma once

#include <cstdint>

namespace cairn {

struct Thread {
  uint64_t pages_awaited = 0;
};
inline Thread* current_thread() {
  static Thread thread;
  return &thread;
}

}  // namespace cairn
