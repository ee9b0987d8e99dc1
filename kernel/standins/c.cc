// The stand-in for lab C: programs are flat images in an archive that the boot loader brought. An
// image is a header, the bytes of its text, the bytes of its data; user/pack_flat.py makes them.
#include <array>

#include "address_space/address_space.h"
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "lib/words.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/heap.h"
#include "process/boot_programs.h"
#include "process/program.h"
#include "sched/mutex.h"
#include "standins/flat_image.h"

namespace cairn {

namespace {

/// The pages of one section of a program, each copied into a frame when first wanted and then kept
/// for everybody who runs it.
class SectionObject final : public MemoryObject {
 public:
  SectionObject(const uint8_t* bytes, uint64_t size) : bytes_(bytes), size_(size) {}

  Result<FrameNumber> bring_page(uint64_t offset, bool) override {
    MutexGuard guard(lock_);
    uint64_t index = offset / kPageSize;
    if (index >= kMaxPages || offset >= size_) return Errno::kENXIO;
    if (frames_[index].value == 0) {
      FrameNumber frame = TRY(allocate_zeroed_frame(FrameUse::kProgram));
      uint64_t count = size_ - offset < kPageSize ? size_ - offset : kPageSize;
      memcpy(direct_map(frame_address(frame)), bytes_ + offset, count);
      frames_[index] = frame;
    }
    frame_get(frames_[index]);
    return frames_[index];
  }
  bool confirm_page(uint64_t, FrameNumber, bool) override { return true; }  // they stay for ever

 private:
  static constexpr uint64_t kMaxPages = kMaxFlatSection / kPageSize;

  const uint8_t* bytes_;
  uint64_t size_;
  Mutex lock_{"program pages", LockRank::kProgramPages};
  std::array<FrameNumber, kMaxPages> frames_ GUARDED_BY(lock_){};
};

/// A program of the archive, and the objects that hold its pages once it ran: they stay.
struct Program {
  char name[32];
  const uint8_t* image;
  uint64_t size;
  SectionObject* text;
  SectionObject* data;
  TreeLink<Program> link;
};

constexpr auto kProgramKey = [](const Program& program) { return std::string_view(program.name); };
constinit Mutex programs_lock{"programs", LockRank::kPrograms};
constinit Tree<Program, &Program::link, kProgramKey> programs GUARDED_BY(programs_lock);

Result<void> prepare_objects(Program& program, const FlatHeader& header) {
  if (program.text != nullptr) return {};
  const uint8_t* bytes = program.image + sizeof(FlatHeader);
  auto* text = new_object<SectionObject>(bytes, header.text_size);
  auto* data = new_object<SectionObject>(bytes + header.text_size, header.data_size);
  if (text == nullptr || data == nullptr) {
    delete text;
    delete data;
    return Errno::kENOMEM;
  }
  program.text = text;
  program.data = data;
  return {};
}

RegionRequest fixed_region(uint64_t address, uint64_t size, Access access, RegionKind kind) {
  RegionRequest request;
  request.address = VirtAddr(address);
  request.size = size;
  request.access = access;
  request.kind = kind;
  request.fixed = true;
  return request;
}

Result<void> map_sections(AddressSpace& space, const Program& program, const FlatHeader& header) {
  constexpr Access kReadWrite{.read = true, .write = true};
  RegionRequest text = fixed_region(header.text_address, align_up(header.text_size, kPageSize),
                                    {.read = true, .execute = true}, RegionKind::kProgram);
  text.object = program.text;
  TRY(space.map_region(text));
  uint64_t data_pages = align_up(header.data_size, kPageSize);
  uint64_t all_pages = align_up(header.data_size + header.bss_size, kPageSize);
  if (data_pages != 0) {
    RegionRequest data =
        fixed_region(header.data_address, data_pages, kReadWrite, RegionKind::kProgram);
    data.object = program.data;
    TRY(space.map_region(data));
  }
  if (all_pages > data_pages) {
    TRY(space.map_region(fixed_region(header.data_address + data_pages, all_pages - data_pages,
                                      kReadWrite, RegionKind::kProgram)));
  }
  space.set_break_start(VirtAddr(header.data_address + all_pages));

  constexpr uint64_t kInitialStack = 64 * 1024;  // bytes; faults below extend it
  RegionRequest stack = fixed_region(kUserStackTop.value - kInitialStack, kInitialStack, kReadWrite,
                                     RegionKind::kStack);
  stack.grows_down = true;
  TRY(space.map_region(stack));
  return {};
}

Program* find(std::string_view name) REQUIRES(programs_lock) {
  Program* program = programs.lower_bound(name);
  return program != nullptr && std::string_view(program->name) == name ? program : nullptr;
}

std::string_view first_word(std::string_view line) {
  std::string_view word;
  (void)take_word(line, word);
  return word;
}

/// Fills an empty address space with the program's regions, its stack and the start of its break; where it starts.
Result<VirtAddr> load_flat_program(AddressSpace& space, std::string_view name) {
  MutexGuard guard(programs_lock);
  Program* program = find(name);
  if (program == nullptr) return Errno::kENOENT;
  FlatHeader header = TRY(check_flat_image({program->image, program->size}));
  TRY(prepare_objects(*program, header));
  TRY(map_sections(space, *program, header));
  return VirtAddr(header.entry);
}

}  // namespace

bool has_flat_program(std::string_view name) {
  MutexGuard guard(programs_lock);
  return find(name) != nullptr;
}

/// The start-up contract of flat programs: RDI points to the command line, at the stack's top.
Result<void> start_flat_program(TrapFrame& frame, std::string_view command_line) {
  char line[kMaxCommandLine];
  BufferWriter(line).write(command_line);
  VirtAddr entry = TRY(load_flat_program(*current_address_space(), first_word(command_line)));
  uint64_t length = strlen(line) + 1;
  VirtAddr text(align_down(kUserStackTop.value - length, 16));
  TRY(copy_to_user(text, line, length));
  current_address_space()->note_program({{text, text + length}, {text + length, text + length}});
  frame = {};
  frame.rip = entry.value;
  frame.rdi = text.value;
  frame.rsp = text.value - 16;
  frame.cs = kUserCodeSelector;
  frame.ss = kUserDataSelector;
  frame.rflags = kRflagsInterrupt | kRflagsReserved;
  return {};
}

[[gnu::weak]] Result<void> start_program(TrapFrame& frame, std::string_view command_line) {
  return start_flat_program(frame, command_line);
}
[[gnu::weak]] bool has_program(std::string_view name) { return has_flat_program(name); }

void list_programs(void (*use)(const char* name, void* context), void* context) {
  MutexGuard guard(programs_lock);
  for (Program* at = programs.first(); at != nullptr; at = programs.next(*at))
    use(at->name, context);
}

Result<void> add_program(std::string_view name, std::span<const uint8_t> image) {
  auto* program = new_object<Program>();
  if (program == nullptr) return Errno::kENOMEM;
  BufferWriter(program->name).write(name);
  program->image = image.data();
  program->size = image.size();
  MutexGuard guard(programs_lock);
  Program* same = programs.lower_bound(program->name);
  if (same != nullptr && std::string_view(same->name) == program->name) {
    delete program;
    return Errno::kEEXIST;
  }
  programs.insert(*program);
  return {};
}

}  // namespace cairn
