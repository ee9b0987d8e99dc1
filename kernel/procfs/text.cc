#include "procfs/text.h"

#include <algorithm>

#include "lib/string.h"
#include "memory/heap.h"

namespace cairn {

ProcText::~ProcText() { heap_free(bytes_); }

Result<char*> ProcText::extend(size_t count) {
  constexpr size_t kLeastRoom = 1024;
  if (room_ - used_ < count) {
    size_t room = std::max({kLeastRoom, 2 * room_, used_ + count});
    auto* bytes = static_cast<char*>(heap_allocate(room));
    if (bytes == nullptr) return Errno::kENOMEM;
    if (used_ != 0) memcpy(bytes, bytes_, used_);
    heap_free(bytes_);
    bytes_ = bytes;
    room_ = room;
  }
  char* added = bytes_ + used_;
  used_ += count;
  return added;
}

void ProcText::write(std::string_view text) {
  if (text.empty()) return;
  auto added = extend(text.size());
  if (added.ok()) memcpy(*added, text.data(), text.size());
  complete_ = complete_ && added.ok();
}

void ProcText::clear() {
  used_ = 0;
  complete_ = true;
}

void write_escaped(Writer& out, std::string_view text, std::string_view special) {
  for (char c : text) {
    if (special.find(c) == std::string_view::npos) {
      out.write({&c, 1});
    } else {
      const auto byte = uint8_t(c);
      const char escape[] = {'\\', char('0' + (byte >> 6)), char('0' + (byte >> 3 & 7)),
                             char('0' + (byte & 7))};
      out.write({escape, sizeof(escape)});
    }
  }
}

}  // namespace cairn
