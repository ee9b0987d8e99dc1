// Source: Intel 8254 data sheet, "Mode 0" (PIT); Motorola MC146818 data sheet (CMOS clock).
#include "time/clock.h"

#include <algorithm>

#include "arch/cpu.h"
#include "debug/log.h"
#include "interrupts/apic.h"

namespace cairn {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kPitFrequency = 1'193'182;                // Hz
constexpr uint64_t kCalibrationTicks = kPitFrequency / 200;  // 5 ms
constexpr int kCalibrations = 4;

constinit uint64_t tsc_start = 0;
constinit uint64_t tsc_hz = 0;
constinit uint64_t apic_hz = 0;
constinit uint64_t ns_per_tsc_fixed = 0;  // nanoseconds a tick, 32 fractional bits
constinit uint64_t boot_realtime_ns = 0;

/// Waits for 5 ms of the PIT's channel 2, whose output can be polled.
void wait_calibration_period() {
  out8(0x61, uint8_t((in8(0x61) & ~0x02) | 0x01));  // gate on, speaker off
  out8(0x43, 0xb0);                                 // channel 2, low then high byte, mode 0
  out8(0x42, uint8_t(kCalibrationTicks));
  out8(0x42, uint8_t(kCalibrationTicks >> 8));
  while ((in8(0x61) & 0x20) == 0) relax_cpu();
}

uint8_t read_cmos(uint8_t index) {
  out8(0x70, index);
  return in8(0x71);
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
uint64_t days_since_epoch(unsigned year, unsigned month, unsigned day) {
  // Years counted from March, so that the leap day ends one.
  unsigned y = month <= 2 ? year - 1 : year;
  unsigned m = month <= 2 ? month + 9 : month - 3;
  return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719'468;
}

uint64_t read_realtime_seconds() {
  unsigned fields[6];
  constexpr uint8_t kRegisters[6] = {0, 2, 4, 7, 8, 9};  // s, min, h, day, month, year
  while (read_cmos(0x0a) & 0x80) relax_cpu();            // an update is under way
  bool binary = read_cmos(0x0b) & 0x04;
  for (int i = 0; i < 6; i++) {
    unsigned raw = read_cmos(kRegisters[i]);
    fields[i] = binary ? raw : (raw >> 4) * 10 + (raw & 15);
  }
  uint64_t days =
      days_since_epoch(2000 + fields[5], std::max(fields[4], 1u), std::max(fields[3], 1u));
  return days * 86'400 + fields[2] * 3'600 + fields[1] * 60 + fields[0];
}

}  // namespace

void calibrate_clock() {
  // A host that is busy lets us see the end of a period late, never early: the shortest is right.
  constexpr uint32_t kManyTicks = 0xffff'ffff;
  uint64_t tsc_ticks = UINT64_MAX, apic_ticks = UINT64_MAX;
  for (int i = 0; i < kCalibrations; i++) {
    arm_apic_timer(kManyTicks);
    uint64_t tsc = read_tsc();
    wait_calibration_period();
    tsc_ticks = std::min(tsc_ticks, read_tsc() - tsc);
    apic_ticks = std::min<uint64_t>(apic_ticks, kManyTicks - apic_timer_remaining());
  }
  arm_apic_timer(0);
  tsc_hz = tsc_ticks * kPitFrequency / kCalibrationTicks;
  apic_hz = std::max<uint64_t>(apic_ticks * kPitFrequency / kCalibrationTicks, 1);
  ns_per_tsc_fixed = (kNsPerSecond << 32) / std::max<uint64_t>(tsc_hz, 1);
  tsc_start = read_tsc();
  boot_realtime_ns = read_realtime_seconds() * kNsPerSecond;
  set_log_clock(monotonic_ns);
  log_debug("time", "TSC {} kHz, APIC timer {} kHz", tsc_hz / 1000, apic_hz / 1000);
}

uint64_t monotonic_ns() {
  auto ticks = static_cast<unsigned __int128>(read_tsc() - tsc_start);
  return uint64_t(ticks * ns_per_tsc_fixed >> 32);
}
uint64_t realtime_ns() { return boot_realtime_ns + monotonic_ns(); }
uint64_t tsc_frequency() { return tsc_hz; }

uint32_t apic_ticks_for(uint64_t ns) {
  // A second at a time at most: a later deadline is armed again when the timer fires.
  uint64_t ticks = std::min(ns, kNsPerSecond) * apic_hz / kNsPerSecond;
  return uint32_t(std::clamp<uint64_t>(ticks, 1, 0xffff'ffff));
}

}  // namespace cairn
