#include "vfs/file_system.h"

namespace cairn {

namespace {
constinit List<FileSystemType, &FileSystemType::link> types;
}

void register_file_system(FileSystemType& type) { types.push_back(type); }

FileSystemType* find_file_system(std::string_view name) {
  for (FileSystemType& type : types) {
    if (name == type.name) return &type;
  }
  return nullptr;
}

FileSystemType* next_file_system(const FileSystemType* previous) {
  bool found = previous == nullptr;
  for (FileSystemType& type : types) {
    if (found) return &type;
    found = &type == previous;
  }
  return nullptr;
}

}  // namespace cairn
