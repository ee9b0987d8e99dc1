#include "devfs/devfs.h"

#include "lib/string.h"
#include "memory/heap.h"
#include "special_files/device_file.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/magic.h. (Linux's /dev is a tmpfs.)
constexpr uint64_t kDevMagic = 0x01021994;
constexpr uint64_t kRootNumber = 1;
constexpr uint64_t kFirstNumber = 2;    // of the first device
constexpr uint64_t kFirstPosition = 2;  // in the directory, after "." and ".."

struct DeviceName {
  char text[17] = {};
  Inode* inode = nullptr;
  std::string_view view() const { return text; }
};

class DevDirectory;

class DevFileSystem final : public FileSystem {
 public:
  DevFileSystem() : FileSystem("devfs", nullptr, false) {}
  ~DevFileSystem() override { heap_free(devices_); }

  /// A file for each device that is known now.
  Result<void> start();
  std::span<const DeviceName> devices() const { return {devices_, count_}; }

  Result<RefPtr<Inode>> root() override;
  RefPtr<Inode> directory_at(InodeNumber wanted) override;
  FileSystemStatistics statistics() override {
    FileSystemStatistics result;
    result.type = kDevMagic;
    result.block_size = kPageSize;
    result.files = count_ + 1;
    return result;
  }
  Result<void> shut_down() override;
  void destroy_inode(Inode& inode) override { inode.free_after_readers(); }

 private:
  Result<void> add(std::string_view name, const NewFile& file);
  void add(std::string_view name, Inode& inode);

  DeviceName* devices_ = nullptr;
  size_t count_ = 0;
  DevDirectory* root_ = nullptr;
  DevDirectory* slaves_ = nullptr;  // `pts`, where devpts is mounted
};

class DevDirectory final : public MemoryInode {
 public:
  /// The root, or, with a parent, an empty one.
  DevDirectory(DevFileSystem& file_system, InodeNumber number, DevDirectory* parent)
      : MemoryInode(file_system, number, {.type = FileType::kDirectory, .permissions = 0755}),
        devices_(file_system),
        parent_(parent) {
    links = parent == nullptr ? 3 : 2;
  }

  Result<RefPtr<Inode>> lookup(std::string_view name) override {
    if (name == "." || (name == ".." && parent_ == nullptr)) return RefPtr<Inode>::share(this);
    if (name == "..") return RefPtr<Inode>::share(parent_);
    for (const DeviceName& device : names()) {
      if (device.view() == name) return RefPtr<Inode>::share(device.inode);
    }
    return Errno::kENOENT;
  }
  Result<bool> read_entry(uint64_t position, DirectoryEntry& entry) override {
    if (position >= kFirstPosition + names().size()) return false;
    std::string_view name = position == 0 ? "." : "..";
    entry.inode = position == 0 || parent_ == nullptr ? number : parent_->number;
    entry.type = FileType::kDirectory;
    if (position >= kFirstPosition) {
      const DeviceName& device = names()[position - kFirstPosition];
      name = device.view();
      entry.inode = device.inode->number;
      entry.type = device.inode->type;
    }
    entry.next_position = position + 1;
    entry.name_length = uint16_t(name.size());
    memcpy(entry.name_bytes, name.data(), name.size());
    entry.name_bytes[name.size()] = '\0';
    return true;
  }
  // Devices come and go with their drivers only.
  Result<RefPtr<Inode>> create(std::string_view, const NewFile&) override { return Errno::kEPERM; }
  Result<void> link(std::string_view, Inode&) override { return Errno::kEPERM; }
  Result<void> unlink(std::string_view, Inode&) override { return Errno::kEPERM; }
  Result<void> rename(std::string_view, Inode&, Inode&, std::string_view, Inode*) override {
    return Errno::kEPERM;
  }

 private:
  std::span<const DeviceName> names() const {
    return parent_ == nullptr ? devices_.devices() : std::span<const DeviceName>();
  }

  const DevFileSystem& devices_;
  DevDirectory* const parent_;  // lives as long
};

RefPtr<Inode> DevFileSystem::directory_at(InodeNumber wanted) {
  if (slaves_ != nullptr && wanted == slaves_->number) return RefPtr<Inode>::share(slaves_);
  return wanted == InodeNumber(kRootNumber) ? RefPtr<Inode>::share(root_) : nullptr;
}

Result<RefPtr<Inode>> DevFileSystem::root() { return RefPtr<Inode>::share(root_); }

Result<void> DevFileSystem::add(std::string_view name, const NewFile& file) {
  auto* inode = new_object<DeviceInode>(*this, InodeNumber(kFirstNumber + count_), file);
  if (inode == nullptr) return Errno::kENOMEM;
  inode->links = 1;
  add(name, *inode);
  return {};
}

void DevFileSystem::add(std::string_view name, Inode& inode) {
  DeviceName& device = devices_[count_++];
  name.copy(device.text, sizeof(device.text) - 1);  // the rest is zero
  device.inode = &inode;
}

Result<void> DevFileSystem::start() {
  size_t most = 1;  // pts
  for (auto* at = next_character_device(nullptr); at != nullptr; at = next_character_device(at))
    most++;
  for (auto* at = next_block_device(nullptr); at != nullptr; at = next_block_device(at)) most++;
  devices_ = static_cast<DeviceName*>(heap_allocate(most * sizeof(DeviceName)));
  root_ = new_object<DevDirectory>(*this, InodeNumber(kRootNumber), nullptr);
  if (devices_ == nullptr || root_ == nullptr) return Errno::kENOMEM;
  for (size_t i = 0; i < most; i++) new (&devices_[i]) DeviceName();
  slaves_ = new_object<DevDirectory>(*this, InodeNumber(kFirstNumber + count_), root_);
  if (slaves_ == nullptr) return Errno::kENOMEM;
  add("pts", *slaves_);
  for (auto* at = next_character_device(nullptr); at != nullptr; at = next_character_device(at)) {
    if (at->name == nullptr) continue;
    TRY(add(at->name, {.type = FileType::kCharacterDevice,
                       .permissions = at->permissions,
                       .device = at->number}));
  }
  for (auto* at = next_block_device(nullptr); at != nullptr; at = next_block_device(at)) {
    TRY(add(
        at->name(),
        {.type = FileType::kBlockDevice, .permissions = 0660, .device = block_device_number(*at)}));
  }
  return {};
}

/// Gives up the files. They go now, unless somebody still has one.
Result<void> DevFileSystem::shut_down() {
  for (; count_ > 0; count_--) devices_[count_ - 1].inode->release();
  if (root_ != nullptr) std::exchange(root_, nullptr)->release();
  return {};
}

}  // namespace

Result<RefPtr<FileSystem>> open_devfs(BlockDevice*, bool) {
  auto* raw = new_object<DevFileSystem>();
  if (raw == nullptr) return Errno::kENOMEM;
  auto file_system = RefPtr<FileSystem>::adopt(raw);
  auto started = raw->start();
  if (!started.ok()) {
    (void)raw->shut_down();
    return started.error();
  }
  return file_system;
}

}  // namespace cairn
