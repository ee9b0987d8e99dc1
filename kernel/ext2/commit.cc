// The current epoch: which blocks changed, and which old values are still wanted.
#include "ext2/commit.h"

#include <algorithm>

#include "ext2/commit_state.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"

namespace cairn::ext2 {

namespace {

constexpr uint32_t kEntryType = 7;  // offset of an entry's type in it

uint32_t field(const MetadataBlock& block, uint32_t offset) {
  uint32_t value;
  memcpy(&value, block.data() + offset, sizeof(value));
  return value;
}

BlockKind kind_for(Step step) {
  bool is_name = step == Step::kReplace || step == Step::kRemove;
  return is_name ? BlockKind::kDirectory : BlockKind::kInodes;
}

}  // namespace

Result<MetadataStore*> MetadataStore::create(BlockDevice& device, uint32_t block_size,
                                             uint64_t block_count) {
  auto* state = new_object<State>(device, block_size, block_count);
  if (state == nullptr) return Errno::kENOMEM;
  void* memory = heap_allocate(sizeof(MetadataStore));
  if (memory == nullptr) {
    delete state;
    return Errno::kENOMEM;
  }
  auto* store = new (memory) MetadataStore(*state);
  auto prepared = state->prepare();
  if (!prepared.ok()) {
    delete store;
    return prepared.error();
  }
  return store;
}

Result<void> MetadataStore::State::prepare() NO_THREAD_SAFETY_ANALYSIS {
  pages = TRY(device_pages(device));
  current = new_object<Epoch>();
  spare = new_object<Epoch>();
  if (current == nullptr || spare == nullptr) return Errno::kENOMEM;
  for (uint8_t*& memory : reserve) {
    memory = direct_map_as<uint8_t>(frame_address(TRY(allocate_frame(FrameUse::kDma))));
  }
  return {};
}

MetadataStore::State::~State() NO_THREAD_SAFETY_ANALYSIS {
  delete current;
  delete spare;
  for (uint8_t* memory : reserve) {
    if (memory != nullptr) free_frame(frame_of(physical_of(memory)));
  }
}

MetadataStore::~MetadataStore() { delete &state_; }

Result<MetadataBlock> MetadataStore::read(BlockNumber number) {
  if (number.value >= state_.block_count) return Errno::kEUCLEAN;
  uint64_t start = number.value * state_.block_size;
  PageRef page = TRY(read_page(*state_.pages, start / kPageSize));
  return MetadataBlock(std::move(page), uint32_t(start % kPageSize), number);
}

Result<MetadataBlock> MetadataStore::create_block(BlockNumber number) {
  if (number.value >= state_.block_count) return Errno::kEUCLEAN;
  uint64_t start = number.value * state_.block_size;
  uint64_t index = start / kPageSize;
  // A page holds other blocks too unless blocks are as large.
  PageRef page = TRY(state_.block_size == kPageSize ? new_page(*state_.pages, index)
                                                    : read_page(*state_.pages, index));
  MetadataBlock block(std::move(page), uint32_t(start % kPageSize), number);
  TRY(state_.with_record(block, [](Epoch& epoch, Record& record) {
    epoch.remove_notes(record);
    record.kind = BlockKind::kNew;
    record.changed = true;
  }));
  memset(block.data(), 0, state_.block_size);
  return block;
}

template <class Use>
Result<void> MetadataStore::State::with_record(const MetadataBlock& block, Use use) {
  {
    Guard guard(lock);
    if (Record* record = current->find_record(block.number().value)) {
      use(*current, *record);
      return {};
    }
  }
  Record* fresh = new_object<Record>();
  if (fresh == nullptr) return Errno::kENOMEM;
  fresh->number = block.number().value;
  fresh->block = block;
  {
    Guard guard(lock);
    Record* record = current->find_record(fresh->number);
    if (record == nullptr) {
      record = std::exchange(fresh, nullptr);
      current->records.insert(*record);
      current->record_count++;
    }
    use(*current, *record);
  }
  delete fresh;
  return {};
}

Result<void> MetadataStore::change(const MetadataBlock& block, BlockKind kind) {
  return state_.with_record(block, [kind](Epoch&, Record& record) {
    if (record.kind == BlockKind::kNew) {
      record.next_kind = kind;
    } else {
      record.kind = kind;
    }
    record.changed = true;
  });
}

Result<void> MetadataStore::State::add_note(const MetadataBlock& block, BlockKind kind,
                                            Note* note) {
  if (note == nullptr) return Errno::kENOMEM;
  Note* unused = note;
  auto result = with_record(block, [&](Epoch& epoch, Record& record) {
    if (record.kind != BlockKind::kNew && !record.changed) record.kind = kind;
    Note* there = epoch.find_note(note->key);
    if (there == nullptr) {
      unused = nullptr;
      epoch.add_note(record, *note);
      return;
    }
    there->until = std::max(there->until, note->until);
    if (note->last == 0) return;
    there->last = note->last;
    memcpy(there->between(), note->between(), note->size);
  });
  heap_free(unused);
  return result;
}

Result<void> MetadataStore::State::keep(const MetadataBlock& block, BlockKind kind, uint32_t offset,
                                        uint32_t size, Moment until) {
  Note* note = new_note(block.number(), offset, size, until);
  if (note != nullptr) memcpy(note->before(), block.data() + offset, size);
  return add_note(block, kind, note);
}

bool MetadataStore::is_new(InodeNumber inode) {
  Guard guard(state_.lock);
  Birth* birth = state_.current->find_birth(inode.value);
  return birth != nullptr && birth->note != nullptr;
}

Result<void> MetadataStore::write_later(const MetadataBlock& block, uint32_t offset, uint32_t size,
                                        uint32_t value_until, Step step) {
  // An entry's type goes with its inode, also when an entry that was replaced is removed then.
  bool has_type_note = step == Step::kRemove && is_held(block, offset + kEntryType);
  if (size == 4 && (step == Step::kReplace || has_type_note)) {
    TRY(state_.keep(block, BlockKind::kDirectory, offset + kEntryType, 1, moment_of(step)));
  }
  Note* note = new_note(block.number(), offset, size, moment_of(step));
  if (note != nullptr) memcpy(note->before(), &value_until, size);
  return state_.add_note(block, kind_for(step), note);
}

Result<void> MetadataStore::freeze(const MetadataBlock& block, uint32_t offset, uint32_t size,
                                   Step step) {
  {
    Guard guard(state_.lock);
    uint64_t key = note_key(block.number(), offset);
    Note* inside = state_.current->notes.lower_bound(key);
    bool was_made = inside != nullptr && inside->key < key + size && inside->is_birth;
    if (was_made) return {};  // the device never gets to see it alive
  }
  return state_.keep(block, kind_for(step), offset, size, moment_of(step));
}

Result<void> MetadataStore::replace_in_block(const MetadataBlock& block, uint32_t target,
                                             uint32_t source) {
  uint32_t victim = field(block, target);
  uint32_t moved = field(block, source);
  TRY(change(block, BlockKind::kDirectory));
  // Nobody misses a victim that the device doesn't have. The source stays all the same: the target may
  // be held back for an earlier victim.
  if (is_new(InodeNumber(victim))) return write_later(block, source, 4, moved, Step::kRemove);
  TRY(write_later(block, target, 4, victim, Step::kReplace));
  struct Part {
    uint32_t offset, size;
  };
  for (Part part : {Part{0, 4}, Part{kEntryType, 1}}) {
    Note* note = new_note(block.number(), source + part.offset, part.size, moment(Stage::kReplace));
    if (note != nullptr) {
      memcpy(note->before(), block.data() + source + part.offset, part.size);
      memcpy(note->between(), block.data() + target + part.offset, part.size);
      note->last = moment(Stage::kRemove);
    }
    TRY(state_.add_note(block, BlockKind::kDirectory, note));
  }
  return {};
}

Result<void> MetadataStore::directory_moved(InodeNumber directory, InodeNumber replaced,
                                            const EntryField& to, const EntryField& from,
                                            const EntryField& dot_dot) {
  constexpr BlockKind kKind = BlockKind::kDirectory;
  constexpr Moment kUntil = moment(Stage::kRemove);
  TRY(change(to.block, kKind));
  TRY(change(from.block, kKind));
  if (dot_dot.block) TRY(change(dot_dot.block, kKind));
  if (is_new(directory) && replaced.value == 0) return {};
  // The old name last: without it the directory has none but the new one.
  Note* note = new_note(to.block.number(), to.offset, 4, kUntil);
  auto before = uint32_t(replaced.value);
  if (note != nullptr) memcpy(note->before(), &before, 4);
  TRY(state_.add_note(to.block, kKind, note));
  if (dot_dot.block) TRY(state_.keep(dot_dot.block, kKind, dot_dot.offset, 4, kUntil));
  return state_.keep(from.block, kKind, from.offset, 4, kUntil);
}

Result<void> MetadataStore::inode_made(const MetadataBlock& block, uint32_t offset,
                                       InodeNumber inode, InodeNumber parent) {
  TRY(change(block, BlockKind::kInodes));
  Birth* birth = new_object<Birth>();
  Note* note = new_note(block.number(), offset, 2, moment(kBirths));
  if (birth == nullptr || note == nullptr) {
    delete birth;
    heap_free(note);
    return Errno::kENOMEM;
  }
  memset(note->before(), 0, 2);
  note->is_birth = true;
  birth->inode = inode.value;
  birth->parent = parent.value;
  birth->note = note;
  return state_.with_record(block, [&](Epoch& epoch, Record& record) {
    // The number may have been given back in this epoch, and taken again.
    Birth* there = epoch.find_birth(birth->inode);
    if (there == nullptr) {
      epoch.births.insert(*birth);
      epoch.birth_count++;
    } else {
      there->parent = birth->parent;
      there->last = false;
      delete birth;
    }
    if (there != nullptr && there->note != nullptr) {
      heap_free(note);
      return;
    }
    if (there != nullptr) there->note = note;
    epoch.add_note(record, *note);
  });
}

void MetadataStore::inode_moved(InodeNumber inode, InodeNumber parent) {
  Guard guard(state_.lock);
  Birth* birth = state_.current->find_birth(inode.value);
  if (birth == nullptr || birth->note == nullptr) return;
  birth->parent = parent.value;
  birth->last = parent.value == 0;
}

Result<void> MetadataStore::directory_grew(InodeNumber directory) {
  Birth* birth = new_object<Birth>();
  if (birth == nullptr) return Errno::kENOMEM;
  birth->inode = directory.value;
  {
    Guard guard(state_.lock);
    if (state_.current->find_birth(directory.value) == nullptr) {
      state_.current->births.insert(*std::exchange(birth, nullptr));
      state_.current->birth_count++;
    }
  }
  delete birth;
  return {};
}

Result<void> MetadataStore::write_as_a_whole() {
  if (state_.lend == nullptr) return {};
  for (BlockNumber number : {state_.superblock_number(), state_.journal_inode_block}) {
    MetadataBlock block = TRY(read(number));
    TRY(change(block, BlockKind::kInodes));
  }
  Guard guard(state_.lock);
  state_.current->whole = true;
  return {};
}

bool MetadataStore::is_held(const MetadataBlock& block, uint32_t offset) {
  uint64_t key = note_key(block.number(), offset);
  Guard guard(state_.lock);
  if (state_.current->find_note(key) != nullptr) return true;
  return state_.committing != nullptr && state_.committing->find_note(key) != nullptr;
}

void MetadataStore::retire(BlockNumber number) {
  Guard guard(state_.lock);
  Record* record = state_.current->find_record(number.value);
  if (record != nullptr && record->kind == BlockKind::kInodes) {
    state_.current->remove_record(*record);
  }
}

void MetadataStore::forget(BlockNumber number) {
  Guard guard(state_.lock);
  Record* record = state_.current->find_record(number.value);
  if (record != nullptr) state_.current->remove_record(*record);
}

bool MetadataStore::has_changes() {
  if (state_.wanted.load()) return true;
  Guard guard(state_.lock);
  return !state_.current->empty();
}

void MetadataStore::want_commit() { state_.wanted.store(true); }

uint64_t MetadataStore::epoch() { return state_.epoch_number.load(std::memory_order_relaxed); }

void MetadataStore::set_data_writer(Result<void> (*write)(void* context), void* context) {
  state_.write_data = write;
  state_.write_data_context = context;
}
void MetadataStore::set_seal(void (*seal)(void* context), void* context) {
  state_.seal = seal;
  state_.seal_context = context;
}
void MetadataStore::set_lender(bool (*lend)(void* context, std::span<uint32_t> blocks),
                               void* context, BlockNumber journal_inode_block) {
  state_.lend = lend;
  state_.lend_context = context;
  state_.journal_inode_block = journal_inode_block;
}
void MetadataStore::set_release(void (*release)(void* context), void* context) {
  state_.release = release;
  state_.release_context = context;
}

}  // namespace cairn::ext2
