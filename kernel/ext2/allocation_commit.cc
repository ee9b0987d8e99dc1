// What a commit means for free blocks and inodes, the blocks that are set aside for its journal, and the
// state in the superblock.
#include <algorithm>

#include "debug/log.h"
#include "ext2/allocation_state.h"
#include "memory/heap.h"
#include "time/clock.h"

namespace cairn::ext2 {

namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint32_t kInodeIndex = kJournalInode - 1;
constexpr uint32_t kGrowth = 2;  // a journal becomes longer if it can be so many times as long
constexpr uint64_t kJournalShare = 4;  // it takes one of so many free blocks, if it can be so long

uint32_t now() { return uint32_t(realtime_ns() / kNanosecondsPerSecond); }

}  // namespace

/// What the running transaction freed belongs to the commit that begins.
void Allocator::seal() {
  State& s = state_;
  MutexGuard guard(s.lock);
  ASSERT(s.held_list[kSealed] == nullptr);
  s.held_list[kSealed] = std::exchange(s.held_list[kCurrent], nullptr);
  for (Held* held = s.held_list[kSealed]; held != nullptr; held = held->next) {
    held->owner->holds[kSealed] = std::exchange(held->owner->holds[kCurrent], nullptr);
  }
  for (uint32_t i = 0; s.some_all_held && i < s.geometry.group_count; i++) {
    for (Resource* resource : {&s.group(i).blocks, &s.group(i).inodes}) {
      resource->all_held[kSealed] = std::exchange(resource->all_held[kCurrent], false);
    }
  }
  if (!s.writing.load()) return;
  if (s.errors_found.load()) s.superblock().state |= kStateErrors;
  s.superblock().write_time = now();
}

/// Lets go of all that is held for this reason.
void Allocator::State::let_go(Reason reason) {
  while (Held* held = held_list[reason]) {
    held_list[reason] = held->next;
    Resource& owner = *held->owner;
    owner.holds[reason] = nullptr;
    owner.held -= held->count;
    owner.hint = 0;
    held->total->held -= held->count;
    heap_free(held);
  }
}

void Allocator::State::let_go_of_all_held() {
  some_all_held = false;
  for (uint32_t i = 0; i < geometry.group_count; i++) {
    for (Resource* resource : {&group(i).blocks, &group(i).inodes}) {
      resource->all_held[kSealed] = false;
      resource->hint = 0;
      some_all_held |= resource->all_held[kCurrent];
    }
  }
}

void Allocator::release_freed() {
  State& s = state_;
  {
    MutexGuard guard(s.lock);
    s.let_go(kSealed);
    if (s.some_all_held) s.let_go_of_all_held();
  }
  s.fit_journal();
}

// ---- The journal's blocks ------------------------------------------------------------------------

/// Where inode 8 lies, which must be empty.
BlockNumber Allocator::State::inode_block() NO_THREAD_SAFETY_ANALYSIS {
  return BlockNumber(group(0).table + kInodeIndex * geometry.inode_size / geometry.block_size);
}

/// Why the device can't have a journal, or null.
const char* Allocator::State::reason_for_no_journal() {
  const Superblock& raw = superblock();
  if (raw.revision == 0 || geometry.first_free_inode <= kJournalInode) return "it is of revision 0";
  const uint32_t inode_offset = kInodeIndex * geometry.inode_size % geometry.block_size;
  auto block = metadata.read(inode_block());
  if (!block.ok()) return "the inode of journals can't be read";
  bool has_journal = (raw.feature_compat & kCompatJournal) != 0 || raw.journal_inode != 0 ||
                     raw.journal_device != 0 || block->as<RawInode>(inode_offset)->links_count != 0;
  for (uint8_t byte : raw.journal_uuid) has_journal |= byte != 0;
  return has_journal ? "it has a journal that isn't ours" : nullptr;
}

/// Sets free blocks aside, from the device's end, until `numbers` is full; how many were found.
uint32_t Allocator::State::set_blocks_aside(std::span<uint32_t> numbers) {
  uint32_t found = 0;
  for (uint32_t i = geometry.group_count; i-- > 0 && found < numbers.size();) {
    Group* of;
    {
      MutexGuard guard(lock);
      of = &group(i);
      if (of->blocks.available() == 0) continue;
    }
    if (!load_bitmap(*of, of->blocks).ok()) continue;
    MutexGuard guard(lock);
    Resource& from = of->blocks;
    Held* held = held_in(*of, from, kSetAside);
    if (held == nullptr) continue;
    const auto left = std::min(uint32_t(numbers.size() - found), from.count);
    for (uint32_t start : {from.count - left, 0u}) {
      uint32_t bit = find_clear_bit(from.view(), start, from.count);
      for (; bit != kNoBit && found < numbers.size();
           bit = find_clear_bit(from.view(), bit + 1, from.count)) {
        held->add(bit);
        numbers[found++] = uint32_t(first_block(i) + bit);
      }
    }
  }
  return found;
}

/// How many blocks the journal should have. 0: there are too few.
uint32_t Allocator::State::journal_wanted() {
  MutexGuard guard(lock);
  const uint64_t least = metadata.least_journal();
  if (blocks.free < least) return 0;
  return uint32_t(
      std::clamp(blocks.free / kJournalShare, least, uint64_t(metadata.longest_journal())));
}

/// A journal of so many blocks in place of what there was; without one, the log says so.
void Allocator::State::make_journal(uint32_t wanted, const char* reason) {
  auto* numbers = static_cast<uint32_t*>(heap_allocate(std::max(wanted, 1u) * sizeof(uint32_t)));
  if (numbers == nullptr) wanted = 0;
  {
    MutexGuard guard(lock);
    let_go(kSetAside);
  }
  uint32_t found = set_blocks_aside({numbers, wanted});
  if (found < metadata.least_journal()) found = 0;
  auto opened = metadata.open_journal({numbers, found}, inode_block());
  heap_free(numbers);
  MutexGuard guard(lock);
  set_aside = opened.ok() ? found : 0;
  if (opened.ok()) return;
  let_go(kSetAside);
  log_warning("ext2", "no journal ({}): after a power cut e2fsck -p may not be enough",
              reason != nullptr ? reason : errno_name(opened.error()));
}

/// After a commit. Files get what the journal can spare when there is nothing else; when there is much
/// again, so does the journal.
void Allocator::State::fit_journal() {
  const uint32_t least = metadata.least_journal();
  {
    MutexGuard guard(lock);
    if (set_aside == 0) return;
    if (std::exchange(short_of_blocks, false) && set_aside > least) {
      for (uint32_t number : metadata.shorten_journal(least)) {
        const BlockPlace place = place_of(number);
        Resource& owner = group(place.group).blocks;
        owner.holds[kSetAside]->remove(place.bit);
        owner.hint = 0;
        set_aside--;
      }
    }
    if (set_aside > least) return;
  }
  const uint32_t wanted = journal_wanted();
  if (wanted >= kGrowth * least) make_journal(wanted, nullptr);
}

void Allocator::open_journal() {
  const char* reason = state_.reason_for_no_journal();
  state_.make_journal(reason == nullptr ? state_.journal_wanted() : 0, reason);
}

// ---- The superblock ------------------------------------------------------------------------------

void Allocator::State::note_errors() {
  errors_found.store(true);
  if (writing.load()) metadata.want_commit();
}

void Allocator::mark_errors() { state_.note_errors(); }

// As Linux does: a file system that was not clean when it was mounted isn't when it is unmounted.
Result<void> Allocator::mark_state(bool clean) {
  State& s = state_;
  Operation operation(s.metadata);
  TRY(s.metadata.change(s.superblock_block));
  MutexGuard guard(s.lock);
  Superblock& superblock = s.superblock();
  uint16_t errors = superblock.state & kStateErrors;
  if (s.errors_found.load()) errors = kStateErrors;
  if (clean) {
    superblock.state = uint16_t(errors | (s.clean_when_mounted ? kStateClean : 0));
  } else {
    s.clean_when_mounted = (superblock.state & kStateClean) != 0;
    superblock.state = errors;
    superblock.mount_count++;
    superblock.mount_time = now();
  }
  superblock.write_time = now();
  s.writing.store(!clean);
  return {};
}

void Allocator::mark_large_file() {
  State& s = state_;
  MutexGuard guard(s.lock);
  s.superblock().feature_ro_compat |= kRoCompatLargeFile;
}

}  // namespace cairn::ext2
