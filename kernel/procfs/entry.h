// What there is in /proc, as tables: one ProcEntry a name. For this subsystem only.
#pragma once

#include <optional>

#include "process/process.h"
#include "procfs/text.h"
#include "vfs/process_files.h"

namespace cairn {

struct ProcEntry;

/// Whom an entry is about.
struct ProcTarget {
  RefPtr<Process> process;  // null: the kernel
  Pid thread{};             // 0: the process as a whole
  int fd = -1;              // -1: none
};

/// Entries of a directory that have numbers for names: processes, threads, descriptors. Both are called with no lock
/// but the directory's.
struct NumberedEntries {
  const ProcEntry& entry;  // what each of them is
  /// The lowest one that is at least `from`.
  std::optional<uint64_t> (*next)(const ProcTarget& directory, uint64_t from);
  /// Whom the entry of this number is about. ENOENT.
  Result<ProcTarget> (*find)(const ProcTarget& directory, uint64_t number);
};

struct ProcEntry {
  const char* name = "";
  FileType type = FileType::kRegular;
  uint16_t permissions = 0444;
  /// A file's content, a link's target. ESRCH: the process is gone; ENOENT, ENOMEM. May sleep.
  Result<void> (*print)(const ProcTarget& target, ProcText& out) = nullptr;
  /// Links: the file itself, where there is one.
  Result<Place> (*jump)(const ProcTarget& target) = nullptr;
  /// Takes what is written to the file.
  Result<void> (*accept)(const ProcTarget& target, std::string_view text) = nullptr;
  std::span<const ProcEntry> entries{};       // directories
  const NumberedEntries* numbered = nullptr;  // directories: these, too
  /// A file whose text comes while it is read, if it is opened to be read and written: what it is read from, begun then.
  Result<RefPtr<CallTrace>> (*begin)(const ProcTarget& target) = nullptr;
  bool is_private = false;  // for those only who may look into the process (may_look_into())
  bool is_printed_at_open = false;  // by print(), which takes locks that no reader may take
};

extern const ProcEntry kRootEntry;     // root_entries.cc
extern const ProcEntry kProcessEntry;  // process_entries.cc

/// Whether the running process may see what concerns the process alone: memory, files. The superuser, the kernel,
/// the process itself; and unless it is private, those whose ids are all of the process's.
/// Source: Linux, ptrace(2), "Ptrace access mode checking".
bool may_look_into(Process& process);

/// A look at a process's descriptors, root and directory. It keeps the process from letting them go: no wait while it
/// lasts. Any lock may be held, since nothing goes with it.
class FilesOf {
 public:
  explicit FilesOf(Process& process);
  ~FilesOf();
  FilesOf(const FilesOf&) = delete;
  FilesOf& operator=(const FilesOf&) = delete;
  /// Null: it has ended, or has none.
  ProcessFiles* get() const { return files_; }

 private:
  Process& process_;
  ProcessFiles* files_;
};

/// From where the running process sees paths.
PathContext reader_context();

// Of processes (process_stat.cc, memory_files.cc, mount_files.cc).
Result<void> print_mounts(const ProcTarget& target, ProcText& out);
Result<void> print_mount_info(const ProcTarget& target, ProcText& out);
Result<void> print_maps(const ProcTarget& target, ProcText& out);
Result<void> print_statm(const ProcTarget& target, ProcText& out);
Result<void> print_command_line(const ProcTarget& target, ProcText& out);
Result<void> print_environment(const ProcTarget& target, ProcText& out);
Result<void> print_process_stat(const ProcTarget& target, ProcText& out);
Result<void> print_process_status(const ProcTarget& target, ProcText& out);
Result<void> print_name(const ProcTarget& target, ProcText& out);
Result<void> change_name(const ProcTarget& target, std::string_view text);

// Of the kernel (kernel_numbers.cc, cpus.cc).
Result<void> print_cpus(const ProcTarget& target, ProcText& out);
Result<void> print_kernel_stat(const ProcTarget& target, ProcText& out);
Result<void> print_memory_info(const ProcTarget& target, ProcText& out);
Result<void> print_load(const ProcTarget& target, ProcText& out);
Result<void> print_uptime(const ProcTarget& target, ProcText& out);

/// What a place is called: its path; what has none gets a name like pipe:[7]; "(deleted)" behind what was removed.
Result<void> print_place(const Place& place, Writer& out);

}  // namespace cairn
