// A program's own ELF file, for tests of exec: what the linker wrote is in its memory, headers included.
#ifndef USER_INCLUDE_SELF_H
#define USER_INCLUDE_SELF_H

#include <elf.h>
#include <fcntl.h>

#include "cairn.h"

extern const Elf64_Ehdr __ehdr_start;  // the linker has the text begin with it

// Writes an executable ELF file of this program. First of all in main(): what has changed in its data by then, the
// copy begins with.
static inline void save_self(const char* path) {
  const Elf64_Phdr* programs =
      (const Elf64_Phdr*)((const char*)&__ehdr_start + __ehdr_start.e_phoff);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  if (fd < 0) die(path);
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    const Elf64_Phdr* program = &programs[i];
    if (program->p_type != PT_LOAD) continue;
    const void* bytes = (const void*)program->p_vaddr;
    ssize_t written = pwrite(fd, bytes, program->p_filesz, (off_t)program->p_offset);
    if (written != (ssize_t)program->p_filesz) die(path);
  }
  close(fd);
}

// Has a child execute `path`; its wait status. Where that fails it is the child that exits, with errno.
static inline int run_program(const char* path, char* const arguments[],
                              char* const environment[]) {
  pid_t child = fork();
  if (child == 0) {
    execve(path, arguments, environment);
    _exit(errno);
  }
  return wait_for(child);
}

#endif
