// How programs start that the kernel itself starts (process/program.h): the monitor's `run`. A name without a slash is
// looked for in /bin and /usr/bin; where there is no such file, the flat images are.
//
// The first thread of such a process runs in the kernel, on memory that is still empty. It puts its arguments there as
// a C program would have them, and calls execute() like anybody else; with the old memory they go.
#include "address_space/user_copy.h"
#include "exec/execve.h"
#include "lib/words.h"
#include "process/process.h"
#include "process/program.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

constexpr std::string_view kFolders[] = {"", "/bin/", "/usr/bin/"};
constexpr VirtAddr kScratch{0x10000};             // where the arguments are
constexpr uint64_t kScratchSize = 4 * kPageSize;  // bytes
static_assert(kMaxCommandLine / 2 * sizeof(uint64_t) + kMaxCommandLine <= kScratchSize);

/// The path of a program's file, in `buffer`; empty: there is none.
std::string_view find_program_file(const PathContext& context, std::string_view name,
                                   std::span<char> buffer) {
  if (!context.root || name.empty()) return {};
  bool is_path = name.find('/') != std::string_view::npos;
  for (std::string_view folder : kFolders) {
    if (is_path != folder.empty()) continue;
    BufferWriter path(buffer);
    print(path, "{}{}", folder, name);
    if (resolve_path(context, path.text()).ok()) return path.text();
  }
  return {};
}

/// Writes argv and its strings to kScratch; how many.
Result<void> write_arguments(std::string_view command_line, uint64_t& count) {
  RegionRequest scratch;
  scratch.address = kScratch;
  scratch.size = kScratchSize;
  scratch.access = {.read = true, .write = true};
  scratch.fixed = true;
  TRY(current_address_space()->map_region(scratch));
  VirtAddr string = kScratch + kMaxCommandLine / 2 * sizeof(uint64_t);
  std::string_view word;
  while (take_word(command_line, word)) {
    TRY(copy_to_user(string, word.data(),
                     word.size()));  // the page is zeros, so it ends with a NUL
    TRY(write_user(kScratch + count++ * sizeof(uint64_t), string.value));
    string += word.size() + 1;
  }
  return {};
}

std::string_view first_word(std::string_view line) {
  std::string_view word;
  (void)take_word(line, word);
  return word;
}

}  // namespace

bool has_program(std::string_view name) {
  char buffer[kMaxCommandLine];
  PathContext context{root_place(), root_place()};
  return !find_program_file(context, name, buffer).empty() || has_flat_program(name);
}

Result<void> start_program(TrapFrame& frame, std::string_view command_line) {
  char buffer[kMaxCommandLine];
  PathContext context = current_process()->files->context();
  ExecRequest request;
  request.path = find_program_file(context, first_word(command_line), buffer);
  if (request.path.empty()) return start_flat_program(frame, command_line);
  request.file = TRY(open_program(TRY(resolve_path(context, request.path)), context.who));
  uint64_t count = 0;
  TRY(write_arguments(command_line, count));
  request.arguments = kScratch;
  request.environment =
      kScratch + count * sizeof(uint64_t);  // empty: the null that ends the arguments
  return execute(frame, request);
}

}  // namespace cairn
