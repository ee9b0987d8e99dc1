// For kernel tests: a tmpfs that is mounted nowhere.
#pragma once

#include "memory/heap.h"
#include "tmpfs/tmpfs.h"
#include "vfs/dentry_cache.h"
#include "vfs/name_ops.h"

namespace cairn {

/// A tree of its own, gone at the end.
class TestTree {
 public:
  TestTree() {
    auto opened = open_tmpfs(nullptr, false);
    auto* mount = new_object<Mount>();
    if (!opened.ok() || mount == nullptr) return;
    mount->file_system = opened.take();
    mount->root = *mount->file_system->root();
    context_.root = context_.current = {RefPtr<Mount>::adopt(mount), mount->root};
  }
  ~TestTree() {
    RefPtr<FileSystem> file_system = context_.root.mount->file_system;
    dentry_cache_forget_file_system(*file_system);
    context_ = {};
    (void)file_system->shut_down();
  }
  const PathContext& context() const { return context_; }

  Errno make(std::string_view path, FileType type = FileType::kRegular) {
    return vfs_make(context_, path, {.type = type, .permissions = 0755}).error();
  }
  Errno make_directory(std::string_view path) { return make(path, FileType::kDirectory); }
  Errno move(std::string_view from, std::string_view to, uint32_t flags = 0) {
    auto source = resolve_last(context_, from, LastLink::kLeave);
    auto target = resolve_last(context_, to, LastLink::kLeave);
    if (!source.ok() || !target.ok()) return source.ok() ? target.error() : source.error();
    return rename_last(*source, *target, context_.who, flags).error();
  }
  bool is_there(std::string_view path) { return resolve_path(context_, path).ok(); }
  uint32_t links(std::string_view path) {
    auto place = resolve_path(context_, path);
    return place.ok() ? place->inode->attributes().links : 0;
  }

 private:
  PathContext context_;
};

}  // namespace cairn
