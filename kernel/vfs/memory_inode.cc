#include "vfs/memory_inode.h"

namespace cairn {

MemoryInode::MemoryInode(FileSystem& file_system, InodeNumber number, const NewFile& file)
    : Inode(file_system, number, file.type, nullptr, kPageSize) {
  Timestamp now = current_time();
  Guard guard(attributes_lock_);
  attributes_.permissions = file.permissions;
  attributes_.owner = file.owner;
  attributes_.group = file.group;
  attributes_.device = file.device;
  attributes_.accessed = attributes_.modified = attributes_.changed = now;
}

Attributes MemoryInode::attributes() {
  Attributes result;
  {
    Guard guard(attributes_lock_);
    result = attributes_;
  }
  result.links = links.load();
  result.size = size.load();
  result.sectors = page_count.load() * (kPageSize / 512);
  return result;
}

void apply_change(Attributes& attributes, const AttributeChange& change, Timestamp now) {
  const Attributes& wanted = change.values;
  if (change.which & AttributeChange::kPermissions) attributes.permissions = wanted.permissions;
  if (change.which & AttributeChange::kOwner) attributes.owner = wanted.owner;
  if (change.which & AttributeChange::kGroup) attributes.group = wanted.group;
  if (change.which & AttributeChange::kAccessed) attributes.accessed = wanted.accessed;
  if (change.which & AttributeChange::kModified) attributes.modified = wanted.modified;
  attributes.changed = now;
}

Result<void> MemoryInode::set_attributes(const AttributeChange& change) {
  Timestamp now = current_time();
  Guard guard(attributes_lock_);
  apply_change(attributes_, change, now);
  return {};
}

void MemoryInode::note_modified() {
  Timestamp now = current_time();
  Guard guard(attributes_lock_);
  attributes_.modified = attributes_.changed = now;
}

void MemoryInode::note_read() {
  auto is_after = [](const Timestamp& left, const Timestamp& right) {
    return left.seconds > right.seconds ||
           (left.seconds == right.seconds && left.nanoseconds > right.nanoseconds);
  };
  Guard guard(attributes_lock_);
  bool known = is_after(attributes_.accessed, attributes_.modified) &&
               is_after(attributes_.accessed, attributes_.changed);
  if (!known) attributes_.accessed = current_time();
}

void MemoryInode::note_changed() {
  Timestamp now = current_time();
  Guard guard(attributes_lock_);
  attributes_.changed = now;
}

}  // namespace cairn
