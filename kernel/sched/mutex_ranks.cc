#include "sched/mutex_ranks.h"

#include "arch/percpu.h"
#include "lib/format.h"
#include "sched/thread.h"

namespace cairn {

void check_and_add_mutex_rank(LockRank rank, const char* name) {
  uint64_t& held = current_thread()->held_mutex_ranks;
  uint64_t up_to_rank = (2ull << unsigned(rank)) - 1;
  if ((held & up_to_rank) != 0) {
    char text[120];
    BufferWriter out(text);
    print(out, "lock order: taking mutex '{}' while holding one that ranks no higher", name);
    panic(text);
  }
  held |= 1ull << unsigned(rank);
}

void remove_mutex_rank(LockRank rank) {
  current_thread()->held_mutex_ranks &= ~(1ull << unsigned(rank));
}

}  // namespace cairn
