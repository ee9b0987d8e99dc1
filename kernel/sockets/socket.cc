#include "sockets/socket.h"

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "special_files/anonymous.h"

namespace cairn {

namespace {

constexpr char kMark = 0;  // File::stream of sockets

}  // namespace

Socket::Socket(SocketType type, const SenderIds& maker)
    : MemoryInode(anonymous_file_system(), next_anonymous_number(),
                  {.type = FileType::kSocket,
                   .permissions = 0777,
                   .owner = maker.user,
                   .group = maker.group}),
      type(type),
      maker_(maker),
      peer_ids_{0, UINT32_MAX, UINT32_MAX} {}

/// One that was never opened, and so never closed, is in nobody's hands but its maker's.
Socket::~Socket() = default;

Socket* Socket::find(File& file) {
  return file.stream == &kMark ? static_cast<Socket*>(&file.inode()) : nullptr;
}

Result<Socket*> Socket::of(File& file) {
  Socket* socket = find(file);
  return socket != nullptr ? Result<Socket*>(socket) : Errno::kENOTSOCK;
}

Attributes Socket::attributes() {
  Attributes result = MemoryInode::attributes();
  result.links = 1;  // as Linux says, though there is no name
  return result;
}

Result<void> Socket::on_open(File& file) {
  if (was_opened_.exchange(true)) return Errno::kENXIO;  // /proc/self/fd leads here
  file.stream = const_cast<char*>(&kMark);
  return {};
}

Result<RefPtr<File>> open_socket(Socket* fresh, uint32_t flags) {
  if (fresh == nullptr) return Errno::kENOMEM;
  return open_place(anonymous_place(*fresh), flags | open_flag::kReadWrite);
}

void Socket::set_peer(RefPtr<Socket>& peer) {
  if (peer_) peer_->senders_.remove(*this);
  std::swap(peer_, peer);
  if (peer_) peer_->senders_.push_back(*this);
}

/// The other end of a connection is gone; `reset`: what it was sent, and didn't read, is lost.
void Socket::hang_up(bool reset) {
  shut_ = kBoth;
  if (reset) error_ = Errno::kECONNRESET;
  wake(kAnyChange);
}

void Socket::on_close(File&) {
  List<Message, &Message::link> lost;
  List<Socket, &Socket::waiting_link_> unaccepted;
  RefPtr<Socket> peer;
  RefPtr<SocketName> name;
  Place place;
  forget_name();
  {
    Guard guard(sockets_lock);
    const bool unread = !messages_.empty();
    state_ = State::kClosed;
    shut_ = kBoth;
    while (Message* message = messages_.front()) lost.push_back(*unqueue(*message));
    while (Socket* waiting = waiting_.pop_front()) unaccepted.push_back(*waiting);
    set_peer(peer);
    if (peer && has_connections() && peer->peer_.get() == this) peer->hang_up(unread);
    wake_senders();
    wake(kAnyChange);
    std::swap(name, name_);
    std::swap(place, place_);
  }
  while (Message* message = lost.pop_front()) delete message;
  while (Socket* waiting = unaccepted.pop_front()) waiting->refuse();
}

void Socket::refuse() {
  List<Message, &Message::link> lost;
  RefPtr<Socket> peer;
  {
    Guard guard(sockets_lock);
    state_ = State::kClosed;
    while (Message* message = messages_.front()) lost.push_back(*unqueue(*message));
    set_peer(peer);
    if (peer && peer->peer_.get() == this) peer->hang_up(true);
  }
  while (Message* message = lost.pop_front()) delete message;
  release();
}

Result<uint64_t> Socket::read(File& file, IoBuffer& buffer, uint64_t) {
  Received along;
  if (buffer.left() == 0) return uint64_t(0);
  return receive(buffer, 0, !file.non_blocking(), along);
}

Result<uint64_t> Socket::write(File& file, IoBuffer& buffer, uint64_t&) {
  Sent along;
  {
    Guard guard(sockets_lock);
    along.sender = maker_;
  }
  return send(buffer, along, nullptr, !file.non_blocking());
}

Result<int64_t> Socket::control(File&, uint64_t request, uint64_t argument) {
  constexpr uint64_t kInputQueue = 0x541b, kOutputQueue = 0x5411;
  uint64_t count;
  {
    Guard guard(sockets_lock);
    Message* first = messages_.front();
    if (request == kInputQueue) {
      if (state_ == State::kListening) return Errno::kEINVAL;
      count = type == SocketType::kStream ? bytes_ : first != nullptr ? first->size : 0;
    } else if (request == kOutputQueue) {
      count = peer_ ? peer_->charge_ : 0;
    } else {
      return Errno::kENOTTY;
    }
  }
  TRY(write_user(VirtAddr(argument), int32_t(count)));
  return int64_t(0);
}

uint32_t Socket::poll(File&, WaitQueue** wait) {
  if (wait != nullptr) *wait = &changes_;
  Guard guard(sockets_lock);
  if (state_ == State::kListening) return waiting_.empty() ? 0 : kPollIn;
  uint32_t ready = 0;
  if (error_ != Errno::kOk) ready |= kPollError;
  if ((shut_ & kReceiving) != 0) ready |= kPollIn | kPollReadHangUp;
  if (!messages_.empty()) ready |= kPollIn;
  if (shut_ == kBoth || (has_connections() && state_ == State::kNew)) ready |= kPollHangUp;
  if (!peer_ || peer_->has_room(*this, 4)) ready |= kPollOut;
  return ready;
}

SenderIds Socket::peer_ids() {
  Guard guard(sockets_lock);
  return peer_ids_;
}

bool Socket::listens() {
  Guard guard(sockets_lock);
  return state_ == State::kListening;
}

Errno Socket::take_error() {
  Guard guard(sockets_lock);
  return std::exchange(error_, Errno::kOk);
}

}  // namespace cairn
