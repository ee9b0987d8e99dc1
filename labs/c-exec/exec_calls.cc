// LAB C4: execve and execveat. Contract: kernel/syscalls/exec_calls.h.
// handouts/c-exec.md#c4 explains it; check with: make grade LAB=c K=C4
#include "syscalls/lab_b/user_files.h"

#include "exec/execve.h"
#include "lib/not_implemented.h"
#include "memory/heap.h"
#include "syscalls/exec_calls.h"

namespace cairn {

// BEGIN SOLUTION C4
// STARTER:
namespace {

/// The path by which a program that a descriptor leads to is known.
class ShownPath {
 public:
  ~ShownPath() { heap_free(text_); }
  Result<std::string_view> make(uint64_t dirfd, std::string_view path) {
    constexpr size_t kRoom = kMaxPathLength + 32;
    text_ = static_cast<char*>(heap_allocate(kRoom));
    if (text_ == nullptr) return Errno::kENOMEM;
    BufferWriter writer({text_, kRoom});
    print(writer, "/dev/fd/{}{}{}", int(dirfd), path.empty() ? "" : "/", path);
    return writer.text();
  }

 private:
  char* text_ = nullptr;
};

/// What `dirfd` and a path, perhaps empty, name.
Result<Place> find_program(uint64_t dirfd, std::string_view path, bool keep_link) {
  if (path.empty()) {
    if (int(dirfd) == abi::kCurrentDirectory) return current_files().context().current;
    return TRY(any_file(dirfd))->place;
  }
  PathStart start;
  TRY(start.find(dirfd, path));
  return resolve_path(start.context(), path, keep_link ? LastLink::kKeep : LastLink::kFollow);
}

Result<void> execute_at(TrapFrame& call, uint64_t dirfd, uint64_t path_address, uint64_t arguments,
                        uint64_t environment, uint64_t flags) {
  constexpr uint64_t kKnown = abi::kAtEmptyPath | abi::kAtSymlinkNoFollow;
  if ((flags & ~kKnown) != 0) return Errno::kEINVAL;
  UserPath path;
  TRY(path.read(path_address));
  if (path.empty() && (flags & abi::kAtEmptyPath) == 0) return Errno::kENOENT;
  Place place = TRY(find_program(dirfd, path.text(), (flags & abi::kAtSymlinkNoFollow) != 0));
  ExecRequest request;
  request.path = path.text();
  request.arguments = VirtAddr(arguments);
  request.environment = VirtAddr(environment);
  ShownPath shown;
  bool by_descriptor = int(dirfd) != abi::kCurrentDirectory && !path.text().starts_with('/');
  if (by_descriptor) {
    request.path = TRY(shown.make(dirfd, path.text()));
    request.path_ends = TRY(get_close_on_exec(*TRY(fd_table()), int(dirfd)));
  }
  request.file = TRY(open_program(place, current_files().who()));
  TRY(execute(call, request));
  current_thread()->interrupted = true;
  return {};
}

}  // namespace
// END SOLUTION

// LAB C4: execve() (handouts/c-exec.md#c4). Check: make grade LAB=c K=C4
int64_t sys_execve(TrapFrame& call) {
  // BEGIN SOLUTION C4
  return to_return(
      execute_at(call, kFromCurrent, argument0(call), argument1(call), argument2(call), 0));
  // END SOLUTION
}

// LAB C4: execveat() (handouts/c-exec.md#c4). Check: make grade LAB=c K=C4
int64_t sys_execveat(TrapFrame& call) {
  // BEGIN SOLUTION C4
  return to_return(execute_at(call, argument0(call), argument1(call), argument2(call),
                              argument3(call), argument4(call)));
  // END SOLUTION
}

}  // namespace cairn
