// getdents64, chdir, fchdir, chroot, getcwd.
#include "address_space/user_copy.h"
#include "arch/layout.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "syscalls/lab_b/user_files.h"
#include "vfs/directory.h"

namespace cairn {

namespace {

/// Linux's DT_…: the type bits of st_mode.
uint8_t record_type(FileType type) { return uint8_t(mode_bits(type) >> 12); }

/// Copies one entry out. Its size, or 0 if there is no room.
Result<uint64_t> put_record(const DirectoryEntry& entry, VirtAddr to, uint64_t room) {
  struct Record {
    abi::DirectoryRecord head;
    char name[kMaxNameLength + 9];  // NUL and padding
  };
  uint64_t size = align_up(sizeof(abi::DirectoryRecord) + entry.name_length + 1, 8);
  if (size > room) return uint64_t(0);
  Record record;
  record.head = {entry.inode.value, int64_t(entry.next_position), uint16_t(size),
                 record_type(entry.type)};
  memcpy(record.name, entry.name_bytes, entry.name_length);
  memset(record.name + entry.name_length, 0, size - sizeof(record.head) - entry.name_length);
  TRY(copy_to_user(to, &record, size));
  return size;
}

Result<uint64_t> read_directory(uint64_t fd, uint64_t address, uint64_t size) {
  RefPtr<File> file = TRY(usable_file(fd));
  if (file->inode().type != FileType::kDirectory) return Errno::kENOTDIR;
  uint64_t done = 0, position = position_of(*file);
  Result<void> failed;
  DirectoryEntry entry;
  while (true) {
    auto found = readdir(*file, entry);
    if (!found.ok()) failed = found.error();
    if (!found.ok() || !*found) break;
    auto put = put_record(entry, VirtAddr(address + done), size - done);
    if (!put.ok() || *put == 0) {
      seekdir(*file, position);  // the next call gives this entry
      failed = put.ok() ? Errno::kEINVAL : put.error();
      break;
    }
    done += *put;
    position = entry.next_position;
  }
  if (done == 0 && !failed.ok()) return failed.error();
  return done;
}

Result<void> may_stand_in(const Place& place) {
  if (place.inode->type != FileType::kDirectory) return Errno::kENOTDIR;
  return check_access(*place.inode, current_files().who(), kMayExecute);
}

Result<void> change_directory(const Place& place) {
  TRY(may_stand_in(place));
  current_files().set_current(place);
  return {};
}

/// What the process has open, and where it stands, stay as they are, perhaps outside: as Linux has it, no prison.
Result<void> change_root(const Place& place) {
  TRY(may_stand_in(place));
  if (!current_process()->ids.is_superuser()) return Errno::kEPERM;
  current_files().set_root(place);
  return {};
}

Result<uint64_t> store_current_path(uint64_t address, uint64_t size) {
  char* text = static_cast<char*>(heap_allocate(kMaxPathLength));
  if (text == nullptr) return Errno::kENOMEM;
  PathContext context = current_files().context();
  auto length = path_of(context, context.current, {text, kMaxPathLength});
  // Linux: a path too long for its own buffer is ENAMETOOLONG, for the caller's ERANGE.
  Result<void> stored = length.error() == Errno::kERANGE ? Errno::kENAMETOOLONG : length.error();
  if (length.ok()) {
    uint64_t needed = *length + 1;
    stored = needed <= size ? copy_to_user(VirtAddr(address), text, needed) : Errno::kERANGE;
  }
  heap_free(text);
  if (!stored.ok()) return stored.error();
  return uint64_t(*length + 1);
}

}  // namespace

int64_t sys_getdents64(TrapFrame& call) {
  return to_return(read_directory(argument0(call), argument1(call), uint32_t(argument2(call))));
}

int64_t sys_chdir(TrapFrame& call) {
  auto place = find_place(kFromCurrent, argument0(call), 0);
  return place.ok() ? to_return(change_directory(*place)) : failure(place.error());
}
int64_t sys_fchdir(TrapFrame& call) {
  auto file = any_file(argument0(call));
  return file.ok() ? to_return(change_directory((*file)->place)) : failure(file.error());
}

int64_t sys_chroot(TrapFrame& call) {
  auto place = find_place(kFromCurrent, argument0(call), 0);
  return place.ok() ? to_return(change_root(*place)) : failure(place.error());
}

int64_t sys_getcwd(TrapFrame& call) {
  return to_return(store_current_path(argument0(call), argument1(call)));
}

}  // namespace cairn
