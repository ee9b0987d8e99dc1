// When to fetch pages before they are asked for. A file that is read in order is fetched in
// windows, each twice as long as the one before, from 4 to 32 pages. A page at the start of the
// newest window is marked; the reader that gets there has the next window fetched, so the device
// works while the reader goes through the pages at hand. A cached file costs nothing for that: its
// pages have no marks.
#include <algorithm>

#include "page_cache/parts.h"

namespace cairn {

namespace {

uint32_t next_window(const ReadAhead& pattern) {
  uint32_t window = pattern.window.load(std::memory_order_relaxed);
  return std::clamp(2 * window, kFirstWindow, kMaxWindow);
}

}  // namespace

FetchPlan plan_after_miss(ReadAhead* pattern, uint64_t index, uint64_t wanted) {
  wanted = std::clamp<uint64_t>(wanted, 1, kMaxWindow);
  FetchPlan plan{index, wanted};
  if (pattern == nullptr) return plan;
  bool sequential = pattern->next_index.exchange(index + 1, std::memory_order_relaxed) == index;
  uint32_t window = sequential ? next_window(*pattern) : 0;
  pattern->window.store(window, std::memory_order_relaxed);
  if (!sequential) return plan;
  plan.count = std::max<uint64_t>(window, wanted);
  plan.read_on = index + 1;
  pattern->fetched_to.store(index + plan.count, std::memory_order_relaxed);
  return plan;
}

FetchPlan plan_next_window(ReadAhead& pattern, uint64_t index) {
  uint64_t first = pattern.fetched_to.load(std::memory_order_relaxed);
  // Another file's reader may have left the mark; then what we know is no use.
  if (first <= index || first > index + kMaxWindow) first = index + 1;
  uint32_t window = next_window(pattern);
  pattern.window.store(window, std::memory_order_relaxed);
  pattern.fetched_to.store(first + window, std::memory_order_relaxed);
  return {first, window, first};
}

}  // namespace cairn
