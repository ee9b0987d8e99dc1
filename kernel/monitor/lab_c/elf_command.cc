// elf: what an ELF file says of itself, as lab C reads it.
#include "exec/elf.h"
#include "monitor/lab_b/file_paths.h"
#include "vfs/file_ops.h"

namespace cairn {

namespace {

void print_program(Writer& out, const ProgramHeader& program) {
  const char flags[] = {(program.flags & kProgramRead) != 0 ? 'r' : '-',
                        (program.flags & kProgramWrite) != 0 ? 'w' : '-',
                        (program.flags & kProgramExecute) != 0 ? 'x' : '-', '\0'};
  print(
      out, "program type={:x} access={} offset={:x} file_size={:x} address={:x} memory_size={:x}\n",
      program.type, flags, program.offset, program.file_size, program.address, program.memory_size);
}

void print_section(const ElfSection& section, void* context) {
  print(static_cast<MonitorSession*>(context)->out,
        "section type={:x} address={:x} offset={:x} size={:x} name={}\n", section.header.type,
        section.header.address, section.header.offset, section.header.size, section.name);
}

Result<void> elf(MonitorSession& session, Arguments arguments) {
  PathContext context = TRY(monitor_context(session));
  std::string_view path = arguments[0];
  RefPtr<File> file =
      TRY(name_error(session, path, vfs_open(context, path, open_flag::kReadOnly, 0)));
  RefPtr<ElfImage> image = TRY(name_error(session, path, read_elf(file)));
  print(session.out, "relocatable={} entry={:x} headers={:x} start={} end={} alignment={:x}",
        image->relocatable, image->header.entry, image->headers_address, image->pages.start,
        image->pages.end, image->alignment);
  print(session.out, " executable_stack={} interpreter={}\n", image->executable_stack,
        image->has_interpreter ? image->interpreter : "");
  for (const ProgramHeader& program : image->all()) print_program(session.out, program);
  TRY(name_error(session, path, for_each_section(file, print_section, &session)));
  return {};
}

constexpr Command kCommands[] = {
    {"elf", "PATH", "an ELF file's headers, segments, sections", elf, 1, 1},
};

}  // namespace

std::span<const Command> elf_commands() { return kCommands; }

}  // namespace cairn
