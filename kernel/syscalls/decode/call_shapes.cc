#include "syscalls/decode/call_shapes.h"

#include <array>
#include <string_view>

#include "syscalls/table.h"

namespace cairn {

namespace {

using namespace argument_kind;

#define CAIRN_KINDS(name, ...)           \
  constexpr std::array kinds_of_##name = \
      std::to_array<ArgumentKind>({ArgumentKind{} __VA_OPT__(, ) __VA_ARGS__});
CAIRN_CALL_SHAPES(CAIRN_KINDS)
#undef CAIRN_KINDS

constexpr bool gives_address(std::string_view name) {
  return name == "mmap" || name == "brk" || name == "mremap" || name == "shmat";
}

// The first kind of each array is a blank, since there are no empty arrays.
constexpr CallShape kShapes[] = {
#define CAIRN_SHAPE(name, ...) \
  {#name, std::span<const ArgumentKind>(kinds_of_##name).subspan(1), gives_address(#name)},
    CAIRN_CALL_SHAPES(CAIRN_SHAPE)
#undef CAIRN_SHAPE
};

struct Listed {
  uint64_t number;
  std::string_view name, arguments;

  constexpr size_t count() const {
    if (arguments.empty()) return 0;
    size_t commas = 0;
    for (char c : arguments) commas += c == ',';
    return commas + 1;
  }
};
constexpr Listed kListed[] = {
#define CAIRN_LISTED(number, name, arguments, ...) {number, #name, arguments},
    CAIRN_SYSCALLS(CAIRN_LISTED)
#undef CAIRN_LISTED
};

constexpr bool agree() {
  if (std::size(kListed) != std::size(kShapes)) return false;
  for (size_t i = 0; i < std::size(kListed); i++) {
    if (kListed[i].name != kShapes[i].name) return false;
    if (kListed[i].count() != kShapes[i].arguments.size()) return false;
  }
  return true;
}
static_assert(agree(), "each call of syscalls/table.h needs its line in decode/call_shapes.h");

}  // namespace

const CallShape* shape_of(uint64_t number) {
  for (size_t i = 0; i < std::size(kListed); i++) {
    if (kListed[i].number == number) return &kShapes[i];
  }
  return nullptr;
}

}  // namespace cairn
