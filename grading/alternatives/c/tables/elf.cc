// An alternative to labs/c-exec/elf.cc: a table of headers is in memory, whole, before its first row is looked at; and what
// must hold of a row is a table, too.
#include "exec/elf.h"

#include <algorithm>
#include <bit>

#include "lib/string.h"
#include "memory/heap.h"

namespace cairn {

namespace {

/// A part of a file, on the heap.
class FilePart {
 public:
  FilePart() = default;
  FilePart(const FilePart&) = delete;
  FilePart& operator=(const FilePart&) = delete;
  ~FilePart() { heap_free(bytes_); }

  /// Once. ENOEXEC: the file hasn't all of it.
  Result<void> load(File& file, uint64_t offset, uint64_t size) {
    uint64_t whole = file.inode().attributes().size;
    if (size > whole || offset > whole - size) return Errno::kENOEXEC;
    bytes_ = heap_allocate(std::max<uint64_t>(size, 1));
    if (bytes_ == nullptr) return Errno::kENOMEM;
    size_ = size;
    return read_exactly(file, bytes_, offset, size);
  }
  template <class Row>
  std::span<const Row> rows() const {
    return {static_cast<const Row*>(bytes_), size_ / sizeof(Row)};
  }

 private:
  void* bytes_ = nullptr;
  uint64_t size_ = 0;
};

template <class Row>
using Rule = bool (*)(const Row&);

template <class Row, size_t kCount>
bool obeys(const Row& row, const Rule<Row> (&rules)[kCount]) {
  return std::ranges::all_of(rules, [&row](Rule<Row> rule) { return rule(row); });
}

constexpr Rule<ElfHeader> kHeaderRules[] = {
    [](const ElfHeader& elf) {
      return std::ranges::equal(kElfMagic, std::span(elf.identification, 4));
    },
    [](const ElfHeader& elf) { return elf.type == kElfExecutable || elf.type == kElfShared; },
    [](const ElfHeader& elf) { return elf.machine == kElfX86_64; },
};

constexpr Rule<ElfHeader> kProgramTableRules[] = {
    [](const ElfHeader& elf) { return elf.program_size == sizeof(ProgramHeader); },
    [](const ElfHeader& elf) { return elf.program_count - 1u < kMaxProgramHeaders; },
};

/// Whether a range of that size ends below 2^63, where no sum of what is below has wrapped.
constexpr bool is_below_2_63(uint64_t start, uint64_t size) {
  return ((start | size | (start + size)) >> 63) == 0;
}

constexpr Rule<ProgramHeader> kSegmentRules[] = {
    [](const ProgramHeader& row) { return row.file_size <= row.memory_size; },
    [](const ProgramHeader& row) { return is_aligned(row.address - row.offset, kPageSize); },
    [](const ProgramHeader& row) { return is_below_2_63(row.address, row.memory_size); },
    [](const ProgramHeader& row) { return is_below_2_63(row.offset, row.file_size); },
};

Result<void> read_header(File& file, ElfHeader& header) {
  uint64_t size = TRY(read_some(file, &header, 0, sizeof(header)));
  return size == sizeof(header) && obeys(header, kHeaderRules) ? Errno::kOk : Errno::kENOEXEC;
}

/// Which rows say something that only one can say.
struct Chosen {
  const ProgramHeader* interpreter = nullptr;  // the first
  const ProgramHeader* headers = nullptr;      // the first
  const ProgramHeader* stack = nullptr;        // the last
  const ProgramHeader* around = nullptr;       // the first PT_LOAD that has the table in the file
};

Chosen choose(const ElfImage& image) {
  Chosen chosen;
  for (size_t i = image.all().size(); i-- > 0;) {
    const ProgramHeader& row = image.programs[i];
    uint64_t inside = image.header.program_offset - row.offset;
    switch (row.type) {
      case kProgramInterpreter: chosen.interpreter = &row; break;
      case kProgramHeaders: chosen.headers = &row; break;
      case kProgramStack: chosen.stack = chosen.stack != nullptr ? chosen.stack : &row; break;
      case kProgramLoad: chosen.around = inside < row.file_size ? &row : chosen.around; break;
      default: break;
    }
  }
  return chosen;
}

Result<void> read_name(ElfImage& image, const ProgramHeader& row) {
  if (row.file_size - 2 > kMaxPathLength - 2) return Errno::kENOEXEC;
  TRY(read_exactly(*image.file, image.interpreter, row.offset, row.file_size));
  image.has_interpreter = image.interpreter[row.file_size - 1] == '\0';
  return image.has_interpreter ? Errno::kOk : Errno::kENOEXEC;
}

/// Finds the pages and the alignment of all segments.
Result<void> measure(ElfImage& image) {
  uint64_t low = UINT64_MAX, high = 0;
  for (const ProgramHeader& row : image.all()) {
    if (row.type != kProgramLoad) continue;
    if (!obeys(row, kSegmentRules)) return Errno::kEINVAL;
    if (row.memory_size == 0) continue;
    low = std::min(low, row.address);
    high = std::max(high, row.address + row.memory_size);
    if (std::has_single_bit(row.alignment))
      image.alignment = std::max(image.alignment, row.alignment);
  }
  if (high == 0) return Errno::kEINVAL;
  image.pages = {VirtAddr(align_down(low, kPageSize)), VirtAddr(align_up(high, kPageSize))};
  bool in_place = image.pages.start >= kUserStart && image.pages.end <= kImageLimit &&
                  is_user_address(VirtAddr(image.header.entry));
  bool small = image.pages.size() <= kImageLimit.value;
  return small && (image.relocatable || in_place) ? Errno::kOk : Errno::kEINVAL;
}

}  // namespace

Result<RefPtr<ElfImage>> read_elf(const RefPtr<File>& file) {
  ElfHeader header;
  TRY(read_header(*file, header));
  if (!obeys(header, kProgramTableRules)) return Errno::kENOEXEC;
  FilePart table;
  TRY(table.load(*file, header.program_offset, header.program_count * sizeof(ProgramHeader)));

  auto image = RefPtr<ElfImage>::adopt(new_object<ElfImage>());
  if (!image) return Errno::kENOMEM;
  image->file = file;
  image->header = header;
  std::ranges::copy(table.rows<ProgramHeader>(), image->programs);
  image->relocatable = header.type == kElfShared;
  image->alignment = kPageSize;

  Chosen chosen = choose(*image);
  if (chosen.interpreter != nullptr) TRY(read_name(*image, *chosen.interpreter));
  TRY(measure(*image));
  if (chosen.stack != nullptr)
    image->executable_stack = (chosen.stack->flags & kProgramExecute) != 0;
  if (chosen.headers != nullptr) {
    image->headers_address = chosen.headers->address;
  } else if (chosen.around != nullptr) {
    image->headers_address = chosen.around->address - chosen.around->offset + header.program_offset;
  }
  return image;
}

namespace {

/// All that is to be known of a file's sections, checked.
struct SectionTable {
  FilePart headers, names;

  std::span<const SectionHeader> rows() const { return headers.rows<SectionHeader>(); }
  /// Empty without a NUL where it must be; else with it.
  std::string_view name_with_nul(const SectionHeader& row) const {
    std::span<const char> text = names.rows<char>();
    text = text.subspan(std::min<size_t>(row.name, text.size()));
    text = text.first(std::min(text.size(), kMaxSectionName));
    auto end = std::ranges::find(text, '\0');
    return end == text.end() ? "" : std::string_view(text.data(), size_t(end - text.begin()) + 1);
  }

  /// Leaves both empty if the file has no sections.
  Result<void> load(File& file) {
    ElfHeader header;
    TRY(read_header(file, header));
    if (header.section_offset == 0) return {};
    if (header.section_size != sizeof(SectionHeader)) return Errno::kENOEXEC;
    FilePart first;
    TRY(first.load(file, header.section_offset, sizeof(SectionHeader)));
    const SectionHeader& zero = first.rows<SectionHeader>()[0];
    uint64_t count = header.section_count != 0 ? header.section_count : zero.size;
    uint64_t index = header.names_index != kNamesElsewhere ? header.names_index : zero.link;
    if (count > UINT64_MAX / sizeof(SectionHeader)) return Errno::kENOEXEC;
    TRY(headers.load(file, header.section_offset, count * sizeof(SectionHeader)));
    return count == 0 ? Result<void>() : load_names(file, index);
  }

 private:
  Result<void> load_names(File& file, uint64_t index) {
    if (index >= rows().size() || rows()[index].type != kSectionStrings) return Errno::kENOEXEC;
    TRY(names.load(file, rows()[index].offset, rows()[index].size));
    bool named = std::ranges::none_of(
        rows(), [this](const SectionHeader& row) { return name_with_nul(row).empty(); });
    return named ? Errno::kOk : Errno::kENOEXEC;
  }
};

}  // namespace

Result<uint64_t> for_each_section(const RefPtr<File>& file,
                                  void (*use)(const ElfSection& section, void* context),
                                  void* context) {
  SectionTable table;
  TRY(table.load(*file));
  for (const SectionHeader& row : table.rows()) {
    std::string_view name = table.name_with_nul(row);
    name.remove_suffix(1);
    use({name, row}, context);
  }
  return uint64_t(table.rows().size());
}

}  // namespace cairn
