// A forgery: there is one file, and every descriptor is it.
#include "vfs/fd_table.h"

#include "memory/heap.h"

namespace cairn {

struct FdTable {
  RefPtr<File> file;
  int next = 0;
};

Result<FdTable*> create_fd_table() { return new_object<FdTable>(); }
Result<FdTable*> copy_fd_table(FdTable& table) {
  auto* copy = new_object<FdTable>();
  copy->file = table.file;
  return copy;
}
void destroy_fd_table(FdTable* table) { delete table; }
Result<int> allocate_fd(FdTable& table, RefPtr<File> file, bool, int) {
  table.file = file;
  return table.next++;
}
Result<void> replace_fd(FdTable&, int, RefPtr<File>, bool) { return {}; }
Result<RefPtr<File>> get_file_by_fd(FdTable& table, int) { return RefPtr<File>(table.file); }
Result<void> close_fd(FdTable&, int) { return {}; }
Result<bool> get_close_on_exec(FdTable&, int) { return false; }
Result<void> set_close_on_exec(FdTable&, int, bool) { return {}; }
void close_fds_on_exec(FdTable&) {}
int next_fd(FdTable&, int) { return -1; }

}  // namespace cairn
