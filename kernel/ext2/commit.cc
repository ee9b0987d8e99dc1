// What is in memory, the running transaction, and commits. journal.cc knows what a journal looks like.
#include "ext2/commit.h"

#include "debug/log.h"
#include "lib/string.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"
#include "metrics/counter.h"

namespace cairn::ext2 {

CAIRN_COUNTER(commit_count, "ext2.commits");
CAIRN_COUNTER(commit_block_count, "ext2.committed_blocks");
CAIRN_COUNTER(commit_error_count, "ext2.commit_errors");
CAIRN_COUNTER(commit_no_journal_count, "ext2.commits_without_journal");
CAIRN_COUNTER(room_wait_count, "ext2.waits_for_room");  // in the journal

// ---- Transactions in memory --------------------------------------------------------------------

Record* Record::make(const MetadataBlock& block) {
  auto* record = new_object<Record>();
  auto frame = record != nullptr ? allocate_frame(FrameUse::kDma) : Errno::kENOMEM;
  if (!frame.ok()) {
    delete record;
    return nullptr;
  }
  record->key = block.number().value;
  record->block = block;
  record->copy = direct_map_as<uint8_t>(frame_address(*frame));
  return record;
}

Record::~Record() {
  if (copy != nullptr) free_frame(frame_of(physical_of(copy)));
}

Record* Transaction::find(uint64_t key) {
  Record*& recent = recent_[key % kRecent];
  if (recent != nullptr && recent->key == key) return recent;
  Record* found = records_.lower_bound(key);
  if (found == nullptr || found->key != key) return nullptr;
  return recent = found;
}

void Transaction::insert(Record& record) {
  records_.insert(record);
  count_++;
}

void Transaction::remove(Record& record) {
  Record*& recent = recent_[record.key % kRecent];
  if (recent == &record) recent = nullptr;
  records_.remove(record);
  count_--;
}

void Transaction::clear() {
  while (Record* record = records_.root()) {
    remove(*record);
    if (!record->lasts) delete record;
  }
}

// ---- The store ---------------------------------------------------------------------------------

MetadataStore::MetadataStore(BlockDevice& device, uint32_t block_size, uint64_t block_count)
    : device_(device),
      block_size_(block_size),
      block_count_(block_count),
      writer_(device, block_size),
      journal_(writer_, block_size) {}

Result<MetadataStore*> MetadataStore::create(BlockDevice& device, uint32_t block_size,
                                             uint64_t block_count) {
  CacheOwner* pages = TRY(device_pages(device));
  auto* store = new_object<MetadataStore>(device, block_size, block_count);
  if (store == nullptr) return Errno::kENOMEM;
  store->pages_ = pages;
  auto superblock = store->read(BlockNumber(kSuperblockOffset / block_size));
  store->superblock_ = superblock.ok() ? Record::make(*superblock) : nullptr;
  if (store->superblock_ == nullptr) {
    delete store;
    return superblock.ok() ? Errno::kENOMEM : superblock.error();
  }
  store->superblock_->key = UINT64_MAX;
  store->superblock_->lasts = true;
  return store;
}

MetadataStore::~MetadataStore() {
  for (Transaction& transaction : transactions_) transaction.clear();
  delete superblock_;
  delete journal_inode_;
}

Result<MetadataBlock> MetadataStore::read(BlockNumber number) {
  if (number.value >= block_count_) return Errno::kEUCLEAN;
  const uint64_t start = number.value * block_size_;
  PageRef page = TRY(read_page(*pages_, start / kPageSize));
  return MetadataBlock(std::move(page), uint32_t(start % kPageSize), number);
}

Result<MetadataBlock> MetadataStore::create_block(BlockNumber number) {
  if (number.value >= block_count_) return Errno::kEUCLEAN;
  const uint64_t start = number.value * block_size_, index = start / kPageSize;
  // A page holds other blocks too unless blocks are as large.
  PageRef page =
      TRY(block_size_ == kPageSize ? new_page(*pages_, index) : read_page(*pages_, index));
  MetadataBlock block(std::move(page), uint32_t(start % kPageSize), number);
  TRY(change(block));
  memset(block.data(), 0, block_size_);
  return block;
}

Result<void> MetadataStore::change(const MetadataBlock& block) {
  const uint64_t number = block.number().value;
  {
    Guard guard(lock_);
    if (running_->find(number) != nullptr) return {};
  }
  Record* fresh = Record::make(block);
  if (fresh == nullptr) return Errno::kENOMEM;
  {
    Guard guard(lock_);
    if (running_->find(number) == nullptr) running_->insert(*std::exchange(fresh, nullptr));
    count_.store(running_->count());
  }
  changed_.store(true);
  delete fresh;
  return {};
}

void MetadataStore::forget(BlockNumber number) {
  Record* record;
  {
    Guard guard(lock_);
    record = running_->find(number.value);
    if (record == nullptr) return;
    running_->remove(*record);
    count_.store(running_->count());
  }
  delete record;
}

void MetadataStore::begin_operation() NO_THREAD_SAFETY_ANALYSIS {
  for (bool failed = false;;) {
    operations_.lock_shared();
    promised_.fetch_add(kStepBlocks);
    // On a device that takes no writes everything stays in memory.
    if (fits() || failed) return;
    end_operation();
    room_wait_count.increment();
    if (has_changes()) {
      failed = !commit().ok();
    } else {
      ExclusiveGuard others_to_end(operations_);
    }
  }
}

void MetadataStore::end_operation() NO_THREAD_SAFETY_ANALYSIS {
  promised_.fetch_sub(kStepBlocks);
  operations_.unlock_shared();
}

void MetadataStore::wait_for_data() {
  data_queue_.wait_until([this] { return !writing_data_.load(); });
}

Result<void> MetadataStore::open_journal(std::span<const uint32_t> blocks,
                                         BlockNumber inode_block) {
  const auto count = uint32_t(blocks.size());
  const uint32_t before = capacity_.exchange(journal_.capacity_of(count));
  if (!fits()) {
    capacity_.store(before);
    return Errno::kEBUSY;
  }
  auto opened = [&]() -> Result<void> {
    if (count < kLeastJournal) return Errno::kENOSPC;
    if (journal_inode_ == nullptr) {
      journal_inode_ = Record::make(TRY(read(inode_block)));
      if (journal_inode_ == nullptr) return Errno::kENOMEM;
      journal_inode_->lasts = true;
    }
    return journal_.open(blocks);
  }();
  if (!opened.ok()) capacity_.store(0);
  return opened;
}

// ---- Commits -----------------------------------------------------------------------------------

/// Ends the running transaction: what it changed is copied, and the next one begins.
void MetadataStore::seal() NO_THREAD_SAFETY_ANALYSIS {
  ExclusiveGuard no_operation(operations_);
  changed_.store(false);
  if (client_ != nullptr) client_->seal();
  const uint32_t count = count_.exchange(0);
  {
    Guard guard(lock_);
    std::swap(running_, committing_);
  }
  number_.fetch_add(1, std::memory_order_relaxed);
  writing_data_.store(true);
  // A single block is written as a whole or not at all.
  stage_ = count == 0 ? Stage::kHide : count <= capacity_.load() ? Stage::kLog : Stage::kHome;
  if (stage_ == Stage::kLog && committing_->find(journal_inode_->key) == nullptr) {
    committing_->insert(*journal_inode_);
  }
  committing_->insert(*superblock_);
  for (Record* at = committing_->first(); at != nullptr; at = committing_->next(*at)) {
    at->escaped = false;
    memcpy(at->copy, at->block.data(), block_size_);
  }
  if (stage_ != Stage::kHome) return;
  commit_no_journal_count.increment();
  if (capacity_.load() == 0) return;  // as the log said at the mount
  log_warning("ext2", "{}: {} blocks are more than the journal takes: written without it",
              device_.name(), count);
}

/// Does the next thing, and waits until it is on the medium.
Result<void> MetadataStore::write_stage() {
  switch (stage_) {
    case Stage::kLog: journal_.log(*committing_); break;
    case Stage::kShow: journal_.show(*superblock_); break;
    case Stage::kHome:
      TRY(flush());  // without a journal the data isn't there yet
      for (Record* at = committing_->first(); at != nullptr; at = committing_->next(*at)) {
        if (!at->lasts) journal_.write_home(*at);
      }
      break;
    case Stage::kHide: journal_.write_home(*superblock_); break;
    case Stage::kDone: break;
  }
  TRY(writer_.finish());
  return flush();
}

/// Brings all writes that have ended to the medium; costs nothing if there were none.
Result<void> MetadataStore::flush() {
  uint64_t writes = device_.finished_write_count();
  if (writes == flushed_writes_) return {};
  TRY(flush_device(device_));
  flushed_writes_ = writes;
  return {};
}

/// Brings the sealed transaction to the device, from where an attempt that failed ended.
Result<void> MetadataStore::finish() {
  for (; stage_ != Stage::kDone; stage_ = Stage(unsigned(stage_) + 1)) {
    auto written = write_stage();
    if (written.ok()) continue;
    commit_error_count.increment();
    log_error("ext2", "{}: a commit failed ({}), the next one goes on with it", device_.name(),
              errno_name(written.error()));
    return written;
  }
  commit_count.increment();
  commit_block_count.increment(committing_->count());
  for (Record* at = committing_->first(); at != nullptr; at = committing_->next(*at)) {
    if (client_ != nullptr) client_->committed(at->block.number(), at->copy);
  }
  committing_->clear();
  if (client_ != nullptr) client_->release();
  return {};
}

Result<void> MetadataStore::commit() {
  Result<void> result, data;
  {
    MutexGuard guard(commit_mutex_);
    if (stage_ != Stage::kDone) result = finish();
    if (result.ok()) {
      const bool any = has_changes();
      if (any) seal();
      if (any && client_ != nullptr) data = client_->write_data();
      writing_data_.store(false);
      data_queue_.wake_all();
      result = any ? finish() : flush();
    }
  }
  if (client_ != nullptr) client_->after_commit();
  return result.ok() ? data : result;
}

}  // namespace cairn::ext2
