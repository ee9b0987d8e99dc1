#include "memory/kernel_stack.h"

#include "memory/frame_allocator.h"
#include "memory/kernel_half.h"
#include "sync/spinlock.h"

namespace cairn {

namespace {

constinit Spinlock stacks_lock{"kernel stacks", LockRank::kStacks};
// Free stacks are chained through their own topmost word.
constinit uint64_t* free_stacks GUARDED_BY(stacks_lock) = nullptr;
constinit uint64_t slots_used GUARDED_BY(stacks_lock) = 0;

uint64_t* pop_free() {
  IrqGuard guard(stacks_lock);
  uint64_t* word = free_stacks;
  if (word != nullptr) free_stacks = reinterpret_cast<uint64_t*>(*word);
  return word;
}

Result<VirtAddr> map_new_stack() {
  FrameNumber frames[4];
  for (unsigned i = 0; i < 4; i++) {
    auto frame = allocate_frame(FrameUse::kStack);
    if (!frame.ok()) {
      while (i-- > 0) free_frame(frames[i]);
      return frame.error();
    }
    frames[i] = *frame;
  }
  // The table for the slot comes from the frame allocator, whose lock ranks below ours.
  IrqGuard guard(stacks_lock);
  auto mapped = slots_used < kStackArenaSize / kStackSlotSize ? map_stack_slot(slots_used, frames)
                                                              : Result<void>(Errno::kENOMEM);
  if (!mapped.ok()) {
    for (FrameNumber frame : frames) free_frame(frame);
    return mapped.error();
  }
  return kStackArenaStart + ++slots_used * kStackSlotSize;
}

}  // namespace

Result<VirtAddr> allocate_kernel_stack() {
  if (uint64_t* word = pop_free()) return VirtAddr(reinterpret_cast<uint64_t>(word + 1));
  return map_new_stack();
}

void free_kernel_stack(VirtAddr top) {
  auto* word = reinterpret_cast<uint64_t*>(top.value) - 1;
  IrqGuard guard(stacks_lock);
  *word = reinterpret_cast<uint64_t>(free_stacks);
  free_stacks = word;
}

}  // namespace cairn
