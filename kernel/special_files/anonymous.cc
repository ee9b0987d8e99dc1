#include "special_files/anonymous.h"

#include "memory/heap.h"
#include "special_files/device_file.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr uint64_t kPipeFileSystemMagic = 0x50495045;  // Linux, include/uapi/linux/magic.h

class AnonymousFileSystem final : public FileSystem {
 public:
  AnonymousFileSystem() : FileSystem("anonymous", nullptr, false) {}
  Result<RefPtr<Inode>> root() override { return Errno::kENOENT; }
  FileSystemStatistics statistics() override {
    FileSystemStatistics result;
    result.type = kPipeFileSystemMagic;
    result.block_size = kPageSize;
    return result;
  }
  void destroy_inode(Inode& inode) override { inode.free_after_readers(); }
};

constinit Mount* anonymous_mount = nullptr;
constinit Inode* console_inode = nullptr;  // stays for ever
constinit std::atomic<uint64_t> last_number{0};

}  // namespace

Result<void> start_anonymous_files() {
  auto* file_system = new_object<AnonymousFileSystem>();
  if (file_system == nullptr) return Errno::kENOMEM;
  anonymous_mount = new_object<Mount>();
  if (anonymous_mount == nullptr) return Errno::kENOMEM;
  anonymous_mount->file_system = RefPtr<FileSystem>::adopt(file_system);
  NewFile console{
      .type = FileType::kCharacterDevice, .permissions = 0600, .device = kConsoleDevice};
  auto* inode = new_object<DeviceInode>(*file_system, next_anonymous_number(), console);
  if (inode == nullptr) return Errno::kENOMEM;
  inode->links = 1;
  console_inode = inode;
  return {};
}

Place console_place() {
  return {RefPtr<Mount>::share(anonymous_mount), RefPtr<Inode>::share(console_inode)};
}

FileSystem& anonymous_file_system() { return *anonymous_mount->file_system; }
InodeNumber next_anonymous_number() { return InodeNumber(last_number.fetch_add(1) + 1); }

Place anonymous_place(Inode& fresh) {
  return {RefPtr<Mount>::share(anonymous_mount), RefPtr<Inode>::adopt(&fresh)};
}

}  // namespace cairn
