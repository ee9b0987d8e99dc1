// How sockets come together: pairs, connections that one listens for, and who usually gets a socket's datagrams.
#include <algorithm>

#include "memory/heap.h"
#include "sockets/socket.h"

namespace cairn {

void Socket::join(Socket& one, Socket& other) {
  auto first = RefPtr<Socket>::share(&one), second = RefPtr<Socket>::share(&other);
  Guard guard(sockets_lock);
  one.set_peer(second);
  other.set_peer(first);
  one.state_ = other.state_ = State::kConnected;
  one.peer_ids_ = other.maker_;
  other.peer_ids_ = one.maker_;
}

Result<void> Socket::listen(uint32_t backlog, const SenderIds& who) {
  if (!has_connections()) return Errno::kEOPNOTSUPP;
  Guard guard(sockets_lock);
  if (!name_) return Errno::kEINVAL;
  if (state_ != State::kNew && state_ != State::kListening) return Errno::kEINVAL;
  state_ = State::kListening;
  backlog_ = std::min(backlog, kMostWaiting);
  peer_ids_ = who;
  wake(kAnyChange);  // there may be more room
  return {};
}

/// The other end joins those that wait at this one. EAGAIN: there are too many.
Result<void> Socket::let_in(Socket& fresh, Socket& client, const SenderIds& who) {
  auto end = RefPtr<Socket>::share(&fresh), caller = RefPtr<Socket>::share(&client);
  Guard guard(sockets_lock);
  if (state_ != State::kListening || (shut_ & kReceiving) != 0) return Errno::kECONNREFUSED;
  if (client.state_ == State::kConnected) return Errno::kEISCONN;
  if (client.state_ != State::kNew) return Errno::kEINVAL;
  if (waiting_count_ > backlog_) return Errno::kEAGAIN;
  fresh.name_ = name_;
  fresh.state_ = client.state_ = State::kConnected;
  fresh.is_waiting_ = true;
  fresh.peer_ids_ = who;
  client.peer_ids_ = peer_ids_;
  client.set_peer(end);
  fresh.set_peer(caller);
  fresh.retain();  // as one of those that wait
  waiting_.push_back(fresh);
  waiting_count_++;
  wake(kPollIn);
  return {};
}

Result<void> Socket::connect_stream(Socket& target, bool may_wait, const SenderIds& who) {
  if (target.type != type) return Errno::kEPROTOTYPE;
  auto* raw = new_object<Socket>(type, who);
  if (raw == nullptr) return Errno::kENOMEM;
  auto fresh = RefPtr<Socket>::adopt(raw);
  while (true) {
    auto let = target.let_in(*fresh, *this, who);
    if (let.error() != Errno::kEAGAIN || !may_wait) return let;
    TRY(target.changes_.wait_until_interruptible([&] {
      Guard guard(sockets_lock);
      return target.state_ != State::kListening || target.waiting_count_ <= target.backlog_;
    }));
  }
}

Result<void> Socket::connect(RefPtr<Socket> target, bool may_wait, const SenderIds& who) {
  if (has_connections()) return connect_stream(*target, may_wait, who);
  if (target->type != type) return Errno::kEPROTOTYPE;
  Guard guard(sockets_lock);
  if (target->peer_ && target->peer_.get() != this) return Errno::kEPERM;
  set_peer(target);  // what it was before goes with `target`, after the lock
  state_ = State::kConnected;
  return {};
}

void Socket::disconnect() {
  RefPtr<Socket> none;
  Guard guard(sockets_lock);
  set_peer(none);
  state_ = State::kNew;
}

Result<RefPtr<Socket>> Socket::accept(bool may_wait) {
  if (!has_connections()) return Errno::kEOPNOTSUPP;
  while (true) {
    {
      Guard guard(sockets_lock);
      if (state_ != State::kListening) return Errno::kEINVAL;
      if (Socket* first = waiting_.pop_front()) {
        waiting_count_--;
        first->is_waiting_ = false;
        wake(kPollOut);
        return RefPtr<Socket>::adopt(first);
      }
      if ((shut_ & kReceiving) != 0) return Errno::kEINVAL;
    }
    if (!may_wait) return Errno::kEAGAIN;
    TRY(changes_.wait_until_interruptible([this] {
      Guard guard(sockets_lock);
      return !waiting_.empty() || (shut_ & kReceiving) != 0;
    }));
  }
}

void Socket::shut_down(uint8_t ways) {
  Guard guard(sockets_lock);
  shut_ |= ways;
  wake(kAnyChange);
  wake_senders();
  if (!has_connections() || !peer_) return;
  if ((ways & kReceiving) != 0) peer_->shut_ |= kSending;
  if ((ways & kSending) != 0) peer_->shut_ |= kReceiving;
  peer_->wake(kAnyChange);
}

}  // namespace cairn
