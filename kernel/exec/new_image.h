// A program that is being put together, beside the one that runs: what exec has of it so far.
#pragma once

#include "exec/load.h"
#include "process/credentials.h"

namespace cairn {

struct NewImage {
  RefPtr<AddressSpace> space;

  // Strings, in the new stack from its top down: the path, the environment, the arguments. Each ends with a NUL
  // and the next begins right behind it, so that from `strings` on they are argv[0], argv[1] … and then envp[0] …
  VirtAddr strings{};        // the lowest of them, or where the first will end
  VirtAddr strings_limit{};  // they may not reach below
  uint64_t argument_count = 0;
  uint64_t environment_count = 0;
  VirtAddr path{};  // the program's path as it was asked for

  // What is loaded.
  RefPtr<ElfImage> elf;
  LoadedImage program;
  LoadedImage interpreter;  // meaningful with elf->has_interpreter

  // What the process will be.
  ProcessIds ids;  // by the file's set-user-ID and set-group-ID bits
  VirtAddr stack_pointer{};
  std::string_view name;  // the last component of the path

  VirtAddr entry() const { return elf->has_interpreter ? interpreter.entry : program.entry; }
};

}  // namespace cairn
