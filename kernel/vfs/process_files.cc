#include "vfs/process_files.h"

#include "memory/heap.h"

namespace cairn {

namespace {

/// Takes over `table`, whatever happens. ENOMEM.
Result<RefPtr<ProcessFiles>> files_with(FdTable* table) {
  auto* files = new_object<ProcessFiles>(table);
  if (files != nullptr) return RefPtr<ProcessFiles>::adopt(files);
  if (table != nullptr) destroy_fd_table(table);
  return Errno::kENOMEM;
}

/// The caller's reference, as a bare pointer.
ProcessFiles* hand_over(const RefPtr<ProcessFiles>& files) {
  files->retain();
  return files.get();
}

}  // namespace

ProcessFiles::~ProcessFiles() {
  drop_all_record_locks(this);
  if (table != nullptr) destroy_fd_table(table);
}

PathContext ProcessFiles::context() const {
  Guard guard(lock_);
  return context_;
}

bool ProcessFiles::has_root() const {
  Guard guard(lock_);
  return bool(context_.root);
}

Credentials ProcessFiles::who() const {
  Guard guard(lock_);
  return context_.who;
}

void ProcessFiles::set_context(const PathContext& context) {
  PathContext fresh = context;
  Guard guard(lock_);
  std::swap(context_, fresh);
}

void ProcessFiles::set_current(const Place& directory) {
  Place fresh = directory;
  Guard guard(lock_);
  std::swap(context_.current, fresh);
}

void ProcessFiles::set_root(const Place& directory) {
  Place fresh = directory;
  Guard guard(lock_);
  std::swap(context_.root, fresh);
}

Credentials ProcessFiles::set_credentials(const Credentials& who) {
  Guard guard(lock_);
  return std::exchange(context_.who, who);
}

Result<ProcessFiles*> create_process_files() {
  auto files = TRY(files_with(TRY(create_fd_table())));
  files->set_context({.root = root_place(), .current = root_place(), .who = {}});
  if (files->table == nullptr) return hand_over(files);  // not written yet: the console alone
  RefPtr<File> console = TRY(open_place(console_place(), open_flag::kReadWrite));
  for (int fd = 0; fd < 3; fd++) TRY(allocate_fd(*files->table, console, false));
  return hand_over(files);
}

Result<ProcessFiles*> copy_process_files(ProcessFiles* files) {
  if (files == nullptr) return files;
  FdTable* table = files->table;
  if (table != nullptr) table = TRY(copy_fd_table(*table));
  auto copy = TRY(files_with(table));
  copy->set_context(files->context());
  copy->umask = files->umask.load();
  return hand_over(copy);
}

void release_process_files(ProcessFiles* files) {
  if (files != nullptr) files->release();
}

}  // namespace cairn
