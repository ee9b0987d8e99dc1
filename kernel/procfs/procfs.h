// procfs: processes and the kernel as files, in Linux's formats.
// Source: Linux, proc(5).
#pragma once

#include "lib/format.h"
#include "vfs/file_system.h"

namespace cairn {

/// For the registry of file systems. ENOMEM.
Result<RefPtr<FileSystem>> open_procfs(BlockDevice* device, bool read_only);

/// Upward need: what the boot loader was told. Implemented in boot.
std::string_view boot_options();
/// Upward need: the list of system calls, how often each was made and failed, as /proc/cairn/syscalls shows it. Implemented in syscalls.
void print_syscalls(Writer& out);

}  // namespace cairn
