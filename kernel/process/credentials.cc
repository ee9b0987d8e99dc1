#include "process/credentials.h"

#include "process/process_group.h"

namespace cairn {

namespace {

bool may_become(const IdSet& ids, uint32_t id, bool privileged) {
  return id == kSameId || privileged || ids.has(id);
}

}  // namespace

Result<IdSet> with_id(const IdSet& ids, uint32_t id, bool privileged) {
  if (privileged) return IdSet{id, id, id};
  if (id != ids.real && id != ids.saved) return Errno::kEPERM;
  return IdSet{ids.real, id, ids.saved};
}

Result<IdSet> with_real_and_effective(const IdSet& ids, uint32_t real, uint32_t effective,
                                      bool privileged) {
  const bool may_real = real == kSameId || privileged || real == ids.real || real == ids.effective;
  if (!may_real || !may_become(ids, effective, privileged)) return Errno::kEPERM;
  IdSet result = ids;
  if (real != kSameId) result.real = real;
  if (effective != kSameId) result.effective = effective;
  const bool moves = real != kSameId || (effective != kSameId && effective != ids.real);
  if (moves) result.saved = result.effective;
  return result;
}

Result<IdSet> with_each(const IdSet& ids, const IdSet& wanted, bool privileged) {
  for (uint32_t id : {wanted.real, wanted.effective, wanted.saved}) {
    if (!may_become(ids, id, privileged)) return Errno::kEPERM;
  }
  auto choose = [](uint32_t wish, uint32_t now) { return wish == kSameId ? now : wish; };
  return IdSet{choose(wanted.real, ids.real), choose(wanted.effective, ids.effective),
               choose(wanted.saved, ids.saved)};
}

bool may_signal(const Process& target, unsigned signal) NO_THREAD_SAFETY_ANALYSIS {
  const Process& me = *current_process();
  if (&target == &me || me.ids.is_superuser()) return true;
  const IdSet &mine = me.ids.user, &theirs = target.ids.user;
  for (uint32_t id : {mine.real, mine.effective}) {
    if (id == theirs.real || id == theirs.saved) return true;
  }
  const bool same_session = target.group != nullptr && target.group->session == me.group->session;
  return signal == kSigCont && same_session;
}

}  // namespace cairn
