// Signals as people read them.
#pragma once

#include "lib/format.h"
#include "process/signal_info.h"

namespace cairn {

/// SIGHUP …, SIGRT_3, or the number.
class SignalName {
 public:
  explicit SignalName(unsigned signal);
  std::string_view text() const { return {buffer_, length_}; }

 private:
  char buffer_[16];
  size_t length_;
};

/// {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, …}
void print_signal_info(Writer& out, const SignalInfo& info);

}  // namespace cairn
