// Which calls begin again after a signal, call by call.
// Source: Linux, signal(7), "Interruption of system calls and library functions by signal handlers".
#include "syscalls/restart.h"
#include "syscalls/table.h"

namespace cairn {

namespace {

// Numbers of calls, as table.h has them.
enum : uint64_t {
#define CAIRN_NUMBER(number, name, arguments) k_##name = number,
  CAIRN_SYSCALLS(CAIRN_NUMBER)
#undef CAIRN_NUMBER
};

}  // namespace

Restart restart_rule(uint64_t number) {
  if (number >= kSyscallLimit) return Restart::kNone;
  switch (number) {
    // Waits for time or for a signal: a handler's return ends them, whatever it says of SA_RESTART.
    case k_nanosleep:
    case k_clock_nanosleep:
    case k_poll:
    case k_ppoll:
    case k_select:
    case k_pselect6:
    case k_pause:
    case k_rt_sigsuspend: return Restart::kUnlessHandled;
    // A group's signal must find the child, too, so fork acts on signals first.
    case k_fork:
    case k_vfork:
    case k_clone: return Restart::kAlways;
    // With a time limit as those; without one it is woken, or goes on waiting.
    case k_futex: return has_kept_deadline() ? Restart::kUnlessHandled : Restart::kAsHandlerSays;
    // Linux ends them even after a stop.
    case k_epoll_wait:
    case k_epoll_pwait:
    case k_epoll_pwait2:
    case k_rt_sigtimedwait: return Restart::kNever;
    // read, write, open, wait4, fcntl …: where nothing was moved yet.
    default: return Restart::kAsHandlerSays;
  }
}

}  // namespace cairn
