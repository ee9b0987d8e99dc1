// What the system calls itself: uname(), /proc/version, /proc/sys/kernel.
#pragma once

namespace cairn {

inline constexpr char kSystemName[] = "Cairn";
inline constexpr char kSystemNode[] = "cairn";
/// The Linux whose calls these are; C libraries look at it.
inline constexpr char kSystemRelease[] = "6.1.0";
inline constexpr char kSystemVersion[] = "lab stage";
inline constexpr char kSystemMachine[] = "x86_64";

}  // namespace cairn
