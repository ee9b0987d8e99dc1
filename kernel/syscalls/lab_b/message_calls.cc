// sendto, recvfrom, sendmsg, recvmsg: bytes with an address, and what goes along with them.
#include "process/signal.h"
#include "syscalls/lab_b/socket_address.h"
#include "syscalls/lab_b/vector_list.h"

namespace cairn {

namespace {

// Source: Linux, include/linux/socket.h; cmsg(3).
struct MessageHeader {
  uint64_t name;
  uint32_t name_size, padding;
  uint64_t vectors, vector_count;
  uint64_t control, control_size;
  uint32_t flags, more_padding;
};
static_assert(sizeof(MessageHeader) == 56);

struct ControlHeader {
  uint64_t size;  // with this header
  int32_t level, type;
};
constexpr int32_t kSocketLevel = 1, kFiles = 1, kIds = 2;
constexpr uint64_t aligned(uint64_t size) { return (size + 7) & ~7ull; }
constexpr uint32_t kOutOfBand = 1;

// ---- Sending

/// Those of the running process, or what it may say it is. EPERM.
Result<void> check_ids(const SenderIds& ids) {
  const Process& me = *current_process();
  if (me.ids.is_superuser()) return {};
  const bool mine =
      ids.pid == int32_t(me.pid.value) && me.ids.user.has(ids.user) && me.ids.group.has(ids.group);
  return mine ? Result<void>() : Errno::kEPERM;
}

Result<void> take_files(uint64_t address, uint64_t count, Sent& along) {
  if (count > FileBundle::kMost || !along.files.all().empty()) return Errno::kEINVAL;
  if (count == 0) return {};
  TRY(along.files.start(uint32_t(count)));
  for (uint64_t i = 0; i < count; i++) {
    auto fd = TRY(read_user<int32_t>(VirtAddr(address + i * sizeof(int32_t))));
    along.files.add(TRY(usable_file(uint64_t(fd))));
  }
  return {};
}

/// What the program sends along. EINVAL, EPERM, EBADF, EFAULT, ENOMEM.
Result<void> read_control(uint64_t address, uint64_t size, Sent& along) {
  constexpr uint64_t kMostControl = 20 << 10;  // bytes, as Linux has long had it
  if (size > kMostControl) return Errno::kEINVAL;
  while (size >= sizeof(ControlHeader)) {
    auto header = TRY(read_user<ControlHeader>(VirtAddr(address)));
    if (header.size < sizeof(header) || header.size > size) return Errno::kEINVAL;
    const uint64_t data = address + sizeof(header), data_size = header.size - sizeof(header);
    if (header.level == kSocketLevel) {
      if (header.type == kFiles) {
        TRY(take_files(data, data_size / sizeof(int32_t), along));
      } else if (header.type == kIds && data_size == sizeof(SenderIds)) {
        along.sender = TRY(read_user<SenderIds>(VirtAddr(data)));
        TRY(check_ids(along.sender));
      } else {
        return Errno::kEINVAL;
      }
    }
    const uint64_t step = std::min(aligned(header.size), size);
    address += step;
    size -= step;
  }
  return {};
}

Result<uint64_t> send(File& file, IoBuffer& buffer, Sent& along, uint64_t name, uint32_t name_size,
                      uint32_t flags) {
  Socket& socket = *TRY(Socket::of(file));
  if ((flags & kOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  RefPtr<Socket> target;
  if (name != 0 && name_size != 0 && socket.type != SocketType::kPackets) {
    UserAddress address;
    TRY(address.read(name, name_size));
    if (socket.type == SocketType::kStream) {
      return socket.peer_name().ok() ? Errno::kEISCONN : Errno::kEOPNOTSUPP;
    }
    target = TRY(address.find());
  }
  const bool may_wait = !file.non_blocking() && (flags & message_flag::kDontWait) == 0;
  auto sent = socket.send(buffer, along, std::move(target), may_wait);
  const bool tells = (flags & message_flag::kNoSignal) == 0 && socket.type == SocketType::kStream;
  if (sent.error() == Errno::kEPIPE && tells) tell_me(kSigPipe);
  return sent;
}

Result<uint64_t> send_bytes(TrapFrame& call) {
  TRY(check_memory(argument1(call), argument2(call)));
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  IoBuffer buffer =
      IoBuffer::user(VirtAddr(argument1(call)), std::min(argument2(call), abi::kMaxTransfer));
  Sent along{my_ids(), {}};
  return send(*file, buffer, along, argument4(call), uint32_t(argument5(call)),
              uint32_t(argument3(call)));
}

Result<uint64_t> send_message(TrapFrame& call) {
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  TRY(Socket::of(*file));
  auto header = TRY(read_user<MessageHeader>(VirtAddr(argument1(call))));
  VectorList vectors;
  if (header.vector_count > abi::kMaxVectors) return Errno::kEMSGSIZE;
  TRY(vectors.read(header.vectors, header.vector_count));
  Sent along{my_ids(), {}};
  if (header.control != 0) TRY(read_control(header.control, header.control_size, along));
  IoBuffer buffer = IoBuffer::user(vectors.all(), vectors.total());
  return send(*file, buffer, along, header.name, header.name_size, uint32_t(argument2(call)));
}

// ---- Receiving

/// Where what came along is stored, one piece after the other.
struct ControlRoom {
  uint64_t at, left;
  bool is_cut = false;

  /// Stores a header for `size` bytes and what follows. EFAULT.
  Result<void> put(int32_t type, const void* data, uint64_t size) {
    ControlHeader header{sizeof(header) + size, kSocketLevel, type};
    if (left < sizeof(header)) return is_cut = true, Result<void>();
    if (left < header.size) is_cut = true, header.size = left;
    TRY(write_user(VirtAddr(at), header));
    TRY(copy_to_user(VirtAddr(at + sizeof(header)), data, header.size - sizeof(header)));
    const uint64_t step = std::min(aligned(header.size), left);
    at += step;
    left -= step;
    return {};
  }
};

/// Descriptors for as many files as there is room for; the others go.
Result<void> give_files(FileBundle& files, bool close_on_exec, ControlRoom& room) {
  if (files.all().empty()) return {};
  int32_t fds[FileBundle::kMost];
  const uint64_t fitting =
      room.left < sizeof(ControlHeader) ? 0 : (room.left - sizeof(ControlHeader)) / sizeof(int32_t);
  uint64_t count = 0;
  for (RefPtr<File>& file : files.all()) {
    if (count == fitting) break;
    auto fd = give_fd(std::move(file), close_on_exec);
    if (!fd.ok()) break;
    fds[count++] = *fd;
  }
  if (count < files.all().size()) room.is_cut = true;
  return count != 0 ? room.put(kFiles, fds, count * sizeof(int32_t)) : Result<void>();
}

bool may_wait_for(const File& file, uint32_t flags) {
  return !file.non_blocking() && (flags & message_flag::kDontWait) == 0;
}

Result<uint64_t> receive_bytes(TrapFrame& call) {
  const auto flags = uint32_t(argument3(call));
  TRY(check_memory(argument1(call), argument2(call)));
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  if ((flags & kOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  IoBuffer buffer =
      IoBuffer::user(VirtAddr(argument1(call)), std::min(argument2(call), abi::kMaxTransfer));
  Received along;
  const uint64_t count = TRY(socket.receive(buffer, flags, may_wait_for(*file, flags), along));
  if (argument4(call) == 0) return count;
  if (along.from) {
    TRY(store_address(along.from, argument4(call), argument5(call)));
  } else {
    TRY(write_user(VirtAddr(argument5(call)), int32_t(0)));
  }
  return count;
}

Result<uint64_t> receive_message(TrapFrame& call) {
  const auto flags = uint32_t(argument2(call));
  RefPtr<File> file = TRY(usable_file(argument0(call)));
  Socket& socket = *TRY(Socket::of(*file));
  const VirtAddr address(argument1(call));
  auto header = TRY(read_user<MessageHeader>(address));
  VectorList vectors;
  if (header.vector_count > abi::kMaxVectors) return Errno::kEMSGSIZE;
  TRY(vectors.read(header.vectors, header.vector_count));
  if ((flags & kOutOfBand) != 0) return Errno::kEOPNOTSUPP;
  IoBuffer buffer = IoBuffer::user(vectors.all(), vectors.total());
  Received along;
  const uint64_t count = TRY(socket.receive(buffer, flags, may_wait_for(*file, flags), along));
  ControlRoom room{header.control, header.control != 0 ? header.control_size : 0};
  if (along.any && socket.passes_ids.load()) {
    TRY(room.put(kIds, &along.sender, sizeof(along.sender)));
  }
  const uint32_t closes = flags & message_flag::kCloseOnExec;
  TRY(give_files(along.files, closes != 0, room));
  if (header.name != 0) {
    if (along.from) TRY(write_address(along.from, header.name, header.name_size));
    header.name_size = along.from ? address_size(along.from) : 0;
    TRY(write_user(address + offsetof(MessageHeader, name_size), header.name_size));
  }
  header.flags = closes | (along.is_cut ? message_flag::kCut : 0) |
                 (room.is_cut ? message_flag::kControlCut : 0);
  TRY(write_user(address + offsetof(MessageHeader, flags), header.flags));
  const uint64_t used = header.control != 0 ? room.at - header.control : 0;
  TRY(write_user(address + offsetof(MessageHeader, control_size), used));
  return count;
}

}  // namespace

int64_t sys_sendto(TrapFrame& call) { return to_return(send_bytes(call)); }
int64_t sys_sendmsg(TrapFrame& call) { return to_return(send_message(call)); }
int64_t sys_recvfrom(TrapFrame& call) { return to_return(receive_bytes(call)); }
int64_t sys_recvmsg(TrapFrame& call) { return to_return(receive_message(call)); }

}  // namespace cairn
