// Going over the pages that a table maps in a range:
//
//   PageCursor pages(table, range);
//   while (auto page = pages.next()) …
//
// Entries that lie side by side in a table of level 1 map pages that lie side by side, so the way from the
// root is walked once for each such table, and absent entries cost a look each.
#pragma once

#include <optional>

#include "memory/page_table.h"

namespace cairn {

/// A page as it is mapped.
struct MappedPage {
  VirtAddr start;
  PageSize size;
  PageTableEntry* entry;

  uint64_t frames() const { return uint64_t(size) / kPageSize; }
};

class PageCursor {
 public:
  /// Both borders are borders of pages, as large as they are mapped.
  PageCursor(const PageTable& table, VirtRange range) : table_(table), end_(range.end) {
    find(range.start);
  }

  /// The next page, in order of address; none after the last. It may be unmapped, or mapped otherwise:
  /// the cursor stands on the page after it already, and so in no table that this empties. Nothing else
  /// may be unmapped or split meanwhile.
  std::optional<MappedPage> next() {
    if (entry_ == nullptr) return std::nullopt;
    MappedPage page{first_page_ + uint64_t(entry_ - first_) * kPageSize, size_, entry_};
    entry_ = present_from(entry_ + 1);
    if (entry_ == nullptr) find(part_end_);
    return page;
  }

 private:
  /// The first present entry of this part from `at` on, or null.
  PageTableEntry* present_from(PageTableEntry* at) const {
    while (at != stop_ && !at->present()) at++;
    return at != stop_ ? at : nullptr;
  }
  /// Goes to the first page that is mapped at `from` or after it, by walking from the root.
  void find(VirtAddr from);

  const PageTable& table_;
  VirtAddr end_;
  PageTableEntry* entry_ = nullptr;  // of the page that next() returns; null after the last
  // It is one of these, which lie side by side: the part of a table of level 1 that is in the range, or
  // the one entry of a 2 MiB page.
  PageTableEntry* first_ = nullptr;
  PageTableEntry* stop_ = nullptr;  // after the last
  VirtAddr first_page_;             // where first_ maps
  VirtAddr part_end_;               // and the last one ends
  PageSize size_ = PageSize::k4KiB;
};

}  // namespace cairn
