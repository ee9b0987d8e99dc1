// socket, socketpair, bind, connect, listen, accept, shutdown, names and options.
#include "syscalls/lab_b/socket_address.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

constexpr uint32_t kFamily = 1;  // AF_UNIX, as a protocol too
constexpr uint32_t kTypeFlags = open_flag::kCloseOnExec | open_flag::kNonBlocking;

Result<SocketType> type_of(TrapFrame& call) {
  constexpr uint32_t kTypeMask = 15, kRaw = 3, kTypes = 11;
  const auto type = uint32_t(argument1(call));
  if ((type & ~(kTypeMask | kTypeFlags)) != 0) return Errno::kEINVAL;
  if (uint32_t(argument0(call)) != kFamily) return Errno::kEAFNOSUPPORT;
  if ((type & kTypeMask) >= kTypes) return Errno::kEINVAL;
  if (argument2(call) != 0 && uint32_t(argument2(call)) != kFamily) return Errno::kEPROTONOSUPPORT;
  switch (type & kTypeMask) {
    case 1: return SocketType::kStream;
    case 2:
    case kRaw: return SocketType::kDatagram;
    case 5: return SocketType::kPackets;
    default: return Errno::kESOCKTNOSUPPORT;
  }
}

Result<int> give(RefPtr<File> file, uint64_t flags) {
  return give_fd(std::move(file), (flags & open_flag::kCloseOnExec) != 0);
}
Result<RefPtr<File>> open_new(Socket* socket, uint64_t flags) {
  return open_socket(socket, uint32_t(flags) & open_flag::kNonBlocking);
}

Result<int> create(TrapFrame& call) {
  const SocketType type = TRY(type_of(call));
  RefPtr<File> file = TRY(open_new(new_object<Socket>(type, my_ids()), argument1(call)));
  return give(std::move(file), argument1(call));
}

Result<void> create_pair(TrapFrame& call) {
  const SocketType type = TRY(type_of(call));
  RefPtr<File> one = TRY(open_new(new_object<Socket>(type, my_ids()), argument1(call)));
  RefPtr<File> other = TRY(open_new(new_object<Socket>(type, my_ids()), argument1(call)));
  Socket::join(*Socket::find(*one), *Socket::find(*other));
  int32_t fds[2];
  fds[0] = TRY(give(std::move(one), argument1(call)));
  auto second = give(std::move(other), argument1(call));
  if (second.ok()) fds[1] = *second;
  auto stored =
      second.ok() ? write_user(VirtAddr(argument3(call)), fds) : Result<void>(second.error());
  if (stored.ok()) return stored;
  (void)close_fd(*TRY(fd_table()), fds[0]);
  if (second.ok()) (void)close_fd(*TRY(fd_table()), fds[1]);
  return stored;
}

Result<void> bind(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  UserAddress address;
  TRY(address.read(argument1(call), argument2(call)));
  if (address.family != kFamily) return Errno::kEINVAL;
  return socket.bind(address.name(), current_files().context(), new_permissions(0777));
}

Result<void> connect(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  UserAddress address;
  TRY(address.read(argument1(call), argument2(call)));
  if (address.family == 0 && !socket.has_connections()) return socket.disconnect(), Result<void>();
  RefPtr<Socket> target = TRY(address.find());
  return socket.connect(std::move(target), !file->non_blocking(), my_ids());
}

Result<void> listen(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  return TRY(Socket::of(*file))->listen(uint32_t(argument1(call)), my_ids());
}

Result<int> accept(TrapFrame& call, uint64_t flags) {
  if ((flags & ~uint64_t(kTypeFlags)) != 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  if (!has_free_fd(*TRY(fd_table()))) return Errno::kEMFILE;  // who waits goes on waiting
  RefPtr<Socket> end = TRY(socket.accept(!file->non_blocking()));
  end->retain();
  auto opened = open_new(end.get(), flags);
  if (!opened.ok()) {
    end->retain();
    end->refuse();
    return opened.error();
  }
  if (argument1(call) != 0) {
    auto peer = end->peer_name();
    TRY(store_address(peer.ok() ? *peer : RefPtr<SocketName>(), argument1(call), argument2(call)));
  }
  return give(opened.take(), flags);
}

Result<void> tell_name(TrapFrame& call, bool peer) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  RefPtr<SocketName> name = peer ? TRY(socket.peer_name()) : socket.name();
  return store_address(name, argument1(call), argument2(call));
}

Result<void> shut_down(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  if (argument1(call) > 2) return Errno::kEINVAL;
  socket.shut_down(uint8_t(argument1(call) + 1));
  return {};
}

// ---- Options. Source: Linux, include/uapi/asm-generic/socket.h; socket(7).

enum Option : uint32_t {
  kReuseAddress = 2,
  kType = 3,
  kError = 4,
  kSendBuffer = 7,
  kReceiveBuffer = 8,
  kPassIds = 16,
  kPeerIds = 17,
  kListens = 30,
  kProtocol = 38,
  kDomain = 39,
};
constexpr uint32_t kSocketLevel = 1;

uint32_t buffer_size(int32_t wanted) {
  auto size = uint32_t(std::min<uint32_t>(uint32_t(wanted), Socket::kUsualBuffer));
  return std::max(2 * size, Socket::kLeastBuffer);
}

Result<void> set_option(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  if (uint32_t(argument1(call)) != kSocketLevel) return Errno::kEOPNOTSUPP;
  if (int(argument4(call)) < int(sizeof(int32_t))) return Errno::kEINVAL;
  auto value = TRY(read_user<int32_t>(VirtAddr(argument3(call))));
  switch (uint32_t(argument2(call))) {
    case kReuseAddress: return {};  // it means nothing to this family
    case kSendBuffer: socket.send_buffer = buffer_size(value); return {};
    case kReceiveBuffer: socket.receive_buffer = buffer_size(value); return {};
    case kPassIds: socket.passes_ids = value != 0; return {};
    default: return Errno::kENOPROTOOPT;
  }
}

Result<int32_t> number_of(Socket& socket, uint32_t option) {
  switch (option) {
    case kReuseAddress: return 0;
    case kType: return int32_t(socket.type);
    case kError: return int32_t(socket.take_error());
    case kSendBuffer: return int32_t(socket.send_buffer.load());
    case kReceiveBuffer: return int32_t(socket.receive_buffer.load());
    case kPassIds: return int32_t(socket.passes_ids.load());
    case kListens: return int32_t(socket.listens());
    case kProtocol: return 0;
    case kDomain: return int32_t(kFamily);
    default: return Errno::kENOPROTOOPT;
  }
}

Result<void> get_option(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  const VirtAddr to(argument3(call)), length_at(argument4(call));
  if (uint32_t(argument1(call)) != kSocketLevel) return Errno::kEOPNOTSUPP;
  auto length = TRY(read_user<int32_t>(length_at));
  if (length < 0) return Errno::kEINVAL;
  const auto option = uint32_t(argument2(call));
  SenderIds ids;
  int32_t number = 0;
  if (option == kPeerIds) {
    ids = socket.peer_ids();
  } else {
    number = TRY(number_of(socket, option));
  }
  const void* from = option == kPeerIds ? static_cast<void*>(&ids) : &number;
  const int32_t size = option == kPeerIds ? int32_t(sizeof(ids)) : int32_t(sizeof(number));
  length = std::min(length, size);
  TRY(copy_to_user(to, from, uint64_t(length)));
  return write_user(length_at, length);
}

}  // namespace

SenderIds my_ids() {
  const Process& me = *current_process();
  return {int32_t(me.pid.value), me.ids.user.effective, me.ids.group.effective};
}

int64_t sys_socket(TrapFrame& call) { return to_return(create(call)); }
int64_t sys_socketpair(TrapFrame& call) { return to_return(create_pair(call)); }
int64_t sys_bind(TrapFrame& call) { return to_return(bind(call)); }
int64_t sys_connect(TrapFrame& call) { return to_return(connect(call)); }
int64_t sys_listen(TrapFrame& call) { return to_return(listen(call)); }
int64_t sys_accept(TrapFrame& call) { return to_return(accept(call, 0)); }
int64_t sys_accept4(TrapFrame& call) { return to_return(accept(call, uint32_t(argument3(call)))); }
int64_t sys_getsockname(TrapFrame& call) { return to_return(tell_name(call, false)); }
int64_t sys_getpeername(TrapFrame& call) { return to_return(tell_name(call, true)); }
int64_t sys_shutdown(TrapFrame& call) { return to_return(shut_down(call)); }
int64_t sys_setsockopt(TrapFrame& call) { return to_return(set_option(call)); }
int64_t sys_getsockopt(TrapFrame& call) { return to_return(get_option(call)); }

}  // namespace cairn
