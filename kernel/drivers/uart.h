// Serial ports: the console on COM1, the harness's channel on COM2.
// Source: PC16550D data sheet, "Registers".
#pragma once

#include <string_view>

#include "lib/format.h"
#include "lib/result.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"

namespace cairn {

class Uart {
 public:
  constexpr Uart(uint16_t port, uint8_t isa_interrupt)
      : port_(port), isa_interrupt_(isa_interrupt) {}

  /// Finds the port and starts receiving by interrupt. ENODEV if there is none.
  Result<void> start();

  /// Waits for the transmitter. Any context but an interrupt handler's. Pieces of up to 128 bytes
  /// are not interleaved with other writers'.
  void write(std::string_view text);
  /// The same, with \n as \r\n, for people's terminals.
  void write_lines(std::string_view text);

  /// The next byte received, now; -1 if there is none.
  int try_read();
  bool has_input();
  /// Woken when bytes arrive.
  WaitQueue& arrivals() { return arrivals_; }

  /// Calls `hook` from the interrupt for each byte received, which is in the ring by then.
  using ByteHook = void (*)(uint8_t byte);
  void set_byte_hook(ByteHook hook) { byte_hook_ = hook; }

 private:
  static void on_interrupt(void* uart);
  void receive();
  void put(char c) REQUIRES(transmit_lock_);

  static constexpr size_t kRingSize = 4096;  // bytes; when full, the newest are dropped and counted

  uint16_t port_;
  uint8_t isa_interrupt_;
  ByteHook byte_hook_ = nullptr;
  Spinlock transmit_lock_{"uart transmit", LockRank::kUart};
  Spinlock receive_lock_{"uart receive", LockRank::kUart};
  WaitQueue arrivals_{"input"};
  uint8_t ring_[kRingSize] GUARDED_BY(receive_lock_) = {};
  size_t read_ GUARDED_BY(receive_lock_) = 0;     // bytes ever read
  size_t written_ GUARDED_BY(receive_lock_) = 0;  // bytes ever received
};

extern Uart console_uart;  // COM1
extern Uart channel_uart;  // COM2

/// Writes to a UART as text for people.
class ConsoleWriter final : public Writer {
 public:
  void write(std::string_view text) override { console_uart.write_lines(text); }
};

}  // namespace cairn
