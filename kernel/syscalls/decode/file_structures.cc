// What is told of files and of the system.
#include "process/limits.h"
#include "syscalls/decode/flag_names.h"
#include "syscalls/decode/show.h"
#include "syscalls/lab_b/abi.h"

namespace cairn {

namespace {

// Source: inode(7), "The file type and mode".
constexpr FlagName kTypeNames[] = {
    {0140000, "S_IFSOCK"}, {0120000, "S_IFLNK"}, {0100000, "S_IFREG"}, {0060000, "S_IFBLK"},
    {0040000, "S_IFDIR"},  {0020000, "S_IFCHR"}, {0010000, "S_IFIFO"}};
constexpr uint32_t kTypeMask = 0170000, kCharacterDevice = 0020000, kBlockDevice = 0060000;

/// One number as another kind of argument would be shown.
void write_as(BufferWriter& out, ShowArgument show, uint64_t value) {
  CallView alone;
  alone.arguments[0] = value;
  show(out, alone, 0);
}

void write_int(BufferWriter& out, const int32_t& value) { print(out, "{}", value); }

void write_limit(BufferWriter& out, const char* name, uint64_t value) {
  if (value == kNoLimit) return print(out, "{}=RLIM64_INFINITY", name);
  print(out, "{}={}", name, value);
}

}  // namespace

void show_stat(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<abi::Stat>(out, call.arguments[index],
                             [](BufferWriter& to, const abi::Stat& stat) {
                               to.write("{st_mode=");
                               write_value(to, stat.mode & kTypeMask, kTypeNames);
                               to.write("|");
                               write_as(to, show_octal, stat.mode & ~kTypeMask);
                               const uint32_t type = stat.mode & kTypeMask;
                               if (type == kCharacterDevice || type == kBlockDevice) {
                                 to.write(", st_rdev=");
                                 write_as(to, show_device, stat.special_device);
                               } else {
                                 print(to, ", st_size={}", stat.size);
                               }
                               to.write(", ...}");
                             });
}

/// struct statx. Source: statx(2).
void show_statx(BufferWriter& out, const CallView& call, unsigned index) {
  struct Statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, owner, group;
    uint16_t mode, padding;
    uint64_t inode, size;
  };
  write_structure<Statx>(out, call.arguments[index], [](BufferWriter& to, const Statx& stat) {
    to.write("{stx_mask=");
    write_flags(to, stat.mask, kStatxNames);
    to.write(", stx_mode=");
    write_value(to, stat.mode & kTypeMask, kTypeNames);
    to.write("|");
    write_as(to, show_octal, stat.mode & ~kTypeMask);
    print(to, ", stx_size={}", stat.size);
    to.write(", ...}");
  });
}

void show_statfs(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<abi::StatFs>(
      out, call.arguments[index], [](BufferWriter& to, const abi::StatFs& stat) {
        to.write("{");
        print(to, "f_type={:x}, f_bsize={}, f_blocks={}, f_bfree={}, f_files={}, f_ffree={}",
              uint64_t(stat.type), stat.block_size, stat.blocks, stat.free_blocks, stat.files,
              stat.free_files);
        to.write(", ...}");
      });
}

/// pipe().
void show_two_ints(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<int32_t>(out, call.arguments[index], 2, write_int);
}

void show_int_at(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<int32_t>(out, call.arguments[index], [](BufferWriter& to, const int32_t& value) {
    print(to, "[{}]", value);
  });
}

void show_long_at(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<int64_t>(out, call.arguments[index], [](BufferWriter& to, const int64_t& value) {
    print(to, "[{}]", value);
  });
}

void show_address_at(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<uint64_t>(
      out, call.arguments[index],
      [](BufferWriter& to, const uint64_t& value) { print(to, "[{:x}]", value); });
}

/// setgroups(): as many as the argument before says. getgroups(): as many as were stored.
void show_ids(BufferWriter& out, const CallView& call, unsigned index) {
  write_array<int32_t>(out, call.arguments[index], call.arguments[index - 1], write_int);
}
void show_ids_read(BufferWriter& out, const CallView& call, unsigned index) {
  const uint64_t stored = call.arguments[index - 1] == 0 ? 0 : uint64_t(call.result);
  write_array<int32_t>(out, call.arguments[index], stored, write_int);
}

/// struct rlimit.
void show_limit(BufferWriter& out, const CallView& call, unsigned index) {
  write_structure<ResourceLimit>(out, call.arguments[index],
                                 [](BufferWriter& to, const ResourceLimit& limit) {
                                   to.write("{");
                                   write_limit(to, "rlim_cur", limit.soft);
                                   write_limit(to, ", rlim_max", limit.hard);
                                   to.write("}");
                                 });
}

/// struct utsname.
void show_system_names(BufferWriter& out, const CallView& call, unsigned index) {
  constexpr uint64_t kFieldSize = 65;
  uint64_t at = call.arguments[index];
  out.write("{sysname=");
  write_string(out, at, kFieldSize);
  out.write(", nodename=");
  write_string(out, at + kFieldSize, kFieldSize);
  out.write(", ...}");
}

/// struct sysinfo.
void show_system_info(BufferWriter& out, const CallView& call, unsigned index) {
  struct Information {
    int64_t uptime_s;
    uint64_t loads[3];
    uint64_t total_memory, free_memory;
  };
  write_structure<Information>(
      out, call.arguments[index], [](BufferWriter& to, const Information& information) {
        to.write("{");
        print(to, "uptime={}, loads=[{}, {}, {}], totalram={}, freeram={}", information.uptime_s,
              information.loads[0], information.loads[1], information.loads[2],
              information.total_memory, information.free_memory);
        to.write(", ...}");
      });
}

}  // namespace cairn
