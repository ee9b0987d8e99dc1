// LAB C, item C2: from an ELF file to regions of memory.
//
// Nothing is read here: a segment becomes a region that shows the file privately, and faults bring its pages from
// the page cache when they are touched (address_space/memory_object.h). So two processes that run one program have
// its text, and what of its data they didn't write, in the same frames, which are those of the page cache.
//
//   file        offset        offset + file_size
//                 │ bytes of the segment │ others' bytes …
//   memory   ┌────┴─────────┬────────────┴─┬──────────────┬──────────────┐
//            │ page         │ page         │ page         │ page         │
//            └────┬─────────┴────────────┬─┴──────────────┴──────────┬───┘
//                 address                │ zeros                     address + memory_size
//                                        address + file_size
//
// What is in front of the segment in its first page is whatever the file has there; what is behind file_size is
// zeros, in the rest of that page (which so becomes the process's own) and in pages of their own.
//
// Locks: none held; may sleep. The address space is nobody's yet.
#pragma once

#include "address_space/address_space.h"
#include "exec/elf.h"

namespace cairn {

/// Where an image came to lie.
struct LoadedImage {
  uint64_t base = 0;   // what was added to each address in the file
  VirtAddr entry{};    // its first instruction
  VirtAddr headers{};  // its program headers; 0: not in memory
  VirtAddr end{};      // of its highest page
};

enum class ImageRole { kProgram, kInterpreter };

inline constexpr uint64_t kInitialStack =
    64 * 1024;  // bytes of the stack's region; faults below extend it

// ---- LAB C2 (handouts/c-exec.md#c2) ----------------------------------------------------------

/// Makes the image's regions, in the order of its PT_LOADs: each is readable, writable and executable as its flags say,
/// of kind kProgram, and keeps the file open. Where two share a page, the later one has it.
/// One that isn't relocatable lies where it says; another at choose_base(), which is added to its addresses.
/// Of a segment that is writable, everything from file_size to memory_size reads as zeros; of others, all pages
/// behind the one that holds the end of file_size.
/// Of a kProgram, the break starts at `end`, and an executable_stack makes the stack's region executable. EINVAL: the entry of a relocatable image isn't in the user half.
/// EFAULT: bytes to be zeroed are in a page beyond the file's end. ENOMEM.
Result<LoadedImage> load_image(AddressSpace& space, const ElfImage& image, ImageRole role);

/// Makes the stack: a region of kind kStack of kInitialStack bytes that ends at kUserStackTop and grows down, readable
/// and writable. ENOMEM.
Result<void> make_stack(AddressSpace& space);

// ---- Provided (exec/image_base.cc) -----------------------------------------------------------

/// Where an image of `size` bytes can begin, a multiple of `alignment`: a program's place is random, far from stack
/// and mappings; an interpreter's is free. ENOMEM.
Result<VirtAddr> choose_base(AddressSpace& space, uint64_t size, uint64_t alignment,
                             ImageRole role);

}  // namespace cairn
