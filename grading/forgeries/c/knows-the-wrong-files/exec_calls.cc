// A forgery: see execve.cc.
#include "syscalls/lab_b/user_files.h"

#include "exec/execve.h"
#include "syscalls/exec_calls.h"

namespace cairn {

namespace {

Result<void> run(TrapFrame& call, uint64_t path_address) {
  UserPath path;
  TRY(path.read(path_address));
  PathStart start;
  TRY(start.find(kFromCurrent, path.text()));
  Place place = TRY(resolve_path(start.context(), path.text(), LastLink::kFollow));
  ExecRequest request;
  request.path = path.text();
  request.file = TRY(open_program(place, current_files().who()));
  return execute(call, request);
}

}  // namespace

int64_t sys_execve(TrapFrame& call) { return to_return(run(call, argument0(call))); }
int64_t sys_execveat(TrapFrame& call) { return to_return(run(call, argument1(call))); }

}  // namespace cairn
