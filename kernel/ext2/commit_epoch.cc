// What an epoch knows about its changes, and what it works out when it ends.
#include <algorithm>

#include "ext2/commit_state.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"

namespace cairn::ext2 {

Note* new_note(BlockNumber block, uint32_t offset, uint32_t size, Moment until) {
  void* memory = heap_allocate(sizeof(Note) + 3 * size);
  if (memory == nullptr) return nullptr;
  Note* note = new (memory) Note;
  note->key = note_key(block, offset);
  note->size = uint16_t(size);
  note->until = until;
  return note;
}

Record* Epoch::find_record(uint64_t number) {
  Record*& recent_record = recent[number % kRecent];
  if (recent_record != nullptr && recent_record->number == number) return recent_record;
  Record* found = records.lower_bound(number);
  if (found == nullptr || found->number != number) return nullptr;
  return recent_record = found;
}

Note* Epoch::find_note(uint64_t key) const {
  Note* found = notes.lower_bound(key);
  return found != nullptr && found->key == key ? found : nullptr;
}

Birth* Epoch::find_birth(uint64_t inode) const {
  Birth* found = births.lower_bound(inode);
  return found != nullptr && found->inode == inode ? found : nullptr;
}

Note* Epoch::first_note(const Record& record) const {
  if (record.note_count == 0) return nullptr;
  Note* first = notes.lower_bound(note_key(BlockNumber(record.number), 0));
  return belongs(first, record) ? first : nullptr;
}

void Epoch::add_note(Record& record, Note& note) {
  notes.insert(note);
  record.note_count++;
}

void Epoch::remove_notes(Record& record) {
  while (Note* note = first_note(record)) {
    notes.remove(*note);
    record.note_count--;
    ASSERT(!note->is_birth);  // these lie in inode tables, which stay what they are
    heap_free(note);
  }
}

void Epoch::remove_record(Record& record) {
  remove_notes(record);
  if (recent[record.number % kRecent] == &record) recent[record.number % kRecent] = nullptr;
  records.remove(record);
  record_count--;
  delete &record;
}

void Epoch::clear() {
  while (Birth* birth = births.root()) {
    births.remove(*birth);
    delete birth;
  }
  while (Note* note = notes.root()) {
    notes.remove(*note);
    heap_free(note);
  }
  while (Record* record = records.root()) {
    records.remove(*record);
    delete record;
  }
  record_count = birth_count = 0;
  whole = false;
  levels = 0;
  std::fill(std::begin(recent), std::end(recent), nullptr);
}

/// The new directory that has the inode's name; null if that directory was there before.
Birth* Epoch::above(const Birth& birth) const {
  return birth.note == nullptr ? nullptr : find_birth(birth.parent);
}

/// Walks up to a directory whose level is known or that was there before, then down again.
uint32_t Epoch::level_of(Birth& birth) {
  uint32_t distance = 0;
  Birth* top = &birth;
  while (!top->has_level) {
    Birth* next = above(*top);
    // More steps than births: a circle, which only a damaged directory can make.
    if (next == nullptr || distance > birth_count) {
      top->level = 0;
      top->has_level = true;
    } else {
      top = next;
      distance++;
    }
  }
  uint32_t level = top->level + distance;
  for (Birth* at = &birth; at != top; at = above(*at)) {
    at->level = level--;
    at->has_level = true;
  }
  return birth.level;
}

void Epoch::seal() {
  for (Birth* birth = births.first(); birth != nullptr; birth = births.next(*birth)) {
    if (!birth->last) levels = std::max(levels, level_of(*birth));
  }
  for (Birth* birth = births.first(); birth != nullptr; birth = births.next(*birth)) {
    if (birth->last) birth->level = levels + 1;
    if (birth->note == nullptr) continue;
    birth->note->until = birth->level == 0 ? moment(kInodeBlocks) : moment(kBirths, birth->level);
  }
  for (Record* record = records.first(); record != nullptr; record = records.next(*record)) {
    record->stages = 0;
    for (Note* note = first_note(*record); belongs(note, *record); note = notes.next(*note)) {
      memcpy(note->final(), record->block.data() + note->offset(), note->size);
      record->stages |= 1u << stage_of(note->until);
      if (note->last != 0) record->stages |= 1u << stage_of(note->last);
    }
  }
}

void Epoch::take_over(Epoch& older, bool inodes_written) {
  whole = whole || older.whole;
  while (Birth* birth = older.births.root()) {
    older.births.remove(*birth);
    birth->has_level = false;
    if (Birth* here = find_birth(birth->inode)) {
      if (here->note == nullptr) {
        here->note = birth->note;
        here->parent = birth->parent;
        here->last = birth->last;
      }
      delete birth;
    } else {
      births.insert(*birth);
      birth_count++;
    }
  }
  while (Record* record = older.records.root()) {
    older.records.remove(*record);
    if (inodes_written && record->kind == BlockKind::kNew) record->kind = record->next_kind;
    Record* here = find_record(record->number);
    if (here != nullptr) {
      if (record->kind == BlockKind::kNew && here->kind != BlockKind::kNew) {
        here->next_kind = here->kind;
        here->kind = BlockKind::kNew;
      }
      here->changed = here->changed || record->changed;
      here->note_count += record->note_count;
      delete record;
    } else {
      records.insert(*record);
      record_count++;
    }
  }
  while (Note* note = older.notes.root()) {
    older.notes.remove(*note);
    Note* here = find_note(note->key);
    if (here == nullptr) {
      notes.insert(*note);
      continue;
    }
    ASSERT(!note->is_birth);  // an inode that the older epoch made can't be made again in this one
    // The older value is what the device has.
    memcpy(here->before(), note->before(), here->size);
    here->until = std::max(here->until, note->until);
    find_record(note->key >> kPageShift)->note_count--;
    heap_free(note);
  }
}

}  // namespace cairn::ext2
