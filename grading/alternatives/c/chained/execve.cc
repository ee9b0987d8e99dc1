// An alternative to labs/c-exec/execve.cc: the caller's strings are read once, front to back, into chains of pages of the
// kernel's. Only when scripts have added theirs, and all sizes are known, do they go to the new stack, from its lowest byte up.
#include "exec/execve.h"

#include <algorithm>

#include "address_space/foreign_copy.h"
#include "address_space/user_copy.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "process/new_program.h"
#include "vfs/process_files.h"

namespace cairn {

Result<RefPtr<File>> open_program(const Place& place, const Credentials& who) {
  switch (place.inode->type) {
    case FileType::kRegular: break;
    case FileType::kSymlink: return Errno::kELOOP;
    default: return Errno::kEACCES;
  }
  auto allowed = check_access(*place.inode, who, kMayExecute);
  if (!allowed.ok()) return allowed.error();
  return open_place(place, open_flag::kExecute);
}

namespace {

/// Strings with their NULs, one behind the other, in linked pages.
class StringChain {
 public:
  StringChain() = default;
  StringChain(const StringChain&) = delete;
  StringChain& operator=(const StringChain&) = delete;
  ~StringChain() {
    while (Page* page = first_) {
      first_ = page->next;
      delete page;
    }
  }
  uint64_t count() const { return count_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t first_size() const { return first_size_; }  // of the first string, with its NUL

  /// EFAULT, E2BIG (longer than kMaxStringSize), ENOMEM.
  Result<void> append_from_user(VirtAddr string) {
    uint64_t size = 0;
    for (bool ended = false; !ended;) {
      if (size == kMaxStringSize) return Errno::kE2BIG;
      if (last_ == nullptr || last_->used == kRoom) TRY(add_page());
      VirtAddr at = string + size;
      // Not further than the page where the string may end: the next one need not be there.
      uint64_t here = std::min(kPageSize - at.value % kPageSize, kMaxStringSize - size);
      uint64_t piece = std::min({here, kRoom - last_->used, kPiece});
      char* to = last_->bytes + last_->used;
      TRY(copy_from_user(to, at, piece));
      const void* nul = memchr(to, 0, piece);
      ended = nul != nullptr;
      if (ended) piece = uint64_t(static_cast<const char*>(nul) - to) + 1;
      last_->used += piece;
      size += piece;
    }
    note(size);
    return {};
  }
  Result<void> append_empty() {
    TRY(add_page());
    last_->bytes[last_->used++] = '\0';
    note(1);
    return {};
  }

  /// Calls use(std::string_view) for each piece of what is behind the first `skipped` bytes.
  template <class Use>
  Result<void> for_each_piece(uint64_t skipped, Use use) const {
    for (const Page* page = first_; page != nullptr; page = page->next) {
      uint64_t left_out = std::min(skipped, page->used);
      skipped -= left_out;
      if (left_out < page->used)
        TRY(use(std::string_view(page->bytes + left_out, page->used - left_out)));
    }
    return {};
  }

 private:
  static constexpr uint64_t kRoom = kPageSize - 16, kPiece = 128;  // bytes
  struct Page {
    Page* next = nullptr;
    uint64_t used = 0;
    char bytes[kRoom];
  };
  static_assert(sizeof(Page) == kPageSize);

  Result<void> add_page() {
    auto* page = new_object<Page>();
    if (page == nullptr) return Errno::kENOMEM;
    (last_ != nullptr ? last_->next : first_) = page;
    last_ = page;
    return {};
  }
  void note(uint64_t size) {
    if (count_++ == 0) first_size_ = size;
    bytes_ += size;
  }

  Page* first_ = nullptr;
  Page* last_ = nullptr;
  uint64_t count_ = 0, bytes_ = 0, first_size_ = 0;
};

constexpr bool is_blank(char byte) { return byte == ' ' || byte == '\t'; }

/// The start of a script, and what it says.
struct Script {
  Script* caller = nullptr;  // the script whose interpreter this one is; null for the first
  std::string_view interpreter, argument;
  char text[kMaxScriptLine] = {};

  Result<void> read(File& file) {
    (void)TRY(read_some(file, text, 0, sizeof(text)));
    const char *first = text + 2, *last = std::end(text);
    const char* line_end = std::find(first, last, '\n');
    const char* name = std::find_if_not(first, line_end, is_blank);
    const char* name_end =
        std::find_if(name, line_end, [](char byte) { return byte == '\0' || is_blank(byte); });
    bool is_cut = name_end == last;
    if (name == line_end || is_cut) return Errno::kENOEXEC;
    const char* end = std::find(name_end, line_end, '\0');
    const char* start = std::find_if_not(name_end, end, is_blank);
    while (end > start && is_blank(end[-1])) end--;
    interpreter = {name, size_t(name_end - name)};
    argument = {start, size_t(end - start)};
    return {};
  }
};

Result<RefPtr<File>> open_by_path(std::string_view path) {
  PathContext context = current_process()->files->context();
  if (path.empty()) return open_program(context.current, context.who);  // as on Linux
  return open_program(TRY(resolve_path(context, path)), context.who);
}

/// What exec was asked for, and what it has read of that.
class Preparation {
 public:
  Preparation(const ExecRequest& request, NewImage& image) : request_(request), image_(image) {}
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  ~Preparation() {
    while (Script* script = innermost_) {
      innermost_ = script->caller;
      delete script;
    }
  }

  /// Everything that can fail.
  Result<void> run() {
    TRY(collect(request_.arguments, arguments_));
    TRY(collect(request_.environment, environment_));
    if (arguments_.count() == 0) TRY(arguments_.append_empty());
    TRY(check_size());
    RefPtr<File> file = TRY(behind_scripts(request_.file, 0));
    image_.space = TRY(AddressSpace::create());
    TRY(make_stack(*image_.space));
    TRY(write_strings());
    TRY(load(file));
    TRY(build_initial_stack(image_));
    return become_only_thread();
  }

 private:
  Result<void> collect(VirtAddr array, StringChain& into) {
    if (array.value == 0) return {};
    while (auto string = TRY(read_user<uint64_t>(array))) {
      TRY(into.append_from_user(VirtAddr(string)));
      TRY(check_size());
      array += sizeof(string);
    }
    return {};
  }

  /// Calls use(std::string_view) for each argument that scripts put in the place of the first.
  template <class Use>
  Result<void> for_each_of_scripts(Use use) const {
    for (const Script* script = innermost_; script != nullptr; script = script->caller) {
      TRY(use(script->interpreter));
      if (!script->argument.empty()) TRY(use(script->argument));
    }
    return innermost_ != nullptr ? use(request_.path) : Result<void>();
  }

  /// Finds out how large all of it is. E2BIG.
  Result<void> check_size() {
    uint64_t replaced = innermost_ != nullptr ? 1 : 0;
    image_.environment_count = environment_.count();
    image_.argument_count = arguments_.count() - replaced;
    strings_size_ = arguments_.bytes() + environment_.bytes() + request_.path.size() + 1;
    if (replaced != 0) strings_size_ -= arguments_.first_size();
    TRY(for_each_of_scripts([this](std::string_view text) -> Result<void> {
      image_.argument_count++;
      strings_size_ += text.size() + 1;
      return {};
    }));
    uint64_t pointers = image_.argument_count + image_.environment_count;
    bool fits = strings_size_ + pointers * sizeof(uint64_t) <= kMaxArgumentSize;
    return fits ? Errno::kOk : Errno::kE2BIG;
  }

  /// The file itself, or the program that in the end interprets it.
  Result<RefPtr<File>> behind_scripts(const RefPtr<File>& file, unsigned depth) {
    char mark[2] = {};
    (void)TRY(read_some(*file, mark, 0, sizeof(mark)));
    if (std::string_view(mark, sizeof(mark)) != "#!") return file;
    if (depth == kMaxScripts) return Errno::kELOOP;
    auto* script = new_object<Script>();
    if (script == nullptr) return Errno::kENOMEM;
    script->caller = innermost_;
    innermost_ = script;
    TRY(script->read(*file));
    if (request_.path_ends) return Errno::kENOENT;
    TRY(check_size());
    return behind_scripts(TRY(open_by_path(script->interpreter)), depth + 1);
  }

  Result<void> write_strings() {
    VirtAddr at = kUserStackTop - sizeof(uint64_t) - strings_size_;
    image_.strings = image_.strings_limit = at;
    auto put = [&](std::string_view bytes) -> Result<void> {
      TRY(copy_to_space(*image_.space, at, bytes.data(), bytes.size()));
      at += bytes.size();
      return {};
    };
    auto put_with_nul = [&](std::string_view text) -> Result<void> {
      TRY(put(text));
      return put({"", 1});
    };
    TRY(for_each_of_scripts(put_with_nul));
    TRY(arguments_.for_each_piece(innermost_ != nullptr ? arguments_.first_size() : 0, put));
    TRY(environment_.for_each_piece(0, put));
    image_.path = at;
    return put_with_nul(request_.path);
  }

  Result<void> load(const RefPtr<File>& file) {
    image_.elf = TRY(read_elf(file));
    image_.program = TRY(load_image(*image_.space, *image_.elf, ImageRole::kProgram));
    if (image_.elf->has_interpreter) {
      RefPtr<ElfImage> loader = TRY(read_loader(TRY(open_by_path(image_.elf->interpreter))));
      image_.interpreter = TRY(load_image(*image_.space, *loader, ImageRole::kInterpreter));
    }
    take_ids(file->inode().attributes());
    return {};
  }
  static Result<RefPtr<ElfImage>> read_loader(const RefPtr<File>& file) {
    char header[sizeof(ElfHeader)];
    TRY(read_exactly(*file, header, 0, sizeof(header)));
    auto loader = read_elf(file);
    bool is_none = !loader.ok() && loader.error() == Errno::kENOEXEC;
    return is_none ? Result<RefPtr<ElfImage>>(Errno::kELIBBAD) : std::move(loader);
  }

  void take_ids(const Attributes& file) {
    constexpr uint32_t kUserBit = 04000, kGroupBits = 02010;  // and whether the group may execute
    auto after = [](IdSet ids, bool changes, uint32_t owner) {
      uint32_t effective = changes ? owner : ids.effective;
      return IdSet{ids.real, effective, effective};
    };
    const ProcessIds& before = current_process()->ids;
    image_.ids.user = after(before.user, (file.permissions & kUserBit) != 0, file.owner);
    image_.ids.group =
        after(before.group, (file.permissions & kGroupBits) == kGroupBits, file.group);
  }

  const ExecRequest& request_;
  NewImage& image_;
  StringChain arguments_, environment_;
  Script* innermost_ = nullptr;
  uint64_t strings_size_ = 0;  // of all strings, the path's included
};

}  // namespace

Result<void> execute(TrapFrame& frame, const ExecRequest& request) {
  NewImage image;
  size_t folder_end = request.path.find_last_of('/') + 1;  // 0 where there is no slash
  image.name = request.path.substr(folder_end);
  {
    Preparation preparation(request, image);
    TRY(preparation.run());
  }
  enter_image(frame, image);
  return {};
}

}  // namespace cairn
