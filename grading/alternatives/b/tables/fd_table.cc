// An alternative to labs/b-files/fd_table.cc: a table of chunks, each with 32 descriptors, made as they
// are needed and never moved.
#include "vfs/fd_table.h"

#include <bit>
#include <utility>

#include "memory/heap.h"
#include "vfs/file_ops.h"

namespace cairn {

namespace {

constexpr int kPerChunk = 32;
constexpr int kChunks = kMaxFds / kPerChunk;

struct Chunk {
  uint32_t taken = 0, closing = 0;  // a bit for each: in use; to be closed by exec
  RefPtr<File> files[kPerChunk];
};

constexpr uint32_t bit(int fd) { return 1u << (fd % kPerChunk); }

}  // namespace

struct FdTable {
  Spinlock guard{"descriptors", LockRank::kFdTable};
  Chunk* chunks[kChunks] GUARDED_BY(guard) = {};

  ~FdTable() NO_THREAD_SAFETY_ANALYSIS {
    for (Chunk* chunk : chunks) delete chunk;
  }

  /// The chunk that has `fd`; null if it wasn't made yet.
  Chunk* chunk_of(int fd) REQUIRES(guard) {
    return fd < 0 || fd >= kMaxFds ? nullptr : chunks[fd / kPerChunk];
  }
  bool holds(int fd) REQUIRES(guard) {
    Chunk* chunk = chunk_of(fd);
    return chunk != nullptr && (chunk->taken & bit(fd)) != 0;
  }
  /// Sees to it that the chunk with `fd` is there.
  Result<void> reach(int fd) {
    {
      Guard hold(guard);
      if (chunk_of(fd) != nullptr) return {};
    }
    auto* chunk = new_object<Chunk>();
    if (chunk == nullptr) return Errno::kENOMEM;
    {
      Guard hold(guard);
      // Unless somebody else was quicker: then theirs stays.
      if (chunk_of(fd) == nullptr) std::swap(chunks[fd / kPerChunk], chunk);
    }
    delete chunk;
    return {};
  }
  RefPtr<File> remove(int fd) REQUIRES(guard) {
    Chunk& chunk = *chunk_of(fd);
    chunk.taken &= ~bit(fd);
    return std::move(chunk.files[fd % kPerChunk]);
  }
  /// A descriptor of `other` whose chunk isn't here; -1 if there is none. Nobody else knows this table.
  int lacks(const FdTable& other) const NO_THREAD_SAFETY_ANALYSIS {
    for (int i = 0; i < kChunks; i++) {
      bool wanted = other.chunks[i] != nullptr && other.chunks[i]->taken != 0;
      if (wanted && chunks[i] == nullptr) return i * kPerChunk;
    }
    return -1;
  }
  void take_after(const FdTable& other) NO_THREAD_SAFETY_ANALYSIS {
    for (int i = 0; i < kChunks; i++) {
      if (other.chunks[i] != nullptr && chunks[i] != nullptr) *chunks[i] = *other.chunks[i];
    }
  }
  void put(int fd, bool close) REQUIRES(guard) {
    Chunk* chunk = chunk_of(fd);
    chunk->taken |= bit(fd);
    chunk->closing = close ? chunk->closing | bit(fd) : chunk->closing & ~bit(fd);
  }
};

Result<FdTable*> create_fd_table() {
  FdTable* made = new_object<FdTable>();
  return made != nullptr ? Result<FdTable*>(made) : Errno::kENOMEM;
}

Result<FdTable*> copy_fd_table(FdTable& table) {
  FdTable* copy = TRY(create_fd_table());
  while (true) {
    int missing;
    {
      Guard hold(table.guard);
      missing = copy->lacks(table);
      if (missing < 0) {
        copy->take_after(table);
        return copy;
      }
    }
    Result<void> reached = copy->reach(missing);
    if (reached.ok()) continue;
    destroy_fd_table(copy);
    return reached.error();
  }
}

void destroy_fd_table(FdTable* table) {
  for (int fd = 0; fd < kMaxFds && (fd = next_fd(*table, fd)) >= 0; fd++) {
    (void)close_fd(*table, fd);
  }
  delete table;
}

Result<int> allocate_fd(FdTable& table, RefPtr<File> file, bool close_on_exec, int lowest) {
  if (lowest < 0 || lowest >= kMaxFds) return Errno::kEINVAL;
  for (int base = lowest - lowest % kPerChunk; base < kMaxFds; base += kPerChunk) {
    TRY(table.reach(base));
    Guard hold(table.guard);
    Chunk& chunk = *table.chunk_of(base);
    uint32_t usable = base < lowest ? ~(bit(lowest) - 1) : ~0u;
    uint32_t vacant = ~chunk.taken & usable;
    if (vacant == 0) continue;
    int fd = base + std::countr_zero(vacant);
    table.put(fd, close_on_exec);
    chunk.files[fd % kPerChunk] = std::move(file);
    return fd;
  }
  return Errno::kEMFILE;
}

Result<void> replace_fd(FdTable& table, int fd, RefPtr<File> file, bool close_on_exec) {
  if (fd < 0 || fd >= kMaxFds) return Errno::kEBADF;
  TRY(table.reach(fd));
  RefPtr<File> old;
  {
    Guard hold(table.guard);
    RefPtr<File>& slot = table.chunk_of(fd)->files[fd % kPerChunk];
    old = std::move(slot);
    slot = std::move(file);
    table.put(fd, close_on_exec);
  }
  if (old) {
    auto ignored = vfs_close(std::move(old));
    (void)ignored;
  }
  return {};
}

Result<RefPtr<File>> get_file_by_fd(FdTable& table, int fd) {
  Guard hold(table.guard);
  if (!table.holds(fd)) return Errno::kEBADF;
  return RefPtr<File>(table.chunk_of(fd)->files[fd % kPerChunk]);
}

Result<void> close_fd(FdTable& table, int fd) {
  RefPtr<File> old;
  {
    Guard hold(table.guard);
    if (!table.holds(fd)) return Errno::kEBADF;
    old = table.remove(fd);
  }
  return vfs_close(std::move(old));
}

Result<bool> get_close_on_exec(FdTable& table, int fd) {
  Guard hold(table.guard);
  if (!table.holds(fd)) return Errno::kEBADF;
  return (table.chunk_of(fd)->closing & bit(fd)) != 0;
}

Result<void> set_close_on_exec(FdTable& table, int fd, bool close) {
  Guard hold(table.guard);
  if (!table.holds(fd)) return Errno::kEBADF;
  table.put(fd, close);
  return {};
}

void close_fds_on_exec(FdTable& table) {
  for (int fd = 0; fd < kMaxFds; fd++) {
    RefPtr<File> old;
    {
      Guard hold(table.guard);
      if (!table.holds(fd) || (table.chunk_of(fd)->closing & bit(fd)) == 0) continue;
      old = table.remove(fd);
    }
    (void)vfs_close(std::move(old));
  }
}

int next_fd(FdTable& table, int from) {
  Guard hold(table.guard);
  for (int fd = from < 0 ? kMaxFds : from; fd < kMaxFds; fd += kPerChunk - fd % kPerChunk) {
    Chunk* chunk = table.chunk_of(fd);
    uint32_t there = chunk != nullptr ? chunk->taken & ~(bit(fd) - 1) : 0;
    if (there != 0) return fd - fd % kPerChunk + std::countr_zero(there);
  }
  return -1;
}

}  // namespace cairn
