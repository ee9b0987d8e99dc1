// LAB B, item B3, second half: the directory-entry cache: what names mean, without asking the file
// system. It knows names that exist, and names known not to ("negative" entries); of others it
// knows nothing.
//
// Locks: dentry_cache_find() runs inside a reader (RcuReader, sched/rcu.h), which it enters itself,
// and takes no lock. The other functions take the cache's spinlock (rank kDentries) inside. Who adds or
// removes entries of a directory holds its lock: for reading to add what a lookup found, for writing when
// entries change; so an entry can't be stale.
// The end of an entry: it is unlinked under the spinlock; then, outside of it, since that may sleep, its
// reference to the inode is given up, so that a removed file is gone when unlink() returns; and its memory
// goes by call_rcu(), since readers may still be at it. Nobody awaits a grace period here: the callers
// hold a directory's lock. A reader who finds an entry on its way out may look at the inode, whose memory
// is freed so, too, but gets a reference only by Inode::try_share().
#pragma once

#include <optional>

#include "vfs/inode.h"
#include "vfs/name_memory.h"

namespace cairn {

// ---- LAB B3 (handouts/b-files.md#b3) ---------------------------------------------------------

/// The students' own.
struct DentryCache;

/// What the cache knows of a name.
struct Dentry {
  RefPtr<Inode> inode;  // null: there is no such name
};

/// Sizes the hash table for max_dentries() entries: with more, the ones unused for longest go. Once, at
/// boot. ENOMEM.
Result<void> start_dentry_cache();

/// nullopt if the cache doesn't know, or no longer. O(1): hashed by the directory's Inode::serial (its
/// address may belong to another one later) and the name, compared in full.
std::optional<Dentry> dentry_cache_find(const Inode& directory, std::string_view name);
/// Remembers what `name` is: an inode, or null for no such name. Replaces what was known. Out of
/// memory it remembers nothing. May sleep.
void dentry_cache_add(const Inode& directory, std::string_view name, Inode* inode)
    REQUIRES_SHARED(directory.lock);
/// Forgets a name. May sleep.
void dentry_cache_remove(const Inode& directory, std::string_view name) REQUIRES(directory.lock);

/// Forgets everything of a file system. May sleep.
void dentry_cache_forget_file_system(const FileSystem& file_system);
/// Forgets up to `wanted` entries, those unused for longest first; how many. May sleep.
uint64_t dentry_cache_shrink(uint64_t wanted);

struct DentryCacheUsage {
  uint64_t entries, negative;
};
DentryCacheUsage dentry_cache_usage();

}  // namespace cairn
