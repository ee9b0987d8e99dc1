#include "procfs/proc_inode.h"

#include <algorithm>

#include "lib/hash.h"
#include "lib/string.h"
#include "lib/words.h"
#include "memory/heap.h"
#include "procfs/procfs.h"
#include "vfs/file.h"

namespace cairn {

namespace {

// Source: Linux, include/uapi/linux/magic.h.
constexpr uint64_t kProcMagic = 0x9fa0;
constexpr InodeNumber kRootNumber{1};
// Positions in a directory: ".", "..", the table's entries, and from here on those with numbers: so a listing goes on
// behind the last number that it gave, whatever came and went meanwhile.
constexpr uint64_t kFirstEntry = 2, kFirstNumber = 256;

}  // namespace

/// What an open file shows. It is printed when the file is read from its beginning, and stays so for whoever reads on.
struct ShownText {
  Mutex lock{"proc text", LockRank::kProcText};
  ProcText text GUARDED_BY(lock);
  bool is_printed GUARDED_BY(lock) = false;
  RefPtr<CallTrace> trace;  // since it was opened, instead of all that
};

namespace {

/// What is written to a trace: that it shall follow children, from now on.
Result<void> change_trace(CallTrace& trace, std::string_view text) {
  if (text != "follow" && text != "follow\n") return Errno::kEINVAL;
  trace.follows_children = true;
  return {};
}

bool is_gone(const ProcTarget& target) {
  if (!target.process) return false;
  IrqGuard guard(process_tree_lock);
  return target.process->state == ProcessState::kReaped;
}

}  // namespace

ProcInode::ProcInode(ProcFileSystem& file_system, InodeNumber number, const ProcEntry& entry,
                     ProcTarget target, ProcInode* parent)
    : Inode(file_system, number, entry.type, nullptr, 1024),
      entry_(entry),
      target_(std::move(target)),
      parent_(RefPtr<ProcInode>::share(parent)) {
  links = type == FileType::kDirectory ? 2 : 1;
}

void ProcInode::let_go() {
  target_ = {};
  parent_ = nullptr;
}

Attributes ProcInode::attributes() {
  Attributes result;
  result.permissions = entry_.permissions;
  result.links = links.load();
  result.accessed = result.modified = result.changed = made_;
  if (!target_.process) return result;
  const bool is_own =
      target_.process.get() == current_process();  // it may list its descriptors in any case
  const bool tells_nothing = type == FileType::kDirectory && (entry_.permissions == 0555 || is_own);
  IrqGuard guard(process_tree_lock);
  if (target_.process->is_private && !tells_nothing) return result;  // root's
  result.owner = target_.process->ids.user.effective;
  result.group = target_.process->ids.group.effective;
  return result;
}

/// Nothing else can be the same: numbers of processes come again, but not at the same time.
InodeNumber ProcInode::number_of(uint64_t position, const ProcTarget& target) const {
  const uint64_t parts[] = {number.value, position,
                            target.process ? target.process->started_ns : 0};
  return InodeNumber(hash_bytes({reinterpret_cast<const char*>(parts), sizeof(parts)}, 0));
}

Result<RefPtr<Inode>> ProcInode::make(uint64_t position, const ProcEntry& entry,
                                      ProcTarget target) {
  InodeNumber child = number_of(position, target);
  auto* inode = new_object<ProcInode>(static_cast<ProcFileSystem&>(file_system), child, entry,
                                      std::move(target), this);
  if (inode == nullptr) return Errno::kENOMEM;
  return RefPtr<Inode>::adopt(inode);
}

Result<void> ProcInode::check_look() const {
  if (!entry_.is_private || !target_.process || may_look_into(*target_.process)) return {};
  return Errno::kEACCES;
}

Result<RefPtr<Inode>> ProcInode::lookup(std::string_view name) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (name == ".") return RefPtr<Inode>::share(this);
  if (name == "..") return RefPtr<Inode>::share(parent_ ? parent_.get() : this);
  if (is_gone(target_)) return Errno::kESRCH;
  TRY(check_look());
  for (size_t i = 0; i < entry_.entries.size(); i++) {
    if (name == entry_.entries[i].name) return make(kFirstEntry + i, entry_.entries[i], target_);
  }
  auto wanted = number_in(name);
  if (!wanted || entry_.numbered == nullptr) return Errno::kENOENT;
  return make(kFirstNumber + *wanted, entry_.numbered->entry,
              TRY(entry_.numbered->find(target_, *wanted)));
}

Result<bool> ProcInode::read_entry(uint64_t position, DirectoryEntry& out) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (is_gone(target_)) return Errno::kENOENT;
  TRY(check_look());
  BufferWriter name(out.name_bytes);
  const uint64_t behind_table = kFirstEntry + entry_.entries.size();
  out.type = FileType::kDirectory;
  if (position < kFirstEntry) {
    out.inode = position == 1 && parent_ ? parent_->number : number;
    name.write(position == 0 ? "." : "..");
  } else if (position < behind_table) {
    const ProcEntry& entry = entry_.entries[position - kFirstEntry];
    out.type = entry.type;
    out.inode = number_of(position, target_);
    name.write(entry.name);
  } else {
    if (entry_.numbered == nullptr) return false;
    uint64_t from = position < kFirstNumber ? 0 : position - kFirstNumber;
    auto found = entry_.numbered->next(target_, from);
    if (!found) return false;
    position = kFirstNumber + *found;
    auto target = entry_.numbered->find(target_, *found);
    out.type = entry_.numbered->entry.type;
    out.inode = number_of(position, target.ok() ? *target : target_);  // it may be gone again
    print(name, "{}", *found);
  }
  out.next_position = position + 1;
  out.name_length = uint16_t(name.text().size());
  return true;
}

/// What is private is shown to those who may look into the process at the time, not as they opened the file: a program
/// that they may not look into may have taken the place of theirs since, even while it is printed.
Result<void> ProcInode::print_whole(ProcText& text) {
  TRY(check_look());
  TRY(entry_.print(target_, text));
  TRY(text.state());
  return check_look();
}

/// Nobody else knows the text yet, so its lock isn't held.
Result<void> ProcInode::print_first(ShownText& shown) NO_THREAD_SAFETY_ANALYSIS {
  TRY(print_whole(shown.text));
  shown.is_printed = true;
  return {};
}

Result<void> ProcInode::on_open(File& file) {
  if (type == FileType::kDirectory) return check_look();
  if (type != FileType::kRegular) return {};
  TRY(check_look());
  auto* shown = new_object<ShownText>();
  if (shown == nullptr) return Errno::kENOMEM;
  // Who only reads all there is wouldn't want to trace all there is.
  const bool begins = entry_.begin != nullptr && file.readable && file.writable;
  auto begun = begins ? begin_trace_for(*shown) : Result<void>();
  if (entry_.is_printed_at_open) begun = print_first(*shown);
  if (!begun.ok()) {
    delete shown;
    return begun;
  }
  file.stream = shown;
  return {};
}

void ProcInode::on_close(File& file) {
  auto* shown = static_cast<ShownText*>(file.stream);
  if (shown != nullptr && shown->trace) shown->trace->close();
  delete shown;
}

Result<void> ProcInode::begin_trace_for(ShownText& shown) {
  shown.trace = TRY(entry_.begin(target_));
  return {};
}

/// What was told, as much as is there and fits.
Result<uint64_t> ProcInode::read_trace(CallTrace& trace, IoBuffer& buffer) {
  char piece[512];
  uint64_t wanted = std::min(buffer.left(), uint64_t(sizeof(piece)));
  if (wanted == 0) return uint64_t(0);
  uint64_t count = TRY(trace.read({piece, wanted}));
  TRY(buffer.put(piece, count));
  return count;
}

uint32_t ProcInode::poll(File& file, WaitQueue** wait) {
  auto* shown = static_cast<ShownText*>(file.stream);
  if (shown == nullptr || !shown->trace) return Inode::poll(file, wait);
  if (wait != nullptr) *wait = &shown->trace->told();
  return kPollOut | (shown->trace->is_ready() ? kPollIn : 0);
}

Result<uint64_t> ProcInode::read(File& file, IoBuffer& buffer, uint64_t offset) {
  auto* shown = static_cast<ShownText*>(file.stream);
  if (shown == nullptr) return Errno::kEINVAL;
  if (shown->trace) return read_trace(*shown->trace, buffer);
  MutexGuard guard(shown->lock);
  if (!shown->is_printed || (offset == 0 && !entry_.is_printed_at_open)) {
    shown->text.clear();
    shown->is_printed = false;
    TRY(print_whole(shown->text));
    shown->is_printed = true;
  }
  std::string_view text = shown->text.view();
  if (offset >= text.size()) return uint64_t(0);
  text.remove_prefix(offset);
  uint64_t wanted = std::min(buffer.left(), uint64_t(text.size()));
  uint64_t moved = buffer.put_some(text.data(), wanted);
  if (moved == 0 && wanted != 0) return Errno::kEFAULT;
  return moved;
}

Result<uint64_t> ProcInode::write(File& file, IoBuffer& buffer, uint64_t&) {
  auto* shown = static_cast<ShownText*>(file.stream);
  CallTrace* trace = shown != nullptr ? shown->trace.get() : nullptr;
  if (entry_.accept == nullptr && trace == nullptr)
    return target_.process ? Errno::kEINVAL : Errno::kEIO;
  char text[256];
  uint64_t count = buffer.left();
  uint64_t kept = std::min(count, uint64_t(sizeof(text)));
  TRY(buffer.take(text, kept));
  TRY(trace != nullptr ? change_trace(*trace, {text, kept}) : entry_.accept(target_, {text, kept}));
  return count;
}

Result<uint64_t> ProcInode::read_link(std::span<char> buffer) {
  if (type != FileType::kSymlink) return Errno::kEINVAL;
  ProcText text;
  TRY(print_whole(text));
  return uint64_t(text.view().copy(buffer.data(), buffer.size()));
}

Result<Place> ProcInode::jump() {
  if (entry_.jump == nullptr) return Place();
  TRY(check_look());
  Place place = TRY(entry_.jump(target_));
  TRY(check_look());  // as print_whole() does
  return place;
}

Result<void> ProcFileSystem::start() {
  auto* root = new_object<ProcInode>(*this, kRootNumber, kRootEntry, ProcTarget(), nullptr);
  if (root == nullptr) return Errno::kENOMEM;
  root_ = RefPtr<Inode>::adopt(root);
  return {};
}

FileSystemStatistics ProcFileSystem::statistics() {
  FileSystemStatistics result;
  result.type = kProcMagic;
  result.block_size = kPageSize;
  return result;
}

Result<void> ProcFileSystem::shut_down() {
  root_ = nullptr;
  return {};
}

void ProcFileSystem::destroy_inode(Inode& inode) {
  static_cast<ProcInode&>(inode).let_go();
  inode.free_after_readers();
}

Result<RefPtr<FileSystem>> open_procfs(BlockDevice*, bool) {
  auto* raw = new_object<ProcFileSystem>();
  if (raw == nullptr) return Errno::kENOMEM;
  auto file_system = RefPtr<FileSystem>::adopt(raw);
  TRY(raw->start());
  return file_system;
}

}  // namespace cairn
