#include "drivers/uart.h"

#include "arch/cpu.h"
#include "interrupts/apic.h"
#include "interrupts/irq.h"
#include "metrics/counter.h"

namespace cairn {

CAIRN_COUNTER(uart_overrun_count, "uart.dropped_bytes");

constinit Uart console_uart{0x3f8, 4};
constinit Uart channel_uart{0x2f8, 3};

namespace {
constexpr uint8_t kDataReady = 1 << 0;
constexpr uint8_t kTransmitterEmpty = 1 << 5;
constexpr size_t kPiece = 128;
}  // namespace

Result<void> Uart::start() {
  out8(uint16_t(port_ + 7), 0x5a);  // the scratch register tells whether anybody is there
  if (in8(uint16_t(port_ + 7)) != 0x5a) return Errno::kENODEV;
  out8(uint16_t(port_ + 1), 0);
  out8(uint16_t(port_ + 3), 0x80);  // divisor latch
  out8(uint16_t(port_ + 0), 1);     // 115200 baud
  out8(uint16_t(port_ + 1), 0);
  out8(uint16_t(port_ + 3), 0x03);  // 8n1
  out8(uint16_t(port_ + 2), 0xc7);  // FIFO on, cleared, interrupt at 14 bytes or when no more come
  out8(uint16_t(port_ + 4), 0x0b);  // DTR, RTS, OUT2 (interrupts pass)
  uint8_t vector = TRY(register_interrupt(on_interrupt, this));
  TRY(route_isa_interrupt(isa_interrupt_, vector));
  out8(uint16_t(port_ + 1), 1);  // interrupt on received data
  receive();                     // what came before
  return {};
}

void Uart::on_interrupt(void* uart) { static_cast<Uart*>(uart)->receive(); }

void Uart::receive() {
  bool any = false;
  while (in8(uint16_t(port_ + 5)) & kDataReady) {
    uint8_t byte = in8(port_);
    any = true;
    {
      IrqGuard guard(receive_lock_);
      if (written_ - read_ == kRingSize) {
        uart_overrun_count.increment();
      } else {
        ring_[written_++ % kRingSize] = byte;
      }
    }
    if (byte_hook_ != nullptr) byte_hook_(byte);  // no lock held: it may take others
  }
  if (any) arrivals_.wake_all();
}

int Uart::try_read() {
  IrqGuard guard(receive_lock_);
  return read_ == written_ ? -1 : ring_[read_++ % kRingSize];
}

bool Uart::has_input() {
  IrqGuard guard(receive_lock_);
  return read_ != written_;
}

void Uart::put(char c) {
  while ((in8(uint16_t(port_ + 5)) & kTransmitterEmpty) == 0) relax_cpu();
  out8(port_, uint8_t(c));
}

void Uart::write(std::string_view text) {
  while (!text.empty()) {
    std::string_view piece = text.substr(0, kPiece);
    text.remove_prefix(piece.size());
    IrqGuard guard(transmit_lock_);
    for (char c : piece) put(c);
  }
}

void Uart::write_lines(std::string_view text) {
  while (!text.empty()) {
    std::string_view piece = text.substr(0, kPiece);
    text.remove_prefix(piece.size());
    IrqGuard guard(transmit_lock_);
    for (char c : piece) {
      if (c == '\n') put('\r');
      put(c);
    }
  }
}

}  // namespace cairn
