// A stack that is free stays mapped, in a list, until memory is wanted: then its frames are given back and
// its slot is marked. A slot that is mapped once more has other frames, and processors may still hold the
// translations of the old ones, which are global. So each time that happens the stacks' generation rises. A
// processor forgets all stacks' translations when it sees that it lags behind: before it switches to another
// thread, and before it touches a stack that is nobody's. Nobody else ever touches a stack but its thread.
#include "memory/kernel_stack.h"

#include <algorithm>

#include "arch/cpu.h"
#include "lib/bit_set.h"
#include "memory/frame_allocator.h"
#include "memory/kernel_half.h"
#include "sync/spinlock.h"

namespace cairn {

constinit std::atomic<uint64_t> kernel_stack_generation{0};

namespace {

constexpr int kSlots = int(kStackArenaSize / kStackSlotSize);
constexpr unsigned kGivenBackAtOnce = 16;  // stacks

constinit Spinlock stacks_lock{"kernel stacks", LockRank::kStacks};
// Free stacks are chained through their own topmost word.
constinit uint64_t* free_stacks GUARDED_BY(stacks_lock) = nullptr;
constinit int slots_used GUARDED_BY(stacks_lock) = 0;
constinit BitSet<kSlots> given_back
    GUARDED_BY(stacks_lock) = {};  // of those used: they have no frames
constinit int first_given_back GUARDED_BY(stacks_lock) = kSlots;  // none is below

VirtAddr top_of(int slot) { return kStackArenaStart + uint64_t(slot + 1) * kStackSlotSize; }
int slot_of(VirtAddr top) { return int((top - kStackArenaStart) / kStackSlotSize) - 1; }

uint64_t* pop_locked() REQUIRES(stacks_lock) {
  forget_old_kernel_stacks();
  uint64_t* word = free_stacks;
  if (word != nullptr) free_stacks = reinterpret_cast<uint64_t*>(*word);
  return word;
}

uint64_t* pop_free() {
  IrqGuard guard(stacks_lock);
  return pop_locked();
}

/// Maps a slot that has no frames, one that had some before if there is any. ENOMEM.
Result<VirtAddr> map_slot(const FrameNumber (&frames)[4]) REQUIRES(stacks_lock) {
  if (first_given_back != kSlots) first_given_back = given_back.find(first_given_back, true);
  int slot = first_given_back != kSlots ? first_given_back : slots_used;
  if (slot == kSlots) return Errno::kENOMEM;
  TRY(map_stack_slot(uint64_t(slot), frames));
  if (slot == slots_used) {
    slots_used++;
    return top_of(slot);
  }
  given_back.set(slot, false);
  kernel_stack_generation.fetch_add(1);
  forget_old_kernel_stacks();
  return top_of(slot);
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
  auto mapped = map_slot(frames);
  if (!mapped.ok()) {
    for (FrameNumber frame : frames) free_frame(frame);
  }
  return mapped;
}

}  // namespace

Result<VirtAddr> allocate_kernel_stack() {
  if (uint64_t* word = pop_free()) return VirtAddr(reinterpret_cast<uint64_t>(word + 1));
  return map_new_stack();
}

void free_kernel_stack(VirtAddr top) {
  auto* word = reinterpret_cast<uint64_t*>(top.value) - 1;
  IrqGuard guard(stacks_lock);
  forget_old_kernel_stacks();
  *word = reinterpret_cast<uint64_t>(free_stacks);
  free_stacks = word;
}

bool give_back_kernel_stacks() {
  unsigned count = 0;
  IrqGuard guard(stacks_lock);
  for (; count < kGivenBackAtOnce; count++) {
    uint64_t* word = pop_locked();
    if (word == nullptr) break;
    int slot = slot_of(VirtAddr(reinterpret_cast<uint64_t>(word + 1)));
    FrameNumber frames[4];
    unmap_stack_slot(uint64_t(slot), frames);
    for (FrameNumber frame : frames) free_frame(frame);
    given_back.set(slot, true);
    first_given_back = std::min(first_given_back, slot);
  }
  return count != 0;
}

void forget_kernel_stacks(uint64_t generation) {
  this_cpu().kernel_stack_generation = generation;
  // Global pages are forgotten when global pages are switched off.
  constexpr uint64_t kGlobalPages = 1 << 7;
  Cr4 cr4 = Cr4::read();
  Cr4{cr4.value & ~kGlobalPages}.write();
  cr4.write();
}

}  // namespace cairn
