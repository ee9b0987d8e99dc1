// What is about signals, and about the end of processes.
#include <bit>

#include "process/signal_action.h"
#include "process/signal_names.h"
#include "syscalls/decode/flag_names.h"
#include "syscalls/decode/show.h"

namespace cairn {

void write_signal_set(BufferWriter& out, uint64_t set) {
  constexpr int kMany = 40;
  if (std::popcount(set) > kMany) {
    out.write("~");
    set = ~set;
  }
  out.write("[");
  for (bool first = true; set != 0; set &= set - 1, first = false) {
    SignalName name(unsigned(std::countr_zero(set)) + 1);
    print(out, "{}{}", first ? "" : " ", name.text().substr(std::string_view("SIG").size()));
  }
  out.write("]");
}

void show_signal_set(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<uint64_t>(out, call.arguments[index], [](BufferWriter& to, const uint64_t& set) {
    write_signal_set(to, set);
  });
}

/// pselect6()'s last argument.
void show_mask_and_size(BufferWriter& out, const CallView& call, unsigned index) {
  struct MaskAndSize {
    uint64_t mask, size;
  };
  write_structure<MaskAndSize>(
      out, call.arguments[index], [](BufferWriter& to, const MaskAndSize& both) {
        to.write("{sigmask=");
        write_structure<uint64_t>(to, both.mask, [](BufferWriter& mask, const uint64_t& set) {
          write_signal_set(mask, set);
        });
        print(to, ", sigsetsize={}", both.size);
        to.write("}");
      });
}

void show_action(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr FlagName kHandlers[] = {{SignalAction::kDefault, "SIG_DFL"},
                                    {SignalAction::kIgnore, "SIG_IGN"}};
  write_structure<SignalAction>(out, call.arguments[index],
                                [&](BufferWriter& to, const SignalAction& action) {
                                  to.write("{sa_handler=");
                                  write_value(to, action.handler, kHandlers);
                                  to.write(", sa_mask=");
                                  write_signal_set(to, action.mask);
                                  to.write(", sa_flags=");
                                  write_flags(to, action.flags, kActionNames);
                                  if (action.flags & kHasRestorer)
                                    print(to, ", sa_restorer={:x}", action.restorer);
                                  to.write("}");
                                });
}

/// stack_t.
void show_signal_stack(BufferWriter& out, const CallView& call, unsigned index) {
  struct SignalStack {
    uint64_t start;
    uint32_t flags, padding;
    uint64_t size;
  };
  write_structure<SignalStack>(out, call.arguments[index],
                               [](BufferWriter& to, const SignalStack& stack) {
                                 to.write("{ss_sp=");
                                 write_address(to, stack.start);
                                 to.write(", ss_flags=");
                                 write_flags(to, stack.flags, kSignalStackNames);
                                 print(to, ", ss_size={}", stack.size);
                                 to.write("}");
                               });
}

void show_signal_info(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<SignalInfo>(
      out, call.arguments[index],
      [](BufferWriter& to, const SignalInfo& info) { print_signal_info(to, info); });
}

/// As wait4() stores it. Source: wait(2).
void show_wait_status(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr uint32_t kContinued = 0xffff, kStopped = 0x7f;
  if (call.result == 0) return write_address(out, call.arguments[index]);  // nobody had changed
  write_structure<uint32_t>(
      out, call.arguments[index], [](BufferWriter& to, const uint32_t& status) {
        const uint32_t signal = status & 0x7f, code = status >> 8 & 0xff;
        to.write("[{");
        if (status == kContinued) {
          to.write("WIFCONTINUED(s)");
        } else if (signal == kStopped) {
          print(to, "WIFSTOPPED(s) && WSTOPSIG(s) == {}", SignalName(code).text());
        } else if (signal != 0) {
          print(to, "WIFSIGNALED(s) && WTERMSIG(s) == {}", SignalName(signal).text());
        } else {
          print(to, "WIFEXITED(s) && WEXITSTATUS(s) == {}", code);
        }
        to.write("}]");
      });
}

}  // namespace cairn
