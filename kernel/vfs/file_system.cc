#include "vfs/file_system.h"

namespace cairn {

/// All that are open, mounted or not: `cairn inode` and `cairn mounts` in GDB start here.
struct OpenFileSystems {
  Spinlock lock{"file systems", LockRank::kMounts};
  List<FileSystem, &FileSystem::all_link_> list GUARDED_BY(lock);
};

namespace {
constinit OpenFileSystems open_file_systems;
constinit List<FileSystemType, &FileSystemType::link> types;
}  // namespace

FileSystem::FileSystem(const char* type_name, BlockDevice* device, bool read_only)
    : type_name(type_name),
      device(device),
      read_only(read_only),
      device_number(number_for(device)) {
  Guard guard(open_file_systems.lock);
  open_file_systems.list.push_back(*this);
}

FileSystem::~FileSystem() {
  Guard guard(open_file_systems.lock);
  open_file_systems.list.remove(*this);
}

void register_file_system(FileSystemType& type) { types.push_back(type); }

FileSystemType* find_file_system(std::string_view name) {
  for (FileSystemType& type : types) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

FileSystemType* next_file_system(const FileSystemType* previous) {
  return types.next_after(previous);
}

}  // namespace cairn
