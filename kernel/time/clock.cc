// Source: Intel 8254 data sheet, "Mode 0", "Counter Latch Command" (PIT); Motorola MC146818 data sheet (CMOS clock).
#include "time/clock.h"

#include <algorithm>

#include "arch/cpu.h"
#include "debug/log.h"
#include "interrupts/apic.h"

namespace cairn {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kPitFrequency = 1'193'182;                // Hz
constexpr uint32_t kCalibrationTicks = kPitFrequency / 500;  // 2 ms
constexpr int kReadings = 8;

constinit uint64_t tsc_start = 0;
constinit uint64_t tsc_hz = 0;
constinit uint64_t apic_hz = 0;
constinit uint64_t ns_per_tsc_fixed = 0;  // nanoseconds a tick, 32 fractional bits
constinit uint64_t boot_realtime_ns = 0;

/// The three clocks at one moment.
struct Reading {
  uint64_t tsc;
  uint64_t width;  // TSC ticks that the reading took
  uint32_t apic;   // counts down
  uint32_t pit;    // counts down, 16 bits
};

/// Starts the PIT's channel 2 at its highest count; after 55 ms its output goes high and stays so.
void start_pit() {
  out8(0x61, uint8_t((in8(0x61) & ~0x02) | 0x01));  // gate on, speaker off
  out8(0x43, 0xb0);                                 // channel 2, low then high byte, mode 0
  out8(0x42, 0xff);
  out8(0x42, 0xff);
}
bool pit_ran_out() { return (in8(0x61) & 0x20) != 0; }

/// A busy host may stop us in the middle of a reading, and then it is wide: the narrowest of several.
Reading read_clocks() {
  Reading best{.tsc = 0, .width = UINT64_MAX, .apic = 0, .pit = 0};
  for (int i = 0; i < kReadings; i++) {
    uint64_t before = read_tsc();
    out8(0x43, 0x80);  // latches channel 2's count, which can be read at leisure
    uint32_t apic = apic_timer_remaining();
    uint64_t width = read_tsc() - before;
    uint32_t low = in8(0x42);
    uint32_t pit = in8(0x42) << 8 | low;
    if (width < best.width) best = {.tsc = before, .width = width, .apic = apic, .pit = pit};
  }
  return best;
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
  Reading first, last;
  do {
    start_pit();
    arm_apic_timer(0xffff'ffff);
    first = read_clocks();
    do last = read_clocks();
    while (first.pit - last.pit < kCalibrationTicks);
  } while (pit_ran_out());  // a busy host stopped us for so long that the count began again
  arm_apic_timer(0);
  uint64_t pit_ticks = first.pit - last.pit;
  tsc_hz = (last.tsc - first.tsc) * kPitFrequency / pit_ticks;
  apic_hz = std::max<uint64_t>((first.apic - last.apic) * kPitFrequency / pit_ticks, 1);
  ns_per_tsc_fixed = (kNsPerSecond << 32) / std::max<uint64_t>(tsc_hz, 1);
  tsc_start = read_tsc();
  boot_realtime_ns = read_realtime_seconds() * kNsPerSecond;
  set_log_clock(monotonic_ns);
  log_debug("time", "TSC {} kHz, APIC timer {} kHz", tsc_hz / 1000, apic_hz / 1000);
}

uint64_t monotonic_ns() { return ns_of_tsc(read_tsc() - tsc_start); }

uint64_t ns_of_tsc(uint64_t ticks) {
  return uint64_t(static_cast<unsigned __int128>(ticks) * ns_per_tsc_fixed >> 32);
}
uint64_t realtime_ns() { return boot_realtime_ns + monotonic_ns(); }
uint64_t tsc_frequency() { return tsc_hz; }

uint32_t apic_ticks_for(uint64_t ns) {
  // A second at a time at most: a later deadline is armed again when the timer fires.
  uint64_t ticks = std::min(ns, kNsPerSecond) * apic_hz / kNsPerSecond;
  return uint32_t(std::clamp<uint64_t>(ticks, 1, 0xffff'ffff));
}

}  // namespace cairn
