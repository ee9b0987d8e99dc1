#include "tty/lab_b/pty.h"

#include <algorithm>

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "vfs/memory_inode.h"

namespace cairn {

namespace {

constexpr uint32_t kPollPriority = 2;
constexpr uint32_t kTtyGroup = 5;  // as distributions number it

constinit Spinlock ptys_lock{"ptys", LockRank::kPipe};
constinit Pty* ptys[Pty::kMost] GUARDED_BY(ptys_lock) = {};

}  // namespace

size_t ByteRing::put(std::string_view bytes) {
  const size_t count = std::min(bytes.size(), room());
  for (size_t i = 0; i < count; i++) bytes_[put_++ % kSize] = bytes[i];
  return count;
}

size_t ByteRing::peek(std::span<char> bytes) const {
  const size_t count = std::min(bytes.size(), size());
  for (size_t i = 0; i < count; i++) bytes[i] = bytes_[(taken_ + i) % kSize];
  return count;
}

Pty::Pty(uint64_t number, const Credentials& who)
    : number(number), tty(*this, kFirstDevice + number), master(*this), slave(*this) {
  const Timestamp now = current_time();
  attributes_ = {.permissions = 0620,
                 .owner = who.user,
                 .group = kTtyGroup,
                 .links = 1,
                 .device = kFirstDevice + number,
                 .accessed = now,
                 .modified = now,
                 .changed = now};
}

Result<RefPtr<Pty>> Pty::create(const Credentials& who) {
  while (true) {
    const uint64_t number = [] {
      Guard guard(ptys_lock);
      return uint64_t(std::find(ptys, ptys + kMost, nullptr) - ptys);
    }();
    if (number == kMost) return Errno::kENOSPC;
    void* memory = heap_allocate(sizeof(Pty));
    if (memory == nullptr) return Errno::kENOMEM;
    auto pty = RefPtr<Pty>::adopt(new (memory) Pty(number, who));
    Guard guard(ptys_lock);
    if (ptys[number] != nullptr) continue;  // another was faster
    ptys[number] = pty.get();
    return pty;
  }
}

/// Whoever finds it here while it goes doesn't get it: its master is closed by then.
RefPtr<Pty> Pty::find(uint64_t number) {
  Guard guard(ptys_lock);
  Pty* pty = number < kMost ? ptys[number] : nullptr;
  if (pty == nullptr) return nullptr;
  IrqGuard inner(pty->lock_);
  return pty->master_closed_ ? nullptr : RefPtr<Pty>::share(pty);
}

uint64_t Pty::next_number(uint64_t from) {
  while (from < kMost && !find(from)) from++;
  return from;
}

Pty::~Pty() {
  {
    IrqGuard guard(process_tree_lock);
    tty.give_up();
  }
  Guard guard(ptys_lock);
  if (ptys[number] == this) ptys[number] = nullptr;
}

// ---- The slave

Result<void> Pty::open_slave() {
  {
    IrqGuard guard(lock_);
    if (locked_ || master_closed_) return Errno::kEIO;
    slaves_++;
    slave_closed_ = false;
  }
  changes_.wake_all();
  return {};
}

void Pty::close_slave() {
  {
    IrqGuard guard(lock_);
    if (--slaves_ == 0) slave_closed_ = true;
  }
  changes_.wake_all();
}

// ---- What the terminal does with its device

/// Echo for which there is no room is lost; write() asks for room first.
void Pty::transmit(std::string_view text) {
  IrqGuard guard(lock_);
  shown_.put(text);
  changes_.wake_all(Wake::kNow, kPollIn);
}

size_t Pty::room() {
  IrqGuard guard(lock_);
  return shown_.room();
}

int Pty::next_byte() {
  char byte;
  IrqGuard guard(lock_);
  if (typed_.peek({&byte, 1}) == 0) return -1;
  typed_.drop(1);
  changes_.wake_all(Wake::kNow, kPollOut);
  return uint8_t(byte);
}

void Pty::notice(uint8_t what) {
  IrqGuard guard(lock_);
  if ((what & packet::kFlushWrite) != 0) shown_.clear();
  if (!packets_) return;
  notices_ = uint8_t((notices_ & ~packet::opposite_of(what)) | what);
  changes_.wake_all(Wake::kNow, kPollIn | kPollPriority);
}

// ---- The master

bool Pty::is_readable() { return shown_.size() != 0 || notices_ != 0; }

Result<size_t> Pty::look(std::span<char> piece, bool first, bool& is_notice) {
  IrqGuard guard(lock_);
  is_notice = first && notices_ != 0;
  if (is_notice) {
    piece[0] = char(notices_);
    return size_t(1);
  }
  const size_t header = first && packets_ ? 1 : 0;
  piece[0] = 0;
  const size_t count = shown_.peek(piece.subspan(header));
  if (count != 0 || (header == piece.size() && shown_.size() != 0)) return header + count;
  return !first ? Result<size_t>(size_t(0)) : slave_closed_ ? Errno::kEIO : Errno::kEAGAIN;
}

Result<uint64_t> Pty::read(IoBuffer& buffer, bool may_wait) {
  if (buffer.left() == 0) return uint64_t(0);
  uint64_t done = 0;
  auto take = [&]() -> Result<uint64_t> {
    MutexGuard reader(reading_);
    while (buffer.left() != 0) {
      char piece[128];
      const bool first = done == 0;
      bool is_notice = false;
      const size_t most = std::min<uint64_t>(buffer.left(), sizeof(piece));
      const size_t count = TRY(look({piece, most}, first, is_notice));
      if (count == 0) break;
      auto put = buffer.put(piece, count);
      if (!put.ok()) return done != 0 ? Result<uint64_t>(done) : put.error();
      done += count;
      IrqGuard guard(lock_);
      if (is_notice) {
        notices_ = uint8_t(notices_ & ~uint8_t(piece[0]));
        break;
      }
      shown_.drop(count - (first && packets_ ? 1 : 0));
    }
    return done;
  };
  while (true) {
    auto taken = take();
    if (taken.ok()) tty.wake();  // there is room again
    if (taken.error() != Errno::kEAGAIN || !may_wait) return taken;
    TRY(changes_.wait_until_interruptible([this] {
      IrqGuard guard(lock_);
      return is_readable() || slave_closed_;
    }));
  }
}

size_t Pty::type(std::string_view bytes) {
  size_t count;
  {
    IrqGuard guard(lock_);
    count = typed_.put(bytes);
  }
  if (count != 0) tty.take_typed();
  return count;
}

Result<uint64_t> Pty::write(IoBuffer& buffer, bool may_wait) {
  uint64_t done = 0;
  while (buffer.left() != 0) {
    char piece[128];
    IoBuffer at = buffer;
    const uint64_t count = at.take_some(piece, std::min<uint64_t>(at.left(), sizeof(piece)));
    if (count == 0) return done != 0 ? Result<uint64_t>(done) : Errno::kEFAULT;
    const size_t typed = type({piece, count});
    buffer.skip(typed);
    done += typed;
    if (typed != 0) continue;
    if (!may_wait) return done != 0 ? Result<uint64_t>(done) : Errno::kEAGAIN;
    auto waited = changes_.wait_until_interruptible([this] {
      IrqGuard guard(lock_);
      return typed_.room() != 0;
    });
    if (!waited.ok()) return done != 0 ? Result<uint64_t>(done) : waited.error();
  }
  return done;
}

uint32_t Pty::poll(WaitQueue** wait) {
  if (wait != nullptr) *wait = &changes_;
  IrqGuard guard(lock_);
  return (is_readable() ? kPollIn : 0) | (notices_ != 0 ? kPollPriority : 0) |
         (typed_.room() != 0 ? kPollOut : 0) | (slave_closed_ ? kPollHangUp : 0);
}

void Pty::close_master() {
  {
    IrqGuard guard(lock_);
    master_closed_ = true;
  }
  tty.lose_line();
}

Pty::State Pty::state() {
  IrqGuard guard(lock_);
  return {locked_, packets_, typed_.size(), shown_.size()};
}

Result<int64_t> Pty::control(uint32_t request, VirtAddr argument) {
  enum : uint32_t {
    kGetForeground = 0x540f,
    kOutputQueue = 0x5411,
    kInputQueue = 0x541b,
    kSetPackets = 0x5420,
    kGetSession = 0x5429,
    kGetNumber = 0x8004'5430,
    kSetLock = 0x4004'5431,
    kSendSignal = 0x4004'5436,
    kGetPackets = 0x8004'5438,
    kGetLock = 0x8004'5439,
  };
  switch (request) {
    case kGetNumber: TRY(write_user(argument, uint32_t(number))); break;
    case kGetLock: TRY(write_user(argument, int32_t(state().locked))); break;
    case kGetPackets: TRY(write_user(argument, int32_t(state().packets))); break;
    case kInputQueue: TRY(write_user(argument, int32_t(state().shown))); break;
    case kOutputQueue: TRY(write_user(argument, int32_t(state().typed))); break;
    case kSetLock:
    case kSetPackets: {
      const bool on = TRY(read_user<int32_t>(argument)) != 0;
      IrqGuard guard(lock_);
      (request == kSetLock ? locked_ : packets_) = on;
      if (request == kSetPackets) notices_ = 0;
      break;
    }
    case kSendSignal:
      if (argument.value == 0 || argument.value > kMaxSignal) return Errno::kEINVAL;
      tty.signal_foreground(unsigned(argument.value));
      break;
    case kGetForeground: TRY(write_user(argument, tty.shown_foreground())); break;
    case kGetSession: TRY(write_user(argument, TRY(tty.shown_session()))); break;
    default: return tty.control(request, argument, tty.connection());
  }
  return int64_t(0);
}

Attributes Pty::attributes() {
  IrqGuard guard(lock_);
  return attributes_;
}

void Pty::set_attributes(const AttributeChange& change) {
  const Timestamp now = current_time();
  IrqGuard guard(lock_);
  apply_change(attributes_, change, now);
}

}  // namespace cairn
