// libFuzzer's target for lab C1: the input is a file. Whatever it holds, read_elf() and for_each_section() end with what
// their contract says (exec/elf.h), also on a disk that fails and without memory.
#include <bit>
#include <cstring>

#include "exec/elf.h"
#include "host.h"
#include "memory/heap.h"

using namespace cairn;

namespace {

constexpr uint64_t kMostAtOnce = 1000;  // bytes that a read gives, so that callers must go on

class NoFileSystem final : public FileSystem {
 public:
  NoFileSystem() : FileSystem("none", nullptr, true) {}
  Result<RefPtr<Inode>> root() override { return Errno::kENOENT; }
  FileSystemStatistics statistics() override { return {}; }
  void destroy_inode(Inode&) override {}
};

/// A file whose content is the input.
class InputInode final : public Inode {
 public:
  explicit InputInode(FileSystem& fs)
      : Inode(fs, InodeNumber(1), FileType::kRegular, nullptr, 4096) {}
  void hold(const uint8_t* data, uint64_t count, unsigned reads_until_failure) {
    bytes_ = data;
    size = count;
    reads_ = reads_until_failure;
  }
  Attributes attributes() override { return {.size = size.load()}; }
  Result<uint64_t> read(File&, IoBuffer& buffer, uint64_t offset) override {
    if (reads_ != 0 && --reads_ == 0) return Errno::kEIO;
    if (offset >= size) return uint64_t(0);
    uint64_t count = std::min({size - offset, buffer.left(), kMostAtOnce});
    TRY(buffer.put(bytes_ + offset, count));
    return count;
  }

 private:
  const uint8_t* bytes_ = nullptr;
  unsigned reads_ = 0;  // until one fails; 0: none
};

void check_segment(const ElfImage& image, const ProgramHeader& program) {
  ASSERT(program.file_size <= program.memory_size);
  ASSERT(program.address % 4096 == program.offset % 4096);
  ASSERT(program.offset <= INT64_MAX && program.file_size <= INT64_MAX - program.offset);
  if (program.memory_size == 0) return;
  ASSERT(program.address >= image.pages.start.value);
  ASSERT(program.memory_size <= image.pages.end.value - program.address);
}

/// What who loads an image relies on.
void check_image(const ElfImage& image) {
  ASSERT(image.header.program_count >= 1 && image.header.program_count <= kMaxProgramHeaders);
  ASSERT(image.relocatable == (image.header.type == kElfShared));
  ASSERT(std::has_single_bit(image.alignment) && image.alignment >= 4096);
  ASSERT(image.pages.start.value % 4096 == 0 && image.pages.end.value % 4096 == 0);
  ASSERT(!image.pages.empty() && image.pages.size() <= kImageLimit.value);
  if (!image.relocatable) {
    ASSERT(image.pages.start >= kUserStart && image.pages.end <= kImageLimit);
    ASSERT(is_user_address(VirtAddr(image.header.entry)));
  }
  for (const ProgramHeader& program : image.all()) {
    if (program.type == kProgramLoad) check_segment(image, program);
  }
  if (image.has_interpreter) {
    ASSERT(memchr(image.interpreter, 0, sizeof(image.interpreter)) != nullptr);
  }
}

void count_section(const ElfSection& section, void* context) {
  ASSERT(section.name.size() < kMaxSectionName);
  ASSERT(section.name.find('\0') == std::string_view::npos);
  ++*static_cast<uint64_t*>(context);
}

bool is_header_wrong(const uint8_t* data, uint64_t size) {
  ElfHeader header;
  if (size < sizeof(header)) return true;
  memcpy(&header, data, sizeof(header));
  return memcmp(data, kElfMagic, 4) != 0 || header.machine != kElfX86_64 ||
         (header.type != kElfExecutable && header.type != kElfShared);
}

void read_programs(const RefPtr<File>& file, bool wrong, bool may_lack_memory) {
  auto image = read_elf(file);
  fail_allocation(0);
  if (image.ok()) {
    ASSERT(!wrong);
    check_image(**image);
    return;
  }
  Errno error = image.error();
  ASSERT(error == Errno::kENOEXEC || error == Errno::kEINVAL || error == Errno::kEIO ||
         (error == Errno::kENOMEM && may_lack_memory));
}

void read_sections(const RefPtr<File>& file, bool wrong) {
  uint64_t told = 0;
  auto count = for_each_section(file, count_section, &told);
  if (count.ok()) {
    ASSERT(!wrong);
    ASSERT_EQ(*count, told);
  } else {
    ASSERT(count.error() == Errno::kENOEXEC || count.error() == Errno::kEIO);
  }
}

/// Where in the file one of `count` headers of `width` bytes is that begin at `start`; where the file's own is, if none.
uint64_t choose_header(size_t size, uint64_t start, uint64_t count, size_t& width,
                       unsigned random) {
  uint64_t there = start < size ? std::min<uint64_t>(count, (size - start) / width) : 0;
  if (there != 0) return start + random % there * width;
  width = sizeof(ElfHeader);
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static InputInode* inode = [] {
    start_memory();
    return new InputInode(*new NoFileSystem);
  }();
  static RefPtr<File> file = [] {
    auto opened = RefPtr<File>::adopt(new File);
    opened->place.inode = RefPtr<Inode>::share(inode);
    return opened;
  }();
  // The input's last byte, which no header is in, says what goes wrong besides.
  unsigned trouble = size != 0 ? data[size - 1] : 0;
  bool disk_fails = trouble % 16 == 1, lacks_memory = trouble % 16 == 2;
  bool wrong = is_header_wrong(data, size);
  inode->hold(data, size, disk_fails ? 1 + trouble / 16 : 0);
  fail_allocation(lacks_memory ? 1 : 0);
  read_programs(file, wrong, lacks_memory);
  inode->hold(data, size, disk_fails ? 1 + trouble / 16 : 0);
  read_sections(file, wrong);
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

/// Half of the time a number in one of the headers becomes another one: small, absurd, or a neighbour's.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  auto random = [&seed] { return seed = seed * 1664525 + 1013904223, seed >> 8; };
  if (random() % 2 == 0 || size < sizeof(ElfHeader)) return LLVMFuzzerMutate(data, size, max_size);
  ElfHeader header;
  memcpy(&header, data, sizeof(header));
  bool program = random() % 2 == 0;
  uint64_t start = program ? header.program_offset : header.section_offset;
  uint64_t count = program ? header.program_count : header.section_count;
  size_t width = program ? sizeof(ProgramHeader) : sizeof(SectionHeader);
  if (random() % 3 == 0) count = 0;
  uint64_t at = choose_header(size, start, count, width, random());
  size_t bytes = size_t(1) << random() % 4;
  at += random() % (width / bytes) * bytes;
  uint64_t there = 0, value;
  memcpy(&there, data + at, bytes);
  memcpy(&value, data + random() % (size - 8), sizeof(value));
  uint64_t bit = 1ull << random() % 64;
  const uint64_t values[] = {0,   1,       there + 1, there - 1, value,   value & 0xfff,
                             bit, bit - 1, 0 - bit,   size,      size - 1};
  value = values[random() % std::size(values)];
  memcpy(data + at, &value, bytes);
  return size;
}
