// FIFOs: the pipes behind named files. One exists while somebody has the file open.
#include "lib/tree.h"
#include "memory/heap.h"
#include "special_files/pipe_end.h"

namespace cairn {

struct Fifo {
  explicit Fifo(const Inode& inode) : inode(&inode) {}
  const Inode* const inode;
  uint32_t users = 1;  // protected by fifos_lock
  Pipe pipe;
  TreeLink<Fifo> link;  // protected by fifos_lock

  uintptr_t key() const { return reinterpret_cast<uintptr_t>(inode); }
};

namespace {

constexpr auto kFifoKey = [](const Fifo& fifo) { return fifo.key(); };
constinit Spinlock fifos_lock{"fifos", LockRank::kPipe};
constinit Tree<Fifo, &Fifo::link, kFifoKey> fifos GUARDED_BY(fifos_lock);

/// The inode's pipe, with one user more; null if it has none yet.
Fifo* find_fifo(const Inode& inode) REQUIRES(fifos_lock) {
  auto key = reinterpret_cast<uintptr_t>(&inode);
  Fifo* found = fifos.lower_bound(key);
  if (found == nullptr || found->key() != key) return nullptr;
  found->users++;
  return found;
}

/// The caller's file keeps the inode, so no other can have its address meanwhile.
Result<Fifo*> get_fifo(const Inode& inode) {
  auto* fresh = new_object<Fifo>(inode);
  if (fresh == nullptr) return Errno::kENOMEM;
  Fifo* found;
  {
    Guard guard(fifos_lock);
    found = find_fifo(inode);
    if (found == nullptr) fifos.insert(*fresh);
  }
  if (found == nullptr) return fresh;
  delete fresh;
  return found;
}

void put_fifo(Fifo& fifo) {
  {
    Guard guard(fifos_lock);
    if (--fifo.users != 0) return;
    fifos.remove(fifo);
  }
  delete &fifo;
}

/// Who is at the other end as an opener comes, looked at before anybody there can know of it: who is woken by its coming
/// may have gone again when it looks.
struct OtherEnd {
  OtherEnd(Pipe& pipe, const File& file)
      : pipe(pipe), reads(file.readable), opens_before(opens()), alone(is_alone(file)) {}

  /// Waits for somebody, unless somebody was there or the opener doesn't want to.
  Result<void> meet() {
    if (!alone) return {};
    return pipe.changes().wait_until_interruptible([this] { return opens() != opens_before; });
  }

  uint32_t opens() const { return reads ? pipe.writer_opens() : pipe.reader_opens(); }
  bool is_alone(const File& file) const {
    if (file.non_blocking() || (file.readable && file.writable)) return false;
    return (reads ? pipe.writers() : pipe.readers()) == 0;
  }

  Pipe& pipe;
  const bool reads;
  const uint32_t opens_before;
  const bool alone;
};

}  // namespace

Result<void> open_fifo(Inode& inode, File& file) {
  if (!file.readable && !file.writable) return Errno::kEINVAL;
  Fifo& fifo = *TRY(get_fifo(inode));
  Pipe& pipe = fifo.pipe;
  bool lonely_writer = file.writable && !file.readable && pipe.readers() == 0;
  auto* end = new_object<PipeEnd>(PipeEnd{pipe, &fifo, pipe.writer_opens()});
  if (end == nullptr || (lonely_writer && file.non_blocking())) {
    put_fifo(fifo);
    bool no_memory = end == nullptr;
    delete end;
    return no_memory ? Errno::kENOMEM : Errno::kENXIO;
  }
  if (pipe.writers() != 0) end->writer_opens_before--;  // one is there: its going will be told
  OtherEnd other(pipe, file);
  pipe.add_ends(file.readable, file.writable);
  file.stream = end;
  auto met = other.meet();
  if (!met.ok()) close_pipe_end(file);
  return met;
}

void close_pipe_end(File& file) {
  if (file.stream == nullptr) return;
  PipeEnd* end = &end_of(file);
  file.stream = nullptr;
  end->pipe.remove_ends(file.readable, file.writable);
  if (end->fifo != nullptr) put_fifo(*end->fifo);
  delete end;
}

}  // namespace cairn
