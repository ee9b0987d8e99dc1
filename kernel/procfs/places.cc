// Names of places, and who may see them.
#include "memory/heap.h"
#include "procfs/entry.h"

namespace cairn {

bool may_look_into(Process& process) {
  Process* me = current_process();
  if (me == nullptr || me == &process) return true;
  IrqGuard guard(process_tree_lock);
  if (me->ids.is_superuser()) return true;
  if (process.is_private) return false;
  const uint32_t user = me->ids.user.effective, group = me->ids.group.effective;
  const ProcessIds& other = process.ids;
  return other.user == IdSet{user, user, user} && other.group == IdSet{group, group, group};
}

FilesOf::FilesOf(Process& process) : process_(process) {
  IrqGuard guard(process_tree_lock);
  files_ = process.files;
  if (files_ != nullptr) process.lookers_at_files++;
}

FilesOf::~FilesOf() {
  if (files_ == nullptr) return;
  bool last;
  {
    IrqGuard guard(process_tree_lock);
    last = --process_.lookers_at_files == 0;
  }
  if (last) process_.exited.wake_all();
}

PathContext reader_context() {
  Process* me = current_process();
  if (me != nullptr && me->files != nullptr) return me->files->context();
  return {root_place(), root_place()};
}

namespace {

/// A directory's name is sure; that of another file, and of a directory that was removed, is what it was noted as.
Result<size_t> find_path(const Place& place, std::span<char> room, bool& is_there) {
  const PathContext context = reader_context();
  if (place.inode->type == FileType::kDirectory) {
    auto length = path_of(context, place, room);
    if (length.ok()) return *length;
  }
  return noted_path_of(context, place, room, is_there);
}

}  // namespace

Result<void> print_place(const Place& place, Writer& out) {
  struct Buffer {
    char* bytes = static_cast<char*>(heap_allocate(kMaxPathLength));
    ~Buffer() { heap_free(bytes); }
  } buffer;
  if (buffer.bytes == nullptr) return Errno::kENOMEM;
  const std::span<char> room(buffer.bytes, kMaxPathLength);
  const Inode& inode = *place.inode;
  const FileSystem& file_system = inode.file_system;
  bool is_there = true;
  auto length = find_path(place, room, is_there);
  if (length.ok()) {
    print(out, "{}{}", std::string_view(buffer.bytes, *length), is_there ? "" : " (deleted)");
  } else if (same_place(place, console_place())) {
    print(out, "/dev/console");
  } else {
    print(out, "{}:[{}]", inode.type == FileType::kFifo ? "pipe" : file_system.type_name,
          inode.number);
  }
  return {};
}

}  // namespace cairn
