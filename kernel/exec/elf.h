// LAB C, item C1: what an ELF file says of itself.
//
// An ELF file has two tables. The program headers say what is to be in memory, and the kernel looks at nothing
// else to run it. The section headers name the file's parts for linkers and debuggers; here they are only shown
// (`elf PATH` at the prompt). Either may be wrong in any way: a file is somebody's bytes.
//
// Everything is checked before anything is made of it, so that a program which can't run costs its caller nothing
// but an error. Linux looks at much of it only when the caller's memory is gone, and then has to kill the process;
// what it would kill for is EINVAL here.
//
// Locks: none held; reading a file may sleep.
// Source: System V ABI, "Object Files", "Program Loading and Dynamic Linking"; Linux, execve(2), elf(5).
#pragma once

#include "exec/elf_format.h"
#include "lib/ref_ptr.h"
#include "vfs/file.h"

namespace cairn {

/// Programs end below what the stack may grow to.
inline constexpr VirtAddr kImageLimit = kUserStackTop - kUserStackSize;
/// As many program headers as fit into a page.
inline constexpr unsigned kMaxProgramHeaders = 4096 / sizeof(ProgramHeader);

/// An ELF file that has been read and found right.
struct ElfImage : RefCounted<ElfImage> {
  RefPtr<File> file;
  ElfHeader header;
  ProgramHeader programs[kMaxProgramHeaders];  // header.program_count of them
  bool relocatable = false;       // it may be loaded anywhere; its addresses are relative
  bool executable_stack = false;  // it wants to run code on its stack
  bool has_interpreter = false;   // another program is to load it
  VirtRange pages{};              // from its lowest page to the end of its highest, as in the file
  uint64_t alignment = 0;         // of a relocatable one, bytes, a power of two
  uint64_t headers_address =
      0;  // where its program headers will be, as in the file; 0: not in memory
  char interpreter[kMaxPathLength];  // its path

  /// The program headers, and of them those to load.
  std::span<const ProgramHeader> all() const { return {programs, header.program_count}; }
};

/// What a section header says.
struct ElfSection {
  std::string_view name;
  const SectionHeader& header;
};

// ---- LAB C1 (handouts/c-exec.md#c1) ----------------------------------------------------------

/// Reads the file's header and program headers and checks them.
/// ENOEXEC: the file is shorter than an ELF header; it doesn't begin with the magic number; its type is neither
/// executable nor shared; its machine isn't the x86-64; its program headers have another size than
/// sizeof(ProgramHeader), are none, more than kMaxProgramHeaders, or reach beyond the end of the file.
/// The first PT_INTERP names the interpreter, NUL-terminated. ENOEXEC: it is shorter than 2 bytes or longer than
/// kMaxPathLength, or doesn't end with a NUL; EIO: it reaches beyond the end of the file; EINVAL: it begins beyond
/// any file's end.
/// EINVAL, of a PT_LOAD: its file_size is larger than its memory_size; its address and its offset aren't the
/// same within a page; its memory, or its part of the file, reaches beyond 2^63 or wraps; without `relocatable`, its
/// pages aren't all between kUserStart and kImageLimit. One with a memory_size of 0 is passed over.
/// EINVAL: there is no PT_LOAD; `pages` are more than those; without `relocatable`, the entry isn't in the
/// user half.
/// `headers_address` is what PT_PHDR says, without one where the PT_LOAD that holds them in the file puts
/// them. `alignment` is the largest of the PT_LOADs' that are powers of two, a page at least. The last
/// PT_GNU_STACK tells whether the stack is executable; without one it isn't.
/// ENOMEM, and EIO if the disk fails.
Result<RefPtr<ElfImage>> read_elf(const RefPtr<File>& file);

/// Calls use(section, context) for each section header in order; how many. A file may have none.
/// Numbers that don't fit into the header are in section 0: with a section_count of 0 its `size` is how many there are,
/// with a names_index of kNamesElsewhere its `link` is the names' section.
/// ENOEXEC, with `use` not called: what read_elf() says of the header; the section headers have another size than
/// sizeof(SectionHeader), or reach beyond the end of the file; the names' section isn't one of them, isn't of type
/// kSectionStrings, or reaches beyond the end of the file; a name begins beyond the names, or isn't NUL-terminated
/// among the first kMaxSectionName bytes. ENOMEM, EIO.
Result<uint64_t> for_each_section(const RefPtr<File>& file,
                                  void (*use)(const ElfSection& section, void* context),
                                  void* context);
inline constexpr size_t kMaxSectionName = 128;  // bytes, NUL included

// ---- Provided (exec/read_file.cc) ------------------------------------------------------------

/// The bytes [offset, offset + size) of a file. EIO if it ends before; EINVAL for an offset of 2^63 or more.
Result<void> read_exactly(File& file, void* to, uint64_t offset, uint64_t size);
/// As many of them as there are.
Result<uint64_t> read_some(File& file, void* to, uint64_t offset, uint64_t size);

}  // namespace cairn
