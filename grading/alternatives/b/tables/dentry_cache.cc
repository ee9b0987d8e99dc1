// An alternative to labs/b-files/dentry_cache.cc: sets of eight entries, like a processor's cache. A name
// belongs to one set; where that is full, the entry that was used least recently makes room.
#include "vfs/dentry_cache.h"

#include "lib/not_implemented.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "sched/rcu.h"
#include "vfs/file_system.h"

namespace cairn {

CAIRN_COUNTER(dentry_hit_count, "dentries.hits");
CAIRN_COUNTER(dentry_negative_hit_count, "dentries.negative_hits");
CAIRN_COUNTER(dentry_miss_count, "dentries.misses");

namespace {

constexpr uint32_t kWays = 8;

/// A name and what it means. Only `used` changes once it is in a slot.
struct Known : RcuHead {
  Known(const Inode& in, uint32_t check, std::string_view name, Inode* meaning, uint64_t now)
      : owner(&in.file_system),
        parent(in.number),
        parent_serial(in.serial),
        check(check),
        size(uint16_t(name.size())),
        meaning(meaning),
        used(now) {
    if (meaning != nullptr) meaning->retain();
    memcpy(text, name.data(), name.size());
  }

  const FileSystem* owner;
  InodeNumber parent;
  uint64_t parent_serial;
  uint32_t check;  // of the name: most others differ in it
  uint16_t size;
  Inode* meaning;              // with a reference, until it is taken out of its slot
  std::atomic<uint64_t> used;  // when it was found last
  Known* next_dead = nullptr;
  char text[];

  bool is(const Inode& in, uint32_t sum, std::string_view name) const {
    return check == sum && parent_serial == in.serial && size == name.size() &&
           memcmp(text, name.data(), size) == 0;
  }
};
using Slot = std::atomic<Known*>;

uint32_t sum_of(const Inode& in, std::string_view name) {
  uint32_t sum = uint32_t(in.serial) * 0x9e37'79b1u;
  for (char c : name) sum = (sum << 5 | sum >> 27) * 5 + uint8_t(c);
  sum ^= sum >> 15;
  return sum * 0x85eb'ca6bu;
}

}  // namespace

struct DentryCache {
  Slot* slots = nullptr;  // set at boot
  uint32_t size = 0;      // of them, kWays a set
  Spinlock writers{"dentries", LockRank::kDentries};
  std::atomic<uint64_t> now{1};
  std::atomic<uint64_t> known{0}, missing{0};

  Slot* set_of(uint32_t sum) const { return slots + uint64_t(sum >> 8) % (size / kWays) * kWays; }

  Slot* slot_of(const Inode& in, uint32_t sum, std::string_view name) {
    if (slots == nullptr) return nullptr;
    Slot* set = set_of(sum);
    for (uint32_t way = 0; way < kWays; way++) {
      Known* entry = set[way].load(std::memory_order_acquire);
      if (entry != nullptr && entry->is(in, sum, name)) return &set[way];
    }
    return nullptr;
  }

  /// Where a new entry of the set goes: to a free slot, else to the one unused for longest.
  Slot* victim(uint32_t sum) REQUIRES(writers) {
    Slot* best = nullptr;
    uint64_t oldest = UINT64_MAX;
    for (Slot* at = set_of(sum); at < set_of(sum) + kWays; at++) {
      Known* entry = at->load();
      uint64_t age = entry == nullptr ? 0 : entry->used.load();
      if (age < oldest) best = at, oldest = age;
    }
    return best;
  }

  void count(const Known& entry, int64_t by) {
    known.fetch_add(uint64_t(by));
    if (!entry.meaning) missing.fetch_add(uint64_t(by));
  }

  /// Puts `fresh` (or nothing) into a slot and hangs what was there before `dead`.
  Known* put(Slot& slot, Known* fresh, Known* dead) REQUIRES(writers) {
    Known* old = slot.exchange(fresh, std::memory_order_acq_rel);
    if (fresh != nullptr) count(*fresh, 1);
    if (old == nullptr) return dead;
    count(*old, -1);
    old->next_dead = dead;
    return old;
  }
};

namespace {

constinit DentryCache cache;

/// Gives up what the dead entries meant; they themselves go when nobody can be looking at them.
void bury(Known* dead) {
  while (dead != nullptr) {
    Known* next = dead->next_dead;
    if (dead->meaning != nullptr) dead->meaning->release();
    call_rcu(*dead, [](RcuHead& head) { heap_free(&static_cast<Known&>(head)); });
    dead = next;
  }
}

Known* make(const Inode& in, uint32_t sum, std::string_view name, Inode* meaning) {
  void* memory = heap_allocate(sizeof(Known) + name.size());
  if (memory == nullptr) return nullptr;
  return new (memory) Known(in, sum, name, meaning, cache.now++);
}

/// How many entries were found last at `time` or before.
uint64_t count_older(uint64_t time) {
  RcuReader reader;
  uint64_t count = 0;
  for (Slot* at = cache.slots; at < cache.slots + cache.size; at++) {
    Known* entry = at->load(std::memory_order_acquire);
    count += entry != nullptr && entry->used.load() <= time;
  }
  return count;
}

/// Takes out at most `most` entries that fit; how many.
template <class Predicate>
uint64_t take_out(uint64_t most, Predicate fits) {
  uint64_t taken = 0;
  Known* dead = nullptr;
  {
    Guard guard(cache.writers);
    for (uint32_t i = 0; i < cache.size && taken < most; i++) {
      Known* entry = cache.slots[i].load();
      if (entry == nullptr || !fits(*entry)) continue;
      dead = cache.put(cache.slots[i], nullptr, dead);
      taken++;
    }
  }
  bury(dead);
  return taken;
}

}  // namespace

Result<void> start_dentry_cache() {
  uint32_t size = max_dentries() / kWays * kWays;
  void* memory = heap_allocate(sizeof(Slot) * size);
  if (memory == nullptr) return Errno::kENOMEM;
  memset(memory, 0, sizeof(Slot) * size);
  cache.size = size;
  cache.slots = static_cast<Slot*>(memory);
  return {};
}

std::optional<Dentry> dentry_cache_find(const Inode& directory, std::string_view name) {
  RcuReader reader;
  Slot* slot = cache.slot_of(directory, sum_of(directory, name), name);
  Known* entry = slot != nullptr ? slot->load(std::memory_order_acquire) : nullptr;
  // Between the two loads the slot may have got another entry.
  if (entry == nullptr || !entry->is(directory, sum_of(directory, name), name)) {
    dentry_miss_count.increment();
    return {};
  }
  entry->used.store(cache.now.fetch_add(1), std::memory_order_relaxed);
  if (entry->meaning == nullptr) {
    dentry_negative_hit_count.increment();
    return Dentry{};
  }
  RefPtr<Inode> inode = Inode::try_share(entry->meaning);
  if (!inode) return {};  // it was taken out a moment ago
  dentry_hit_count.increment();
  return Dentry{std::move(inode)};
}

void dentry_cache_add(const Inode& directory, std::string_view name, Inode* inode) {
  if (cache.slots == nullptr) return;
  uint32_t sum = sum_of(directory, name);
  Known* fresh = make(directory, sum, name, inode);
  Known* dead = nullptr;
  {
    Guard guard(cache.writers);
    Slot* slot = cache.slot_of(directory, sum, name);
    if (slot == nullptr && fresh != nullptr) slot = cache.victim(sum);
    if (slot != nullptr) dead = cache.put(*slot, fresh, nullptr);
  }
  bury(dead);
}

void dentry_cache_remove(const Inode& directory, std::string_view name) {
  Known* dead = nullptr;
  {
    Guard guard(cache.writers);
    Slot* slot = cache.slot_of(directory, sum_of(directory, name), name);
    if (slot != nullptr) dead = cache.put(*slot, nullptr, nullptr);
  }
  bury(dead);
}

void dentry_cache_forget_file_system(const FileSystem& file_system) {
  take_out(cache.size, [&](const Known& entry) { return entry.owner == &file_system; });
}

uint64_t dentry_cache_shrink(uint64_t wanted) {
  if (cache.slots == nullptr || wanted == 0) return 0;
  // The time up to which as many were found last as are wanted, by halving.
  uint64_t low = 0, high = cache.now.load();
  while (wanted < cache.size && low + 1 < high) {
    uint64_t middle = low + (high - low) / 2;
    (count_older(middle) < wanted ? low : high) = middle;
  }
  return take_out(wanted, [&](const Known& entry) { return entry.used.load() <= high; });
}

DentryCacheUsage dentry_cache_usage() { return {cache.known.load(), cache.missing.load()}; }

}  // namespace cairn
