// The boot step that lab B brings (boot/lab_b/). Null where lab B isn't in.
#pragma once

namespace cairn {

/// Starts the caches, registers the file systems, mounts the root and /dev, and starts write-back. What
/// fails is logged; without a usable disk the root is a tmpfs. Once, after the disks.
[[gnu::weak]] void start_file_systems();

}  // namespace cairn
