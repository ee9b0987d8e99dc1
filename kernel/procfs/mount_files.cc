// /proc/PID/mounts and mountinfo. They are printed as they are opened: a walk over the mounts comes before all other
// locks.
// Source: Linux, proc(5), "/proc/pid/mountinfo"; getmntent(3).
#include "procfs/process_view.h"
#include "special_files/device_file.h"

namespace cairn {

namespace {

constexpr std::string_view kSpecial = " \t\n\\";

void print_source(Writer& out, const Mount& mount) {
  if (mount.file_system->device != nullptr) out.write("/dev/");
  write_escaped(out, mount.source, kSpecial);
}

Result<void> print_point(Writer& out, Mount& mount) {
  ProcText point;
  TRY(print_place({RefPtr<Mount>::share(&mount), mount.root}, point));
  write_escaped(out, point.view(), kSpecial);
  return point.state();
}

const char* options(bool read_only) { return read_only ? "ro" : "rw"; }

}  // namespace

Result<void> print_mounts(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    print_source(out, *mount);
    out.write(" ");
    TRY(print_point(out, *mount));
    print(out, " {} {},relatime 0 0\n", mount->file_system->type_name, options(mount->read_only));
  }
  return {};
}

Result<void> print_mount_info(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  MountWalk walk;
  while (Mount* mount = walk.next()) {
    const FileSystem& file_system = *mount->file_system;
    const Mount* parent = mount->covered ? mount->covered.mount.get() : mount;
    print(out, "{} {} {}:{} / ", mount->id, parent->id, device_major(file_system.device_number),
          device_minor(file_system.device_number));
    TRY(print_point(out, *mount));
    print(out, " {},relatime - {} ", options(mount->read_only), file_system.type_name);
    print_source(out, *mount);
    print(out, " {}\n", options(file_system.read_only));
  }
  return {};
}

}  // namespace cairn
