// What is on its way to a socket: bytes, who sent them, and open files that go along. For this subsystem and its users.
//
// Files in flight. A socket whose file is in flight and in whose own queue the file of another is could, through others,
// hold itself, and nobody would ever close it. So sockets are refused (ETOOMANYREFS) wherever that could begin: one
// that is in flight, or that nobody has accepted, gets none, and one that has sockets in its queue, or is to get itself,
// isn't sent. Then no way through queues is longer than one step, and none is a circle. Linux instead looks for
// circles and takes them apart.
#pragma once

#include "address_space/io_buffer.h"
#include "lib/list.h"
#include "vfs/file.h"

namespace cairn {

class Socket;

/// Protects what is in sockets and queues: a few instructions at a time. Files are let go and memory is allocated without it.
extern Spinlock sockets_lock;

/// A process, as it was when it sent, connected or listened: Linux's struct ucred.
struct SenderIds {
  int32_t pid = 0;
  uint32_t user = 0, group = 0;
  bool operator==(const SenderIds&) const = default;
};

/// A name, as in sockaddr_un: a path, or bytes behind a NUL (abstract). Immutable.
struct SocketName : RefCounted<SocketName> {
  static constexpr size_t kMost = 108;  // bytes
  uint8_t length = 0;
  char bytes[kMost] = {};
  std::string_view view() const { return {bytes, length}; }
  bool is_abstract() const { return length != 0 && bytes[0] == '\0'; }
};

/// Open files on their way, at most kMost of them.
class FileBundle {
 public:
  static constexpr uint32_t kMost = 253;  // SCM_MAX_FD
  FileBundle() = default;
  FileBundle(FileBundle&& other) noexcept
      : files_(std::exchange(other.files_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  FileBundle& operator=(FileBundle&& other) noexcept {
    std::swap(files_, other.files_);
    std::swap(count_, other.count_);
    return *this;
  }
  /// Lets them go. May sleep.
  ~FileBundle();
  /// Room for `count`, which add() fills. ENOMEM.
  Result<void> start(uint32_t count);
  void add(RefPtr<File> file) { files_[count_++] = std::move(file); }
  /// ENOMEM.
  Result<FileBundle> copy() const;
  std::span<RefPtr<File>> all() const { return {files_, count_}; }

 private:
  RefPtr<File>* files_ = nullptr;
  uint32_t count_ = 0;
};

struct Message {
  /// Takes `size` bytes out of the buffer. EFAULT, ENOMEM. May sleep.
  static Result<Message*> create(IoBuffer& buffer, uint64_t size);
  /// May sleep.
  ~Message();

  /// Bytes from `offset` on into the buffer; EFAULT.
  Result<void> copy_out(IoBuffer& buffer, uint64_t offset, uint64_t count) const;
  /// What it counts for in a queue: its memory.
  uint64_t charge() const { return charge_ + files.all().size() * sizeof(RefPtr<File>); }

  ListLink link;
  uint64_t size = 0;   // bytes
  uint64_t taken = 0;  // of a stream's: read already
  SenderIds sender;
  RefPtr<SocketName> from;  // null: it has none
  FileBundle files;
  uint32_t sockets = 0;  // among them; protected by sockets_lock

 private:
  struct Chunk {
    Chunk* next;
    uint64_t size;
    uint8_t bytes[];
  };
  static constexpr uint64_t kChunk = kPageSize - sizeof(Chunk);  // bytes
  Chunk* first_ = nullptr;
  uint64_t charge_ = sizeof(void*);
};

}  // namespace cairn
