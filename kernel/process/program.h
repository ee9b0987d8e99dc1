// LAB C: the contract of loading a program. Until lab C is in, the stand-in (standins/c.cc) loads
// flat images that GRUB brought.
#pragma once

#include "address_space/address_space.h"

namespace cairn {

struct LoadedProgram {
  VirtAddr entry;
};

/// Fills an empty address space with the program's regions, its stack and the start of its break.
/// ENOENT, ENOEXEC, ENOMEM.
Result<LoadedProgram> load_program(AddressSpace& space, const char* name);

/// Names of the programs there are, in order: calls use(name, context) for each.
void list_programs(void (*use)(const char* name, void* context), void* context);

}  // namespace cairn
