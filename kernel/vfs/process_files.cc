#include "vfs/process_files.h"

#include "memory/heap.h"
#include "vfs/anonymous.h"
#include "vfs/record_locks.h"

namespace cairn {

namespace {

/// Frees what is half made.
struct FilesGuard {
  ProcessFiles* files;
  ~FilesGuard() { destroy_process_files(files); }
  ProcessFiles* release() { return std::exchange(files, nullptr); }
};

}  // namespace

Result<ProcessFiles*> create_process_files() {
  FilesGuard guard{new_object<ProcessFiles>()};
  ProcessFiles* files = guard.files;
  if (files == nullptr) return Errno::kENOMEM;
  files->table = TRY(create_fd_table());
  files->context.root = files->context.current = root_place();
  if (files->table == nullptr) return guard.release();  // not written yet: the console alone
  RefPtr<File> console = TRY(open_place(console_place(), open_flag::kReadWrite));
  for (int fd = 0; fd < 3; fd++) TRY(allocate_fd(*files->table, console, false));
  return guard.release();
}

Result<ProcessFiles*> copy_process_files(ProcessFiles* files) {
  if (files == nullptr) return files;
  FilesGuard guard{new_object<ProcessFiles>()};
  ProcessFiles* copy = guard.files;
  if (copy == nullptr) return Errno::kENOMEM;
  if (files->table != nullptr) copy->table = TRY(copy_fd_table(*files->table));
  copy->context = files->context;
  copy->umask = files->umask;
  return guard.release();
}

void destroy_process_files(ProcessFiles* files) {
  if (files == nullptr) return;
  if (record_locks_exist()) drop_all_record_locks(files);
  if (files->table != nullptr) destroy_fd_table(files->table);
  delete files;
}

}  // namespace cairn
