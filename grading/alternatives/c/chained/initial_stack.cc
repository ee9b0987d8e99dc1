// An alternative to labs/c-exec/initial_stack.cc: the random bytes lie right behind the auxiliary vector, which begins with
// what others end with; and the strings are gone through once, in pieces, wherever they end.
#include "exec/initial_stack.h"

#include <algorithm>
#include <iterator>

#include "devfs/random.h"
#include "exec/word_writer.h"
#include "lib/string.h"
#include "process/new_program.h"
#include "vfs/process_files.h"

namespace cairn {

namespace {

/// Finds where strings start that lie one behind the other in a range.
class StringStarts {
 public:
  StringStarts(AddressSpace& space, VirtRange range) : space_(space), unread_(range) {}

  /// EFAULT: there are no more. ENOMEM.
  Result<VirtAddr> next() {
    VirtAddr start = unread_.start - piece_.size();
    while (true) {
      if (piece_.empty()) TRY(read_piece());
      size_t nul = piece_.find('\0');
      piece_.remove_prefix(std::min(nul, piece_.size() - 1) + 1);
      if (nul != std::string_view::npos) return start;
    }
  }

 private:
  Result<void> read_piece() {
    uint64_t size = std::min<uint64_t>(unread_.size(), sizeof(bytes_));
    if (size == 0) return Errno::kEFAULT;
    TRY(copy_from_space(space_, bytes_, unread_.start, size));
    unread_.start += size;
    piece_ = {bytes_, size};
    return {};
  }

  AddressSpace& space_;
  VirtRange unread_;
  std::string_view piece_;  // of bytes_, what no string was found in yet
  char bytes_[512];
};

Result<void> write_vector(WordWriter& out, StringStarts& strings, uint64_t count) {
  for (; count > 0; count--) TRY(out.write(TRY(strings.next()).value));
  return out.write(0);
}

bool differ(const IdSet& ids) { return ids.real != ids.effective; }

constexpr uint64_t kRandomSize = 16;  // bytes

Result<void> write_random(AddressSpace& space, VirtAddr at) {
  uint8_t drawn[kRandomSize];
  IoBuffer wanted = IoBuffer::kernel(drawn, kRandomSize);
  TRY(fill_random(wanted));
  return copy_to_space(space, at, drawn, kRandomSize);
}

/// Pairs of type and value.
class AuxiliaryVector {
 public:
  static constexpr uint64_t kSize = 17 * 2 * sizeof(uint64_t);  // bytes

  AuxiliaryVector(const NewImage& image, VirtAddr random) {
    const ElfImage& elf = *image.elf;
    const IdSet &user = image.ids.user, &group = image.ids.group;
    add(kAuxRandom, random.value);
    add(kAuxPath, image.path.value);
    add(kAuxSecure, differ(user) || differ(group));
    add(kAuxEffectiveGroup, group.effective);
    add(kAuxGroup, group.real);
    add(kAuxEffectiveUser, user.effective);
    add(kAuxUser, user.real);
    add(kAuxEntry, image.program.entry.value);
    add(kAuxBase, elf.has_interpreter ? image.interpreter.base : 0);
    add(kAuxHeaders, image.program.headers.value);
    add(kAuxHeaderCount, elf.all().size());
    add(kAuxHeaderSize, sizeof(ProgramHeader));
    add(kAuxPageSize, kPageSize);
    add(kAuxClockTick, kClockTicks);
    add(kAuxCapabilities, cpu_capabilities());
    add(kAuxFlags, 0);
    add(kAuxEnd, 0);
    ASSERT(used_ * sizeof(uint64_t) == kSize);
  }
  Result<void> write(AddressSpace& space, VirtAddr at) const {
    return copy_to_space(space, at, words_, kSize);
  }

 private:
  void add(AuxiliaryType type, uint64_t value) {
    words_[used_++] = type;
    words_[used_++] = value;
  }

  uint64_t words_[kSize / sizeof(uint64_t)];
  size_t used_ = 0;
};

}  // namespace

Result<void> build_initial_stack(NewImage& image) {
  uint64_t counts = image.argument_count + image.environment_count;
  uint64_t vectors = (counts + 3) * sizeof(uint64_t);  // argc and the nulls included; bytes
  VirtAddr highest = image.strings - (vectors + AuxiliaryVector::kSize + kRandomSize);
  image.stack_pointer = VirtAddr(highest.value & ~15ull);
  VirtAddr auxiliary = image.stack_pointer + vectors;
  VirtAddr random = auxiliary + AuxiliaryVector::kSize;

  AddressSpace& space = *image.space;
  TRY(write_random(space, random));
  TRY(AuxiliaryVector(image, random).write(space, auxiliary));
  StringStarts strings(space, {image.strings, image.path});
  WordWriter out(space, image.stack_pointer);
  TRY(out.write(image.argument_count));
  TRY(write_vector(out, strings, image.argument_count));
  TRY(write_vector(out, strings, image.environment_count));
  return out.flush();
}

void enter_image(TrapFrame& frame, NewImage& image) {
  TrapFrame first{};
  first.ss = kUserDataSelector;
  first.rsp = image.stack_pointer.value;
  first.rflags = kRflagsReserved | kRflagsInterrupt;
  first.cs = kUserCodeSelector;
  first.rip = image.entry().value;
  frame = first;
  ProcessFiles* files = current_process()->files;
  if (FdTable* table = files->table) close_fds_on_exec(*table);
  Credentials who = files->who();
  who.user = image.ids.user.effective;
  who.group = image.ids.group.effective;
  files->set_credentials(who);
  change_ids(image.ids);
  change_address_space(std::move(image.space));
  begin_anew(image.name, image.stack_pointer);
}

}  // namespace cairn
