// The walk along a path. What is still to be walked is one string, `rest`; a symbolic link puts its
// target before it and the walk goes on. So nothing recurses, however links are nested.
#include "vfs/path.h"

#include "lib/string.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "vfs/dentry_cache.h"

namespace cairn {

CAIRN_COUNTER(directory_lookup_count, "vfs.directory_lookups");  // the cache didn't know

namespace {

constexpr unsigned kMaxLinks = 40;  // followed in one walk, as on Linux

/// Takes the slashes off the front; whether there were any.
bool strip_slashes(std::string_view& text) {
  size_t length = text.size();
  while (!text.empty() && text.front() == '/') text.remove_prefix(1);
  return text.size() != length;
}

class Walk {
 public:
  explicit Walk(const PathContext& context) : context_(context) {}
  ~Walk() { heap_free(expansion_); }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  Result<void> run(std::string_view path, LastLink last, LastComponent& result) {
    if (path.empty()) return Errno::kENOENT;
    if (path.size() >= kMaxPathLength) return Errno::kENAMETOOLONG;
    keep_name_reserve();
    rest_ = path;
    at_ = path.front() == '/' ? context_.root : context_.current;
    strip_slashes(rest_);
    if (rest_.empty()) {  // nothing but slashes
      result.kind = LastComponent::kRoot;
      result.directory = result.found = at_;
      return {};
    }
    while (true) {
      bool done = TRY(step(last, result));
      if (done) return {};
    }
  }

 private:
  /// Walks one component; true at the last.
  Result<bool> step(LastLink last, LastComponent& result) {
    if (at_.inode->type != FileType::kDirectory) return Errno::kENOTDIR;
    if (!context_.who.is_root()) TRY(check_access(*at_.inode, context_.who, kMayExecute));
    size_t length = rest_.find('/');
    std::string_view name = rest_.substr(0, length);
    rest_.remove_prefix(name.size());
    bool slash = strip_slashes(rest_);
    const bool leave = rest_.empty() && last == LastLink::kLeave;
    if (leave) name = name.substr(0, kMaxNameLength + 1);
    if (name.size() > kMaxNameLength && !leave) return Errno::kENAMETOOLONG;
    if (!rest_.empty()) {
      at_ = TRY(down(name, true));
      return false;
    }
    result.directory = at_;
    result.trailing_slash |= slash;
    result.length = uint16_t(name.size());
    memcpy(result.bytes, name.data(), name.size());
    result.bytes[name.size()] = '\0';
    result.kind = name == "."    ? LastComponent::kDot
                  : name == ".." ? LastComponent::kDotDot
                                 : LastComponent::kName;
    if (leave) return true;
    unsigned before = links_;
    auto found = down(name, last == LastLink::kFollow);
    if (!found.ok() && found.error() == Errno::kENOENT && links_ == before) {
      result.found = {};
      return true;
    }
    if (!found.ok()) return found.error();
    if (links_ != before) {  // a link: the walk goes on along its target
      at_ = *found;
      if (!rest_.empty()) return false;
      result.kind = LastComponent::kRoot;  // the target was "/"
      result.directory = result.found = at_;
      return true;
    }
    result.found = *found;
    return true;
  }

  /// The place of `name` in at_, mounts crossed. If it is a link to be followed: where that starts,
  /// with rest_ set to what is to be walked from there.
  Result<Place> down(std::string_view name, bool follow) {
    if (name == ".") return at_;
    if (name == "..") return step_up(context_.root, at_);
    RefPtr<Inode> inode = TRY(look_up(*at_.inode, name));
    if (follow && inode->type == FileType::kSymlink) return expand(*inode);
    Place found{at_.mount, std::move(inode)};
    if (found.inode->mount_count.load() == 0) return found;  // cross_mounts() without a call
    return cross_mounts(std::move(found));
  }

  Result<Place> expand(Inode& link) {
    if (++links_ > kMaxLinks) return Errno::kELOOP;
    Place target = TRY(link.jump());
    if (target) return target;
    // The path and each target are bounded by themselves; what is left of them all, by the number of links.
    auto* text = static_cast<char*>(heap_allocate(kMaxPathLength + 1 + rest_.size()));
    if (text == nullptr) return Errno::kENOMEM;
    auto length = link.read_link({text, kMaxPathLength});
    Errno error = length.ok() ? Errno::kOk : length.error();
    if (error == Errno::kOk && *length == 0) error = Errno::kENOENT;
    if (error != Errno::kOk) {
      heap_free(text);
      return error;
    }
    size_t used = *length;
    if (!rest_.empty()) {
      text[used++] = '/';
      memcpy(text + used, rest_.data(), rest_.size());
      used += rest_.size();
    }
    heap_free(expansion_);
    expansion_ = text;
    rest_ = {text, used};
    if (!strip_slashes(rest_)) return at_;
    return context_.root;
  }

  const PathContext& context_;
  Place at_;
  std::string_view rest_;
  char* expansion_ = nullptr;  // holds rest_ once a link was followed
  unsigned links_ = 0;
};

}  // namespace

namespace {

/// Asks the file system, each time.
Result<RefPtr<Inode>> look_up_anew(Inode& directory, std::string_view name)
    REQUIRES_SHARED(directory.lock) {
  RefPtr<Inode> found = TRY(directory.lookup(name));
  if (found->type == FileType::kDirectory) found->note_name(directory, name);
  return found;
}

}  // namespace

Result<RefPtr<Inode>> look_up(Inode& directory, std::string_view name) {
  if (directory.type != FileType::kDirectory) return Errno::kENOTDIR;
  if (auto known = dentry_cache_find(directory, name)) {
    if (!known->inode) return Errno::kENOENT;
    return std::move(known->inode);
  }
  SharedGuard guard(directory.lock);
  if (directory.links.load() == 0) return Errno::kENOENT;  // removed
  if (directory.file_system.changes_by_itself) return look_up_anew(directory, name);
  directory_lookup_count.increment();
  auto found = directory.lookup(name);
  if (found.ok()) {
    remember_entry(directory, name, **found);
  } else if (found.error() == Errno::kENOENT) {
    dentry_cache_add(directory, name, nullptr);
  }
  return found;
}

void remember_entry(const Inode& directory, std::string_view name, Inode& found) {
  dentry_cache_add(directory, name, &found);
  found.note_name(directory, name);
}

Result<Place> step_up(const Place& root, const Place& from) {
  Place at = from;
  if (same_place(at, root)) return at;
  while (at.inode.get() == at.mount->root.get() && at.mount->covered) {
    at = Place(at.mount->covered);
    if (same_place(at, root)) return at;
  }
  RefPtr<Inode> parent;
  {
    SharedGuard guard(at.inode->lock);
    parent = TRY(at.inode->lookup(".."));
  }
  if (parent->type != FileType::kDirectory) return Errno::kENOTDIR;
  return cross_mounts({at.mount, parent});
}

Result<LastComponent> resolve_last(const PathContext& context, std::string_view path,
                                   LastLink last) {
  LastComponent result;
  TRY(Walk(context).run(path, last, result));
  return result;
}

Result<Place> resolve_path(const PathContext& context, std::string_view path, LastLink last) {
  bool slash = !path.empty() && path.back() == '/';
  LastComponent result;
  TRY(Walk(context).run(path, slash ? LastLink::kFollow : last, result));
  if (!result.found) return Errno::kENOENT;
  bool directory = result.found.inode->type == FileType::kDirectory;
  if ((slash || result.trailing_slash) && !directory) return Errno::kENOTDIR;
  return std::move(result.found);
}

namespace {

/// What the inode was noted as, and where; false: as nothing.
bool read_noted_name(const Inode& inode, InodeNumber& directory, DirectoryEntry& entry) {
  RcuReader reader;
  NotedName* noted = inode.noted_name.load();
  if (noted == nullptr) return false;
  directory = noted->directory;
  entry.name_length = noted->length;
  memcpy(entry.name_bytes, noted->bytes, noted->length);
  return true;
}

/// Renames, and mounts by others, may have changed it.
bool is_called(Inode& parent, const Inode& child, std::string_view name) {
  auto found = look_up(parent, name);
  return found.ok() && (*found)->number == child.number;
}

/// The name of `child` in its parent directory. ENOENT if it has none there.
Result<void> name_in(Inode& parent, Inode& child, DirectoryEntry& entry) {
  InodeNumber noted_parent;
  bool is_noted = read_noted_name(child, noted_parent, entry);
  if (is_noted && is_called(parent, child, entry.name())) return {};
  SharedGuard guard(parent.lock);
  for (uint64_t position = 0;; position = entry.next_position) {
    bool more = TRY(parent.read_entry(position, entry));
    if (!more) return Errno::kENOENT;
    if (entry.inode != child.number || entry.name() == "." || entry.name() == "..") continue;
    child.note_name(parent, entry.name());
    return {};
  }
}

}  // namespace

/// What getcwd() says before the path of a directory that no path leads to. Source: Linux, getcwd(2), "Notes".
constexpr std::string_view kUnreachable = "(unreachable)";

Result<size_t> path_of(const PathContext& context, const Place& directory, std::span<char> buffer) {
  // Built from its end; each round puts one name before what is there.
  size_t start = buffer.size();
  if (start < 2) return Errno::kERANGE;
  buffer[--start] = '\0';
  Place at = directory;
  bool is_reachable = true;
  if (at.inode->links.load() == 0) return Errno::kENOENT;
  while (!same_place(at, context.root)) {
    while (at.inode.get() == at.mount->root.get() && at.mount->covered) {
      at = Place(at.mount->covered);
    }
    if (same_place(at, context.root)) break;
    Place above = TRY(step_up(context.root, at));
    if (same_place(above, at)) {  // the topmost, but not our root
      is_reachable = false;
      break;
    }
    DirectoryEntry entry;
    TRY(name_in(*above.inode, *at.inode, entry));
    if (start < entry.name().size() + 1) return Errno::kERANGE;
    start -= entry.name().size();
    memcpy(&buffer[start], entry.name().data(), entry.name().size());
    buffer[--start] = '/';
    at = above;
  }
  if (buffer[start] == '\0') buffer[--start] = '/';
  if (!is_reachable) {
    if (start < kUnreachable.size()) return Errno::kERANGE;
    start -= kUnreachable.size();
    memcpy(&buffer[start], kUnreachable.data(), kUnreachable.size());
  }
  size_t length = buffer.size() - start;
  memmove(buffer.data(), &buffer[start], length);
  return length - 1;
}

Result<size_t> noted_path_of(const PathContext& context, const Place& file, std::span<char> buffer,
                             bool& is_there) {
  InodeNumber number;
  DirectoryEntry entry;
  if (!read_noted_name(*file.inode, number, entry)) return Errno::kENOENT;
  RefPtr<Inode> directory = file.inode->file_system.directory_at(number);
  if (!directory || directory->type != FileType::kDirectory) return Errno::kENOENT;
  size_t length = TRY(path_of(context, {file.mount, directory}, buffer));
  if (length == 1) length = 0;  // the root
  if (buffer.size() - length < entry.name().size() + 2) return Errno::kERANGE;
  buffer[length++] = '/';
  memcpy(&buffer[length], entry.name().data(), entry.name().size());
  length += entry.name().size();
  buffer[length] = '\0';
  is_there = is_called(*directory, *file.inode, entry.name());
  return length;
}

}  // namespace cairn
