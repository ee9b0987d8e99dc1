// chmod, chown, the times of files, umask, truncate.
#include "address_space/user_copy.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

Credentials caller() { return current_files().who(); }

Result<void> change_mode(const Place& place, uint64_t mode) {
  // Linux has no permissions of its own for symbolic links, and says so; only O_PATH gets here.
  if (place.inode->type == FileType::kSymlink) return Errno::kEOPNOTSUPP;
  Credentials who = caller();
  TRY(check_owner(*place.inode, who));
  // Nobody makes a program run with the rights of a group that isn't theirs.
  constexpr uint16_t kSetGroupId = 02000;
  bool in_group = who.is_root() || who.in_group(place.inode->attributes().group);
  AttributeChange change;
  change.which = AttributeChange::kPermissions;
  change.values.permissions = uint16_t(mode & (in_group ? 07777 : 07777 & ~kSetGroupId));
  return vfs_set_attributes(place, change);
}

Result<void> change_mode_of_path(uint64_t dirfd, uint64_t path, uint64_t mode) {
  return change_mode(TRY(find_place(dirfd, path, 0)), mode);
}

/// Root may give files away; their owner may only give them to a group of their own. EPERM.
Result<void> check_new_owner(const Attributes& file, const AttributeChange& change) {
  Credentials who = caller();
  if (who.is_root()) return {};
  bool same_owner =
      (change.which & AttributeChange::kOwner) == 0 || change.values.owner == file.owner;
  bool own_group = (change.which & AttributeChange::kGroup) == 0 ||
                   change.values.group == file.group || who.in_group(change.values.group);
  return file.owner == who.user && same_owner && own_group ? Errno::kOk : Errno::kEPERM;
}

/// -1 leaves an id. A file that changes hands is no longer set-user-ID, nor, if its group may execute
/// it, set-group-ID.
Result<void> change_owner(const Place& place, uint64_t owner, uint64_t group) {
  constexpr uint32_t kKeep = UINT32_MAX;
  AttributeChange change;
  if (uint32_t(owner) != kKeep) change.which |= AttributeChange::kOwner;
  if (uint32_t(group) != kKeep) change.which |= AttributeChange::kGroup;
  change.values.owner = uint32_t(owner);
  change.values.group = uint32_t(group);
  Attributes file = place.inode->attributes();
  if (change.which != 0) TRY(check_new_owner(file, change));
  uint16_t kept = without_set_ids(file.permissions, true);
  if (place.inode->type != FileType::kDirectory && kept != file.permissions) {
    change.which |= AttributeChange::kPermissions;
    change.values.permissions = kept;
  }
  return vfs_set_attributes(place, change);
}

Result<void> change_owner_of_path(uint64_t dirfd, uint64_t path, uint64_t owner, uint64_t group,
                                  uint64_t flags) {
  if ((flags & ~(abi::kAtSymlinkNoFollow | abi::kAtEmptyPath)) != 0) return Errno::kEINVAL;
  return change_owner(TRY(find_place(dirfd, path, flags)), owner, group);
}

/// utimensat()'s times: [0] of access, [1] of modification.
struct NewTimes {
  static constexpr int64_t kNow = 0x3fffffff, kOmit = 0x3ffffffe;  // UTIME_NOW, UTIME_OMIT
  abi::TimeSpec times[2] = {{0, kNow}, {0, kNow}};

  bool all_now() const { return times[0].nanoseconds == kNow && times[1].nanoseconds == kNow; }
  bool omit_all() const { return times[0].nanoseconds == kOmit && times[1].nanoseconds == kOmit; }
  Result<void> check() const {
    for (const abi::TimeSpec& time : times) {
      if (time.nanoseconds == kNow || time.nanoseconds == kOmit) continue;
      if (time.nanoseconds < 0 || time.nanoseconds > 999'999'999) return Errno::kEINVAL;
    }
    return {};
  }
};

Timestamp to_timestamp(const abi::TimeSpec& time) {
  if (time.nanoseconds == NewTimes::kNow) return current_time();
  return {time.seconds, uint32_t(time.nanoseconds)};
}

Result<void> change_times(const Place& place, const NewTimes& wanted) {
  TRY(wanted.check());
  Credentials who = caller();
  Inode& inode = *place.inode;
  // What is append-only can be touched, not given other times.
  if (inode.is_immutable() || (inode.protection != 0 && !wanted.all_now())) return Errno::kEPERM;
  auto theirs = check_owner(inode, who);
  // Who may write to a file could have written now.
  TRY(theirs.ok() || !wanted.all_now() ? theirs : check_access(inode, who, kMayWrite));
  AttributeChange change;
  if (wanted.times[0].nanoseconds != NewTimes::kOmit) {
    change.which |= AttributeChange::kAccessed;
    change.values.accessed = to_timestamp(wanted.times[0]);
  }
  if (wanted.times[1].nanoseconds != NewTimes::kOmit) {
    change.which |= AttributeChange::kModified;
    change.values.modified = to_timestamp(wanted.times[1]);
  }
  return vfs_set_attributes(place, change);
}

/// A null pointer means now. EFAULT, EINVAL.
Result<NewTimes> read_timevals(uint64_t address) {
  NewTimes result;
  if (address == 0) return result;
  struct Pair {
    abi::TimeVal times[2];
  } pair = TRY(read_user<Pair>(VirtAddr(address)));
  for (int i = 0; i < 2; i++) {
    int64_t microseconds = pair.times[i].microseconds;
    if (microseconds < 0 || microseconds >= 1'000'000) return Errno::kEINVAL;
    result.times[i] = {pair.times[i].seconds, microseconds * 1000};
  }
  return result;
}

Result<void> change_times_of_path(uint64_t dirfd, uint64_t path, const NewTimes& times,
                                  uint64_t flags) {
  TRY(times.check());
  if ((flags & ~(abi::kAtSymlinkNoFollow | abi::kAtEmptyPath)) != 0) return Errno::kEINVAL;
  return change_times(TRY(find_place(dirfd, path, flags)), times);
}

/// Without a path, the times of the descriptor's file: futimens(), futimes().
Result<void> change_times_at(uint64_t dirfd, uint64_t path, const NewTimes& times, uint64_t flags) {
  if (path != 0 || int(dirfd) == abi::kCurrentDirectory) {
    return change_times_of_path(dirfd, path, times, flags);
  }
  if (flags != 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(usable_file(dirfd));
  return change_times(file->place, times);
}

/// utimensat().
Result<void> change_times_ns(uint64_t dirfd, uint64_t path, uint64_t address, uint64_t flags) {
  NewTimes times;
  if (address != 0) {
    times = TRY(read_user<NewTimes>(VirtAddr(address)));
    if (times.omit_all()) return {};  // not even the path is looked at
  }
  return change_times_at(dirfd, path, times, flags);
}

/// utimes() and futimesat().
Result<void> change_times_us(uint64_t dirfd, uint64_t path, uint64_t address) {
  return change_times_at(dirfd, path, TRY(read_timevals(address)), 0);
}

Result<void> truncate_file(uint64_t fd, uint64_t size) {
  if (int64_t(size) < 0) return Errno::kEINVAL;
  RefPtr<File> file = TRY(usable_file(fd));
  if (file->inode().type != FileType::kRegular || !file->writable) return Errno::kEINVAL;
  if (file->inode().protection != 0) return Errno::kEPERM;
  if (size > file->inode().size.load()) TRY(check_file_limit(size));
  TRY(drop_set_ids(file->place));
  return vfs_truncate(file->place, size);
}

Result<void> truncate_path(uint64_t path, uint64_t size) {
  if (int64_t(size) < 0) return Errno::kEINVAL;
  Place place = TRY(find_place(kFromCurrent, path, 0));
  bool possible = place.inode->type == FileType::kRegular && !is_read_only(place);
  if (possible) TRY(check_access(*place.inode, caller(), kMayWrite | kMayOverwrite));
  if (possible && place.inode->uses.load() < 0) return Errno::kETXTBSY;
  if (possible && size > place.inode->size.load()) TRY(check_file_limit(size));
  if (possible) TRY(drop_set_ids(place));
  return vfs_truncate(place, size);
}

}  // namespace

int64_t sys_chmod(TrapFrame& call) {
  return to_return(change_mode_of_path(kFromCurrent, argument0(call), argument1(call)));
}
int64_t sys_fchmodat(TrapFrame& call) {
  return to_return(change_mode_of_path(argument0(call), argument1(call), argument2(call)));
}
int64_t sys_fchmod(TrapFrame& call) {
  auto file = usable_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return(change_mode((*file)->place, argument1(call)));
}

int64_t sys_chown(TrapFrame& call) {
  return to_return(
      change_owner_of_path(kFromCurrent, argument0(call), argument1(call), argument2(call), 0));
}
int64_t sys_lchown(TrapFrame& call) {
  return to_return(change_owner_of_path(kFromCurrent, argument0(call), argument1(call),
                                        argument2(call), abi::kAtSymlinkNoFollow));
}
int64_t sys_fchownat(TrapFrame& call) {
  return to_return(change_owner_of_path(argument0(call), argument1(call), argument2(call),
                                        argument3(call), uint32_t(argument4(call))));
}
int64_t sys_fchown(TrapFrame& call) {
  auto file = usable_file(argument0(call));
  if (!file.ok()) return failure(file.error());
  return to_return(change_owner((*file)->place, argument1(call), argument2(call)));
}

int64_t sys_utime(TrapFrame& call) {
  NewTimes times;
  if (argument1(call) != 0) {
    struct Seconds {
      int64_t accessed, modified;
    };
    auto seconds = read_user<Seconds>(VirtAddr(argument1(call)));
    if (!seconds.ok()) return failure(seconds.error());
    times.times[0] = {seconds->accessed, 0};
    times.times[1] = {seconds->modified, 0};
  }
  return to_return(change_times_of_path(kFromCurrent, argument0(call), times, 0));
}
int64_t sys_utimes(TrapFrame& call) {
  return to_return(change_times_us(kFromCurrent, argument0(call), argument1(call)));
}
int64_t sys_futimesat(TrapFrame& call) {
  return to_return(change_times_us(argument0(call), argument1(call), argument2(call)));
}
int64_t sys_utimensat(TrapFrame& call) {
  return to_return(change_times_ns(argument0(call), argument1(call), argument2(call),
                                   uint32_t(argument3(call))));
}

int64_t sys_umask(TrapFrame& call) {
  auto mask = uint16_t(argument0(call) & 0777);
  return current_files().umask.exchange(mask);
}

int64_t sys_truncate(TrapFrame& call) {
  return to_return(truncate_path(argument0(call), argument1(call)));
}
int64_t sys_ftruncate(TrapFrame& call) {
  return to_return(truncate_file(argument0(call), argument1(call)));
}

}  // namespace cairn
