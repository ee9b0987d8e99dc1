// On the host: one processor, one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/types.h"

namespace cairn {

struct Thread;
inline Thread* current_thread() { return nullptr; }

}  // namespace cairn
