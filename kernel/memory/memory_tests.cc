// Kernel tests of the frame allocator, the heap and lib's containers (`ktest` in the monitor).
#include <array>
#include <utility>

#include "debug/kernel_test.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/tree.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "memory/kernel_stack.h"

namespace cairn {

namespace {

struct Item {
  uint64_t key = 0;
  ListLink list_link;
  TreeLink<Item> tree_link;
};
uint64_t item_key(const Item& item) { return item.key; }

/// A permutation of 0 … 255 that is neither ascending nor descending.
constexpr uint64_t scrambled(uint64_t i) { return i * 167 % 256; }

}  // namespace

KERNEL_TEST(list_keeps_order_and_survives_removal) {
  std::array<Item, 5> items;
  List<Item, &Item::list_link> list;
  for (uint64_t i = 0; i < items.size(); i++) {
    items[i].key = i;
    list.push_back(items[i]);
  }
  for (Item& item : list) {
    if (item.key % 2 == 1) list.remove(item);
  }
  uint64_t expected = 0;
  for (Item& item : list) {
    EXPECT(item.key == expected);
    expected += 2;
  }
  EXPECT(expected == 6);
  const Item* at = nullptr;
  for (expected = 0; (at = list.next_after(at)) != nullptr; expected += 2) {
    EXPECT(at->key == expected);
  }
  EXPECT(expected == 6);
  while (list.pop_front() != nullptr) continue;
  EXPECT(list.empty() && list.next_after(nullptr) == nullptr);
}

KERNEL_TEST(tree_orders_and_finds) {
  static constinit std::array<Item, 256> items{};
  Tree<Item, &Item::tree_link, &item_key> tree;
  for (uint64_t i = 0; i < items.size(); i++) {
    items[i].key = scrambled(i) * 10;
    tree.insert(items[i]);
  }
  uint64_t count = 0;
  for (Item* at = tree.first(); at != nullptr; at = tree.next(*at)) EXPECT(at->key == 10 * count++);
  EXPECT(count == 256);
  EXPECT(tree.lower_bound(11)->key == 20);
  EXPECT(tree.at_or_before(19)->key == 10);
  EXPECT(tree.lower_bound(2551) == nullptr);
  for (Item& item : items) tree.remove(item);
  EXPECT(tree.empty());
}

KERNEL_TEST(frames_come_back) {
  uint64_t before = free_frame_count();
  std::array<FrameNumber, 300> frames;
  for (FrameNumber& frame : frames) {
    auto allocated = allocate_frame(FrameUse::kUser);
    EXPECT(allocated.ok());
    frame = allocated.ok() ? *allocated : FrameNumber(0);
  }
  EXPECT(free_frame_count() == before - frames.size());
  for (FrameNumber frame : frames) {
    if (frame.value != 0) free_frame(frame);
  }
  EXPECT(free_frame_count() == before);
}

KERNEL_TEST(runs_are_contiguous_and_aligned) {
  // Where memory is short the first run may have others give frames back, or there is none so long;
  // where most of it is free there is no excuse. The counts are compared on the second.
  unsigned order = kHugeOrder;
  for (bool found = false; !found && order > 0;) {
    auto room = allocate_frames(order, FrameUse::kDma);
    found = room.ok();
    EXPECT(found || free_frame_count() < total_frame_count() / 2);
    if (found) free_frames(*room, order);
    if (!found) order--;
  }
  EXPECT(order > 0);
  const uint64_t length = 1ull << order;
  uint64_t before = free_frame_count();
  auto run = allocate_frames(order, FrameUse::kDma);
  EXPECT(run.ok());
  if (!run.ok()) return;
  EXPECT(is_aligned((*run).value, length));
  EXPECT(free_frame_count() == before - length);
  auto other = allocate_frame(FrameUse::kDma);
  EXPECT(!other.ok() || (*other).value - (*run).value >= length);  // also if it lies before
  if (other.ok()) free_frame(*other);
  free_frames(*run, order);
  EXPECT(free_frame_count() == before);
}

KERNEL_TEST(allocation_failure_on_demand) {
  fail_frame_allocation(2);
  auto first = allocate_frame(FrameUse::kUser);
  auto second = allocate_frame(FrameUse::kUser);
  auto third = allocate_frame(FrameUse::kUser);
  EXPECT(first.ok() && !second.ok() && third.ok());
  EXPECT(second.error() == Errno::kENOMEM);
  if (first.ok()) free_frame(*first);
  if (third.ok()) free_frame(*third);
}

/// Stacks in use, and frames beside them.
struct Stacks {
  static constexpr unsigned kCount = 64;
  std::array<VirtAddr, kCount> tops{};
  std::array<FrameNumber, 4 * kCount> frames{};

  bool take() {
    for (VirtAddr& top : tops) {
      auto stack = allocate_kernel_stack();
      if (!stack.ok()) return false;
      top = *stack;
    }
    return true;
  }
  void free() {
    for (VirtAddr& top : tops) free_kernel_stack(std::exchange(top, VirtAddr(0)));
  }
  explicit operator bool() const { return true; }
};

KERNEL_TEST_WITH(Stacks, kernel_stacks_are_given_back_when_memory_is_wanted) {
  EXPECT(t.take());
  uint64_t taken = frames_in_use(FrameUse::kStack);
  t.free();
  while (give_back_kernel_stacks()) continue;
  EXPECT(frames_in_use(FrameUse::kStack) + 4 * Stacks::kCount <= taken);
  // Their memory is somebody else's by now, and stays his when their addresses are used again.
  for (FrameNumber& frame : t.frames) {
    auto got = allocate_frame(FrameUse::kUser);
    EXPECT(got.ok());
    if (!got.ok()) return;
    frame = *got;
    memset(direct_map(frame_address(frame)), 0x55, kPageSize);
  }
  EXPECT(t.take());
  EXPECT(frames_in_use(FrameUse::kStack) <= taken);
  for (VirtAddr top : t.tops) {
    memset(reinterpret_cast<void*>(top.value - kStackSize), 0xaa, kStackSize);
  }
  unsigned changed = 0;
  for (FrameNumber frame : t.frames) {
    const auto* bytes = direct_map_as<uint8_t>(frame_address(frame));
    for (uint64_t i = 0; i < kPageSize; i += 64) changed += bytes[i] != 0x55;
    free_frame(frame);
  }
  EXPECT(changed == 0);
  t.free();
}

KERNEL_TEST(heap_objects_are_apart_and_come_back) {
  size_t before = heap_bytes_in_use();
  constexpr std::array<size_t, 8> kSizes{1, 16, 17, 100, 500, 1008, 1009, 20'000};
  std::array<uint8_t*, kSizes.size()> objects{};
  for (size_t i = 0; i < kSizes.size(); i++) {
    objects[i] = static_cast<uint8_t*>(heap_allocate(kSizes[i]));
    EXPECT(objects[i] != nullptr && is_aligned(reinterpret_cast<uint64_t>(objects[i]), 16));
    if (objects[i] == nullptr) continue;
    objects[i][0] = objects[i][kSizes[i] - 1] = uint8_t(i);
  }
  for (size_t i = 0; i < kSizes.size(); i++) {
    EXPECT(objects[i] != nullptr && objects[i][0] == i && objects[i][kSizes[i] - 1] == i);
    heap_free(objects[i]);
  }
  EXPECT(heap_bytes_in_use() == before);
}

KERNEL_TEST(formatting) {
  char text[64];
  BufferWriter out(text);
  print(out, "{} {:x} {:04} [{:<4}] [{:4}] {} [{:<4}]", 12, 255, 7, "ab", "cd", -3, "a…");
  EXPECT(out.text() == "12 0xff 0007 [ab  ] [  cd] -3 [a…  ]");
  char small[4];
  BufferWriter cut(small);
  print(cut, "abcdef");
  EXPECT(cut.text() == "abc");
}

}  // namespace cairn
