// What is in memory, the running transaction, and commits. journal.cc knows what a journal looks like.
#include "ext2/commit.h"

#include "debug/log.h"
#include "ext2/journal.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "metrics/counter.h"
#include "sched/mutex.h"

namespace cairn::ext2 {

CAIRN_COUNTER(commit_count, "ext2.commits");
CAIRN_COUNTER(commit_block_count, "ext2.committed_blocks");
CAIRN_COUNTER(commit_error_count, "ext2.commit_errors");
CAIRN_COUNTER(commit_no_journal_count, "ext2.commits_without_journal");
CAIRN_COUNTER(room_wait_count, "ext2.waits_for_room");  // in the journal

/// What a commit does next. Its order is the order on the device.
enum class Stage : uint8_t { kLog, kShow, kHome, kHide, kDone };

struct MetadataStore::State {
  State(BlockDevice& device, uint32_t block_size, uint64_t block_count)
      : device(device),
        block_size(block_size),
        block_count(block_count),
        writer(device, block_size),
        journal(writer, block_size) {}
  ~State();

  // Immutable after creation.
  BlockDevice& device;
  const uint32_t block_size;
  const uint64_t block_count;
  CacheOwner* pages = nullptr;

  CommitClient* client = nullptr;  // immutable from the first commit on

  // Blocks that are logged with each transaction (journal.h).
  Record* superblock = nullptr;     // written with each, too
  Record* journal_inode = nullptr;  // null: there is no journal

  /// Operations hold it shared; exclusively, for a moment, who ends the transaction.
  SharedMutex operations{"transaction", LockRank::kEpoch};
  std::atomic<uint64_t> number{1};    // of the running transaction
  std::atomic<bool> changed{false};   // it has something to write
  std::atomic<uint32_t> count{0};     // blocks in it, the superblock not counted
  std::atomic<uint32_t> promised{0};  // blocks that operations may add
  std::atomic<uint32_t> capacity{0};  // blocks that the journal takes; 0: there is none

  Spinlock lock{"metadata", LockRank::kMetadata};
  Transaction* running GUARDED_BY(lock) = nullptr;

  // One commit at a time; what is below belongs to it.
  Mutex commit_mutex{"commit", LockRank::kCommit};
  Transaction* committing GUARDED_BY(commit_mutex) = nullptr;  // sealed; empty when all is written
  Stage stage GUARDED_BY(commit_mutex) = Stage::kDone;
  BlockWriter writer;
  Journal journal;
  uint64_t flushed_writes GUARDED_BY(commit_mutex) = UINT64_MAX;  // covered by the last flush

  Result<void> prepare();
  Result<MetadataBlock> read(BlockNumber wanted);
  Result<void> add(const MetadataBlock& block);
  bool fits() const {
    return capacity.load() == 0 || count.load() + promised.load() <= capacity.load();
  }
  void seal() REQUIRES(commit_mutex);
  Result<void> write_data() { return client == nullptr ? Result<void>() : client->write_data(); }
  Result<void> write_stage() REQUIRES(commit_mutex);
  Result<void> finish() REQUIRES(commit_mutex);
  Result<void> flush() REQUIRES(commit_mutex);
};

// ---- Transactions in memory --------------------------------------------------------------------

Record* Record::make(const MetadataBlock& block) {
  auto* record = new_object<Record>();
  auto frame = record != nullptr ? allocate_frame(FrameUse::kDma) : Errno::kENOMEM;
  if (!frame.ok()) {
    delete record;
    return nullptr;
  }
  record->number = block.number().value;
  record->block = block;
  record->copy = direct_map_as<uint8_t>(frame_address(*frame));
  return record;
}

Record::~Record() {
  if (copy != nullptr) free_frame(frame_of(physical_of(copy)));
}

Record* Transaction::find(uint64_t number) {
  Record*& recent = recent_[number % kRecent];
  if (recent != nullptr && recent->number == number) return recent;
  Record* found = records_.lower_bound(number);
  if (found == nullptr || found->number != number) return nullptr;
  return recent = found;
}

void Transaction::insert(Record& record) {
  records_.insert(record);
  count_++;
}

void Transaction::remove(Record& record) {
  Record*& recent = recent_[record.number % kRecent];
  if (recent == &record) recent = nullptr;
  records_.remove(record);
  count_--;
}

void Transaction::clear() {
  while (Record* record = records_.root()) {
    remove(*record);
    delete record;
  }
}

// ---- The store ---------------------------------------------------------------------------------

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
  if (prepared.ok()) return store;
  delete store;
  return prepared.error();
}

Result<void> MetadataStore::State::prepare() NO_THREAD_SAFETY_ANALYSIS {
  pages = TRY(device_pages(device));
  running = new_object<Transaction>();
  committing = new_object<Transaction>();
  if (running == nullptr || committing == nullptr) return Errno::kENOMEM;
  superblock = Record::make(TRY(read(BlockNumber(kSuperblockOffset / block_size))));
  return superblock == nullptr ? Errno::kENOMEM : Result<void>();
}

MetadataStore::State::~State() NO_THREAD_SAFETY_ANALYSIS {
  delete running;
  delete committing;
  delete superblock;
  delete journal_inode;
}

MetadataStore::~MetadataStore() { delete &state_; }

void MetadataStore::set_client(CommitClient* client) { state_.client = client; }

Result<MetadataBlock> MetadataStore::read(BlockNumber number) { return state_.read(number); }

Result<MetadataBlock> MetadataStore::State::read(BlockNumber wanted) {
  if (wanted.value >= block_count) return Errno::kEUCLEAN;
  uint64_t start = wanted.value * block_size;
  PageRef page = TRY(read_page(*pages, start / kPageSize));
  return MetadataBlock(std::move(page), uint32_t(start % kPageSize), wanted);
}

Result<MetadataBlock> MetadataStore::create_block(BlockNumber number) {
  if (number.value >= state_.block_count) return Errno::kEUCLEAN;
  uint64_t start = number.value * state_.block_size;
  uint64_t index = start / kPageSize;
  // A page holds other blocks too unless blocks are as large.
  PageRef page = TRY(state_.block_size == kPageSize ? new_page(*state_.pages, index)
                                                    : read_page(*state_.pages, index));
  MetadataBlock block(std::move(page), uint32_t(start % kPageSize), number);
  TRY(state_.add(block));
  memset(block.data(), 0, state_.block_size);
  return block;
}

Result<void> MetadataStore::change(const MetadataBlock& block) { return state_.add(block); }

Result<void> MetadataStore::State::add(const MetadataBlock& block) {
  const uint64_t wanted = block.number().value;
  if (wanted == superblock->number) {
    changed.store(true);
    return {};
  }
  {
    Guard guard(lock);
    if (running->find(wanted) != nullptr) return {};
  }
  Record* fresh = Record::make(block);
  if (fresh == nullptr) return Errno::kENOMEM;
  {
    Guard guard(lock);
    if (running->find(wanted) == nullptr) running->insert(*std::exchange(fresh, nullptr));
    count.store(running->count());
  }
  changed.store(true);
  delete fresh;
  return {};
}

void MetadataStore::forget(BlockNumber number) {
  Record* record;
  {
    Guard guard(state_.lock);
    record = state_.running->find(number.value);
    if (record == nullptr) return;
    state_.running->remove(*record);
    state_.count.store(state_.running->count());
  }
  delete record;
}

bool MetadataStore::has_room() const { return state_.fits(); }

uint64_t MetadataStore::transaction() const {
  return state_.number.load(std::memory_order_relaxed);
}

bool MetadataStore::has_changes() const { return state_.changed.load(); }

void MetadataStore::want_commit() { state_.changed.store(true); }

void MetadataStore::begin_operation() NO_THREAD_SAFETY_ANALYSIS {
  for (bool failed = false;;) {
    state_.operations.lock_shared();
    state_.promised.fetch_add(kStepBlocks);
    // On a device that takes no writes everything stays in memory.
    if (state_.fits() || failed) return;
    end_operation();
    room_wait_count.increment();
    if (has_changes()) {
      failed = !commit().ok();
    } else {
      ExclusiveGuard others_to_end(state_.operations);
    }
  }
}

void MetadataStore::end_operation() NO_THREAD_SAFETY_ANALYSIS {
  state_.promised.fetch_sub(kStepBlocks);
  state_.operations.unlock_shared();
}

// ---- The journal -------------------------------------------------------------------------------

uint32_t MetadataStore::least_journal() const { return state_.journal.least(); }
uint32_t MetadataStore::longest_journal() const { return state_.journal.longest(); }

Result<void> MetadataStore::open_journal(std::span<const uint32_t> blocks,
                                         BlockNumber inode_block) {
  if (blocks.empty()) {
    state_.capacity.store(0);
    return Errno::kENOSPC;
  }
  if (state_.journal_inode == nullptr) {
    state_.journal_inode = Record::make(TRY(read(inode_block)));
    if (state_.journal_inode == nullptr) return Errno::kENOMEM;
  }
  auto opened = state_.journal.open(blocks);
  state_.capacity.store(opened.ok() ? state_.journal.capacity_of(uint32_t(blocks.size())) : 0);
  return opened;
}

std::span<const uint32_t> MetadataStore::shorten_journal(uint32_t count) {
  State& s = state_;
  const uint32_t before = s.capacity.exchange(s.journal.capacity_of(count));
  if (s.fits()) return s.journal.shorten(count);
  s.capacity.store(before);
  return {};
}

// ---- Commits -----------------------------------------------------------------------------------

/// Ends the running transaction: what it changed is copied, and the next one begins.
void MetadataStore::State::seal() NO_THREAD_SAFETY_ANALYSIS {
  ExclusiveGuard no_operation(operations);
  changed.store(false);
  if (client != nullptr) client->seal();
  {
    Guard guard(lock);
    std::swap(running, committing);
    count.store(0);
  }
  number.fetch_add(1, std::memory_order_relaxed);
  auto copy = [this](Record& record) {
    record.escaped = false;
    memcpy(record.copy, record.block.data(), block_size);
  };
  Record* record = committing->first();
  for (; record != nullptr; record = committing->next(*record)) copy(*record);
  copy(*superblock);
  if (journal_inode != nullptr) copy(*journal_inode);
  const bool has_journal = committing->count() <= capacity.load();
  // A single block is written as a whole or not at all.
  stage = committing->count() == 0 ? Stage::kHide : has_journal ? Stage::kLog : Stage::kHome;
  if (stage != Stage::kHome) return;
  commit_no_journal_count.increment();
  if (capacity.load() == 0) return;  // as the log said at the mount
  log_warning("ext2", "{}: {} blocks are more than the journal takes: written without it",
              device.name(), committing->count());
}

/// Does the next thing, and waits until it is on the medium.
Result<void> MetadataStore::State::write_stage() {
  switch (stage) {
    case Stage::kLog: journal.log(*committing, *journal_inode, *superblock); break;
    case Stage::kShow: journal.show(*superblock); break;
    case Stage::kHome:
      TRY(flush());  // without a journal the data isn't there yet
      for (Record* at = committing->first(); at != nullptr; at = committing->next(*at)) {
        journal.write_home(*at);
      }
      break;
    case Stage::kHide: journal.write_home(*superblock); break;
    case Stage::kDone: break;
  }
  TRY(writer.finish());
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

/// Brings the sealed transaction to the device, from where an attempt that failed ended.
Result<void> MetadataStore::State::finish() {
  for (; stage != Stage::kDone; stage = Stage(unsigned(stage) + 1)) {
    auto written = write_stage();
    if (written.ok()) continue;
    commit_error_count.increment();
    log_error("ext2", "{}: a commit failed ({}), the next one goes on with it", device.name(),
              errno_name(written.error()));
    return written;
  }
  commit_count.increment();
  commit_block_count.increment(committing->count());
  committing->clear();
  if (client != nullptr) client->release();
  return {};
}

Result<void> MetadataStore::commit() {
  State& s = state_;
  Result<void> result, data;
  {
    MutexGuard guard(s.commit_mutex);
    result = s.stage == Stage::kDone ? Result<void>() : s.finish();
    if (result.ok()) {
      const bool any = has_changes();
      if (any) s.seal();
      data = s.write_data();
      result = any ? s.finish() : s.flush();
    }
  }
  if (s.client != nullptr) s.client->after_commit();
  return result.ok() ? data : result;
}

}  // namespace cairn::ext2
