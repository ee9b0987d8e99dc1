// Source: PC16550D data sheet, "Registers".
#include "arch/early_serial.h"

#include "arch/cpu.h"

namespace cairn {

namespace {
constexpr uint16_t kCom1 = 0x3f8;
constexpr uint8_t kTransmitterEmpty = 1 << 5;

void put(char c) {
  while ((in8(kCom1 + 5) & kTransmitterEmpty) == 0) relax_cpu();
  out8(kCom1, uint8_t(c));
}
}  // namespace

void early_serial_setup() {
  out8(kCom1 + 1, 0);     // no interrupts
  out8(kCom1 + 3, 0x80);  // divisor latch
  out8(kCom1 + 0, 1);     // 115200 baud
  out8(kCom1 + 1, 0);
  out8(kCom1 + 3, 0x03);  // 8n1
  out8(kCom1 + 2, 0xc7);  // FIFO on, cleared
  out8(kCom1 + 4, 0x0b);  // DTR, RTS, OUT2
}

void early_serial_write(std::string_view text) {
  for (char c : text) {
    if (c == '\n') put('\r');
    put(c);
  }
}

}  // namespace cairn
