// How handlers read their arguments and return.
// Source: System V ABI, AMD64 supplement, "Linux Conventions".
#pragma once

#include "arch/trap_frame.h"
#include "lib/result.h"
#include "lib/types.h"

namespace cairn {

inline uint64_t argument0(const TrapFrame& call) { return call.rdi; }
inline uint64_t argument1(const TrapFrame& call) { return call.rsi; }
inline uint64_t argument2(const TrapFrame& call) { return call.rdx; }
inline uint64_t argument3(const TrapFrame& call) { return call.r10; }
inline uint64_t argument4(const TrapFrame& call) { return call.r8; }
inline uint64_t argument5(const TrapFrame& call) { return call.r9; }

/// What the running call returns, which fails: it is counted (/proc/cairn/syscalls).
int64_t failure(Errno error);
inline int64_t to_return(const Result<void>& result) {
  return result.ok() ? 0 : failure(result.error());
}

}  // namespace cairn
