// /proc/PID/cmdline, environ, maps. No lock is held while the process's memory is read.
// Source: Linux, proc(5), "/proc/pid/cmdline", "/proc/pid/environ", "/proc/pid/maps".
#include <algorithm>

#include "address_space/foreign_copy.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "procfs/process_view.h"
#include "special_files/device_file.h"
#include "vfs/file.h"

namespace cairn {

namespace {

/// What can be read of the range, from its start on.
Result<void> append_memory(AddressSpace& space, VirtRange range, ProcText& out) {
  for (VirtAddr at = range.start; at < range.end;) {
    uint64_t size = std::min(range.end - at, kPageSize - at.value % kPageSize);
    char* bytes = TRY(out.extend(size));
    auto copied = copy_from_space(space, bytes, at, size);
    if (!copied.ok()) {
      out.shorten(size);
      return copied.error() == Errno::kENOMEM ? copied : Result<void>();
    }
    at += size;
  }
  return {};
}

/// A region, as it was.
struct Line {
  VirtRange range;
  Access access;
  RegionKind kind = RegionKind::kAnonymous;
  bool shared = false;
  uint64_t object_offset = 0;
  RefPtr<ObjectKeeper> keeper;  // let go with no lock held
};

class Lines {
 public:
  ~Lines() {
    for (size_t i = 0; i < count_; i++) lines_[i].~Line();
    heap_free(lines_);
  }
  /// All of one moment. ENOMEM.
  Result<void> read(AddressSpace& space) {
    size_t wanted = 0;
    space.for_each_region([&wanted](const Region&) { wanted++; });
    while (true) {
      heap_free(lines_);
      lines_ = static_cast<Line*>(heap_allocate(std::max<size_t>(wanted, 1) * sizeof(Line)));
      if (lines_ == nullptr) return Errno::kENOMEM;
      size_t found = 0;
      space.for_each_region([&](const Region& region) {
        if (++found > wanted) return;
        new (&lines_[count_++]) Line{region.range,  region.access,        region.kind,
                                     region.shared, region.object_offset, region.keeper};
      });
      if (found <= wanted) return {};
      for (; count_ > 0; count_--) lines_[count_ - 1].~Line();
      wanted = found;
    }
  }
  std::span<const Line> lines() const { return {lines_, count_}; }

 private:
  Line* lines_ = nullptr;
  size_t count_ = 0;
};

constexpr size_t kNameColumn = 73;

void print_line_start(Writer& out, const Line& line, const File* file) {
  const char access[] = {line.access.read ? 'r' : '-', line.access.write ? 'w' : '-',
                         line.access.execute ? 'x' : '-', line.shared ? 's' : 'p'};
  uint64_t device = file != nullptr ? file->inode().file_system.device_number : 0;
  print(out, "{:08h}-{:08h} {} {:08h} {:02h}:{:02h} {} ", line.range.start.value,
        line.range.end.value, std::string_view(access, sizeof(access)),
        file != nullptr ? line.object_offset : 0, device_major(device), device_minor(device),
        file != nullptr ? file->inode().number.value : 0);
}

Result<void> print_line_name(Writer& out, const Line& line, const File* file) {
  if (file != nullptr) return print_place(file->place, out);
  if (line.shared) print(out, "/dev/zero (deleted)");
  if (line.kind == RegionKind::kHeap) print(out, "[heap]");
  if (line.kind == RegionKind::kStack) print(out, "[stack]");
  return {};
}

Result<void> print_line(ProcText& out, const Line& line) {
  File* file = line.keeper ? line.keeper->as_file() : nullptr;
  ProcText name;
  TRY(print_line_name(name, line, file));
  size_t before = out.view().size();
  print_line_start(out, line, file);
  size_t width = out.view().size() - before;
  if (!name.view().empty()) {
    for (; width < kNameColumn; width++) out.write(" ");
  }
  write_escaped(out, name.view(), "\n");
  out.write("\n");
  return {};
}

}  // namespace

Result<void> print_command_line(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  RefPtr<AddressSpace> space = address_space_of(*target.process);
  if (!space) return {};
  ProgramStrings strings = space->program_strings();
  if (strings.arguments.empty()) return {};
  TRY(append_memory(*space, strings.arguments, out));
  if (out.view().empty() || out.view().back() == '\0') return {};
  // The program wrote a title over its arguments, and perhaps on over its environment: one string.
  size_t end = out.view().find('\0');
  if (end == std::string_view::npos) {
    TRY(append_memory(*space, strings.environment, out));
    end = out.view().find('\0');
  }
  if (end != std::string_view::npos) out.shorten(out.view().size() - end);
  return {};
}

Result<void> print_environment(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  RefPtr<AddressSpace> space = address_space_of(*target.process);
  if (!space) return {};
  return append_memory(*space, space->program_strings().environment, out);
}

Result<void> print_maps(const ProcTarget& target, ProcText& out) {
  TRY(view_of(target));
  RefPtr<AddressSpace> space = address_space_of(*target.process);
  if (!space) return {};
  Lines lines;
  TRY(lines.read(*space));
  for (const Line& line : lines.lines()) TRY(print_line(out, line));
  return {};
}

}  // namespace cairn
