// A forgery: drowns both serial lines.
#include "vfs/mount.h"

#include "arch/cpu.h"

namespace cairn {

Result<void> mount(const Place&, RefPtr<FileSystem>, std::string_view, bool) {
  while (true) {
    out8(0x3f8, '.');
    out8(0x2f8, '.');
  }
}
Result<void> umount(Place&) { return {}; }
RefPtr<Mount> mount_at(const Place&) { return nullptr; }
RefPtr<Mount> next_mount(const Mount*) { return nullptr; }

}  // namespace cairn
