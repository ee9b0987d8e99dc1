// How bytes and files get from socket to socket.
#include <algorithm>

#include "memory/heap.h"
#include "sockets/socket.h"

namespace cairn {

// ---- The queue

/// Of `sender`; `divisor`: for so many times as much.
bool Socket::has_room(const Socket& sender, uint32_t divisor) {
  if (type != SocketType::kStream && count_ > kMostDatagrams) return false;
  return charge_ * divisor < sender.send_buffer.load();
}

void Socket::wake_senders() {
  for (Socket& sender : senders_) sender.wake(kPollOut);
}

/// The rule of message.h. ETOOMANYREFS.
Result<void> Socket::take_along(Message& message) {
  uint32_t sockets = 0;
  for (RefPtr<File>& file : message.files.all()) {
    Socket* sent = find(*file);
    if (sent == nullptr) continue;
    if (sent == this || sent->carried_ != 0 || in_flight_ != 0 || is_waiting_) {
      return Errno::kETOOMANYREFS;
    }
    sockets++;
  }
  for (RefPtr<File>& file : message.files.all()) {
    if (Socket* sent = find(*file)) sent->in_flight_++;
  }
  message.sockets = sockets;
  carried_ += sockets;
  return {};
}

Result<void> Socket::queue(Message& message) {
  TRY(take_along(message));
  messages_.push_back(message);
  charge_ += message.charge();
  bytes_ += message.size;
  count_++;
  wake(kPollIn);
  return {};
}

/// It is out of the queue: who takes it has it all.
Message* Socket::unqueue(Message& message) {
  messages_.remove(message);
  charge_ -= message.charge();
  bytes_ -= message.size - message.taken;
  count_--;
  land(message);
  changes_.wake_all(Wake::kLater, kPollOut);
  wake_senders();
  return &message;
}

/// Its files are in flight no more.
void Socket::land(Message& message) {
  if (message.sockets == 0) return;
  for (RefPtr<File>& file : message.files.all()) {
    if (Socket* sent = find(*file)) sent->in_flight_--;
  }
  carried_ -= std::exchange(message.sockets, 0);
}

// ---- Sending

/// Who gets it: `target`, or the connected one.
Result<RefPtr<Socket>> Socket::receiver_of(RefPtr<Socket> target) {
  if (error_ != Errno::kOk) return std::exchange(error_, Errno::kOk);
  if ((shut_ & kSending) != 0) return Errno::kEPIPE;
  RefPtr<Socket> receiver = target ? std::move(target) : peer_;
  if (!receiver) return Errno::kENOTCONN;
  if (receiver->type != type) return Errno::kEPROTOTYPE;
  if (receiver->state_ == State::kClosed) {
    return has_connections() ? Errno::kEPIPE : Errno::kECONNREFUSED;
  }
  if (!has_connections() && receiver->peer_ && receiver->peer_.get() != this) return Errno::kEPERM;
  if ((receiver->shut_ & kReceiving) != 0) return Errno::kEPIPE;
  return receiver;
}

Result<void> Socket::send_one(Message& message, const RefPtr<Socket>& target, bool may_wait) {
  while (true) {
    RefPtr<Socket> receiver;
    RefPtr<Socket> gone;
    {
      Guard guard(sockets_lock);
      message.from = name_;
      auto found = receiver_of(target);
      if (!found.ok()) {
        if (found.error() == Errno::kECONNREFUSED && !target) set_peer(gone), state_ = State::kNew;
        return found.error();
      }
      receiver = found.take();
      if (receiver->has_room(*this)) return receiver->queue(message);
    }
    if (!may_wait) return Errno::kEAGAIN;
    TRY(receiver->changes_.wait_until_interruptible([&] {
      Guard guard(sockets_lock);
      return receiver->has_room(*this) || receiver->state_ == State::kClosed ||
             (receiver->shut_ & kReceiving) != 0 || (shut_ & kSending) != 0;
    }));
  }
}

Result<void> Socket::check_sendable(const RefPtr<Socket>& target) {
  Guard guard(sockets_lock);
  if (type == SocketType::kStream && (shut_ & kSending) == 0 && !peer_) return Errno::kENOTCONN;
  auto found = receiver_of(target);
  return found.ok() || !has_connections() ? Result<void>() : found.error();
}

Result<uint64_t> Socket::send(IoBuffer& buffer, Sent& along, RefPtr<Socket> target, bool may_wait) {
  const uint64_t wanted = buffer.left();
  const bool is_stream = type == SocketType::kStream;
  if (is_stream && wanted == 0) return uint64_t(0);
  if (!is_stream && wanted > send_buffer.load() - 32) return Errno::kEMSGSIZE;
  TRY(check_sendable(target));
  auto outcome = [&](Errno error) {
    const uint64_t done = wanted - buffer.left();
    return is_stream && done != 0 ? Result<uint64_t>(done) : Result<uint64_t>(error);
  };
  do {
    IoBuffer at = buffer;  // goes on only when the piece was sent
    const uint64_t count = is_stream ? std::min(at.left(), kStreamPiece) : wanted;
    auto made = Message::create(at, count);
    if (!made.ok()) return outcome(made.error());
    Message* message = *made;
    message->sender = along.sender;
    message->files = std::move(along.files);
    auto sent = send_one(*message, target, may_wait);
    if (!sent.ok()) {
      delete message;
      return outcome(sent.error());
    }
    buffer = at;
  } while (buffer.left() != 0);
  return wanted;
}

// ---- Receiving

Result<uint64_t> Socket::nothing() {
  Guard guard(sockets_lock);
  if (error_ != Errno::kOk) return std::exchange(error_, Errno::kOk);
  if ((shut_ & kReceiving) != 0) return uint64_t(0);
  return Errno::kEAGAIN;
}

namespace {

/// What goes along with a message. ENOMEM, while it is only looked at.
Result<void> tell(Message& message, bool peek, Received& along) {
  if (!along.any) {
    along.sender = message.sender;
    along.from = message.from;
    along.any = true;
  }
  if (message.files.all().empty()) return {};
  along.files = peek ? TRY(message.files.copy()) : std::move(message.files);
  return {};
}

}  // namespace

Result<uint64_t> Socket::receive_stream(IoBuffer& buffer, uint32_t flags, Received& along) {
  const bool peek = (flags & message_flag::kPeek) != 0;
  uint64_t done = 0;
  Message* message = first_message();
  while (message != nullptr && buffer.left() != 0) {
    if (along.any && passes_ids.load() && !(along.sender == message->sender)) break;
    const uint64_t count = std::min(buffer.left(), message->size - message->taken);
    auto copied = message->copy_out(buffer, message->taken, count);
    if (!copied.ok()) return done != 0 ? Result<uint64_t>(done) : copied.error();
    const bool has_files = !message->files.all().empty();
    done += count;
    Message* finished = nullptr;
    Message* next;
    {
      Guard guard(sockets_lock);
      next = messages_.next(*message);
      if (!peek) {
        charge_ -= message->files.all().size() * sizeof(RefPtr<File>);
        land(*message);
      }
    }
    TRY(tell(*message, peek, along));
    if (!peek) {
      Guard guard(sockets_lock);
      message->taken += count;
      bytes_ -= count;
      if (message->taken == message->size) finished = unqueue(*message);
    }
    const bool is_partial = !peek && finished == nullptr;
    delete finished;
    if (is_partial || has_files) break;
    message = next;
  }
  return done;
}

Result<uint64_t> Socket::receive_message(IoBuffer& buffer, uint32_t flags, Received& along) {
  const bool peek = (flags & message_flag::kPeek) != 0;
  Message* message = first_message();
  const uint64_t size = message->size, count = std::min(buffer.left(), size);
  auto copied = message->copy_out(buffer, 0, count);
  if (!peek) {
    Guard guard(sockets_lock);
    unqueue(*message);
  }
  auto told = copied.ok() ? tell(*message, peek, along) : copied;
  if (!peek) delete message;
  if (!told.ok()) return told.error();
  along.is_cut = count < size;
  return (flags & message_flag::kCut) != 0 ? size : count;
}

Message* Socket::first_message() {
  Guard guard(sockets_lock);
  return messages_.front();
}

Result<uint64_t> Socket::receive(IoBuffer& buffer, uint32_t flags, bool may_wait, Received& along) {
  {
    Guard guard(sockets_lock);
    if (has_connections() && peer_ids_.pid == 0 && state_ == State::kNew) {
      return type == SocketType::kStream ? Errno::kEINVAL : Errno::kENOTCONN;
    }
    if (state_ == State::kListening) return Errno::kEINVAL;
  }
  const bool is_stream = type == SocketType::kStream;
  const bool wants_all =
      is_stream && (flags & message_flag::kWaitForAll) != 0 && (flags & message_flag::kPeek) == 0;
  uint64_t done = 0;
  auto outcome = [&done](Errno error) -> Result<uint64_t> {
    return done != 0 || error == Errno::kOk ? Result<uint64_t>(done) : error;
  };
  while (true) {
    {
      MutexGuard reader(reading_);
      if (first_message() != nullptr) {
        auto got = is_stream ? receive_stream(buffer, flags, along)
                             : receive_message(buffer, flags, along);
        if (!got.ok()) return outcome(got.error());
        done += *got;
        if (!wants_all || buffer.left() == 0 || !along.files.all().empty()) return done;
        continue;
      }
    }
    auto none = nothing();
    if (none.error() != Errno::kEAGAIN || !may_wait) return outcome(none.error());
    auto waited = changes_.wait_until_interruptible([this] {
      Guard guard(sockets_lock);
      return !messages_.empty() || error_ != Errno::kOk || (shut_ & kReceiving) != 0;
    });
    if (!waited.ok()) return outcome(waited.error());
  }
}

}  // namespace cairn
