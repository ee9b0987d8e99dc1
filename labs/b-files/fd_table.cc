// LAB B2: file descriptors. Contract: kernel/vfs/fd_table.h.
// handouts/b-files.md#b2 explains it; check with: make grade LAB=b K=B2
#include "vfs/fd_table.h"

#include <algorithm>

#include "lib/bit_set.h"
#include "lib/not_implemented.h"
#include "memory/heap.h"
#include "vfs/file_ops.h"

namespace cairn {

// BEGIN SOLUTION B2
// STARTER: struct FdTable {};
namespace {

constexpr int kFirstCapacity = 64;

bool is_fd(int fd) { return fd >= 0 && fd < kMaxFds; }

}  // namespace

struct FdTable {
  Spinlock lock{"fd table", LockRank::kFdTable};
  RefPtr<File>* files GUARDED_BY(lock) = nullptr;  // `capacity` of them
  int capacity GUARDED_BY(lock) = 0;
  BitSet<kMaxFds> used GUARDED_BY(lock);
  BitSet<kMaxFds> close_on_exec GUARDED_BY(lock);

  ~FdTable() NO_THREAD_SAFETY_ANALYSIS { heap_free(files); }  // all empty by now
};

namespace {

RefPtr<File>* new_files(int capacity) {
  auto* files = static_cast<RefPtr<File>*>(heap_allocate(size_t(capacity) * sizeof(RefPtr<File>)));
  for (int i = 0; files != nullptr && i < capacity; i++) new (&files[i]) RefPtr<File>();
  return files;
}

/// Makes room for descriptor `fd`. The array is allocated outside the lock; if somebody else grew the
/// table meanwhile, ours goes away again.
Result<void> grow(FdTable& table, int fd) {
  int wanted = kFirstCapacity;
  while (wanted <= fd) wanted *= 2;
  RefPtr<File>* larger = new_files(wanted);
  if (larger == nullptr) return Errno::kENOMEM;
  {
    Guard guard(table.lock);
    if (table.capacity < wanted) {
      for (int i = 0; i < table.capacity; i++) larger[i] = std::move(table.files[i]);
      std::swap(table.files, larger);
      table.capacity = wanted;
    }
  }
  heap_free(larger);  // nothing but empty references
  return {};
}

/// Copies all entries; false if `copy` is too small for them. Nobody else knows it yet, so it needs no lock.
bool copy_entries(FdTable& copy, const FdTable& table) NO_THREAD_SAFETY_ANALYSIS {
  if (table.used.last() >= copy.capacity) return false;
  for (int fd = table.used.find(0, true); fd < copy.capacity; fd = table.used.find(fd + 1, true)) {
    copy.files[fd] = table.files[fd];
    copy.used.set(fd, true);
    copy.close_on_exec.set(fd, table.close_on_exec.has(fd));
  }
  return true;
}

/// Takes the file of a descriptor in use out of the table.
RefPtr<File> take_out(FdTable& table, int fd) REQUIRES(table.lock) {
  table.used.set(fd, false);
  table.close_on_exec.set(fd, false);
  return std::move(table.files[fd]);
}

}  // namespace
// END SOLUTION

Result<FdTable*> create_fd_table() {
  // BEGIN SOLUTION B2
  // STARTER: return static_cast<FdTable*>(nullptr);  // the stand-in: a process has the console alone
  auto* table = new_object<FdTable>();
  if (table == nullptr) return Errno::kENOMEM;
  return table;
  // END SOLUTION
}

Result<FdTable*> copy_fd_table(FdTable& table) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  FdTable* copy = TRY(create_fd_table());
  while (true) {
    int highest;
    {
      Guard guard(table.lock);
      if (copy_entries(*copy, table)) return copy;
      highest = table.used.last();
    }
    auto grown = grow(*copy, highest);
    if (!grown.ok()) {
      destroy_fd_table(copy);
      return grown.error();
    }
  }
  // END SOLUTION
}

void destroy_fd_table(FdTable* table) {
  // BEGIN SOLUTION B2
  // STARTER: (void)table;
  for (int fd = next_fd(*table, 0); fd >= 0; fd = next_fd(*table, fd)) (void)close_fd(*table, fd);
  delete table;
  // END SOLUTION
}

Result<int> allocate_fd(FdTable& table, RefPtr<File> file, bool close_on_exec, int lowest) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  while (true) {
    int fd;
    {
      Guard guard(table.lock);
      fd = table.used.find(lowest, false);
      if (fd == kMaxFds) return Errno::kEMFILE;
      if (fd < table.capacity) {
        table.used.set(fd, true);
        table.close_on_exec.set(fd, close_on_exec);
        table.files[fd] = std::move(file);
        return fd;
      }
    }
    TRY(grow(table, fd));
  }
  // END SOLUTION
}

Result<void> replace_fd(FdTable& table, int fd, RefPtr<File> file, bool close_on_exec) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  while (true) {
    {
      Guard guard(table.lock);
      if (fd < table.capacity) {
        std::swap(table.files[fd], file);
        table.used.set(fd, true);
        table.close_on_exec.set(fd, close_on_exec);
        break;
      }
    }
    TRY(grow(table, fd));
  }
  if (file) (void)vfs_close(std::move(file));  // what was there before: dup2() doesn't tell
  return {};
  // END SOLUTION
}

Result<RefPtr<File>> get_file_by_fd(FdTable& table, int fd) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  Guard guard(table.lock);
  if (fd < 0 || fd >= table.capacity || !table.files[fd]) return Errno::kEBADF;
  return table.files[fd];
  // END SOLUTION
}

Result<void> close_fd(FdTable& table, int fd) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  RefPtr<File> file;
  {
    Guard guard(table.lock);
    if (fd < 0 || fd >= table.capacity || !table.files[fd]) return Errno::kEBADF;
    file = take_out(table, fd);
  }
  return vfs_close(std::move(file));
  // END SOLUTION
}

Result<bool> get_close_on_exec(FdTable& table, int fd) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  Guard guard(table.lock);
  if (!is_fd(fd) || !table.used.has(fd)) return Errno::kEBADF;
  return table.close_on_exec.has(fd);
  // END SOLUTION
}

Result<void> set_close_on_exec(FdTable& table, int fd, bool close) {
  // BEGIN SOLUTION B2
  // STARTER: return not_implemented("B2");
  Guard guard(table.lock);
  if (!is_fd(fd) || !table.used.has(fd)) return Errno::kEBADF;
  table.close_on_exec.set(fd, close);
  return {};
  // END SOLUTION
}

void close_fds_on_exec(FdTable& table) {
  // BEGIN SOLUTION B2
  // STARTER: (void)table;
  for (int fd = 0;; fd++) {
    RefPtr<File> file;
    {
      Guard guard(table.lock);
      fd = table.close_on_exec.find(fd, true);
      if (fd == kMaxFds) return;
      file = take_out(table, fd);
    }
    (void)vfs_close(std::move(file));
  }
  // END SOLUTION
}

int next_fd(FdTable& table, int from) {
  // BEGIN SOLUTION B2
  // STARTER: return -1;
  if (!is_fd(from)) return -1;
  Guard guard(table.lock);
  int fd = table.used.find(from, true);
  return fd == kMaxFds ? -1 : fd;
  // END SOLUTION
}

}  // namespace cairn
