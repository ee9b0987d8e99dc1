// Who a process is: its ids, and who it is to the file system.
// Source: Linux, credentials(7), setuid(2), setfsuid(2), getgroups(2).
#include "address_space/user_copy.h"
#include "process/credentials.h"
#include "process/new_program.h"
#include "syscalls/lab_b/user_files.h"
#include "vfs/group_list.h"

namespace cairn {

namespace {

ProcessIds& my_ids() { return current_process()->ids; }

/// The process is who `ids` says from now on; to the file system it's who it is effectively.
void become(const ProcessIds& ids) {
  change_ids(ids);
  Credentials who = current_files().who();
  who.user = ids.user.effective;
  who.group = ids.group.effective;
  current_files().set_credentials(who);
}

Result<void> become_user(Result<IdSet> user) {
  if (!user.ok()) return user.error();
  become({*user, my_ids().group});
  return {};
}

Result<void> become_group(Result<IdSet> group) {
  if (!group.ok()) return group.error();
  become({my_ids().user, *group});
  return {};
}

uint32_t id_argument(uint64_t argument) { return uint32_t(argument); }

Result<void> put_ids(TrapFrame& call, const IdSet& ids) {
  TRY(write_user(VirtAddr(argument0(call)), ids.real));
  TRY(write_user(VirtAddr(argument1(call)), ids.effective));
  return write_user(VirtAddr(argument2(call)), ids.saved);
}

IdSet three_ids(TrapFrame& call) {
  return {id_argument(argument0(call)), id_argument(argument1(call)), id_argument(argument2(call))};
}

Result<int64_t> put_groups(int32_t room, VirtAddr to) {
  if (room < 0) return Errno::kEINVAL;
  RefPtr<GroupList> list = current_files().who().groups;
  std::span<const uint32_t> groups = list ? list->groups() : std::span<const uint32_t>();
  if (room == 0) return int64_t(groups.size());
  if (size_t(room) < groups.size()) return Errno::kEINVAL;
  TRY(copy_to_user(to, groups.data(), groups.size_bytes()));
  return int64_t(groups.size());
}

Result<void> set_groups(uint64_t count, VirtAddr from) {
  if (!my_ids().is_superuser()) return Errno::kEPERM;
  if (count > GroupList::kMax) return Errno::kEINVAL;
  Credentials who = current_files().who();
  who.groups = {};
  if (count != 0) {
    auto* groups = static_cast<uint32_t*>(heap_allocate(count * sizeof(uint32_t)));
    if (groups == nullptr) return Errno::kENOMEM;
    auto copied = copy_from_user(groups, from, count * sizeof(uint32_t));
    auto* list = copied.ok() ? new_object<GroupList>(groups, count) : nullptr;
    if (list == nullptr) {
      heap_free(groups);
      return copied.ok() ? Errno::kENOMEM : copied.error();
    }
    who.groups = RefPtr<GroupList>::adopt(list);
  }
  current_files().set_credentials(who);
  return {};
}

/// setfsuid() and setfsgid() tell who it was, whether or not they changed it.
uint32_t set_file_id(uint32_t Credentials::*which, const IdSet& ids, uint32_t wanted) {
  Credentials who = current_files().who();
  const uint32_t before = who.*which;
  const bool may = wanted == before || ids.has(wanted) || my_ids().is_superuser();
  if (wanted != kSameId && may) {
    who.*which = wanted;
    current_files().set_credentials(who);
  }
  return before;
}

}  // namespace

int64_t sys_getuid(TrapFrame&) { return my_ids().user.real; }
int64_t sys_geteuid(TrapFrame&) { return my_ids().user.effective; }
int64_t sys_getgid(TrapFrame&) { return my_ids().group.real; }
int64_t sys_getegid(TrapFrame&) { return my_ids().group.effective; }
int64_t sys_getresuid(TrapFrame& call) { return to_return(put_ids(call, my_ids().user)); }
int64_t sys_getresgid(TrapFrame& call) { return to_return(put_ids(call, my_ids().group)); }

int64_t sys_setuid(TrapFrame& call) {
  uint32_t id = id_argument(argument0(call));
  if (id == kSameId) return failure(Errno::kEINVAL);
  return to_return(become_user(with_id(my_ids().user, id, my_ids().is_superuser())));
}
int64_t sys_setgid(TrapFrame& call) {
  uint32_t id = id_argument(argument0(call));
  if (id == kSameId) return failure(Errno::kEINVAL);
  return to_return(become_group(with_id(my_ids().group, id, my_ids().is_superuser())));
}
int64_t sys_setreuid(TrapFrame& call) {
  return to_return(
      become_user(with_real_and_effective(my_ids().user, id_argument(argument0(call)),
                                          id_argument(argument1(call)), my_ids().is_superuser())));
}
int64_t sys_setregid(TrapFrame& call) {
  return to_return(
      become_group(with_real_and_effective(my_ids().group, id_argument(argument0(call)),
                                           id_argument(argument1(call)), my_ids().is_superuser())));
}
int64_t sys_setresuid(TrapFrame& call) {
  return to_return(become_user(with_each(my_ids().user, three_ids(call), my_ids().is_superuser())));
}
int64_t sys_setresgid(TrapFrame& call) {
  return to_return(
      become_group(with_each(my_ids().group, three_ids(call), my_ids().is_superuser())));
}

int64_t sys_getgroups(TrapFrame& call) {
  return to_return(put_groups(int32_t(argument0(call)), VirtAddr(argument1(call))));
}
int64_t sys_setgroups(TrapFrame& call) {
  return to_return(set_groups(uint32_t(argument0(call)), VirtAddr(argument1(call))));
}

int64_t sys_setfsuid(TrapFrame& call) {
  return set_file_id(&Credentials::user, my_ids().user, id_argument(argument0(call)));
}
int64_t sys_setfsgid(TrapFrame& call) {
  return set_file_id(&Credentials::group, my_ids().group, id_argument(argument0(call)));
}

}  // namespace cairn
