// What sockets are called, and who finds them by it.
#include "lib/format.h"
#include "memory/heap.h"
#include "sockets/socket.h"
#include "vfs/name_ops.h"

namespace cairn {

/// Which sockets can be found: by the inode of a path, or by an abstract name.
struct SocketNames {
  static uintptr_t inode_key(const Socket& socket) NO_THREAD_SAFETY_ANALYSIS {
    return reinterpret_cast<uintptr_t>(socket.place_.inode.get());
  }
  static std::string_view name_key(const Socket& socket) NO_THREAD_SAFETY_ANALYSIS {
    return socket.name_->view();
  }
  using ByInode = Tree<Socket, &Socket::name_link_, &inode_key>;
  using ByName = Tree<Socket, &Socket::name_link_, &name_key>;
  static ByInode by_inode;
  static ByName by_name;

  static Socket* find(const Inode& inode) REQUIRES(sockets_lock) {
    Socket* found = by_inode.lower_bound(reinterpret_cast<uintptr_t>(&inode));
    return found != nullptr && found->place_.inode.get() == &inode ? found : nullptr;
  }
  static Socket* find(std::string_view name) REQUIRES(sockets_lock) {
    Socket* found = by_name.lower_bound(name);
    return found != nullptr && found->name_->view() == name ? found : nullptr;
  }
};
constinit SocketNames::ByInode SocketNames::by_inode;
constinit SocketNames::ByName SocketNames::by_name;

namespace {

Result<RefPtr<SocketName>> make_name(std::string_view text) {
  auto* name = new_object<SocketName>();
  if (name == nullptr) return Errno::kENOMEM;
  name->length = uint8_t(text.size());
  text.copy(name->bytes, sizeof(name->bytes));
  return RefPtr<SocketName>::adopt(name);
}

}  // namespace

Result<void> Socket::bind(std::string_view text, const PathContext& context, uint16_t permissions) {
  if (name()) return Errno::kEINVAL;
  if (text.empty()) return bind_anyhow();
  RefPtr<SocketName> fresh = TRY(make_name(text));
  Place place;
  if (!fresh->is_abstract()) {
    auto made = vfs_make(context, text, {.type = FileType::kSocket, .permissions = permissions});
    if (made.error() == Errno::kEEXIST) return Errno::kEADDRINUSE;
    TRY(made);
    place = TRY(resolve_path(context, text, LastLink::kKeep));
  }
  return enter_name(std::move(fresh), std::move(place));
}

Result<void> Socket::enter_name(RefPtr<SocketName> fresh, Place place) {
  Guard guard(sockets_lock);
  if (name_) return Errno::kEINVAL;
  if (fresh->is_abstract() && SocketNames::find(fresh->view()) != nullptr) {
    return Errno::kEADDRINUSE;
  }
  const bool is_path = bool(place);
  std::swap(name_, fresh);
  std::swap(place_, place);
  is_path ? SocketNames::by_inode.insert(*this) : SocketNames::by_name.insert(*this);
  is_named_ = true;
  return {};
}

/// A NUL and five hexadecimal digits, whichever are free.
Result<void> Socket::bind_anyhow() {
  static constinit std::atomic<uint32_t> last{0};
  constexpr uint32_t kNames = 1 << 20;
  for (uint32_t i = 0; i < kNames; i++) {
    char text[7] = "\0";
    BufferWriter digits({text + 1, sizeof(text) - 1});
    print(digits, "{:05h}", last.fetch_add(1) % kNames);
    auto entered = enter_name(TRY(make_name({text, 6})), {});
    if (entered.error() != Errno::kEADDRINUSE) return entered;
  }
  return Errno::kENOSPC;
}

void Socket::forget_name() {
  Guard guard(sockets_lock);
  if (!std::exchange(is_named_, false)) return;
  place_ ? SocketNames::by_inode.remove(*this) : SocketNames::by_name.remove(*this);
}

Result<RefPtr<Socket>> Socket::find_by_name(std::string_view text, const PathContext& context) {
  if (text.empty()) return Errno::kEINVAL;
  Place place;
  if (text[0] != '\0') {
    place = TRY(resolve_path(context, text));
    TRY(check_access(*place.inode, context.who, kMayWrite));
    if (place.inode->type != FileType::kSocket) return Errno::kECONNREFUSED;
  }
  Guard guard(sockets_lock);
  Socket* found = place ? SocketNames::find(*place.inode) : SocketNames::find(text);
  return found != nullptr ? Result<RefPtr<Socket>>(RefPtr<Socket>::share(found))
                          : Errno::kECONNREFUSED;
}

RefPtr<SocketName> Socket::name() {
  Guard guard(sockets_lock);
  return name_;
}

Result<RefPtr<SocketName>> Socket::peer_name() {
  Guard guard(sockets_lock);
  return peer_ ? Result<RefPtr<SocketName>>(peer_->name_) : Errno::kENOTCONN;
}

}  // namespace cairn
