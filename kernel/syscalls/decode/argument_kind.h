// What the arguments of system calls are, and how each kind of them is shown. One line of a trace is made of them
// (traced_call.cc); which call has which is in call_shapes.h.
#pragma once

#include <span>

#include "lib/format.h"

namespace cairn {

/// A call that is made, or was: what registers held as it began.
struct CallView {
  uint64_t number = 0;
  uint64_t arguments[6] = {};
  int64_t result = 0;  // once it returned

  bool failed() const { return result < 0 && result >= -4095; }
};

/// One argument. It may look at others (a buffer at its size), and reads the memory of the running process, which has
/// made the call: bad addresses are shown as such. Who writes nothing has no argument to show. May sleep.
using ShowArgument = void (*)(BufferWriter& out, const CallView& call, unsigned index);

struct ArgumentKind {
  ShowArgument show = nullptr;
  bool is_result = false;  // the call stores it: shown as it returns, or as an address if it fails
  ShowArgument show_after = nullptr;  // what it changed of it: behind the result
};

// numbers.cc
void show_int(BufferWriter& out, const CallView& call, unsigned index);
void show_long(BufferWriter& out, const CallView& call, unsigned index);
void show_size(BufferWriter& out, const CallView& call, unsigned index);
void show_hexadecimal(BufferWriter& out, const CallView& call, unsigned index);
void show_address(BufferWriter& out, const CallView& call, unsigned index);
void show_octal(BufferWriter& out, const CallView& call, unsigned index);
void show_directory(BufferWriter& out, const CallView& call, unsigned index);
void show_id(BufferWriter& out, const CallView& call, unsigned index);
void show_device(BufferWriter& out, const CallView& call, unsigned index);
void show_signal(BufferWriter& out, const CallView& call, unsigned index);
void show_create_mode(BufferWriter& out, const CallView& call, unsigned index);

// strings.cc
void show_path(BufferWriter& out, const CallView& call, unsigned index);
void show_bytes(BufferWriter& out, const CallView& call, unsigned index);
void show_bytes_read(BufferWriter& out, const CallView& call, unsigned index);
void show_string_result(BufferWriter& out, const CallView& call, unsigned index);
void show_strings(BufferWriter& out, const CallView& call, unsigned index);
void show_string_count(BufferWriter& out, const CallView& call, unsigned index);
void show_vector(BufferWriter& out, const CallView& call, unsigned index);
void show_vector_read(BufferWriter& out, const CallView& call, unsigned index);
void show_entries(BufferWriter& out, const CallView& call, unsigned index);

// time_structures.cc
void show_timespec(BufferWriter& out, const CallView& call, unsigned index);
void show_two_timespecs(BufferWriter& out, const CallView& call, unsigned index);
void show_timeval(BufferWriter& out, const CallView& call, unsigned index);
void show_two_timevals(BufferWriter& out, const CallView& call, unsigned index);
void show_timer(BufferWriter& out, const CallView& call, unsigned index);
void show_timer_spec(BufferWriter& out, const CallView& call, unsigned index);
void show_seconds(BufferWriter& out, const CallView& call, unsigned index);
void show_two_seconds(BufferWriter& out, const CallView& call, unsigned index);
void show_usage(BufferWriter& out, const CallView& call, unsigned index);
void show_process_times(BufferWriter& out, const CallView& call, unsigned index);

// signal_structures.cc
void show_signal_set(BufferWriter& out, const CallView& call, unsigned index);
void show_mask_and_size(BufferWriter& out, const CallView& call, unsigned index);
void show_action(BufferWriter& out, const CallView& call, unsigned index);
void show_signal_stack(BufferWriter& out, const CallView& call, unsigned index);
void show_signal_info(BufferWriter& out, const CallView& call, unsigned index);
void show_wait_status(BufferWriter& out, const CallView& call, unsigned index);

// file_structures.cc
void show_stat(BufferWriter& out, const CallView& call, unsigned index);
void show_statx(BufferWriter& out, const CallView& call, unsigned index);
void show_statfs(BufferWriter& out, const CallView& call, unsigned index);
void show_two_ints(BufferWriter& out, const CallView& call, unsigned index);
void show_int_at(BufferWriter& out, const CallView& call, unsigned index);
void show_long_at(BufferWriter& out, const CallView& call, unsigned index);
void show_address_at(BufferWriter& out, const CallView& call, unsigned index);
void show_ids(BufferWriter& out, const CallView& call, unsigned index);
void show_ids_read(BufferWriter& out, const CallView& call, unsigned index);
void show_limit(BufferWriter& out, const CallView& call, unsigned index);
void show_system_names(BufferWriter& out, const CallView& call, unsigned index);
void show_system_info(BufferWriter& out, const CallView& call, unsigned index);

// descriptor_sets.cc, control_arguments.cc
void show_poll_events(BufferWriter& out, const CallView& call, unsigned index);
void show_poll_results(BufferWriter& out, const CallView& call, unsigned index);
void show_descriptor_set(BufferWriter& out, const CallView& call, unsigned index);
void show_descriptor_results(BufferWriter& out, const CallView& call, unsigned index);
void show_watched_event(BufferWriter& out, const CallView& call, unsigned index);
void show_found_events(BufferWriter& out, const CallView& call, unsigned index);
void show_fcntl_argument(BufferWriter& out, const CallView& call, unsigned index);
void show_ioctl_argument(BufferWriter& out, const CallView& call, unsigned index);
void show_prctl_argument(BufferWriter& out, const CallView& call, unsigned index);
void show_futex_time(BufferWriter& out, const CallView& call, unsigned index);

}  // namespace cairn
