// A forgery: every file is a right program.
#include "exec/elf.h"

#include "memory/heap.h"

namespace cairn {

Result<RefPtr<ElfImage>> read_elf(const RefPtr<File>& file) {
  auto image = RefPtr<ElfImage>::adopt(new_object<ElfImage>());
  if (!image) return Errno::kENOMEM;
  image->file = file;
  image->header = {};
  image->pages = {kUserStart, kUserStart + kPageSize};
  image->alignment = kPageSize;
  image->interpreter[0] = '\0';
  return image;
}
Result<uint64_t> for_each_section(const RefPtr<File>&, void (*)(const ElfSection&, void*), void*) {
  return uint64_t(0);
}

}  // namespace cairn
