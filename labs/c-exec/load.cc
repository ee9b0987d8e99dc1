// LAB C2: regions of memory from an ELF file. Contract: kernel/exec/load.h.
// handouts/c-exec.md#c2 explains it; check with: make grade LAB=c K=C2
#include "exec/load.h"

#include "address_space/foreign_copy.h"
#include "lib/not_implemented.h"

namespace cairn {

// BEGIN SOLUTION C2
// STARTER:
namespace {

RegionRequest fixed_region(VirtRange range, Access access, RegionKind kind) {
  RegionRequest request;
  request.address = range.start;
  request.size = range.size();
  request.access = access;
  request.kind = kind;
  request.fixed = true;
  return request;
}

Access access_of(const ProgramHeader& program) {
  return {.read = (program.flags & kProgramRead) != 0,
          .write = (program.flags & kProgramWrite) != 0,
          .execute = (program.flags & kProgramExecute) != 0};
}

/// The pages that show the file, from the one that holds the segment's first byte.
Result<void> map_file_pages(AddressSpace& space, const ElfImage& image,
                            const ProgramHeader& program, VirtRange pages) {
  if (pages.empty()) return {};
  RegionRequest request = fixed_region(pages, access_of(program), RegionKind::kProgram);
  request.object = &image.file->inode();
  request.keeper = RefPtr<ObjectKeeper>::share(image.file.get());
  request.object_offset = align_down(program.offset, kPageSize);
  TRY(space.map_region(request));
  return {};
}

Result<void> load_segment(AddressSpace& space, const ElfImage& image, const ProgramHeader& program,
                          uint64_t base) {
  VirtAddr start(base + program.address);
  VirtAddr file_end = start + program.file_size;
  VirtAddr first(align_down(start.value, kPageSize));
  VirtAddr zeros(align_up(file_end.value, kPageSize));  // the first page that is all zeros
  VirtAddr end(align_up((start + program.memory_size).value, kPageSize));
  TRY(map_file_pages(space, image, program, {first, zeros}));
  bool has_tail = program.memory_size > program.file_size && zeros > file_end;
  if (has_tail && (program.flags & kProgramWrite) != 0)
    TRY(zero_in_space(space, file_end, zeros - file_end));
  if (zeros < end) {
    TRY(space.map_region(fixed_region({zeros, end}, access_of(program), RegionKind::kProgram)));
  }
  return {};
}

}  // namespace
// END SOLUTION

// LAB C2: load_image() (handouts/c-exec.md#c2). Check: make grade LAB=c K=C2
Result<LoadedImage> load_image(AddressSpace& space, const ElfImage& image, ImageRole role) {
  // BEGIN SOLUTION C2
  LoadedImage loaded;
  if (image.relocatable) {
    uint64_t lowest = align_down(image.pages.start.value, image.alignment);
    uint64_t size = image.pages.end.value - lowest;
    loaded.base = TRY(choose_base(space, size, image.alignment, role)).value - lowest;
  }
  for (const ProgramHeader& program : image.all()) {
    bool load = program.type == kProgramLoad && program.memory_size != 0;
    if (load) TRY(load_segment(space, image, program, loaded.base));
  }
  loaded.entry = VirtAddr(loaded.base + image.header.entry);
  if (!is_user_address(loaded.entry)) return Errno::kEINVAL;
  if (image.headers_address != 0) loaded.headers = VirtAddr(loaded.base + image.headers_address);
  loaded.end = VirtAddr(loaded.base + image.pages.end.value);
  if (role == ImageRole::kInterpreter) return loaded;
  space.set_break_start(loaded.end);
  constexpr Access kAll{.read = true, .write = true, .execute = true};
  if (image.executable_stack) TRY(space.protect_region(kUserStackTop - 1, kAll));
  return loaded;
  // END SOLUTION
}

// LAB C2: make_stack() (handouts/c-exec.md#c2). Check: make grade LAB=c K=C2
Result<void> make_stack(AddressSpace& space) {
  // BEGIN SOLUTION C2
  RegionRequest stack = fixed_region({kUserStackTop - kInitialStack, kUserStackTop},
                                     {.read = true, .write = true}, RegionKind::kStack);
  stack.grows_down = true;
  TRY(space.map_region(stack));
  return {};
  // END SOLUTION
}

}  // namespace cairn
