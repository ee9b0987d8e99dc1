// Pseudo-terminals: terminals whose device is a file. What is written to the master is typed at the terminal, and what
// the terminal shows is read there, so that a program can be what a screen and a keyboard are to others.
//
//   master write() ─▶ typed_ ─▶ take_typed() ─▶ line discipline ─▶ read()  of the slave
//   master read()  ◀─ shown_ ◀─────────────────────────────────── write() of the slave
//
// The pair lives as long as a file of either side is open. When the master closes, the terminal hangs up, and its name
// goes; when the last slave closes, the master's readers get EIO after the rest until another is opened.
//
// Locks: a spinlock for both rings (rank kPty, below the tty's, which its own side holds as it comes here); a mutex for
// whoever reads at the master, user copies included.
// Source: Linux, pty(7), pts(4), ioctl_tty(2).
#pragma once

#include "lib/ref_ptr.h"
#include "sched/mutex.h"
#include "special_files/device_file.h"
#include "tty/lab_b/terminal_files.h"
#include "tty/tty.h"

namespace cairn {

/// Bytes on their way from one side to the other. The owner's lock.
class ByteRing {
 public:
  static constexpr size_t kSize = 4096;
  size_t size() const { return put_ - taken_; }
  size_t room() const { return kSize - size(); }
  /// As many as fit.
  size_t put(std::string_view bytes);
  /// Copies the first bytes, as many as fit; they stay until drop().
  size_t peek(std::span<char> bytes) const;
  void drop(size_t count) { taken_ += count; }
  void clear() { taken_ = put_; }

 private:
  uint64_t put_ = 0, taken_ = 0;  // bytes ever
  char bytes_[kSize];
};

class Pty final : public RefCounted<Pty>, TtyDevice {
 public:
  static constexpr uint32_t kMost = 256;  // pairs at a time
  static constexpr uint64_t kFirstDevice = make_device_number(136, 0);

  /// A new pair with the lowest free number, whose slave is locked and owned by `who`. ENOSPC: there are kMost; ENOMEM.
  static Result<RefPtr<Pty>> create(const Credentials& who);
  /// The pair of that number while its master is open; null if there is none.
  static RefPtr<Pty> find(uint64_t number);
  /// The first number from `from` on that is in use; kMost if there is none.
  static uint64_t next_number(uint64_t from);
  ~Pty();

  // The slave.
  /// EIO: it is locked, or the master is gone.
  Result<void> open_slave();
  void close_slave();

  // The master. What it reads is never empty, and with packets (TIOCPKT) begins with a byte that says what happened.
  /// EAGAIN, EINTR, EFAULT, EIO (no slave is open any more). May sleep.
  Result<uint64_t> read(IoBuffer& buffer, bool may_wait) EXCLUDES(lock_);
  /// EAGAIN, EINTR, EFAULT. May sleep.
  Result<uint64_t> write(IoBuffer& buffer, bool may_wait) EXCLUDES(lock_);
  uint32_t poll(WaitQueue** wait) EXCLUDES(lock_);
  /// What isn't the master's own is asked of the terminal. ENOTTY, EFAULT, EINVAL, EIO.
  Result<int64_t> control(uint32_t request, VirtAddr argument) EXCLUDES(lock_);
  void close_master();

  /// What stat() tells of the slave's name. Locks: none.
  Attributes attributes() EXCLUDES(lock_);
  void set_attributes(const AttributeChange& change) EXCLUDES(lock_);

  // What File::stream of either side's files points to.
  struct MasterDevice : CharacterDevice {
    explicit MasterDevice(Pty& pty);
    Pty* pty;
  };
  struct SlaveDevice : TerminalDevice {
    explicit SlaveDevice(Pty& pty);
    Pty* pty;
  };

  const uint64_t number;
  Tty tty;
  MasterDevice master;
  SlaveDevice slave;

 private:
  Pty(uint64_t number, const Credentials& who);

  // TtyDevice's, with the tty's lock held.
  void transmit(std::string_view text) override EXCLUDES(lock_);
  size_t room() override EXCLUDES(lock_);
  int next_byte() override EXCLUDES(lock_);
  bool ends_with_leader() override { return false; }
  void notice(uint8_t what) override EXCLUDES(lock_);

  /// The next bytes for the master's reader: with packets the `first` is the header, or a notice alone. Where there are
  /// none 0, but if they were to be the first EAGAIN, or EIO.
  Result<size_t> look(std::span<char> piece, bool first, bool& is_notice) EXCLUDES(lock_);
  bool is_readable() REQUIRES(lock_);
  /// Bytes that the terminal got, or for which there is room.
  size_t type(std::string_view bytes) EXCLUDES(lock_);
  struct State {
    bool locked, packets;
    size_t typed, shown;  // bytes
  };
  State state() EXCLUDES(lock_);

  Mutex reading_{"pty", LockRank::kFilePosition};
  Spinlock lock_{"pty", LockRank::kPty};
  ByteRing typed_ GUARDED_BY(lock_), shown_ GUARDED_BY(lock_);
  uint32_t slaves_ GUARDED_BY(lock_) = 0;        // open files
  bool slave_closed_ GUARDED_BY(lock_) = false;  // the last of them, and none since
  bool locked_ GUARDED_BY(lock_) = true;         // TIOCSPTLCK
  bool packets_ GUARDED_BY(lock_) = false;       // TIOCPKT
  uint8_t notices_ GUARDED_BY(lock_) = 0;        // TIOCPKT_… bits that the master wasn't told yet
  bool master_closed_ GUARDED_BY(lock_) = false;
  Attributes attributes_ GUARDED_BY(lock_);
  WaitQueue changes_{"terminal"};
};

/// Makes /dev/ptmx and the slaves' numbers known. At boot.
void register_pty_files();
/// A file of the controlling terminal of the running process's session, which is the pty of that number. ENXIO: no more; EIO.
Result<void> open_controlling_pty(File& file, uint64_t device);
/// TIOCGPTPEER: another file of the slave, by its name where a devpts is mounted, for open_flag bits. ENOTTY; EIO: the
/// slave, not the master, or it is locked; ENOENT: a devpts is mounted nowhere.
Result<RefPtr<File>> open_pty_peer(File& master, uint32_t flags);

}  // namespace cairn
