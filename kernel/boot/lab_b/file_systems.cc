// From disks to a tree of files. The root is the device that the option root=NAME names, or the first
// on which one of the file systems is found: that is the very partition GRUB read the kernel from.
#include "boot/file_systems.h"

#include "boot/boot_info.h"
#include "debug/log.h"
#include "devfs/devfs.h"
#include "ext2/file_system.h"
#include "page_cache/page_cache.h"
#include "procfs/procfs.h"
#include "sched/rcu.h"
#include "special_files/anonymous.h"
#include "special_files/device_file.h"
#include "tmpfs/tmpfs.h"
#include "tty/lab_b/devpts.h"
#include "tty/lab_b/terminal_files.h"
#include "vfs/dentry_cache.h"
#include "vfs/name_memory.h"
#include "vfs/name_ops.h"

namespace cairn {

namespace {

constinit FileSystemType ext2_type{"ext2", true, ext2::open_ext2, {}};
constinit FileSystemType tmpfs_type{"tmpfs", false, open_tmpfs, {}};
constinit FileSystemType devfs_type{"devfs", false, open_devfs, {}};
constinit FileSystemType procfs_type{"proc", false, open_procfs, {}};
constinit FileSystemType devpts_type{"devpts", false, open_devpts, {}};

bool mount_root(std::string_view device, std::string_view type) {
  auto mounted = mount_device({}, device, type, has_option("ro"));
  if (mounted.ok()) log_info("vfs", "root: {} on {}", type, device);
  return mounted.ok();
}

/// Tries the disks in order. A disk without a file system is passed over; a damaged one is named.
bool find_root() {
  for (BlockDevice* at = nullptr; (at = next_block_device(at)) != nullptr;) {
    auto mounted = mount_device({}, at->name(), ext2_type.name, has_option("ro"));
    if (mounted.ok()) {
      log_info("vfs", "root: {} on {}", ext2_type.name, at->name());
      return true;
    }
    if (mounted.error() != Errno::kEINVAL) {
      log_warning("vfs", "{}: not mounted: {}", at->name(), errno_name(mounted.error()));
    }
  }
  return false;
}

void mount_devices() {
  Place root = root_place();
  if (!root || !next_mount(nullptr)) return;  // without a mount table there is the root alone
  PathContext context{root, root};
  // Fails where it is there already, and on a disk that can't be written.
  (void)vfs_mkdir(context, "/dev", 0755);
  auto directory = resolve_path(context, "/dev");
  Result<void> mounted =
      directory.ok() ? mount_device(*directory, "none", devfs_type.name, false) : directory.error();
  if (!mounted.ok()) log_warning("vfs", "/dev: {}", errno_name(mounted.error()));
}

}  // namespace

std::string_view boot_options() { return boot_info.options; }

void start_file_systems() {
  if (!start_page_cache().ok() || !start_dentry_cache().ok()) {
    return log_error("vfs", "no memory for the caches: there are no files");
  }
  if (!start_anonymous_files().ok()) {
    return log_error("vfs", "no memory for pipes and the console: there are no files");
  }
  register_memory_devices();
  register_terminal_files();
  register_file_system(ext2_type);
  register_file_system(tmpfs_type);
  register_file_system(devfs_type);
  register_file_system(procfs_type);
  register_file_system(devpts_type);
  std::string_view wanted = option_value("root=");
  bool found = wanted.empty()      ? find_root()
               : wanted == "tmpfs" ? false
                                   : mount_root(wanted, ext2_type.name);
  if (!found && !wanted.empty() && wanted != "tmpfs") {
    log_error("vfs", "root={}: not mounted; the root is a tmpfs", wanted);
  }
  if (!found && !mount_root("none", tmpfs_type.name)) log_error("vfs", "there is no root");
  mount_devices();
  // A failed write is reported to those who sync, and counted.
  auto shrink = [](uint64_t wanted) {
    uint64_t count = shrink_names(wanted);
    rcu_barrier();  // only then is their memory free
    return count;
  };
  if (!start_flusher([] { (void)sync_all(); }, shrink).ok()) {
    log_error("vfs", "no memory for the flusher: files are written by sync only");
  }
}

}  // namespace cairn
