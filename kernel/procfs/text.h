// Text that grows as it is written: what a file of procfs shows. For this subsystem only.
#pragma once

#include "lib/format.h"
#include "lib/result.h"

namespace cairn {

class ProcText final : public Writer {
 public:
  ProcText() = default;
  ~ProcText();
  ProcText(const ProcText&) = delete;
  ProcText& operator=(const ProcText&) = delete;

  /// What finds no memory is left out, and state() says so.
  void write(std::string_view text) override;
  /// `count` more bytes, for the caller to fill. ENOMEM.
  Result<char*> extend(size_t count);
  /// Takes the last `count` bytes off.
  void shorten(size_t count) { used_ -= count; }
  void clear();

  std::string_view view() const { return {bytes_, used_}; }
  /// ENOMEM, if not all of it is there.
  Result<void> state() const { return complete_ ? Result<void>() : Errno::kENOMEM; }

 private:
  char* bytes_ = nullptr;
  size_t used_ = 0, room_ = 0;
  bool complete_ = true;
};

/// A name as Linux's tables of mounts and maps have it: bytes of `special` as \ooo.
void write_escaped(Writer& out, std::string_view text, std::string_view special);

}  // namespace cairn
