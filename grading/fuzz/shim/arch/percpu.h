// On the host: one processor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/types.h"
