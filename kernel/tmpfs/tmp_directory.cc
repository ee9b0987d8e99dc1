// Directories of a tmpfs: what the VFS calls with their locks held.
#include "lib/string.h"
#include "memory/heap.h"
#include "tmpfs/tmp_file_system.h"

namespace cairn {

Result<TmpEntry*> TmpEntry::create(std::string_view name) {
  void* memory = heap_allocate(sizeof(TmpEntry) + name.size());
  if (memory == nullptr) return Errno::kENOMEM;
  auto* entry = new (memory) TmpEntry();
  entry->length = uint16_t(name.size());
  memcpy(entry->bytes, name.data(), name.size());
  return entry;
}

void TmpEntry::destroy(TmpEntry* entry) {
  entry->~TmpEntry();
  heap_free(entry);
}

RefPtr<Inode> TmpInode::parent() {
  Guard guard(tmpfs().parents_lock);
  return RefPtr<Inode>::share(parent_);
}
void TmpInode::set_parent(TmpInode& parent) {
  Guard guard(tmpfs().parents_lock);
  parent_ = &parent;
}

TmpEntry* TmpInode::find(std::string_view name) const {
  TmpEntry* entry = names_.lower_bound(name);
  return entry != nullptr && entry->name() == name ? entry : nullptr;
}

void TmpInode::add(TmpEntry& entry, TmpInode& inode) {
  entry.inode = RefPtr<Inode>::share(&inode);
  entry.position = next_position_++;
  names_.insert(entry);
  positions_.insert(entry);
  size.fetch_add(kEntrySize);
  if (inode.type == FileType::kDirectory) links.fetch_add(1);  // its ".."
}

/// The entry itself stays, and keeps the file, until its destruction.
void TmpInode::remove(TmpEntry& entry) {
  names_.remove(entry);
  positions_.remove(entry);
  size.fetch_sub(kEntrySize);
  if (entry.inode->type == FileType::kDirectory) links.fetch_sub(1);
}

void TmpInode::take_entries(TmpEntryList& entries) {
  ExclusiveGuard guard(lock);
  while (TmpEntry* entry = positions_.first()) {
    remove(*entry);
    entries.push_back(*entry);
  }
}

Result<RefPtr<Inode>> TmpInode::lookup(std::string_view name) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  if (name == ".") return RefPtr<Inode>::share(this);
  if (name == "..") return parent();
  TmpEntry* entry = find(name);
  if (entry == nullptr) return Errno::kENOENT;
  return entry->inode;
}

Result<bool> TmpInode::read_entry(uint64_t position, DirectoryEntry& entry) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  auto fill = [&entry](std::string_view name, const Inode& inode, uint64_t next) {
    entry.inode = inode.number;
    entry.type = inode.type;
    entry.next_position = next;
    entry.name_length = uint16_t(name.size());
    memcpy(entry.name_bytes, name.data(), name.size());
    entry.name_bytes[name.size()] = '\0';
    return true;
  };
  if (position == 0) return fill(".", *this, 1);
  if (position == 1) return fill("..", *parent(), kFirstPosition);
  TmpEntry* found = positions_.lower_bound(position);
  if (found == nullptr) return false;
  return fill(found->name(), *found->inode, found->position + 1);
}

namespace {

NewFile inherit_group(TmpInode& directory, NewFile file) {
  constexpr uint16_t kSetGroupId = 02000;
  Attributes attributes = directory.attributes();
  if ((attributes.permissions & kSetGroupId) == 0) return file;
  file.group = attributes.group;
  if (file.type == FileType::kDirectory) file.permissions |= kSetGroupId;
  return file;
}

}  // namespace

Result<RefPtr<Inode>> TmpInode::create(std::string_view name, const NewFile& file) {
  if (type != FileType::kDirectory) return Errno::kENOTDIR;
  RefPtr<Inode> made = TRY(tmpfs().create_inode(inherit_group(*this, file)));
  TmpEntry* entry = TRY(TmpEntry::create(name));
  auto& inode = static_cast<TmpInode&>(*made);
  inode.links = file.type == FileType::kDirectory ? 2 : 1;
  inode.set_parent(*this);
  inode.note_name(*this, name);
  add(*entry, inode);
  note_modified();
  return made;
}

Result<void> TmpInode::link(std::string_view name, Inode& target) {
  TmpEntry* entry = TRY(TmpEntry::create(name));
  auto& inode = static_cast<TmpInode&>(target);
  inode.links.fetch_add(1);
  inode.note_changed();
  add(*entry, inode);
  note_modified();
  return {};
}

Result<void> TmpInode::check_empty(TmpInode& victim) {
  if (victim.type != FileType::kDirectory) return {};
  return victim.size.load() == kEmptySize ? Result<void>() : Errno::kENOTEMPTY;
}

void TmpInode::drop_link(TmpInode& victim) {
  if (victim.type == FileType::kDirectory) {
    victim.links = 0;
    victim.keep_parent();
  } else {
    victim.links.fetch_sub(1);
  }
  victim.note_changed();
}

Result<void> TmpInode::unlink(std::string_view name, Inode& victim) {
  auto& file = static_cast<TmpInode&>(victim);
  TRY(check_empty(file));
  TmpEntry* entry = find(name);
  if (entry == nullptr || entry->inode.get() != &victim) return Errno::kENOENT;
  remove(*entry);
  drop_link(file);
  note_modified();
  TmpEntry::destroy(entry);  // the caller has the victim: nothing goes here
  return {};
}

Result<void> TmpInode::rename(std::string_view name, Inode& moved, Inode& target,
                              std::string_view new_name, Inode* victim) NO_THREAD_SAFETY_ANALYSIS {
  auto& to = static_cast<TmpInode&>(target);
  auto& file = static_cast<TmpInode&>(moved);
  TmpEntry* old = find(name);
  if (old == nullptr) return Errno::kENOENT;
  if (victim != nullptr) TRY(check_empty(static_cast<TmpInode&>(*victim)));
  TmpEntry* fresh = TRY(TmpEntry::create(new_name));
  if (victim != nullptr) {
    TmpEntry* replaced = to.find(new_name);
    to.remove(*replaced);
    drop_link(static_cast<TmpInode&>(*victim));
    TmpEntry::destroy(replaced);
  }
  to.add(*fresh, file);
  remove(*old);
  TmpEntry::destroy(old);
  if (file.type == FileType::kDirectory) file.set_parent(to);
  file.note_changed();
  note_modified();
  to.note_modified();
  return {};
}

}  // namespace cairn
