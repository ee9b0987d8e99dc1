#include "lib/result.h"

namespace cairn {

const char* errno_name(Errno error) {
  switch (error) {
#define NAME(name) \
  case Errno::k##name: return #name;
    NAME(EPERM)
    NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(E2BIG) NAME(ENOEXEC) NAME(EBADF)
        NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(EBUSY) NAME(EEXIST)
            NAME(ENODEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE)
                NAME(ENOTTY) NAME(ENOSPC) NAME(ESPIPE) NAME(ERANGE) NAME(ENAMETOOLONG) NAME(ENOSYS)
#undef NAME
                    case Errno::kOk : return "OK";
  }
  return "E?";
}

}  // namespace cairn
