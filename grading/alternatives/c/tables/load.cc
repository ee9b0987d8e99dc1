// An alternative to labs/c-exec/load.cc: all that is to be done is a plan, a table of steps, before the first is taken.
#include "exec/load.h"

#include "address_space/foreign_copy.h"
#include "memory/heap.h"

namespace cairn {

namespace {

/// What happens to a range of memory. Later steps win.
struct Step {
  enum Kind : uint8_t { kShowFile, kNewZeros, kWipe } kind;
  uint32_t flags;  // kProgramRead …
  VirtRange where;
  uint64_t offset;  // in the file, of kShowFile
};

constexpr unsigned kStepsOfSegment = 3;

class Plan {
 public:
  explicit Plan(const ElfImage& image) : image_(image) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { heap_free(steps_); }

  /// ENOMEM.
  Result<void> make(uint64_t base) {
    size_t most = image_.all().size() * kStepsOfSegment;
    steps_ = static_cast<Step*>(heap_allocate(most * sizeof(Step)));
    if (steps_ == nullptr) return Errno::kENOMEM;
    for (const ProgramHeader& row : image_.all()) {
      if (row.type == kProgramLoad && row.memory_size > 0) add_segment(row, base + row.address);
    }
    return {};
  }

  Result<void> carry_out(AddressSpace& space) const {
    for (const Step& step : std::span(steps_, count_)) {
      if (step.kind == Step::kWipe) {
        TRY(zero_in_space(space, step.where.start, step.where.size()));
      } else {
        TRY(space.map_region(request_of(step)));
      }
    }
    return {};
  }

 private:
  void add_segment(const ProgramHeader& row, uint64_t start) {
    uint64_t bytes_end = start + row.file_size, end = start + row.memory_size;
    uint64_t pages = align_down(start, kPageSize);
    uint64_t middle = align_up(bytes_end, kPageSize);  // where the pages of the file end
    add(Step::kShowFile, row, pages, middle, row.offset - start % kPageSize);
    bool wipes = (row.flags & kProgramWrite) != 0 && bytes_end < end;
    if (wipes) add(Step::kWipe, row, bytes_end, middle);
    add(Step::kNewZeros, row, middle, align_up(end, kPageSize));
  }
  void add(Step::Kind kind, const ProgramHeader& row, uint64_t from, uint64_t to,
           uint64_t offset = 0) {
    if (from < to) steps_[count_++] = {kind, row.flags, {VirtAddr(from), VirtAddr(to)}, offset};
  }
  RegionRequest request_of(const Step& step) const {
    RegionRequest wanted{.address = step.where.start, .size = step.where.size(), .fixed = true};
    wanted.kind = RegionKind::kProgram;
    wanted.access = {bool(step.flags & kProgramRead), bool(step.flags & kProgramWrite),
                     bool(step.flags & kProgramExecute)};
    if (step.kind == Step::kNewZeros) return wanted;
    wanted.object = &image_.file->inode();
    wanted.keeper = RefPtr<ObjectKeeper>::share(image_.file.get());
    wanted.object_offset = step.offset;
    return wanted;
  }

  const ElfImage& image_;
  Step* steps_ = nullptr;
  size_t count_ = 0;
};

/// What is added to each address of the file.
Result<uint64_t> base_of(AddressSpace& space, const ElfImage& image, ImageRole role) {
  if (!image.relocatable) return uint64_t(0);
  uint64_t skipped = image.pages.start.value & ~(image.alignment - 1);
  auto place = choose_base(space, image.pages.end.value - skipped, image.alignment, role);
  return place.ok() ? Result<uint64_t>(place->value - skipped) : place.error();
}

}  // namespace

Result<LoadedImage> load_image(AddressSpace& space, const ElfImage& image, ImageRole role) {
  uint64_t base = TRY(base_of(space, image, role));
  LoadedImage result{.base = base, .entry = VirtAddr(image.header.entry + base)};
  result.end = image.pages.end + base;
  result.headers = VirtAddr(image.headers_address != 0 ? image.headers_address + base : 0);
  if (!is_user_address(result.entry)) return Errno::kEINVAL;

  Plan plan(image);
  TRY(plan.make(base));
  TRY(plan.carry_out(space));
  if (role == ImageRole::kProgram) {
    space.set_break_start(result.end);
    if (image.executable_stack)
      TRY(space.protect_region(kUserStackTop - kPageSize, {true, true, true}));
  }
  return result;
}

Result<void> make_stack(AddressSpace& space) {
  RegionRequest wanted{.address = kUserStackTop - kInitialStack, .size = kInitialStack};
  wanted.fixed = wanted.grows_down = true;
  wanted.kind = RegionKind::kStack;
  wanted.access = {true, true, false};
  auto made = space.map_region(wanted);
  return made.ok() ? Errno::kOk : made.error();
}

}  // namespace cairn
