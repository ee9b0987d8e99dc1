#include "debug/exit.h"

#include "arch/cpu.h"

namespace cairn {

namespace {
constexpr uint16_t kDebugExitPort = 0xf4;
constinit bool graded_run = false;
}  // namespace

bool is_graded_run() { return graded_run; }
void set_graded_run() { graded_run = true; }
void debug_exit(uint8_t code) { out8(kDebugExitPort, code); }

}  // namespace cairn
