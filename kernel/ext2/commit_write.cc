// A commit: ends the epoch, copies its blocks aside, and writes them moment by moment.
#include <algorithm>

#include "debug/log.h"
#include "ext2/commit_state.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(commit_count, "ext2.commits");
CAIRN_COUNTER(commit_block_count, "ext2.committed_blocks");
CAIRN_COUNTER(commit_step_count, "ext2.commit_steps");
CAIRN_COUNTER(commit_error_count, "ext2.commit_errors");
CAIRN_COUNTER(commit_copyless_count, "ext2.commits_without_copies");
CAIRN_COUNTER(commit_no_journal_count, "ext2.commits_without_journal");  // that were to have one

/// Copies the epoch's blocks; false, with none copied, if memory is short.
bool MetadataStore::State::copy_blocks(Epoch& epoch) {
  uint8_t* frame = nullptr;
  uint32_t used = kPageSize;
  for (Record* at = epoch.records.first(); at != nullptr; at = epoch.records.next(*at)) {
    if (used + block_size > kPageSize) {
      auto allocated = allocate_frame(FrameUse::kDma);
      if (!allocated.ok()) {
        drop_copies(epoch);
        return false;
      }
      frame = direct_map_as<uint8_t>(frame_address(*allocated));
      used = 0;
      at->owns_frame = true;
    }
    at->copy = frame + used;
    used += block_size;
    memcpy(at->copy, at->block.data(), block_size);
  }
  return true;
}

void MetadataStore::State::drop_copies(Epoch& epoch) {
  for (Record* at = epoch.records.first(); at != nullptr; at = epoch.records.next(*at)) {
    if (at->owns_frame) free_frame(frame_of(physical_of(at->copy)));
    at->owns_frame = false;
    at->copy = nullptr;
  }
}

/// Memory for a block that is to be written; its content is kept until finish_writes().
Result<uint8_t*> MetadataStore::State::spare_block() {
  if (spares_used == kReserveFrames) TRY(finish_writes());
  return reserve[spares_used++];
}

Result<void> MetadataStore::State::finish_writes() {
  spares_used = 0;
  return writer.finish();
}

/// The block as it is to be written now: its copy, or one of the reserve's places.
Result<uint8_t*> MetadataStore::State::image(Epoch& epoch, Record& record, Moment now) {
  uint8_t* bytes = record.copy;
  if (bytes == nullptr) {
    bytes = TRY(spare_block());
    memcpy(bytes, record.block.data(), block_size);
  }
  for (Note* note = epoch.first_note(record); Epoch::belongs(note, record);
       note = epoch.notes.next(*note)) {
    memcpy(bytes + note->offset(), note->at(now), note->size);
  }
  return bytes;
}

/// Whether the block is written at this moment: it is its kind's, or a note takes effect.
bool MetadataStore::State::is_due(const Epoch& epoch, const Record& record, Moment now) {
  if (now == moment(record.first_stage())) return record.changed;
  if ((record.stages & 1u << stage_of(now)) == 0) return false;
  for (Note* note = epoch.first_note(record); Epoch::belongs(note, record);
       note = epoch.notes.next(*note)) {
    if (note->until == now || note->last == now) return true;
  }
  return false;
}

/// Writes what is due and waits until it is on the medium.
Result<void> MetadataStore::State::write_moment(Epoch& epoch, Moment now) {
  uint64_t count = 0;
  for (Record* at = epoch.records.first(); at != nullptr; at = epoch.records.next(*at)) {
    if (!is_due(epoch, *at, now)) continue;
    uint8_t* bytes = TRY(image(epoch, *at, now));
    writer.add(BlockNumber(at->number), bytes);
    count++;
  }
  TRY(finish_writes());
  commit_block_count.increment(count);
  if (count != 0) commit_step_count.increment();
  return flush();
}

/// Brings all writes that have ended to the medium; costs nothing if there were none.
Result<void> MetadataStore::State::flush() {
  uint64_t writes = device.finished_write_count();
  if (writes == flushed_writes) return {};
  TRY(flush_device(device));
  flushed_writes = writes;
  return {};
}

/// In steps, or as a whole.
Result<void> MetadataStore::State::write_epoch(Epoch& epoch, bool& inodes_written) {
  if (epoch.whole) {
    if (TRY(write_as_a_whole(epoch, inodes_written))) {
      commit_block_count.increment(epoch.record_count);
      return {};
    }
    commit_no_journal_count.increment();
  }
  TRY(write_moment(epoch, moment(kNewBlocks)));
  if (epoch.empty()) return {};
  inodes_written = true;
  TRY(write_moment(epoch, moment(kInodeBlocks)));
  for (uint32_t level = 1; level <= epoch.levels + 1; level++) {
    TRY(write_moment(epoch, moment(kBirths, level)));
  }
  for (Stage stage : {kReplace, kDeaths, kRemove}) {
    TRY(write_moment(epoch, moment(stage)));
  }
  return {};
}

Result<void> MetadataStore::State::write_all_data() {
  return write_data == nullptr ? Result<void>() : write_data(write_data_context);
}

/// Makes the current epoch the one being committed. No operation is running.
Epoch& MetadataStore::State::end_epoch() {
  Epoch* ended;
  {
    Guard guard(lock);
    ended = committing = current;
    current = std::exchange(spare, nullptr);
  }
  epoch_number.fetch_add(1, std::memory_order_relaxed);
  ended->seal();
  return *ended;
}

/// After the writing: lets go of the epoch, or hands what it has to the current one.
void MetadataStore::State::settle(Epoch& epoch, bool written, bool inodes_written) {
  drop_copies(epoch);
  {
    Guard guard(lock);
    committing = nullptr;
    if (!written) current->take_over(epoch, inodes_written);
  }
  if (written && release != nullptr) release(release_context);
  epoch.clear();
  spare = &epoch;
}

/// With the epoch's lock held exclusively, nobody changes the current epoch.
bool MetadataStore::State::seal_and_copy() NO_THREAD_SAFETY_ANALYSIS {
  wanted.store(false);
  if (seal != nullptr) seal(seal_context);
  return copy_blocks(*current);
}

// The epoch's lock is held for a moment only, or if there is no memory for copies throughout.
Result<void> MetadataStore::commit() NO_THREAD_SAFETY_ANALYSIS {
  State& state = state_;
  MutexGuard guard(state.commit_mutex);
  if (!has_changes()) {
    auto data = state.write_all_data();
    auto flushed = state.flush();
    return data.ok() ? flushed : data;
  }
  epoch_lock.lock();
  bool copied = state.seal_and_copy();
  if (!copied) {
    // Data first: its pages are memory that can be had then, and data may not be written while
    // operations are kept out.
    epoch_lock.unlock();
    (void)state.write_all_data();
    (void)evict_pages(state.current->record_count);
    epoch_lock.lock();
    copied = state.seal_and_copy();
  }
  Epoch& epoch = state.end_epoch();
  Result<void> data;
  if (copied) {
    epoch_lock.unlock();
    data = state.write_all_data();
  } else {
    commit_copyless_count.increment();
  }
  bool inodes_written = false;
  auto result = state.write_epoch(epoch, inodes_written);
  state.settle(epoch, result.ok(), inodes_written);
  if (!copied) epoch_lock.unlock();
  commit_count.increment();
  if (result.ok()) return data;
  commit_error_count.increment();
  log_error("ext2", "{}: a commit failed ({}), its changes wait for the next one",
            state.device.name(), errno_name(result.error()));
  return result;
}

}  // namespace cairn::ext2
