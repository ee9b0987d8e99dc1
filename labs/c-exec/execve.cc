// LAB C4: from a path to a new program. Contract: kernel/exec/execve.h.
// handouts/c-exec.md#c4 explains it; check with: make grade LAB=c K=C4
#include "exec/execve.h"

#include <algorithm>

#include "address_space/foreign_copy.h"
#include "address_space/user_copy.h"
#include "lib/not_implemented.h"
#include "lib/string.h"
#include "process/new_program.h"
#include "vfs/process_files.h"

namespace cairn {

// LAB C4: open_program() (handouts/c-exec.md#c4). Check: make grade LAB=c K=C4
Result<RefPtr<File>> open_program(const Place& place, const Credentials& who) {
  // BEGIN SOLUTION C4
  if (place.inode->type == FileType::kSymlink) return Errno::kELOOP;
  if (place.inode->type != FileType::kRegular) return Errno::kEACCES;
  TRY(check_access(*place.inode, who, kMayExecute));
  return open_place(place, open_flag::kReadOnly | open_flag::kExecute);
  // END SOLUTION
}

// BEGIN SOLUTION C4
// STARTER:
namespace {

// ---- Strings, pushed onto the new stack from its top down.

Result<void> make_room(NewImage& image, uint64_t size) {
  if (size > image.strings - image.strings_limit) return Errno::kE2BIG;
  image.strings = image.strings - size;
  return {};
}

Result<void> push(NewImage& image, std::string_view text) {
  TRY(make_room(image, text.size() + 1));
  TRY(copy_to_space(*image.space, image.strings, text.data(), text.size()));
  return copy_to_space(*image.space, image.strings + text.size(), "", 1);
}

Result<void> push_user_string(NewImage& image, VirtAddr string) {
  uint64_t size = TRY(string_size_from_user(string, kMaxStringSize));
  if (size == 0) return Errno::kE2BIG;
  TRY(make_room(image, size));
  char piece[512];
  for (uint64_t done = 0; done < size; done += sizeof(piece)) {
    uint64_t count = std::min(size - done, uint64_t(sizeof(piece)));
    TRY(copy_from_user(piece, string + done, count));
    if (done + count == size) piece[count - 1] = '\0';  // whatever another thread wrote there
    TRY(copy_to_space(*image.space, image.strings + done, piece, count));
  }
  return {};
}

/// Strings in an array of the caller's; null counts as an empty one.
Result<uint64_t> count_strings(VirtAddr array) {
  if (array.value == 0) return uint64_t(0);
  for (uint64_t count = 0; count < kMaxArgumentSize / sizeof(VirtAddr); count++) {
    if (TRY(read_user<uint64_t>(array + count * sizeof(uint64_t))) == 0) return count;
  }
  return Errno::kE2BIG;
}

/// Pushes them, the last one first.
Result<void> push_user_strings(NewImage& image, VirtAddr array, uint64_t count) {
  while (count-- > 0) {
    auto string = TRY(read_user<uint64_t>(array + count * sizeof(uint64_t)));
    TRY(push_user_string(image, VirtAddr(string)));
  }
  return {};
}

Result<void> push_all(NewImage& image, const ExecRequest& request) {
  image.argument_count = TRY(count_strings(request.arguments));
  image.environment_count = TRY(count_strings(request.environment));
  uint64_t pointers = std::max<uint64_t>(image.argument_count, 1) + image.environment_count;
  uint64_t pointers_size = pointers * sizeof(uint64_t);
  if (pointers_size >= kMaxArgumentSize) return Errno::kE2BIG;
  image.strings = kUserStackTop - sizeof(uint64_t);
  image.strings_limit = image.strings - (kMaxArgumentSize - pointers_size);
  TRY(push(image, request.path));
  image.path = image.strings;
  TRY(push_user_strings(image, request.environment, image.environment_count));
  TRY(push_user_strings(image, request.arguments, image.argument_count));
  if (image.argument_count != 0) return {};
  image.argument_count = 1;
  return push(image, "");
}

/// The program at a path that a file names.
Result<RefPtr<File>> find_program(std::string_view path) {
  PathContext context = current_process()->files->context();
  // As on Linux, no path at all is the current directory.
  Place place = path.empty() ? context.current : TRY(resolve_path(context, path));
  return open_program(place, context.who);
}

// ---- Scripts.

struct ScriptLine {
  std::string_view interpreter, argument;  // without an argument it is empty
};

constexpr std::string_view kSpaces = " \t";

/// `text`: the first kMaxScriptLine bytes of the file, zeros behind its end.
Result<ScriptLine> parse_script(std::string_view text) {
  size_t newline = text.find('\n');
  std::string_view line = text.substr(0, newline);
  line.remove_prefix(std::min(line.find_first_not_of(kSpaces, 2), line.size()));
  if (line.empty()) return Errno::kENOEXEC;
  size_t end = line.find_first_of(std::string_view(" \t\0", 3));
  bool cut = end == std::string_view::npos && newline == std::string_view::npos;
  if (cut) return Errno::kENOEXEC;
  ScriptLine script{line.substr(0, end), {}};
  line.remove_prefix(script.interpreter.size());
  line = line.substr(0, line.find('\0'));
  size_t first = line.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return script;
  script.argument = line.substr(first, line.find_last_not_of(kSpaces) + 1 - first);
  return script;
}

Result<void> replace_first_argument(NewImage& image, const ScriptLine& script,
                                    std::string_view path) {
  image.strings += TRY(string_size_in_space(*image.space, image.strings, kMaxStringSize));
  TRY(push(image, path));
  if (!script.argument.empty()) TRY(push(image, script.argument));
  TRY(push(image, script.interpreter));
  image.argument_count += script.argument.empty() ? 1 : 2;
  return {};
}

/// From a script to its interpreter, and on, until `file` is none.
Result<void> follow_scripts(NewImage& image, const ExecRequest& request, RefPtr<File>& file) {
  char path[kMaxScriptLine];
  std::string_view script_path = request.path;
  for (unsigned depth = 0;; depth++) {
    if (depth > kMaxScripts) return Errno::kELOOP;
    char start[kMaxScriptLine] = {};
    (void)TRY(read_some(*file, start, 0, sizeof(start)));
    std::string_view text(start, sizeof(start));
    if (!text.starts_with("#!")) return {};
    ScriptLine script = TRY(parse_script(text));
    if (request.path_ends) return Errno::kENOENT;
    TRY(replace_first_argument(image, script, script_path));
    memcpy(path, script.interpreter.data(), script.interpreter.size());
    script_path = {path, script.interpreter.size()};
    file = TRY(find_program(script_path));
  }
}

// ---- Loading.

Result<void> load_interpreter(NewImage& image) {
  if (!image.elf->has_interpreter) return {};
  RefPtr<File> file = TRY(find_program(image.elf->interpreter));
  ElfHeader header;
  TRY(read_exactly(*file, &header, 0, sizeof(header)));
  auto elf = read_elf(file);
  if (!elf.ok()) return elf.error() == Errno::kENOEXEC ? Errno::kELIBBAD : elf.error();
  image.interpreter = TRY(load_image(*image.space, **elf, ImageRole::kInterpreter));
  return {};
}

/// Who the process will be.
void choose_ids(NewImage& image, Inode& program) {
  constexpr uint16_t kSetUser = 04000, kSetGroup = 02000, kGroupExecutes = 010;
  Attributes file = program.attributes();
  image.ids = current_process()->ids;
  if ((file.permissions & kSetUser) != 0) image.ids.user.effective = file.owner;
  bool set_group = (file.permissions & kSetGroup) != 0;
  if (set_group && (file.permissions & kGroupExecutes) != 0) image.ids.group.effective = file.group;
  image.ids.user.saved = image.ids.user.effective;
  image.ids.group.saved = image.ids.group.effective;
}

/// Everything that can fail.
Result<void> prepare(NewImage& image, const ExecRequest& request) {
  image.space = TRY(AddressSpace::create());
  TRY(make_stack(*image.space));
  TRY(push_all(image, request));
  RefPtr<File> file = request.file;
  TRY(follow_scripts(image, request, file));
  image.elf = TRY(read_elf(file));
  image.program = TRY(load_image(*image.space, *image.elf, ImageRole::kProgram));
  TRY(load_interpreter(image));
  choose_ids(image, file->inode());
  TRY(build_initial_stack(image));
  return become_only_thread();
}

}  // namespace
// END SOLUTION

// LAB C4: execute() (handouts/c-exec.md#c4). Check: make grade LAB=c K=C4
Result<void> execute(TrapFrame& frame, const ExecRequest& request) {
  // BEGIN SOLUTION C4
  NewImage image;
  image.name = request.path.substr(request.path.rfind('/') + 1);
  TRY(prepare(image, request));
  enter_image(frame, image);
  return {};
  // END SOLUTION
}

}  // namespace cairn
