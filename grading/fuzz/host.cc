// What the subsystems under test need of the rest of the kernel, on the host: memory, a clock, a log, a
// block device that is a piece of memory.
#include "host.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include "host_threads.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "address_space/user_copy.h"
#include "debug/log.h"
#include "memory/frame_allocator.h"
#include "memory/frame_refs.h"
#include "memory/heap.h"
#include "page_cache/page_cache.h"
#include "sched/rcu.h"
#include "special_files/device_file.h"
#include "time/clock.h"

namespace cairn {

// ---- Failures ------------------------------------------------------------------------------------

void panic(const char* message) {
  fprintf(stderr, "panic: %s\n", message);
  abort();
}
void assertion_failed(const char* expression, const char* file, int line) {
  fprintf(stderr, "%s:%d: %s failed\n", file, line, expression);
  abort();
}
void comparison_failed(const char* expression, uint64_t left, uint64_t right, const char* file,
                       int line) {
  fprintf(stderr, "%s:%d: %s failed: %lu is not %lu\n", file, line, expression, left, right);
  abort();
}

static const bool verbose = getenv("CAIRN_LOG") != nullptr;

/// Nobody switches within a reader, so outside of one there is none.
void rcu_read_lock() { host::unswitched++; }
void rcu_read_unlock() { host::unswitched--; }
void call_rcu(RcuHead& head, void (*function)(RcuHead& head)) { function(head); }

void log_line(LogLevel, const char* subsystem, std::string_view text) {
  if (verbose) fprintf(stderr, "%s: %.*s\n", subsystem, int(text.size()), text.data());
}

// ---- Time ----------------------------------------------------------------------------------------

// It goes on by itself, so that a run can be repeated.
uint64_t realtime_ns() {
  static uint64_t now = 1'700'000'000ull * 1'000'000'000;
  return now += 1'000'000;
}
uint64_t monotonic_ns() { return realtime_ns(); }

// ---- Processes that map files: there are none -----------------------------------------------------

void MemoryObject::unmap_pages(uint64_t, uint64_t) {}
void MemoryObject::unmap_frame(uint64_t, FrameNumber) {}
void MemoryObject::protect_pages(uint64_t, uint64_t) {}
bool MemoryObject::take_accessed(uint64_t, FrameNumber) { return false; }

// ---- Memory: every other frame is a guard that AddressSanitizer knows ------------------------------

constexpr uint64_t kFrames = 1 << 16;  // 256 MiB, half of it guards

uint8_t* host_memory = nullptr;
Frame* frame_table = nullptr;
uint64_t frame_limit = kFrames;

static uint32_t free_list[kFrames / 2];
static uint64_t free_count = 0;
static uint64_t fail_in = 0;  // allocations until one fails; 0: none

void start_memory() {
  void* memory = mmap(nullptr, kFrames * kPageSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  host_memory = static_cast<uint8_t*>(memory);
  frame_table = static_cast<Frame*>(calloc(kFrames, sizeof(Frame)));
  ASAN_POISON_MEMORY_REGION(host_memory, kFrames * kPageSize);
  for (uint64_t frame = kFrames - 1; frame > 1; frame -= 2) free_list[free_count++] = frame;
}

void fail_allocation(uint64_t n) { fail_in = n; }
static bool fails_now() { return fail_in != 0 && --fail_in == 0; }

Result<FrameNumber> allocate_frame(FrameUse) {
  if (fails_now() || free_count == 0) return Errno::kENOMEM;
  FrameNumber frame(free_list[--free_count]);
  ASAN_UNPOISON_MEMORY_REGION(direct_map(frame_address(frame)), kPageSize);
  memset(direct_map(frame_address(frame)), 0xd5, kPageSize);
  frame_table[frame.value].references.store(1);
  return frame;
}
void free_frame(FrameNumber frame) {
  ASAN_POISON_MEMORY_REGION(direct_map(frame_address(frame)), kPageSize);
  frame_table[frame.value].references.store(0);
  free_list[free_count++] = uint32_t(frame.value);
}
void frame_get(FrameNumber frame) { frame_table[frame.value].references.fetch_add(1); }
uint32_t frame_put(FrameNumber frame) {
  free_frame(frame);
  return 0;
}
uint64_t free_frame_count() { return free_count; }
uint64_t total_frame_count() { return kFrames / 2; }
void set_frame_reclaimer(FrameReclaimer) {}
void set_sleeping_reclaimer(FrameReclaimer) {}

// The kernel's `delete` frees what heap_allocate() gave, too.
void* heap_allocate(size_t bytes) {
  return fails_now() ? nullptr : ::operator new(bytes, std::nothrow);
}
void heap_free(void* object) { ::operator delete(object); }

// ---- Nobody writes back behind a test's back -----------------------------------------------------

uint64_t dirty_page_limit() { return kFrames; }
void note_pages_written() {}
void balance_dirty_pages() {}
void flush_soon() {}
void wake_flusher() {}
bool shrink_others_by_flusher() { return false; }

// ---- There are no users and no devices -------------------------------------------------------------

uint64_t copy_some_to_user(VirtAddr, const void*, uint64_t) { return 0; }
uint64_t copy_some_from_user(void*, VirtAddr, uint64_t) { return 0; }
uint64_t copy_present_from_user(void*, VirtAddr, uint64_t) { return 0; }

uint64_t FileSystem::number_for(const BlockDevice*) { return 1; }
Result<void> Inode::on_open(File&) {
  bool stored = type == FileType::kRegular || type == FileType::kDirectory;
  return stored ? Errno::kOk : Errno::kENXIO;
}
void Inode::on_close(File&) {}
Result<uint64_t> Inode::read(File&, IoBuffer&, uint64_t) { return Errno::kENXIO; }
Result<uint64_t> Inode::write(File&, IoBuffer&, uint64_t&) { return Errno::kENXIO; }
Result<int64_t> Inode::control(File&, uint64_t, uint64_t) { return Errno::kENOTTY; }
uint32_t Inode::poll(File&, WaitQueue**) { return 0; }
void forget_watches(File&) {}
bool Inode::seekable() const { return true; }

// ---- Disks ---------------------------------------------------------------------------------------

static HostDisk* first_disk = nullptr;

HostDisk::HostDisk(uint8_t* bytes, uint64_t size, const char* name)
    : BlockDevice(name, size / kSectorSize, false), bytes_(bytes), next_(first_disk) {
  first_disk = this;
}

BlockDevice* find_block_device(std::string_view name) {
  HostDisk* disk = first_disk;
  while (disk != nullptr && disk->name() != name) disk = disk->next();
  return disk;
}

void HostDisk::log_writes(const char* name) {
  log_ = fopen(name, "wb");
  log_write(0, sector_count() * kSectorSize);
}

void HostDisk::log_write(uint64_t first, uint64_t size) {
  const uint64_t head[] = {first, size};
  bool written = fwrite(head, sizeof(head), 1, log_) == 1 &&
                 fwrite(bytes_ + first * kSectorSize, size, 1, log_) == 1 && fflush(log_) == 0;
  if (!written) panic("the log can't be written");
}

void HostDisk::serve() {
  host::serve([this] {
    while (true) {
      work_.wait_until([this] { return !waiting_.empty(); });
      BlockRequest* request = waiting_.pop_front();
      // Not in order: the others go around.
      for (uint64_t turns = host::random_below(4); turns > 0 && !waiting_.empty(); turns--) {
        waiting_.push_back(*request);
        request = waiting_.pop_front();
      }
      carry_out(*request);
    }
  });
}

void HostDisk::start(BlockRequest& request) {
  if (!host::threads_run()) return carry_out(request);
  waiting_.push_back(request);
  work_.wake_all();
}

void HostDisk::carry_out(BlockRequest& request) {
  if (fail_after_ != 0 && --fail_after_ == 0) return complete(request, Errno::kEIO);
  uint8_t* at = bytes_ + request.disk_first.value * kSectorSize;
  for (uint32_t i = 0; i < request.segment_count; i++) {
    void* memory = direct_map(request.segments[i].address);
    if (request.operation == BlockOperation::kRead) memcpy(memory, at, request.segments[i].size);
    if (request.operation == BlockOperation::kWrite) memcpy(at, memory, request.segments[i].size);
    at += request.segments[i].size;
  }
  bool is_write = request.operation == BlockOperation::kWrite;
  if (is_write && log_ != nullptr) log_write(request.disk_first.value, request.size());
  complete(request, Errno::kOk);
}

}  // namespace cairn
