// Ranks of locks. A processor that holds a spinlock may take only spinlocks of lower rank, and a
// thread that holds mutexes only those of lower rank; any other order panics in debug builds
// (DEBUG=1). Release builds check nothing and pay nothing.
#pragma once

#include <cstdint>

namespace cairn {

#if defined(CAIRN_DEBUG)
inline constexpr bool kDebugBuild = true;
#else
inline constexpr bool kDebugBuild = false;
#endif

/// Innermost first.
enum class LockRank : uint8_t {
  kLog,           // debug: the log's ring
  kUart,          // drivers: a serial port's rings
  kFrames,        // memory: the frame allocator
  kStacks,        // memory: free kernel stacks
  kHeap,          // memory: a heap size class
  kRunQueue,      // sched: a run queue
  kTimerQueue,    // time: pending timers
  kEventQueue,    // special_files: the waiters of one epoll file
  kEvents,        // special_files: what epoll files have found ready
  kWaitQueue,     // sched: the waiters of one queue
  kCallTrace,     // process: what is told of traced processes
  kPty,           // tty: what goes to and fro in a pseudo-terminal
  kTty,           // tty: a terminal's input and settings
  kCacheIo,       // vfs: the page cache's spare requests
  kBlockQueue,    // drivers: a block device's requests
  kProcessTree,   // process: parents, children, the table of pids
  kDirtyInodes,   // ext2: inodes with dirty pages
  kCacheOwner,    // vfs: the dirty pages of one file or device
  kCacheList,     // vfs: the page cache's list of pages in order of use
  kCacheBucket,   // vfs: a part of the page cache's hash table
  kMappingList,   // address_space: the regions that map one memory object
  kPipe,          // vfs: a pipe's buffer
  kSockets,       // sockets: who is connected with whom, and their queues
  kInodeCache,    // vfs: a file system's inodes in memory
  kDentries,      // vfs: the directory-entry cache
  kRecordLocks,   // vfs: locks on ranges of files
  kWatches,       // special_files: which files epoll files watch; files are polled under it
  kFdTable,       // vfs: one table of file descriptors
  kProcessFiles,  // vfs: where one process's paths start
  kMounts,        // vfs: the mount table
  kFutex,         // futex: a part of the table of waiters
  kMetadata,      // ext2: the list of what the next commit will write
  // Mutexes from here on: their holders may sleep.
  kProgramPages,  // standins: pages of one program
  kAddressSpace,  // address_space: regions and page table
  kMappings,      // address_space: one walk over an object's mappings at a time
  kAllocation,    // ext2: bitmaps and free counts
  kBlockMap,      // ext2: the block pointers of one file
  kEpoch,         // ext2: what the next commit will write
  kCommit,        // ext2: one commit at a time
  kSync,          // ext2: one writes all dirty files at a time
  kInode,         // vfs: a directory's entries, a file's size and writers
  kProcText,      // procfs: what one open file shows
  kFilePosition,  // vfs: the position of one open file
  kRename,        // vfs: renames between directories
  kMountWalk,     // vfs: walks over all mounts, or one umount
  kMounting,      // vfs: one mount or umount at a time
  kPrograms,      // standins: the programs there are
  kMonitor,       // monitor: the table bench
};

/// Debug builds: records that this processor takes or leaves a spinlock; panics on a wrong order. `beside` may be held,
/// whatever its rank.
void note_lock_taken(const void* lock, const char* name, LockRank rank,
                     const void* beside = nullptr);
void note_lock_left(const void* lock);
/// Debug builds: how often spinlocks of each rank were taken, and the name of the one that was last.
void print_lock_counts(class Writer& out);
/// Prints the spinlocks that this processor holds (panic).
void print_held_locks(class Writer& out);

}  // namespace cairn
