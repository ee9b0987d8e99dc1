// What the compiler's library calls when one of its checks fails.
#include "lib/assert.h"

namespace std {

/// std::string_view::substr() and its like, with a position beyond the end: a bug of the caller.
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...) { cairn::panic(format); }

}  // namespace std
