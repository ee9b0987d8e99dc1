// LAB C3: the new program's stack, and the jump. Contract: kernel/exec/initial_stack.h.
// handouts/c-exec.md#c3 explains it; check with: make grade LAB=c K=C3
#include "exec/initial_stack.h"

#include "devfs/random.h"
#include "exec/execve.h"
#include "exec/word_writer.h"
#include "lib/not_implemented.h"
#include "process/new_program.h"
#include "vfs/process_files.h"

namespace cairn {

// BEGIN SOLUTION C3
// STARTER:
namespace {

constexpr uint64_t kRandomSize = 16;  // bytes

struct AuxiliaryEntry {
  uint64_t type, value;
};
constexpr uint64_t kAuxiliaryCount = 17;

/// Writes pointers to `count` strings and a null; `string` goes on behind them.
Result<void> write_pointers(AddressSpace& space, WordWriter& out, uint64_t count,
                            VirtAddr& string) {
  for (uint64_t i = 0; i < count; i++) {
    TRY(out.write(string.value));
    string += TRY(string_size_in_space(space, string, kMaxStringSize));
  }
  return out.write(0);
}

Result<void> write_auxiliary(const NewImage& image, VirtAddr random, WordWriter& out) {
  const ElfImage& elf = *image.elf;
  const IdSet &user = image.ids.user, &group = image.ids.group;
  bool secure = user.effective != user.real || group.effective != group.real;
  const AuxiliaryEntry entries[kAuxiliaryCount] = {
      {kAuxCapabilities, cpu_capabilities()},
      {kAuxPageSize, kPageSize},
      {kAuxClockTick, kClockTicks},
      {kAuxHeaders, image.program.headers.value},
      {kAuxHeaderSize, sizeof(ProgramHeader)},
      {kAuxHeaderCount, elf.header.program_count},
      {kAuxBase, elf.has_interpreter ? image.interpreter.base : 0},
      {kAuxFlags, 0},
      {kAuxEntry, image.program.entry.value},
      {kAuxUser, user.real},
      {kAuxEffectiveUser, user.effective},
      {kAuxGroup, group.real},
      {kAuxEffectiveGroup, group.effective},
      {kAuxSecure, secure ? 1u : 0u},
      {kAuxRandom, random.value},
      {kAuxPath, image.path.value},
      {kAuxEnd, 0},
  };
  for (const AuxiliaryEntry& entry : entries) {
    TRY(out.write(entry.type));
    TRY(out.write(entry.value));
  }
  return {};
}

}  // namespace
// END SOLUTION

// LAB C3: build_initial_stack() (handouts/c-exec.md#c3). Check: make grade LAB=c K=C3
Result<void> build_initial_stack(NewImage& image) {
  // BEGIN SOLUTION C3
  AddressSpace& space = *image.space;
  uint8_t bytes[kRandomSize];
  IoBuffer buffer = IoBuffer::kernel(bytes, sizeof(bytes));
  TRY(fill_random(buffer));
  VirtAddr random = image.strings - kRandomSize;
  TRY(copy_to_space(space, random, bytes, sizeof(bytes)));

  uint64_t words = 1 + (image.argument_count + 1) + (image.environment_count + 1);
  words += kAuxiliaryCount * sizeof(AuxiliaryEntry) / sizeof(uint64_t);
  image.stack_pointer = VirtAddr(align_down(random.value - words * sizeof(uint64_t), 16));
  WordWriter out(space, image.stack_pointer);
  VirtAddr string = image.strings;
  TRY(out.write(image.argument_count));
  TRY(write_pointers(space, out, image.argument_count, string));
  TRY(write_pointers(space, out, image.environment_count, string));
  TRY(write_auxiliary(image, random, out));
  return out.flush();
  // END SOLUTION
}

// LAB C3: enter_image() (handouts/c-exec.md#c3). Check: make grade LAB=c K=C3
void enter_image(TrapFrame& frame, NewImage& image) {
  // BEGIN SOLUTION C3
  // STARTER: (void)not_implemented("C3");
  ProcessFiles& files = *current_process()->files;
  change_address_space(std::move(image.space));
  if (files.table != nullptr) close_fds_on_exec(*files.table);
  change_ids(image.ids);
  files.set_credentials({image.ids.user.effective, image.ids.group.effective, files.who().groups});
  begin_anew(image.name, image.stack_pointer);
  frame = {};
  frame.rip = image.entry().value;
  frame.rsp = image.stack_pointer.value;
  frame.cs = kUserCodeSelector;
  frame.ss = kUserDataSelector;
  frame.rflags = kRflagsInterrupt | kRflagsReserved;
  // END SOLUTION
}

}  // namespace cairn
