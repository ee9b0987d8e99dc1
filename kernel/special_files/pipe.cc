#include "special_files/pipe.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "special_files/anonymous.h"
#include "special_files/pipe_end.h"
#include "vfs/memory_inode.h"

namespace cairn {

Pipe::~Pipe() {
  MutexGuard guard(lock_);
  for (uint8_t* page : pages_) heap_free(page);
}

/// Appends `count` bytes, which fit.
Result<void> Pipe::put(IoBuffer& buffer, uint64_t count) {
  while (count > 0) {
    uint64_t at = (start_ + used_.load()) % kCapacity;
    uint8_t*& page = pages_[at / kPageSize];
    if (page == nullptr) page = static_cast<uint8_t*>(heap_allocate(kPageSize));
    if (page == nullptr) return Errno::kENOMEM;
    uint64_t piece = std::min(count, kPageSize - at % kPageSize);
    TRY(buffer.take(page + at % kPageSize, piece));
    used_.fetch_add(piece);
    count -= piece;
  }
  return {};
}

/// Removes the first `count` bytes, which are there.
Result<void> Pipe::take(IoBuffer& buffer, uint64_t count) {
  while (count > 0) {
    uint64_t piece = std::min(count, kPageSize - start_ % kPageSize);
    TRY(buffer.put(pages_[start_ / kPageSize] + start_ % kPageSize, piece));
    start_ = (start_ + piece) % kCapacity;
    // An empty ring begins anew, so that a little traffic needs one page.
    if (used_.fetch_sub(piece) == piece) start_ = 0;
    count -= piece;
  }
  return {};
}

Result<uint64_t> Pipe::read(IoBuffer& buffer, bool may_wait) {
  if (buffer.left() == 0) return uint64_t(0);
  while (true) {
    bool at_end = writers_.load() == 0;  // before looking: what the last writer left is read first
    {
      MutexGuard guard(lock_);
      uint64_t wanted = buffer.left(), count = std::min(wanted, used_.load());
      if (count > 0) {
        const bool was_full = kCapacity - used_.load() < kAtomicWrite;
        auto taken = take(buffer, count);
        uint64_t done = wanted - buffer.left();
        if (done == 0) return taken.error();
        // They go on when the ring is empty, or the time slice over.
        changes_.wake_all(Wake::kLater, was_full ? kPollOut : 0);
        return done;
      }
    }
    if (at_end) return uint64_t(0);
    if (!may_wait) return Errno::kEAGAIN;
    TRY(changes_.wait_until_interruptible(
        [this] { return used_.load() != 0 || writers_.load() == 0; }));
  }
}

Result<uint64_t> Pipe::write(IoBuffer& buffer, bool may_wait) {
  const uint64_t wanted = buffer.left();
  const uint64_t room_needed = wanted <= kAtomicWrite ? wanted : 1;
  if (wanted == 0) return wanted;
  auto outcome = [&](Errno error) -> Result<uint64_t> {
    uint64_t done = wanted - buffer.left();
    return done != 0 ? Result<uint64_t>(done) : Result<uint64_t>(error);
  };
  while (true) {
    if (readers_.load() == 0) return outcome(Errno::kEPIPE);
    {
      MutexGuard guard(lock_);
      uint64_t room = kCapacity - used_.load();
      if (room >= room_needed) {
        auto written = put(buffer, std::min(room, buffer.left()));
        changes_.wake_all(Wake::kLater, kPollIn);  // who reads goes on when it's full, or later
        if (!written.ok()) return outcome(written.error());
        if (buffer.left() == 0) return wanted;
      }
    }
    if (!may_wait) return outcome(Errno::kEAGAIN);
    auto waited = changes_.wait_until_interruptible([this, room_needed] {
      return kCapacity - used_.load() >= room_needed || readers_.load() == 0;
    });
    if (!waited.ok()) return outcome(waited.error());
  }
}

void Pipe::add_ends(bool reader, bool writer) {
  if (reader) readers_.fetch_add(1), reader_opens_.fetch_add(1);
  if (writer) writers_.fetch_add(1), writer_opens_.fetch_add(1);
  changes_.wake_all();
}

void Pipe::remove_ends(bool reader, bool writer) {
  if (reader) readers_.fetch_sub(1);
  if (writer) writers_.fetch_sub(1);
  changes_.wake_all();
}

namespace {

/// What pipe() makes: the pipe lives in the inode.
class PipeInode final : public MemoryInode {
 public:
  PipeInode()
      : MemoryInode(anonymous_file_system(), next_anonymous_number(),
                    {.type = FileType::kFifo, .permissions = 0600}) {}
  Attributes attributes() override {
    Attributes result = MemoryInode::attributes();
    result.links = 1;  // as Linux says, though there is no name
    return result;
  }
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t) override {
    return read_pipe(file, buffer);
  }
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t&) override {
    return write_pipe(file, buffer);
  }
  Result<void> on_open(File& file) override {
    auto* end = new_object<PipeEnd>(PipeEnd{pipe_, nullptr, pipe_.writer_opens()});
    if (end == nullptr) return Errno::kENOMEM;
    pipe_.add_ends(file.readable, file.writable);
    file.stream = end;
    return {};
  }
  void on_close(File& file) override { close_pipe_end(file); }
  Result<int64_t> control(File& file, uint64_t request, uint64_t argument) override {
    return control_pipe(file, request, argument);
  }
  uint32_t poll(File& file, WaitQueue** wait) override { return poll_pipe(file, wait); }

 private:
  Pipe pipe_;
};

}  // namespace

Result<PipeEnds> create_pipe(uint32_t flags) {
  auto* inode = new_object<PipeInode>();
  if (inode == nullptr) return Errno::kENOMEM;
  Place place = anonymous_place(*inode);
  PipeEnds ends;
  ends.read_end = TRY(open_place(place, flags | open_flag::kReadOnly));
  ends.write_end = TRY(open_place(place, flags | open_flag::kWriteOnly));
  return ends;
}

Result<uint64_t> read_pipe(File& file, IoBuffer& buffer) {
  if (file.stream == nullptr) return Errno::kEBADF;
  return pipe_of(file).read(buffer, !file.non_blocking());
}

Result<uint64_t> write_pipe(File& file, IoBuffer& buffer) {
  if (file.stream == nullptr) return Errno::kEBADF;
  return pipe_of(file).write(buffer, !file.non_blocking());
}

uint32_t poll_pipe(File& file, WaitQueue** wait) {
  if (file.stream == nullptr) return kPollError;
  Pipe& pipe = pipe_of(file);
  if (wait != nullptr) *wait = &pipe.changes();
  uint32_t ready = 0;
  if (file.readable) {
    if (pipe.bytes() != 0) ready |= kPollIn;
    // Who opened before the first writer came isn't told that the last one went.
    bool had_writer = pipe.writer_opens() != end_of(file).writer_opens_before;
    if (pipe.writers() == 0 && had_writer) ready |= kPollHangUp;
  }
  if (file.writable) {
    if (Pipe::kCapacity - pipe.bytes() >= Pipe::kAtomicWrite) ready |= kPollOut;
    if (pipe.readers() == 0) ready |= kPollError;
  }
  return ready;
}

Result<int64_t> control_pipe(File& file, uint64_t request, uint64_t argument) {
  constexpr uint64_t kFionread = 0x541b;  // Linux, include/uapi/asm-generic/ioctls.h
  if (request != kFionread || file.stream == nullptr) return Errno::kENOTTY;
  TRY(write_user(VirtAddr(argument), int32_t(pipe_of(file).bytes())));
  return int64_t(0);
}

}  // namespace cairn
