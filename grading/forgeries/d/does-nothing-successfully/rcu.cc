// A forgery: no reader counts, and every grace period is over.
#include "sched/rcu.h"

namespace cairn {

void rcu_read_lock() {}
void rcu_read_unlock() {}
void synchronize_rcu() {}

}  // namespace cairn
