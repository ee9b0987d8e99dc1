// eventfd: a number in a file. Writing adds to it, reading takes all of it (or, of a semaphore, one) and waits while it
// is 0; so a thread can tell another that something happened in a way that poll() sees.
// Source: Linux, eventfd(2).
#pragma once

#include "vfs/file.h"

namespace cairn {

/// A file that counts from `value`; `flags`: open_flag::kNonBlocking or 0. ENOMEM.
Result<RefPtr<File>> create_event_counter(uint32_t value, bool semaphore, uint32_t flags);

}  // namespace cairn
