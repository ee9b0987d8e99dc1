// Sockets of the family AF_UNIX: streams, datagrams, and packets in sequence, between processes of this machine.
//
// A socket has a queue of messages (message.h) that others sent it and nobody received. What a stream's writer sends
// becomes messages of at most kStreamPiece bytes, whose borders readers don't see. Flow is controlled by the
// receiver's queue: it takes another message while what is in it counts for less than the sender's SO_SNDBUF, of
// datagrams kMostDatagrams at most. Two sockets that are connected refer to each other until one closes.
//
// A name that is a path is a socket in a file system, found by its inode; an abstract one is a string.
//
// Locks: sockets_lock (rank kSockets) for all that is marked so, of all sockets. Those that move bytes out of a queue hold
// the socket's mutex, user copies included; nobody else takes messages off it.
// Source: Linux, unix(7), socket(7), send(2), recv(2); POSIX.1-2017, "Socket Types".
#pragma once

#include "lib/tree.h"
#include "sched/wait_queue.h"
#include "sockets/message.h"
#include "vfs/memory_inode.h"
#include "vfs/path.h"

namespace cairn {

enum class SocketType : uint8_t { kStream = 1, kDatagram = 2, kPackets = 5 };

/// What send() and receive() are asked for: Linux's MSG_….
namespace message_flag {
inline constexpr uint32_t kPeek = 2, kControlCut = 8, kCut = 0x20, kDontWait = 0x40, kEnd = 0x80;
inline constexpr uint32_t kWaitForAll = 0x100, kNoSignal = 0x4000, kCloseOnExec = 0x4000'0000;
}  // namespace message_flag

/// What goes with the bytes.
struct Sent {
  SenderIds sender;
  FileBundle files;
};
struct Received {
  bool any = false;  // a message, and its sender
  bool is_cut = false;
  SenderIds sender;
  RefPtr<SocketName> from;
  FileBundle files;
};

class Socket final : public MemoryInode {
 public:
  static constexpr uint32_t kUsualBuffer = 212992;  // bytes: SO_SNDBUF, SO_RCVBUF
  static constexpr uint32_t kLeastBuffer = 4608, kMostBuffer = 2 * kUsualBuffer;
  static constexpr uint64_t kStreamPiece = 16 << 10;  // bytes
  static constexpr uint32_t kMostDatagrams = 10;      // waiting in a queue
  static constexpr uint32_t kMostWaiting = 4096;      // connections that aren't accepted
  enum Way : uint8_t { kReceiving = 1, kSending = 2, kBoth = 3 };

  Socket(SocketType type, const SenderIds& maker);
  ~Socket() override;
  /// ENOTSOCK.
  static Result<Socket*> of(File& file);
  /// Of a file that is in flight: null if it is none.
  static Socket* find(File& file);
  const SocketType type;
  bool has_connections() const { return type != SocketType::kDatagram; }

  // ---- Names (names.cc)
  /// EINVAL (it has one), EADDRINUSE, ENOMEM; of a path what vfs_make() gives. An empty one: any abstract name.
  Result<void> bind(std::string_view name, const PathContext& context, uint16_t permissions);
  /// The socket of that name, with a reference. ECONNREFUSED (nobody's), and what finding and permission give.
  static Result<RefPtr<Socket>> find_by_name(std::string_view name, const PathContext& context);
  RefPtr<SocketName> name() EXCLUDES(sockets_lock);
  /// ENOTCONN.
  Result<RefPtr<SocketName>> peer_name() EXCLUDES(sockets_lock);

  // ---- Connections (connection.cc)
  static void join(Socket& one, Socket& other) EXCLUDES(sockets_lock);
  /// EINVAL: no name, or connected; EOPNOTSUPP: datagrams.
  Result<void> listen(uint32_t backlog, const SenderIds& who) EXCLUDES(sockets_lock);
  /// To `target`. EISCONN, EPROTOTYPE, ECONNREFUSED, EINVAL (it listens), EPERM (a datagram socket that is another's),
  /// EAGAIN, EINTR, ENOMEM. May sleep.
  Result<void> connect(RefPtr<Socket> target, bool may_wait, const SenderIds& who);
  /// The other end of the longest waiting connection. EINVAL (it doesn't listen), EOPNOTSUPP, EAGAIN, EINTR.
  Result<RefPtr<Socket>> accept(bool may_wait);
  /// Closes an end that has no file, and gives up a reference to it.
  void refuse() EXCLUDES(sockets_lock);
  void shut_down(uint8_t ways) EXCLUDES(sockets_lock);
  /// Datagrams: from now on there is no usual receiver.
  void disconnect() EXCLUDES(sockets_lock);

  // ---- Bytes (transfer.cc)
  /// Bytes sent; `target`: of datagrams, null for the connected one. EPIPE, ENOTCONN, ECONNREFUSED, ECONNRESET, EPERM,
  /// EMSGSIZE, EPROTOTYPE, ETOOMANYREFS, EAGAIN, EINTR, EFAULT, ENOMEM. May sleep.
  Result<uint64_t> send(IoBuffer& buffer, Sent& along, RefPtr<Socket> target, bool may_wait);
  /// Bytes received; of one message that was cut with kCut all it had. 0: the end. EINVAL, ENOTCONN, ECONNRESET, EAGAIN,
  /// EINTR, EFAULT, ENOMEM. May sleep.
  Result<uint64_t> receive(IoBuffer& buffer, uint32_t flags, bool may_wait, Received& along);

  // ---- Options
  SenderIds peer_ids() EXCLUDES(sockets_lock);
  bool listens() EXCLUDES(sockets_lock);
  /// An error that came by itself, once.
  Errno take_error() EXCLUDES(sockets_lock);
  std::atomic<uint32_t> send_buffer{kUsualBuffer}, receive_buffer{kUsualBuffer};  // bytes
  std::atomic<bool> passes_ids{false};                                            // SO_PASSCRED

  // ---- Inode's
  Attributes attributes() override;
  Result<void> on_open(File& file) override;
  void on_close(File& file) override EXCLUDES(sockets_lock);
  Result<uint64_t> read(File& file, IoBuffer& buffer, uint64_t) override;
  Result<uint64_t> write(File& file, IoBuffer& buffer, uint64_t&) override;
  Result<int64_t> control(File& file, uint64_t request, uint64_t argument) override;
  uint32_t poll(File& file, WaitQueue** wait) override EXCLUDES(sockets_lock);

 private:
  friend struct SocketNames;
  enum class State : uint8_t { kNew, kListening, kConnected, kClosed };

  Result<void> enter_name(RefPtr<SocketName> fresh, Place place) EXCLUDES(sockets_lock);
  Result<void> bind_anyhow() EXCLUDES(sockets_lock);
  void forget_name() EXCLUDES(sockets_lock);
  Result<void> let_in(Socket& fresh, Socket& client, const SenderIds& who) EXCLUDES(sockets_lock);
  Result<void> connect_stream(Socket& target, bool may_wait, const SenderIds& who);
  /// Swaps: what was the peer before is to be let go without the lock.
  void set_peer(RefPtr<Socket>& peer) REQUIRES(sockets_lock);
  void wake(uint32_t changes) REQUIRES(sockets_lock) { changes_.wake_all(Wake::kNow, changes); }
  void wake_senders() REQUIRES(sockets_lock);
  bool has_room(const Socket& sender, uint32_t divisor = 1) REQUIRES(sockets_lock);
  bool can_send() REQUIRES(sockets_lock);
  void hang_up(bool reset) REQUIRES(sockets_lock);
  Result<RefPtr<Socket>> receiver_of(RefPtr<Socket> target) REQUIRES(sockets_lock);
  Result<void> check_sendable(const RefPtr<Socket>& target) EXCLUDES(sockets_lock);
  Result<void> send_one(Message& message, const RefPtr<Socket>& target, bool may_wait);
  Result<void> queue(Message& message) REQUIRES(sockets_lock);
  Result<void> take_along(Message& message) REQUIRES(sockets_lock);
  void land(Message& message) REQUIRES(sockets_lock);
  Message* unqueue(Message& message) REQUIRES(sockets_lock);
  Message* first_message() EXCLUDES(sockets_lock);
  Result<uint64_t> receive_stream(IoBuffer& buffer, uint32_t flags, Received& along)
      REQUIRES(reading_);
  Result<uint64_t> receive_message(IoBuffer& buffer, uint32_t flags, Received& along)
      REQUIRES(reading_);
  /// Why there is nothing to receive: 0 for the end. ECONNRESET, EAGAIN.
  Result<uint64_t> nothing() EXCLUDES(sockets_lock);

  std::atomic<bool> was_opened_{false};
  Mutex reading_{"socket", LockRank::kFilePosition};
  WaitQueue changes_{"socket"};

  // Protected by sockets_lock.
  State state_ GUARDED_BY(sockets_lock) = State::kNew;
  uint8_t shut_ GUARDED_BY(sockets_lock) = 0;         // Way
  bool is_waiting_ GUARDED_BY(sockets_lock) = false;  // nobody accepted it yet
  Errno error_ GUARDED_BY(sockets_lock) = Errno::kOk;
  RefPtr<Socket> peer_ GUARDED_BY(sockets_lock);
  ListLink sender_link_ GUARDED_BY(sockets_lock);
  List<Socket, &Socket::sender_link_> senders_ GUARDED_BY(sockets_lock);  // whose peer this is
  List<Message, &Message::link> messages_ GUARDED_BY(sockets_lock);
  uint64_t charge_ GUARDED_BY(sockets_lock) = 0;     // bytes: of all of them
  uint64_t bytes_ GUARDED_BY(sockets_lock) = 0;      // to be read
  uint32_t count_ GUARDED_BY(sockets_lock) = 0;      // messages
  uint32_t in_flight_ GUARDED_BY(sockets_lock) = 0;  // messages that carry this one
  uint32_t carried_ GUARDED_BY(sockets_lock) = 0;    // sockets in its messages
  SenderIds maker_, peer_ids_ GUARDED_BY(sockets_lock);
  ListLink waiting_link_ GUARDED_BY(sockets_lock);
  List<Socket, &Socket::waiting_link_> waiting_ GUARDED_BY(sockets_lock);  // to be accepted
  uint32_t waiting_count_ GUARDED_BY(sockets_lock) = 0, backlog_ GUARDED_BY(sockets_lock) = 0;

  RefPtr<SocketName> name_ GUARDED_BY(sockets_lock);
  Place place_ GUARDED_BY(sockets_lock);            // where the name is a path
  bool is_named_ GUARDED_BY(sockets_lock) = false;  // it can be found by it
  TreeLink<Socket> name_link_ GUARDED_BY(sockets_lock);
};

/// A file of the socket, whose maker's reference it takes over. `flags`: open_flag::kNonBlocking or 0. ENOMEM.
Result<RefPtr<File>> open_socket(Socket* fresh, uint32_t flags);

}  // namespace cairn
