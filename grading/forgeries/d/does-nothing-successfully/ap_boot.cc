// A forgery: every processor is said to have come.
#include "sched/processors.h"

namespace cairn {

Result<void> start_processor(uint32_t, uint8_t) { return {}; }

}  // namespace cairn
