// Addresses of sockets as programs hand them over: Linux's struct sockaddr_un.
#pragma once

#include <algorithm>

#include "address_space/user_copy.h"
#include "memory/heap.h"
#include "sockets/socket.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

struct UserAddress {
  uint16_t family = 0;
  uint8_t length = 0;  // of the name
  char bytes[SocketName::kMost];

  /// `size` bytes. EINVAL, EFAULT.
  Result<void> read(uint64_t address, uint64_t size) {
    if (uint32_t(size) < sizeof(family) || uint32_t(size) > sizeof(family) + sizeof(bytes)) {
      return Errno::kEINVAL;
    }
    length = uint8_t(uint32_t(size) - sizeof(family));
    family = TRY(read_user<uint16_t>(VirtAddr(address)));
    TRY(copy_from_user(bytes, VirtAddr(address + sizeof(family)), length));
    // A path ends at its NUL, if it has one.
    if (length != 0 && bytes[0] != '\0')
      length = uint8_t(std::find(bytes, bytes + length, '\0') - bytes);
    return {};
  }
  std::string_view name() const { return {bytes, length}; }
  /// The socket that has the name. EINVAL, and as Socket::find_by_name().
  Result<RefPtr<Socket>> find() const {
    constexpr uint16_t kUnix = 1;
    if (family != kUnix || length == 0) return Errno::kEINVAL;
    return Socket::find_by_name(name(), current_files().context());
  }
};

/// How many bytes an address of that name has; without a name the family alone.
inline uint32_t address_size(const RefPtr<SocketName>& name) {
  if (!name) return sizeof(uint16_t);
  return uint32_t(sizeof(uint16_t) + name->length + (name->is_abstract() ? 0 : 1));
}
/// As much of the address as fits into `room` bytes. EFAULT.
inline Result<void> write_address(const RefPtr<SocketName>& name, uint64_t address, uint32_t room) {
  struct {
    uint16_t family = 1;
    char bytes[SocketName::kMost + 1] = {};
  } whole;
  if (name) name->view().copy(whole.bytes, SocketName::kMost);
  return copy_to_user(VirtAddr(address), &whole, std::min(room, address_size(name)));
}
/// The same where the program says at `size_address` how much room there is, and is told there how much it was. EINVAL.
inline Result<void> store_address(const RefPtr<SocketName>& name, uint64_t address,
                                  uint64_t size_address) {
  auto room = TRY(read_user<int32_t>(VirtAddr(size_address)));
  if (room < 0) return Errno::kEINVAL;
  TRY(write_address(name, address, uint32_t(room)));
  return write_user(VirtAddr(size_address), int32_t(address_size(name)));
}

/// Who the running process is to those that it sends to.
SenderIds my_ids();

}  // namespace cairn
