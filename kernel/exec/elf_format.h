// ELF files as they lie on a disk: 64 bits, little-endian.
// Source: System V ABI, "Object Files" and "Program Header"; AMD64 supplement, "Object Files"; elf(5).
#pragma once

#include <cstdint>

namespace cairn {

struct ElfHeader {
  uint8_t identification[16];  // begins with kElfMagic
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  uint64_t entry;           // address of the first instruction
  uint64_t program_offset;  // of the program headers in the file, bytes
  uint64_t section_offset;  // of the section headers
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_size;   // bytes of one program header
  uint16_t program_count;  // how many
  uint16_t section_size;   // bytes of one section header
  uint16_t section_count;
  uint16_t names_index;  // the section that holds the sections' names
};
static_assert(sizeof(ElfHeader) == 64);

inline constexpr char kElfMagic[4] = {0x7f, 'E', 'L', 'F'};

enum ElfType : uint16_t { kElfExecutable = 2, kElfShared = 3 };
inline constexpr uint16_t kElfX86_64 = 62;

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;   // in the file, bytes
  uint64_t address;  // in memory
  uint64_t physical;
  uint64_t file_size;    // bytes
  uint64_t memory_size;  // bytes; what the file doesn't fill is zeros
  uint64_t alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

enum ProgramType : uint32_t {
  kProgramLoad = 1,
  kProgramInterpreter = 3,
  kProgramHeaders = 6,  // PT_PHDR: where the program headers are in memory
  kProgramStack = 0x6474e551,
};
inline constexpr uint32_t kProgramExecute = 1, kProgramWrite = 2, kProgramRead = 4;

struct SectionHeader {
  uint32_t name;  // where it begins among the names
  uint32_t type;
  uint64_t flags;
  uint64_t address;
  uint64_t offset;  // in the file, bytes
  uint64_t size;    // bytes
  uint32_t link;
  uint32_t info;
  uint64_t alignment;
  uint64_t entry_size;
};
static_assert(sizeof(SectionHeader) == 64);

enum SectionType : uint32_t { kSectionStrings = 3, kSectionNoBits = 8 };
inline constexpr uint16_t kNamesElsewhere =
    0xffff;  // SHN_XINDEX: names_index is section 0's `link`

}  // namespace cairn
