// Pages to and from the device: blocks that follow each other there travel in one request, across
// pages. A page's I/O has ended when its last piece has; until then `pieces` counts them, and one
// more while its submitter still adds some.
#include <algorithm>

#include "lib/string.h"
#include "memory/heap.h"
#include "page_cache/parts.h"
#include "sched/wait_queue.h"

namespace cairn {

CAIRN_COUNTER(cache_written_count, "cache.written_back");
CAIRN_COUNTER(cache_read_errors_count, "cache.read_errors");
CAIRN_COUNTER(cache_write_errors_count, "cache.write_errors");

namespace {

constexpr uint32_t kBusy = CachePage::kReading | CachePage::kWriting;
constexpr uint32_t kInUse = kBusy | CachePage::kEvicting;

// ---- Waiting ------------------------------------------------------------------------------------

// Who waits for a page or a batch sleeps in the queue that its address hashes to.
struct IoQueue {
  WaitQueue queue{"disk"};
};
constinit IoQueue io_queues[64];

WaitQueue& queue_of(const void* object) {
  return io_queues[reinterpret_cast<uint64_t>(object) * 0x9e37'79b9'7f4a'7c15 >> 58].queue;
}

// ---- Requests -----------------------------------------------------------------------------------

struct CacheRequest {
  BlockRequest block;
  CachePage* pages[kMaxBlockSegments];  // one a segment
  IoBatch* batch;
  ListLink link;  // while it is spare
};

constexpr uint32_t kFirstRequests = 8;  // there from the start
constexpr uint32_t kMaxRequests = 128;  // under way at once

constinit Spinlock spare_lock{"cache requests", LockRank::kCacheIo};
constinit List<CacheRequest, &CacheRequest::link> spare GUARDED_BY(spare_lock);
constinit std::atomic<uint32_t> request_total{0};
constinit std::atomic<uint32_t> request_waiters{0};
constinit WaitQueue spare_queue{"disk"};

CacheRequest* take_spare() {
  IrqGuard guard(spare_lock);
  return spare.pop_front();
}

CacheRequest* make_request() {
  if (request_total.fetch_add(1) < kMaxRequests) {
    if (auto* request = new_object<CacheRequest>()) return request;
  }
  request_total.fetch_sub(1);
  return nullptr;
}

/// May sleep until another request has ended.
CacheRequest& take_request() {
  CacheRequest* request = take_spare();
  if (request == nullptr) request = make_request();
  if (request != nullptr) return *request;
  request_waiters.fetch_add(1);
  spare_queue.wait_until([&] { return (request = take_spare()) != nullptr; });
  request_waiters.fetch_sub(1);
  return *request;
}

void give_request(CacheRequest& request) {
  {
    IrqGuard guard(spare_lock);
    spare.push_front(request);
  }
  if (request_waiters.load() != 0) spare_queue.wake_one();
}

// ---- The end of a page's I/O: in interrupt handlers ---------------------------------------------

void end_reading(CachePage& page) {
  if ((page.state.load() & CachePage::kFailed) != 0) {
    cache_read_errors_count.increment();
    end_io(page, CachePage::kReading);
  } else {
    finish_reading(page);
  }
}

void end_writing(CachePage& page, IoBatch* batch) {
  cache_written_count.increment();
  if ((page.state.load() & CachePage::kFailed) != 0) {
    cache_write_errors_count.increment();
    page.owner->write_failed = true;
    batch->failed = true;
  }
  end_io(page, CachePage::kWriting | CachePage::kFailed);
}

void end_piece(CachePage& page, IoBatch* batch, bool failed) {
  if (failed) page.state.fetch_or(CachePage::kFailed);
  if (page.pieces.fetch_sub(1) != 1) return;
  if ((page.state.load() & CachePage::kReading) != 0) {
    end_reading(page);
  } else {
    end_writing(page, batch);
  }
}

void leave_batch(IoBatch& batch) {
  WaitQueue& queue = queue_of(&batch);
  if (batch.pending.fetch_sub(1) == 1) queue.wake_all();
}

void request_done(BlockRequest& block, Errno result) {
  auto& request = *static_cast<CacheRequest*>(block.context);
  IoBatch* batch = request.batch;
  for (uint32_t i = 0; i < block.segment_count; i++) {
    end_piece(*request.pages[i], batch, result != Errno::kOk);
  }
  give_request(request);
  if (batch != nullptr) leave_batch(*batch);
}

}  // namespace

Result<void> start_cache_io() {
  for (uint32_t i = 0; i < kFirstRequests; i++) {
    CacheRequest* request = make_request();
    if (request == nullptr) return Errno::kENOMEM;
    give_request(*request);
  }
  return {};
}

Result<void> IoBatch::wait() {
  leave_batch(*this);
  queue_of(this).wait_until([this] { return pending.load() == 0; });
  return failed.load() ? Errno::kEIO : Result<void>();
}

void IoRun::submit() {
  if (count_ == 0) return;
  CacheRequest& request = take_request();
  request.batch = batch_;
  BlockRequest& block = request.block;
  block.operation = operation_;
  block.first = SectorNumber(first_);
  block.segment_count = count_;
  for (uint32_t i = 0; i < count_; i++) {
    const Piece& piece = pieces_[i];
    block.segments[i] = {frame_address(piece.page->frame) + piece.offset, piece.size};
    request.pages[i] = piece.page;
  }
  block.done = request_done;
  block.context = &request;
  count_ = 0;
  if (batch_ != nullptr) batch_->pending.fetch_add(1);
  device_->submit(block);
}

void IoRun::add_piece(const Piece& piece, uint64_t sector) {
  if (count_ == kMaxBlockSegments || (count_ != 0 && sector != next_)) submit();
  if (count_ == 0) first_ = sector;
  next_ = sector + piece.size / kSectorSize;
  piece.page->pieces.fetch_add(1);
  pieces_[count_++] = piece;
}

void IoRun::add(CachePage& page) {
  CacheOwner& owner = *page.owner;
  constexpr uint64_t kHole = CacheOwner::kHole;
  const uint32_t block_size = owner.block_size;
  const uint64_t block_sectors = block_size / kSectorSize;
  const uint32_t blocks = uint32_t(kPageSize / block_size);
  uint64_t sectors[kPageSize / kSectorSize];
  bool read = operation_ == BlockOperation::kRead;
  bool exists = device_ != nullptr && (!read || page.index < owner.page_limit());
  if (!exists) std::fill_n(sectors, blocks, kHole);
  bool located = !exists || owner.locate_page(page.index, {sectors, blocks}).ok();
  page.pieces.store(1);
  for (uint32_t i = 0, end; located && i < blocks; i = end) {
    bool hole = sectors[i] == kHole;
    for (end = i + 1; end < blocks; end++) {
      if (hole ? sectors[end] != kHole : sectors[end] != sectors[end - 1] + block_sectors) break;
    }
    uint32_t offset = i * block_size, size = (end - i) * block_size;
    if (!hole) {
      add_piece({&page, offset, size}, sectors[i]);
    } else if (read) {
      memset(page.data() + offset, 0, size);
    }
  }
  end_piece(page, batch_, !located);
}

void end_io(CachePage& page, uint32_t bits) {
  WaitQueue& queue = queue_of(&page);
  uint32_t before = page.state.fetch_and(~(bits | CachePage::kAwaited));
  if ((before & CachePage::kAwaited) != 0) queue.wake_all();
}

bool claim_for_reading(CachePage& page) {
  uint32_t state = page.state.load();
  do {
    if ((state & (CachePage::kUpToDate | kBusy)) != 0) return false;
  } while (!page.state.compare_exchange_weak(
      state, (state | CachePage::kReading) & ~uint32_t(CachePage::kFailed)));
  return true;
}

void finish_reading(CachePage& page) {
  // Whoever sees kUpToDate before kReading goes finds the content complete.
  page.state.fetch_or(CachePage::kUpToDate);
  end_io(page, CachePage::kReading);
}

void wait_for_io(CachePage& page) {
  queue_of(&page).wait_until(
      [&page] { return (page.state.fetch_or(CachePage::kAwaited) & kInUse) == 0; });
}

}  // namespace cairn
