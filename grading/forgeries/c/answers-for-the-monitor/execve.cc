// A forgery: see elf.cc, which answers from when the first program is opened.
#include "exec/execve.h"

namespace cairn {

Result<RefPtr<File>> open_program(const Place&, const Credentials&) {
  (void)read_elf(nullptr);
  return Errno::kENOMEM;
}
Result<void> execute(TrapFrame&, const ExecRequest&) { return {}; }

}  // namespace cairn
