// LAB C1: reading and checking ELF files. Contract: kernel/exec/elf.h.
// handouts/c-exec.md#c1 explains it; check with: make grade LAB=c K=C1
#include "exec/elf.h"

#include <algorithm>
#include <bit>

#include "lib/not_implemented.h"
#include "lib/string.h"
#include "memory/heap.h"

namespace cairn {

// BEGIN SOLUTION C1
// STARTER:
namespace {

/// The file's header, if it is that of a program for this machine.
Result<ElfHeader> read_header(File& file) {
  ElfHeader header;
  uint64_t count = TRY(read_some(file, &header, 0, sizeof(header)));
  bool elf = count == sizeof(header) && memcmp(header.identification, kElfMagic, 4) == 0;
  if (!elf) return Errno::kENOEXEC;
  bool runs = header.type == kElfExecutable || header.type == kElfShared;
  if (!runs || header.machine != kElfX86_64) return Errno::kENOEXEC;
  return header;
}

/// Bytes that a right file has: ENOEXEC if it ends before them.
Result<void> read_part(File& file, void* to, uint64_t offset, uint64_t size) {
  uint64_t end = file.inode().attributes().size;
  if (offset > end || size > end - offset) return Errno::kENOEXEC;
  return read_exactly(file, to, offset, size);
}

Result<void> read_programs(ElfImage& image) {
  const ElfHeader& header = image.header;
  if (header.program_size != sizeof(ProgramHeader)) return Errno::kENOEXEC;
  if (header.program_count == 0 || header.program_count > kMaxProgramHeaders)
    return Errno::kENOEXEC;
  uint64_t size = header.program_count * sizeof(ProgramHeader);
  return read_part(*image.file, image.programs, header.program_offset, size);
}

Result<void> read_interpreter(ElfImage& image, const ProgramHeader& program) {
  if (image.has_interpreter) return {};  // the first counts
  uint64_t size = program.file_size;
  if (size < 2 || size > kMaxPathLength) return Errno::kENOEXEC;
  TRY(read_exactly(*image.file, image.interpreter, program.offset, size));
  if (image.interpreter[size - 1] != '\0') return Errno::kENOEXEC;
  image.has_interpreter = true;
  return {};
}

constexpr uint64_t kLimit = 1ull << 63;
bool fits(uint64_t start, uint64_t size) { return start < kLimit && size < kLimit - start; }

/// Takes a PT_LOAD into what is known of the whole image.
Result<void> check_segment(ElfImage& image, const ProgramHeader& program) {
  if (program.file_size > program.memory_size) return Errno::kEINVAL;
  if (program.address % kPageSize != program.offset % kPageSize) return Errno::kEINVAL;
  if (!fits(program.address, program.memory_size)) return Errno::kEINVAL;
  if (!fits(program.offset, program.file_size)) return Errno::kEINVAL;
  if (program.memory_size == 0) return {};
  VirtAddr start(align_down(program.address, kPageSize));
  VirtAddr end(align_up(program.address + program.memory_size, kPageSize));
  bool in_place = start >= kUserStart && end <= kImageLimit;
  if (!image.relocatable && !in_place) return Errno::kEINVAL;
  bool first = image.pages.end.value == 0;
  image.pages.start = first ? start : std::min(image.pages.start, start);
  image.pages.end = std::max(image.pages.end, end);
  if (std::has_single_bit(program.alignment))
    image.alignment = std::max(image.alignment, program.alignment);
  return {};
}

/// Where memory has the program headers.
uint64_t find_headers(const ElfImage& image) {
  for (const ProgramHeader& program : image.all()) {
    if (program.type == kProgramHeaders) return program.address;
  }
  uint64_t offset = image.header.program_offset;
  for (const ProgramHeader& program : image.all()) {
    bool here = program.type == kProgramLoad && offset >= program.offset &&
                offset - program.offset < program.file_size;
    if (here) return program.address + (offset - program.offset);
  }
  return 0;
}

Result<void> check_programs(ElfImage& image) {
  // All interpreters come before the first segment is looked at: that is the order of Linux's errors.
  for (const ProgramHeader& program : image.all()) {
    if (program.type == kProgramInterpreter) TRY(read_interpreter(image, program));
    if (program.type == kProgramStack)
      image.executable_stack = (program.flags & kProgramExecute) != 0;
  }
  for (const ProgramHeader& program : image.all()) {
    if (program.type == kProgramLoad) TRY(check_segment(image, program));
  }
  if (image.pages.end.value == 0 || image.pages.size() > kImageLimit.value) return Errno::kEINVAL;
  bool entry_ok = image.relocatable || is_user_address(VirtAddr(image.header.entry));
  return entry_ok ? Errno::kOk : Errno::kEINVAL;
}

}  // namespace
// END SOLUTION

// LAB C1: read_elf() (handouts/c-exec.md#c1). Check: make grade LAB=c K=C1
Result<RefPtr<ElfImage>> read_elf(const RefPtr<File>& file) {
  // BEGIN SOLUTION C1
  ElfHeader header = TRY(read_header(*file));
  auto image = RefPtr<ElfImage>::adopt(new_object<ElfImage>());
  if (!image) return Errno::kENOMEM;
  image->file = file;
  image->header = header;
  image->relocatable = header.type == kElfShared;
  image->alignment = kPageSize;
  TRY(read_programs(*image));
  TRY(check_programs(*image));
  image->headers_address = find_headers(*image);
  return image;
  // END SOLUTION
}

// BEGIN SOLUTION C1
// STARTER:
namespace {

/// The section headers' table, which section 0 completes.
struct SectionTable {
  File& file;
  uint64_t offset = 0, count = 0, names_index = 0;

  Result<SectionHeader> read(uint64_t index) const {
    SectionHeader section;
    TRY(read_part(file, &section, offset + index * sizeof(section), sizeof(section)));
    return section;
  }
};

Result<SectionTable> find_sections(File& file) {
  ElfHeader header = TRY(read_header(file));
  SectionTable table{file, header.section_offset, header.section_count, header.names_index};
  if (table.offset == 0) return table;  // none
  if (header.section_size != sizeof(SectionHeader)) return Errno::kENOEXEC;
  SectionHeader first = TRY(table.read(0));
  if (table.count == 0) table.count = first.size;
  if (table.names_index == kNamesElsewhere) table.names_index = first.link;
  return table;  // who reads all of it finds out whether the file has it
}

/// The strings' section: all names are in it.
Result<SectionHeader> find_names(const SectionTable& table) {
  if (table.names_index >= table.count) return Errno::kENOEXEC;
  SectionHeader names = TRY(table.read(table.names_index));
  uint64_t size = table.file.inode().attributes().size;
  bool inside = names.offset <= size && names.size <= size - names.offset;
  bool right = names.type == kSectionStrings && inside;
  return right ? Result<SectionHeader>(names) : Errno::kENOEXEC;
}

/// Reads a section's name into `buffer`.
Result<std::string_view> read_name(File& file, const SectionHeader& names, uint64_t at,
                                   std::span<char> buffer) {
  if (at >= names.size) return Errno::kENOEXEC;
  uint64_t size = std::min<uint64_t>(buffer.size(), names.size - at);
  TRY(read_exactly(file, buffer.data(), names.offset + at, size));
  const void* end = memchr(buffer.data(), 0, size);
  if (end == nullptr) return Errno::kENOEXEC;
  return std::string_view(buffer.data(), size_t(static_cast<const char*>(end) - buffer.data()));
}

}  // namespace
// END SOLUTION

// LAB C1: for_each_section() (handouts/c-exec.md#c1). Check: make grade LAB=c K=C1
Result<uint64_t> for_each_section(const RefPtr<File>& file,
                                  void (*use)(const ElfSection& section, void* context),
                                  void* context) {
  // BEGIN SOLUTION C1
  SectionTable table = TRY(find_sections(*file));
  if (table.offset == 0 || table.count == 0) return uint64_t(0);
  SectionHeader names = TRY(find_names(table));
  // Twice: nothing is said of a table before all of it was seen to be right.
  for (bool tell : {false, true}) {
    for (uint64_t i = 0; i < table.count; i++) {
      char buffer[kMaxSectionName];
      SectionHeader section = TRY(table.read(i));
      std::string_view name = TRY(read_name(*file, names, section.name, buffer));
      if (tell) use({name, section}, context);
    }
  }
  return table.count;
  // END SOLUTION
}

}  // namespace cairn
