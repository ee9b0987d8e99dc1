// Who a process is. Its real ids are who started it; the effective ones say what it may; the saved ones what it may
// become again; those for files (vfs/access.h) follow the effective ones. Whoever is effectively user 0 may everything:
// there are no capabilities besides.
// Source: POSIX.1-2017, "Definitions": "Saved Set-User-ID"; Linux, credentials(7), setresuid(2).
#pragma once

#include <cstdint>

#include "lib/result.h"

namespace cairn {

struct Process;

struct IdSet {
  uint32_t real = 0, effective = 0, saved = 0;
  bool has(uint32_t id) const { return id == real || id == effective || id == saved; }
  bool operator==(const IdSet&) const = default;
};

/// Protected by process_tree_lock where it isn't the running process's own, which alone changes it.
struct ProcessIds {
  IdSet user, group;
  bool is_superuser() const { return user.effective == 0; }
};

/// How a call changes a set of ids.
inline constexpr uint32_t kSameId = UINT32_MAX;
/// setuid(), setgid(): all three for the superuser, else the effective one to the real or saved. EPERM.
Result<IdSet> with_id(const IdSet& ids, uint32_t id, bool privileged);
/// setreuid(), setregid(). EPERM.
Result<IdSet> with_real_and_effective(const IdSet& ids, uint32_t real, uint32_t effective,
                                      bool privileged);
/// setresuid(), setresgid(). EPERM.
Result<IdSet> with_each(const IdSet& ids, const IdSet& wanted, bool privileged);

/// Whether the running process may send that signal to another: the superuser, the same user, and SIGCONT within a
/// session. With process_tree_lock.
bool may_signal(const Process& target, unsigned signal);

}  // namespace cairn
