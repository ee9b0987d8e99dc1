// Signals, with their default actions. Handlers come with lab C.
// Source: POSIX.1-2017, "Signal Concepts"; Linux, signal(7).
#pragma once

#include "process/process.h"

namespace cairn {

inline constexpr unsigned kSigInterrupt = 2;
inline constexpr unsigned kSigIllegal = 4;
inline constexpr unsigned kSigTrap = 5;
inline constexpr unsigned kSigBus = 7;
inline constexpr unsigned kSigFpe = 8;
inline constexpr unsigned kSigKill = 9;
inline constexpr unsigned kSigSegv = 11;
inline constexpr unsigned kSigChild = 17;
inline constexpr unsigned kSigCont = 18;
inline constexpr unsigned kSigStop = 19;
inline constexpr unsigned kMaxSignal = 64;

constexpr uint64_t signal_bit(unsigned signal) { return 1ull << (signal - 1); }

/// Makes the signal pending and interrupts a wait of the process if it will act on it. Any context;
/// no locks but below process_tree_lock.
void send_signal(Process& process, unsigned signal);

/// Before any return to user mode: reschedules if due, acts on pending signals. Interrupts off,
/// comes back with them off. May end the process or sleep (stop).
void prepare_return_to_user(TrapFrame& frame);

/// The running process did something that ends it: prints the one line, then dies of `signal`.
[[noreturn]] void die_of_fault(unsigned signal, const char* text);

}  // namespace cairn
