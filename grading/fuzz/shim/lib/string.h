// On the host: the C library's.
#pragma once

#include <cstring>
