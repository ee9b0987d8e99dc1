#include "tty/lab_b/devpts.h"

#include "lib/words.h"
#include "memory/heap.h"
#include "tty/lab_b/pty.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/magic.h; fs/devpts: the numbers of inodes.
constexpr uint64_t kDevPtsMagic = 0x1cd1;
constexpr InodeNumber kRootNumber{1}, kMakerNumber{2};
constexpr uint64_t kFirstNumber = 3;                        // of the slaves
constexpr uint64_t kMakerPosition = 2, kFirstPosition = 3;  // after "." and ".."
constexpr const char* kTypeName = "devpts";

class DevPtsDirectory;

class DevPts final : public FileSystem {
 public:
  DevPts() : FileSystem(kTypeName, nullptr, false) { changes_by_itself = true; }
  Result<void> start();
  Result<RefPtr<Inode>> root() override { return RefPtr<Inode>(root_); }
  RefPtr<Inode> directory_at(InodeNumber wanted) override {
    return wanted == kRootNumber ? root_ : nullptr;
  }
  FileSystemStatistics statistics() override {
    FileSystemStatistics result;
    result.type = kDevPtsMagic;
    result.block_size = kPageSize;
    return result;
  }
  Result<void> shut_down() override {
    root_ = nullptr;
    return {};
  }
  void destroy_inode(Inode& inode) override { inode.free_after_readers(); }

 private:
  RefPtr<Inode> root_;
};

/// A slave's name, made at each look. What stat() tells is the pair's, and goes with it.
class PtyInode final : public MemoryInode {
 public:
  PtyInode(FileSystem& file_system, uint64_t pty)
      : MemoryInode(file_system, InodeNumber(kFirstNumber + pty),
                    {.type = FileType::kCharacterDevice, .device = Pty::kFirstDevice + pty}),
        pty_(pty) {}
  Attributes attributes() override {
    RefPtr<Pty> pty = Pty::find(pty_);
    return pty ? pty->attributes() : MemoryInode::attributes();
  }
  Result<void> set_attributes(const AttributeChange& change) override REQUIRES(lock) {
    RefPtr<Pty> pty = Pty::find(pty_);
    if (!pty) return MemoryInode::set_attributes(change);
    pty->set_attributes(change);
    return {};
  }

 private:
  const uint64_t pty_;
};

class DevPtsDirectory final : public MemoryInode {
 public:
  explicit DevPtsDirectory(FileSystem& file_system)
      : MemoryInode(file_system, kRootNumber, {.type = FileType::kDirectory, .permissions = 0755}) {
    links = 2;
  }

  Result<RefPtr<Inode>> lookup(std::string_view name) override {
    if (name == "." || name == "..") return RefPtr<Inode>::share(this);
    Inode* made;
    if (name == "ptmx") {
      made = new_object<DeviceInode>(file_system, kMakerNumber,
                                     NewFile{.type = FileType::kCharacterDevice,
                                             .permissions = 0666,
                                             .device = make_device_number(5, 2)});
    } else {
      auto pty = number_in(name);
      if (!pty || !Pty::find(*pty)) return Errno::kENOENT;
      made = new_object<PtyInode>(file_system, *pty);
    }
    if (made == nullptr) return Errno::kENOMEM;
    return RefPtr<Inode>::adopt(made);
  }

  Result<bool> read_entry(uint64_t position, DirectoryEntry& entry) override {
    BufferWriter name(entry.name_bytes);
    entry.type = FileType::kCharacterDevice;
    if (position < kMakerPosition) {
      name.write(position == 0 ? "." : "..");
      entry.inode = number;
      entry.type = FileType::kDirectory;
    } else if (position == kMakerPosition) {
      name.write("ptmx");
      entry.inode = kMakerNumber;
    } else {
      const uint64_t pty = Pty::next_number(position - kFirstPosition);
      if (pty == Pty::kMost) return false;
      print(name, "{}", pty);
      entry.inode = InodeNumber(kFirstNumber + pty);
      position = kFirstPosition + pty;
    }
    entry.next_position = position + 1;
    entry.name_length = uint16_t(name.text().size());
    return true;
  }
  // Names come with masters, and go with them.
  Result<RefPtr<Inode>> create(std::string_view, const NewFile& file) override {
    return file.type == FileType::kRegular ? Errno::kEACCES : Errno::kEPERM;
  }
  Result<void> link(std::string_view, Inode&) override { return Errno::kEPERM; }
  Result<void> unlink(std::string_view, Inode&) override { return Errno::kEPERM; }
  Result<void> rename(std::string_view, Inode&, Inode&, std::string_view, Inode*) override {
    return Errno::kEPERM;
  }
};

Result<void> DevPts::start() {
  auto* root = new_object<DevPtsDirectory>(*this);
  if (root == nullptr) return Errno::kENOMEM;
  root_ = RefPtr<Inode>::adopt(root);
  return {};
}

}  // namespace

bool is_devpts(const FileSystem& file_system) { return file_system.type_name == kTypeName; }

Result<RefPtr<FileSystem>> open_devpts(BlockDevice*, bool) {
  auto* raw = new_object<DevPts>();
  if (raw == nullptr) return Errno::kENOMEM;
  auto file_system = RefPtr<FileSystem>::adopt(raw);
  TRY(raw->start());
  return file_system;
}

}  // namespace cairn
