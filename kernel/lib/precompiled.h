// The C++ library's headers that most files use, parsed once a stage: the Makefile precompiles this
// file and puts it before every other. Nobody includes it, and a file still includes what it uses:
// `make lint` compiles all of them without this one.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
