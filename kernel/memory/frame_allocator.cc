#include "memory/frame_allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "arch/layout.h"
#include "arch/percpu.h"
#include "lib/string.h"
#include "memory/kernel_stack.h"
#include "metrics/counter.h"
#include "sync/spinlock.h"

namespace cairn {

constinit Frame* frame_table = nullptr;
constinit uint64_t frame_limit = 0;

CAIRN_COUNTER(frames_allocated_count, "frames.allocated");
CAIRN_COUNTER(frames_freed_count, "frames.freed");
CAIRN_COUNTER(frames_refused_count, "frames.refused");

namespace {

/// Free blocks by size. A block's head frame has use kFree and its order; the frames behind it have
/// use kFree and order kNoOrder, so that a buddy's state is read from its head alone.
struct BuddyLists {
  uint32_t heads[kMaxOrder + 1] = {};
  uint32_t nonempty = 0;  // bit n: heads[n] isn't empty
  uint64_t free = 0;      // frames
};

constexpr uint8_t kNoOrder = 0xff;
constexpr unsigned kMaxTriesForRun = 8;  // each frees some dozens of frames

constinit Spinlock buddy_lock{"frames", LockRank::kFrames};
constinit BuddyLists buddy GUARDED_BY(buddy_lock);
constinit uint64_t total_frames = 0;
constinit FrameNumber zero{0};
constinit std::atomic<uint64_t> fail_countdown{0};
constinit std::atomic<FrameReclaimer> frame_reclaimer{nullptr};
constinit std::atomic<FrameReclaimer> sleeping_reclaimer{nullptr};
constinit std::atomic<int64_t> use_counts[size_t(FrameUse::kCount)] = {};

void push_block(uint64_t frame, unsigned order) REQUIRES(buddy_lock) {
  Frame& info = frame_table[frame];
  info.use = FrameUse::kFree;
  info.order = uint8_t(order);
  info.previous = 0;
  info.next = buddy.heads[order];
  if (info.next != 0) frame_table[info.next].previous = uint32_t(frame);
  buddy.heads[order] = uint32_t(frame);
  buddy.nonempty |= 1u << order;
}

void unlink_block(uint64_t frame, unsigned order) REQUIRES(buddy_lock) {
  Frame& info = frame_table[frame];
  if (info.next != 0) frame_table[info.next].previous = info.previous;
  if (info.previous != 0) {
    frame_table[info.previous].next = info.next;
  } else {
    buddy.heads[order] = info.next;
    if (info.next == 0) buddy.nonempty &= ~(1u << order);
  }
  info.order = kNoOrder;
}

/// Takes a block of 2^order frames, splitting a larger one if need be; 0 if there is none.
uint64_t take_block(unsigned order) REQUIRES(buddy_lock) {
  uint32_t candidates = buddy.nonempty >> order << order;
  if (candidates == 0) return 0;
  auto found = unsigned(std::countr_zero(candidates));
  uint64_t frame = buddy.heads[found];
  unlink_block(frame, found);
  while (found > order) {
    found--;
    push_block(frame + (1ull << found), found);
  }
  buddy.free -= 1ull << order;
  return frame;
}

/// Returns a block, joining it with its buddy as long as that is free too.
void give_block(uint64_t frame, unsigned order) REQUIRES(buddy_lock) {
  buddy.free += 1ull << order;
  for (; order < kMaxOrder; order++) {
    uint64_t other = frame ^ (1ull << order);
    if (other >= frame_limit) break;
    Frame& info = frame_table[other];
    if (info.use != FrameUse::kFree || info.order != order) break;
    unlink_block(other, order);
    frame &= ~(1ull << order);
  }
  push_block(frame, order);
}

/// Fills this processor's stack by half. Preemption disabled.
void refill(FrameCache& cache) {
  IrqGuard guard(buddy_lock);
  while (cache.count < kFrameCacheSize / 2) {
    uint64_t frame = take_block(0);
    if (frame == 0) return;
    cache.frames[cache.count++] = uint32_t(frame);
  }
}

void drain(FrameCache& cache, unsigned keep) {
  IrqGuard guard(buddy_lock);
  while (cache.count > keep) give_block(cache.frames[--cache.count], 0);
}

bool injected_failure() {
  if (fail_countdown.load(std::memory_order_relaxed) == 0) [[likely]]
    return false;
  return fail_countdown.fetch_sub(1) == 1;
}

/// A frame from the stack, else 0.
uint64_t take_frame() {
  return with_this_cpu([](Cpu& cpu) -> uint64_t {
    FrameCache& cache = cpu.frame_cache;
    if (cache.count == 0) [[unlikely]]
      refill(cache);
    return cache.count == 0 ? 0 : cache.frames[--cache.count];
  });
}

uint64_t take_run(unsigned order) {
  // Frames on the stack may be what keeps a run from being whole.
  with_this_cpu([](Cpu& cpu) { drain(cpu.frame_cache, 0); });
  IrqGuard guard(buddy_lock);
  return take_block(order);
}

void mark_used(uint64_t first, unsigned order, FrameUse use) {
  uint64_t count = 1ull << order;
  for (uint64_t frame = first; frame < first + count; frame++) {
    Frame& info = frame_table[frame];
    info.use = use;
    info.order = 0;
    info.table_entries = 0;
    info.references.store(1, std::memory_order_relaxed);
  }
  frame_table[first].order = uint8_t(order);
  use_counts[size_t(use)].fetch_add(int64_t(count), std::memory_order_relaxed);
  frames_allocated_count.increment(count);
}

/// Asks those who could give frames back; whether any came. Only where the caller may take any
/// spinlock, that is, holds none and is no interrupt handler; elsewhere the allocation just fails.
bool give_back_some() {
  if (this_cpu().preempt_count != 0 || !interrupts_enabled()) return false;
  if (give_back_kernel_stacks()) return true;
  FrameReclaimer reclaim = frame_reclaimer.load(std::memory_order_relaxed);
  return reclaim != nullptr && reclaim();
}

Errno refuse() {
  frames_refused_count.increment();
  return Errno::kENOMEM;
}

template <class Take>
Result<FrameNumber> allocate(Take take, unsigned order, FrameUse use) {
  if (injected_failure()) return refuse();
  uint64_t frame = take();
  for (unsigned tries = 0; frame == 0; tries++) {
    // What is given back may never make a run: there is an end to what is taken from others for one.
    if ((order != 0 && tries == kMaxTriesForRun) || !give_back_some()) return refuse();
    frame = take();
  }
  mark_used(frame, order, use);
  return FrameNumber(frame);
}

/// Frees [first, last) as the largest aligned blocks that fit.
void free_range(uint64_t first, uint64_t last) {
  IrqGuard guard(buddy_lock);
  while (first < last) {
    unsigned order = std::min<unsigned>(kMaxOrder, unsigned(std::countr_zero(first)));
    while (first + (1ull << order) > last) order--;
    for (uint64_t i = 0; i < 1ull << order; i++) {
      frame_table[first + i].use = FrameUse::kFree;
      frame_table[first + i].order = kNoOrder;
    }
    give_block(first, order);
    first += 1ull << order;
  }
}

}  // namespace

bool initialise_frame_allocator(MemoryMap& map) {
  frame_limit = map.end().value >> kPageShift;
  PhysAddr table = map.take(frame_limit * sizeof(Frame), PhysAddr(1ull << 32));
  if (table.value == 0) return false;
  frame_table = direct_map_as<Frame>(table);  // all zero: reserved
  for (PhysRange range : map.usable()) {
    uint64_t first = range.start.value >> kPageShift;
    uint64_t last = range.end.value >> kPageShift;
    if (first == 0) first = 1;  // frame 0 ends lists
    if (first >= last) continue;
    total_frames += last - first;
    free_range(first, last);
  }
  auto frame = allocate_zeroed_frame(FrameUse::kZero);
  if (!frame.ok()) return false;
  zero = *frame;
  return true;
}

Result<FrameNumber> allocate_frame(FrameUse use) { return allocate(take_frame, 0, use); }

Result<FrameNumber> allocate_frames(unsigned order, FrameUse use) {
  if (order == 0) return allocate_frame(use);
  if (order > kMaxOrder) return Errno::kENOMEM;
  return allocate([order] { return take_run(order); }, order, use);
}

Result<FrameNumber> allocate_zeroed_frame(FrameUse use) {
  FrameNumber frame = TRY(allocate_frame(use));
  memset(direct_map(frame_address(frame)), 0, kPageSize);
  return frame;
}

void free_frame(FrameNumber frame) {
  Frame& info = frame_info(frame);
  ASSERT(info.use != FrameUse::kFree && info.use != FrameUse::kReserved);
  ASSERT(info.references.load(std::memory_order_relaxed) <= 1);
  use_counts[size_t(info.use)].fetch_sub(1, std::memory_order_relaxed);
  frames_freed_count.increment();
  info.use = FrameUse::kFree;
  info.order = kNoOrder;
  with_this_cpu([frame](Cpu& cpu) {
    FrameCache& cache = cpu.frame_cache;
    if (cache.count == kFrameCacheSize) [[unlikely]]
      drain(cache, kFrameCacheSize / 2);
    cache.frames[cache.count++] = uint32_t(frame.value);
  });
}

void free_frames(FrameNumber frame, unsigned order) {
  for (uint64_t i = 0; i < 1ull << order; i++) free_frame(frame + i);
}

FrameNumber zero_frame() { return zero; }

uint64_t free_frame_count() {
  uint64_t cached = 0;
  for (Cpu* cpu : all_cpus()) cached += cpu->frame_cache.count;
  IrqGuard guard(buddy_lock);
  return buddy.free + cached;
}
uint64_t total_frame_count() { return total_frames; }
uint64_t frames_in_use(FrameUse use) { return uint64_t(use_counts[size_t(use)].load()); }

void fail_frame_allocation(uint64_t n) { fail_countdown = n; }
void set_frame_reclaimer(FrameReclaimer reclaimer) { frame_reclaimer = reclaimer; }
void set_sleeping_reclaimer(FrameReclaimer reclaimer) { sleeping_reclaimer = reclaimer; }
bool reclaim_frames() {
  FrameReclaimer reclaim = sleeping_reclaimer.load(std::memory_order_relaxed);
  return reclaim != nullptr && reclaim();
}

const char* frame_use_name(FrameUse use) {
  constexpr const char* kNames[] = {"reserved", "free", "page-table", "user", "zero",
                                    "program",  "heap", "stack",      "dma",  "cache"};
  return use < FrameUse::kCount ? kNames[size_t(use)] : "?";
}

}  // namespace cairn
