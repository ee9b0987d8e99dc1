// An alternative to labs/c-exec/exec_calls.cc: both calls are one object that goes through the steps of an execveat().
#include "syscalls/exec_calls.h"

#include <algorithm>

#include "exec/execve.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "syscalls/lab_b/user_files.h"

namespace cairn {

namespace {

class ExecCall {
 public:
  ExecCall(uint64_t dirfd, uint64_t flags) : dirfd_(dirfd), flags_(flags) {}
  ExecCall(const ExecCall&) = delete;
  ExecCall& operator=(const ExecCall&) = delete;
  ~ExecCall() { heap_free(made_path_); }

  Result<void> run(TrapFrame& frame, uint64_t path, uint64_t arguments, uint64_t environment) {
    if ((flags_ | kFlags) != kFlags) return Errno::kEINVAL;
    TRY(path_.read(path));
    request_.arguments = VirtAddr(arguments);
    request_.environment = VirtAddr(environment);
    Place place = TRY(path_.empty() ? itself() : below());
    TRY(name_it());
    request_.file = TRY(open_program(place, current_files().who()));
    TRY(execute(frame, request_));
    current_thread()->interrupted = true;
    return {};
  }

 private:
  static constexpr uint64_t kFlags = abi::kAtSymlinkNoFollow | abi::kAtEmptyPath;

  bool from_current() const { return int(dirfd_) == abi::kCurrentDirectory; }

  /// What the descriptor itself refers to.
  Result<Place> itself() const {
    if ((flags_ & abi::kAtEmptyPath) == 0) return Errno::kENOENT;
    if (from_current()) return current_files().context().current;
    RefPtr<File> opened = TRY(any_file(dirfd_));
    return opened->place;
  }
  /// What the path leads to, from there.
  Result<Place> below() const {
    LastLink last = LastLink::kFollow;
    if ((flags_ & abi::kAtSymlinkNoFollow) != 0) last = LastLink::kKeep;
    PathStart from;
    TRY(from.find(dirfd_, path_.text()));
    return resolve_path(from.context(), path_.text(), last);
  }

  /// How the new program will know its own path.
  Result<void> name_it() {
    request_.path = path_.text();
    if (from_current() || path_.text().starts_with('/')) return {};
    FdTable* table = TRY(fd_table());
    request_.path_ends = TRY(get_close_on_exec(*table, int(dirfd_)));
    constexpr std::string_view kPrefix = "/dev/fd/";
    constexpr size_t kDigits = 10;
    size_t room = kPrefix.size() + kDigits + 2 + path_.text().size();
    made_path_ = static_cast<char*>(heap_allocate(room));
    if (made_path_ == nullptr) return Errno::kENOMEM;
    BufferWriter name({made_path_, room});
    name.write(kPrefix);
    print(name, "{}", uint32_t(dirfd_));
    if (!path_.empty()) name.write("/");
    name.write(path_.text());
    request_.path = name.text();
    return {};
  }

  const uint64_t dirfd_, flags_;
  UserPath path_;
  char* made_path_ = nullptr;
  ExecRequest request_;
};

}  // namespace

int64_t sys_execve(TrapFrame& call) {
  ExecCall exec(kFromCurrent, 0);
  return to_return(exec.run(call, argument0(call), argument1(call), argument2(call)));
}

int64_t sys_execveat(TrapFrame& call) {
  ExecCall exec(argument0(call), argument4(call));
  return to_return(exec.run(call, argument1(call), argument2(call), argument3(call)));
}

}  // namespace cairn
