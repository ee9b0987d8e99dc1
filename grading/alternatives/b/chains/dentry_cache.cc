// An alternative to labs/b-files/dentry_cache.cc: one tree, ordered by directory and name, under one
// lock; the entries also stand in a queue, the one used last at its end.
#include "vfs/dentry_cache.h"

#include "lib/list.h"
#include "lib/string.h"
#include "lib/tree.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "sched/rcu.h"
#include "vfs/file_system.h"

namespace cairn {

CAIRN_COUNTER(dentry_hit_count, "dentries.hits");
CAIRN_COUNTER(dentry_negative_hit_count, "dentries.negative_hits");
CAIRN_COUNTER(dentry_miss_count, "dentries.misses");

namespace {

struct Key {
  uint64_t directory;  // its inode's serial number
  std::string_view name;
  bool operator<(const Key& other) const {
    return directory != other.directory ? directory < other.directory : name < other.name;
  }
};

struct Known {
  Known(const Inode& directory, Inode* meaning)
      : serial(directory.serial),
        number(directory.number),
        owner(&directory.file_system),
        meaning(RefPtr<Inode>::share(meaning)) {}
  Key key() const { return {serial, {text, length}}; }

  uint64_t serial;
  InodeNumber number;
  const FileSystem* owner;
  RefPtr<Inode> meaning;
  TreeLink<Known> tree_link;
  ListLink queue_link;
  uint16_t length = 0;
  char text[];
};

Key key_of(const Known& known) { return known.key(); }

}  // namespace

struct DentryCache {
  Spinlock guard{"names", LockRank::kDentries};
  Tree<Known, &Known::tree_link, key_of> tree GUARDED_BY(guard);
  List<Known, &Known::queue_link> queue GUARDED_BY(guard);
  uint64_t count = 0, missing = 0;

  Known* look(const Key& key) REQUIRES(guard) {
    Known* known = tree.lower_bound(key);
    bool same = known != nullptr && known->serial == key.directory && known->key().name == key.name;
    return same ? known : nullptr;
  }
  void take_out(Known& known) REQUIRES(guard) {
    tree.remove(known);
    queue.remove(known);
    count--;
    if (!known.meaning) missing--;
  }
};

namespace {

constinit DentryCache names;

void dispose(Known* known) {
  if (known == nullptr) return;
  known->~Known();
  heap_free(known);
}

/// Takes out the oldest entry, which the caller disposes of.
Known* take_oldest() {
  Guard hold(names.guard);
  Known* oldest = names.queue.front();
  if (oldest != nullptr) names.take_out(*oldest);
  return oldest;
}

}  // namespace

Result<void> start_dentry_cache() { return {}; }

std::optional<Dentry> dentry_cache_find(const Inode& directory, std::string_view name) {
  Guard hold(names.guard);
  Known* known = names.look({directory.serial, name});
  if (known == nullptr) {
    dentry_miss_count.increment();
    return {};
  }
  names.queue.remove(*known);
  names.queue.push_back(*known);
  if (known->meaning) {
    dentry_hit_count.increment();
  } else {
    dentry_negative_hit_count.increment();
  }
  return Dentry{RefPtr<Inode>(known->meaning)};
}

void dentry_cache_add(const Inode& directory, std::string_view name, Inode* inode) {
  auto* fresh = static_cast<Known*>(heap_allocate(sizeof(Known) + name.size()));
  if (fresh != nullptr) {
    new (fresh) Known(directory, inode);
    fresh->length = uint16_t(name.size());
    memcpy(fresh->text, name.data(), name.size());
  }
  Known* before;
  uint64_t count;
  {
    Guard hold(names.guard);
    before = names.look({directory.serial, name});
    if (before != nullptr) names.take_out(*before);
    if (fresh != nullptr) {
      names.tree.insert(*fresh);
      names.queue.push_back(*fresh);
      names.count++;
      if (inode == nullptr) names.missing++;
    }
    count = names.count;
  }
  dispose(before);
  if (count > kMaxDentries) dispose(take_oldest());
}

void dentry_cache_remove(const Inode& directory, std::string_view name) {
  Known* known;
  {
    Guard hold(names.guard);
    known = names.look({directory.serial, name});
    if (known != nullptr) names.take_out(*known);
  }
  dispose(known);
}

void dentry_cache_forget_file_system(const FileSystem& file_system) {
  while (true) {
    Known* victim = nullptr;
    {
      Guard hold(names.guard);
      for (Known& known : names.queue) {
        if (known.owner == &file_system) victim = &known;
      }
      if (victim != nullptr) names.take_out(*victim);
    }
    if (victim == nullptr) return;
    dispose(victim);
  }
}

uint64_t dentry_cache_shrink(uint64_t wanted) {
  uint64_t gone = 0;
  while (gone < wanted) {
    Known* oldest = take_oldest();
    if (oldest == nullptr) break;
    dispose(oldest);
    gone++;
  }
  return gone;
}

DentryCacheUsage dentry_cache_usage() {
  Guard hold(names.guard);
  return {names.count, names.missing};
}

void for_each_dentry(void (*use)(const FileSystem& file_system, InodeNumber directory,
                                 std::string_view name, const Inode* inode, void* context),
                     void* context) {
  Guard hold(names.guard);
  for (Known& known : names.queue) {
    use(*known.owner, known.number, known.key().name, known.meaning.get(), context);
  }
}

}  // namespace cairn
