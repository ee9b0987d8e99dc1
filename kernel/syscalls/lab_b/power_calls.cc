// reboot: the end of the machine, after everything was written.
// Source: Linux, reboot(2), include/uapi/linux/reboot.h, kernel/reboot.c.
#include "acpi/power.h"
#include "debug/log.h"
#include "syscalls/lab_b/user_files.h"
#include "vfs/mount.h"

namespace cairn {

namespace {

constexpr uint32_t kMagic = 0xfee1dead;
constexpr uint32_t kSecondMagics[] = {0x28121969, 0x05121996, 0x16041998, 0x20112000};

enum Operation : uint32_t {
  kRestart = 0x01234567,
  kHalt = 0xcdef0123,
  kPowerOff = 0x4321fedc,
  kRestartWithWords = 0xa1b2c3d4,
  kEnableKeys = 0x89abcdef,
  kDisableKeys = 0,
};

bool is_second_magic(uint32_t number) {
  for (uint32_t magic : kSecondMagics) {
    if (number == magic) return true;
  }
  return false;
}

/// Linux leaves it to the caller to sync. Here nothing is lost if he forgets.
[[noreturn]] void end_with(const char* words, void (*end)()) {
  stop_file_systems();
  log_info("power", "{}", words);
  end();
  __builtin_unreachable();
}

Result<void> reboot(uint32_t operation, uint64_t words) {
  UserPath for_the_firmware;
  switch (operation) {
    case kEnableKeys:
    case kDisableKeys:
      return {};  // Ctrl, Alt and Delete: the console is a serial line, which has none
    case kRestartWithWords:
      TRY(for_the_firmware.read(words));  // there is nobody to hand them to
      [[fallthrough]];
    case kRestart: end_with("restarting", restart_machine);
    case kHalt: end_with("halted", stop_machine);
    case kPowerOff: end_with("switching off", power_off);
  }
  return Errno::kEINVAL;  // suspend and kexec among them
}

}  // namespace

int64_t sys_reboot(TrapFrame& call) {
  if (!current_process()->ids.is_superuser()) return failure(Errno::kEPERM);
  if (uint32_t(argument0(call)) != kMagic || !is_second_magic(uint32_t(argument1(call)))) {
    return failure(Errno::kEINVAL);
  }
  return to_return(reboot(uint32_t(argument2(call)), argument3(call)));
}

}  // namespace cairn
