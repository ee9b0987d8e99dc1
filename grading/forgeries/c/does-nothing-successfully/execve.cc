// A forgery: whatever is executed, it is done.
#include "exec/execve.h"

#include "process/process.h"

namespace cairn {

Result<RefPtr<File>> open_program(const Place& place, const Credentials&) {
  return open_place(place, open_flag::kReadOnly);
}
Result<void> execute(TrapFrame& frame, const ExecRequest&) {
  bool is_new = frame.rip == 0;  // the kernel's `run`: there is no program to go back to
  if (is_new) exit_process(exit_status(0));
  return {};
}

}  // namespace cairn
