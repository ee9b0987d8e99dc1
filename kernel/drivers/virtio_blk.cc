#include "drivers/virtio_blk.h"

#include <algorithm>

#include "arch/layout.h"
#include "debug/log.h"
#include "memory/frame_allocator.h"
#include "memory/heap.h"

namespace cairn {

namespace {

// Features.
constexpr uint64_t kSizeMax = 1 << 1, kSegMax = 1 << 2, kReadOnly = 1 << 5, kBlockSize = 1 << 6;
constexpr uint64_t kFlush = 1 << 9;

// Offsets of configuration registers.
constexpr uint64_t kCapacityAt = 0, kSizeMaxAt = 8, kSegMaxAt = 12, kBlockSizeAt = 20;

// Types of requests, and their outcome.
constexpr uint32_t kIn = 0, kOut = 1, kFlushRequest = 4;
constexpr uint8_t kStatusOk = 0, kStatusNone = 0xff;

constexpr unsigned kErrorsTold = 8;  // log lines about errors of one disk

constexpr uint32_t request_type(BlockOperation operation) {
  switch (operation) {
    case BlockOperation::kRead: return kIn;
    case BlockOperation::kWrite: return kOut;
    case BlockOperation::kFlush: break;
  }
  return kFlushRequest;
}

}  // namespace

/// In memory that the device reads and writes: first the header, then the data's pieces, then the
/// status, all named by one table of descriptors.
struct VirtioBlk::Command {
  static constexpr uint32_t kHeaderSize = 16;  // bytes

  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
  VirtqDescriptor table[kMaxBlockSegments + 2];
  uint8_t status;
};

VirtioBlk::VirtioBlk(std::string_view name, const VirtioDevice& device,
                     const Description& description)
    : BlockDevice(name, description.sectors, description.read_only),
      device_(device),
      description_(description) {}

VirtioBlk::~VirtioBlk() {
  for (FrameNumber frame : command_frames_) {
    if (frame.value != 0) free_frame(frame);
  }
}

Result<VirtioBlk::Description> VirtioBlk::describe(VirtioDevice& device) {
  uint64_t features = TRY(device.negotiate(virtio_feature::kIndirect | kSizeMax | kSegMax |
                                           kReadOnly | kBlockSize | kFlush));
  if (device.config_size() < kBlockSizeAt + 4) return device.refuse("a disk without its registers");
  Description found;
  found.sectors = device.read_config<uint64_t>(kCapacityAt);
  found.read_only = (features & kReadOnly) != 0;
  found.flush = (features & kFlush) != 0;
  found.indirect = (features & virtio_feature::kIndirect) != 0;
  if ((features & kBlockSize) != 0 && device.read_config<uint32_t>(kBlockSizeAt) != kSectorSize) {
    return device.refuse("a disk that is not accessed by sectors of 512 bytes");
  }
  if ((features & kSizeMax) != 0) {
    auto most = uint32_t(align_down(device.read_config<uint32_t>(kSizeMaxAt), kSectorSize));
    if (most == 0) return device.refuse("a disk that takes less than a sector at once");
    found.limits.segment_size = std::min(most, kLargestSegment);
  }
  if ((features & kSegMax) != 0) {
    uint32_t most = device.read_config<uint32_t>(kSegMaxAt);
    found.limits.segments = std::clamp(most, 1u, uint32_t(kMaxBlockSegments));
  }
  return found;
}

Result<void> VirtioBlk::allocate_commands(uint16_t count) NO_THREAD_SAFETY_ANALYSIS {
  constexpr size_t kPerFrame = kPageSize / sizeof(Command);
  static_assert(Virtqueue::kMaxSize / kPerFrame < std::tuple_size_v<decltype(command_frames_)>);
  for (uint16_t i = 0; i < count; i++) {
    FrameNumber& frame = command_frames_[i / kPerFrame];
    if (frame.value == 0) frame = TRY(allocate_zeroed_frame(FrameUse::kDma));
    slots_[i].command = direct_map_as<Command>(frame_address(frame)) + i % kPerFrame;
  }
  return {};
}

Result<void> VirtioBlk::start_queue(bool interrupts) NO_THREAD_SAFETY_ANALYSIS {
  uint16_t size = std::min(device_.queue_size(0), Virtqueue::kMaxSize);
  // The least chain is header, one piece of data, status.
  constexpr uint16_t kLeast = 3;
  if (size < kLeast || (size & (size - 1)) != 0) return device_.refuse("no queue to work with");
  // No chain is longer than the queue, be it in a table of its own.
  description_.limits.segments = std::min(description_.limits.segments, size - 2u);
  TRY(allocate_commands(size));
  TRY(queue_.allocate(size));
  auto on_queue = [](void* disk) { static_cast<VirtioBlk*>(disk)->on_interrupt(); };
  TRY(device_.set_up_queue(0, queue_, interrupts ? +on_queue : nullptr, this));
  if (interrupts) {
    auto on_config = [](void* disk) { static_cast<VirtioBlk*>(disk)->on_config_interrupt(); };
    auto done = device_.set_up_config_interrupt(on_config, this);
    if (!done.ok()) log_info("virtio-blk", "{}: failures won't be told by interrupt", name());
  }
  device_.set_ready();
  return {};
}

// ---- Towards the device ------------------------------------------------------------------------

void VirtioBlk::start(BlockRequest& request) {
  if (request.operation == BlockOperation::kFlush && !description_.flush) {
    return complete(request, Errno::kOk);  // nothing is cached: what was written is there
  }
  request.parts = 1;  // the last piece's, so that the request can't be over before
  request.result = Errno::kOk;
  RequestCutter cutter(request, description_.limits);
  bool last = false;
  while (!last) {
    RequestCutter::Piece piece = cutter.next();
    last = cutter.at_end();  // once that is offered, the request may be gone
    if (try_offer(request, cutter, piece)) continue;
    room_.wait_until([&] { return try_offer(request, cutter, piece); });
  }
}

/// False if there is no room now; room_ is woken when there is.
bool VirtioBlk::try_offer(BlockRequest& request, const RequestCutter& cutter,
                          const RequestCutter::Piece& piece) {
  Finished finished;
  {
    IrqGuard guard(lock_);
    uint32_t wanted = description_.indirect ? 1 : piece.segment_count + 2;
    if (!broken() && queue_.free_count() < wanted) {
      starved_ = true;
      return false;
    }
    if (!cutter.at_end()) request.parts++;
    if (!broken()) {
      offer(request, cutter, piece);
      if (queue_.device_wants_notice()) device_.notify(0);
      return true;
    }
    end_piece(request, Errno::kEIO, finished);
  }
  finish(finished);
  return true;
}

void VirtioBlk::offer(BlockRequest& request, const RequestCutter& cutter,
                      const RequestCutter::Piece& piece) {
  bool reads = request.operation == BlockOperation::kRead;
  Slot& slot = slots_[queue_.next_head()];
  Command& command = *slot.command;
  slot.request = &request;
  slot.written = (reads ? piece.size : 0) + sizeof(command.status);
  command.type = request_type(request.operation);
  command.sector = request.operation == BlockOperation::kFlush ? 0 : piece.first.value;
  command.status = kStatusNone;

  constexpr uint16_t kNext = VirtqDescriptor::kNext, kWrites = VirtqDescriptor::kDeviceWrites;
  uint64_t address = physical_of(&command).value;
  VirtqDescriptor* table = command.table;
  uint16_t count = 0;
  table[count++] = {address, Command::kHeaderSize, kNext, 1};
  auto flags = uint16_t(kNext | (reads ? kWrites : 0));
  cutter.for_each_segment(piece, [&](const BlockSegment& segment) {
    table[count] = {segment.address.value, segment.size, flags, uint16_t(count + 1)};
    count++;
  });
  table[count++] = {address + offsetof(Command, status), sizeof(command.status), kWrites, 0};
  if (!description_.indirect) return queue_.offer({table, count});
  VirtqDescriptor whole{address + offsetof(Command, table),
                        uint32_t(count * sizeof(VirtqDescriptor)), VirtqDescriptor::kIndirect, 0};
  queue_.offer({&whole, 1});
}

// ---- From the device ---------------------------------------------------------------------------

void VirtioBlk::on_interrupt() {
  Finished finished;
  {
    IrqGuard guard(lock_);
    take_finished(finished);
    finished.wake = std::exchange(starved_, false);
  }
  finish(finished);
}

void VirtioBlk::on_config_interrupt() {
  if (!device_.needs_reset()) return;  // a change of size or the like, which isn't followed
  Finished finished;
  {
    IrqGuard guard(lock_);
    if (!broken()) give_up("the device failed", finished);
    finished.wake = std::exchange(starved_, false);
  }
  finish(finished);
}

void VirtioBlk::take_finished(Finished& finished) {
  if (broken()) return;
  if (queue_.used_count() > queue_.size()) return give_up("more answers than requests", finished);
  while (auto used = queue_.take_used()) {
    if (used->head >= queue_.size() || slots_[used->head].request == nullptr) {
      return give_up("an answer to no request", finished);
    }
    Slot& slot = slots_[used->head];
    if (used->size > slot.written) return give_up("an answer longer than its memory", finished);
    Errno result = result_of(slot, used->size);
    BlockRequest& request = *std::exchange(slot.request, nullptr);
    queue_.free_chain(uint16_t(used->head));
    end_piece(request, result, finished);
  }
}

Errno VirtioBlk::result_of(const Slot& slot, uint32_t written) {
  uint8_t status = __atomic_load_n(&slot.command->status, __ATOMIC_RELAXED);
  // A read that succeeded has filled its memory.
  bool whole = slot.request->operation != BlockOperation::kRead || written + 1 >= slot.written;
  if (status == kStatusOk && whole) return Errno::kOk;
  note_error(*slot.request, status);
  return Errno::kEIO;
}

void VirtioBlk::end_piece(BlockRequest& request, Errno result, Finished& finished) {
  if (result != Errno::kOk) request.result = result;
  if (--request.parts == 0) finished.requests.push_back(request);
}

void VirtioBlk::note_error(const BlockRequest& request, unsigned status) {
  if (errors_told_ == kErrorsTold) return;
  errors_told_++;
  constexpr const char* kNames[] = {"read", "write", "flush"};
  log_warning("virtio-blk", "{}: error {} in a {} at sector {}{}", name(), status,
              kNames[size_t(request.operation)], request.disk_first,
              errors_told_ == kErrorsTold ? " (further errors are only counted)" : "");
}

void VirtioBlk::give_up(const char* why, Finished& finished) {
  broken_.store(true, std::memory_order_relaxed);
  // Only a device that has been reset leaves alone the memory of requests that end here.
  bool still = device_.reset();
  log_error("virtio-blk", "{}: {}; given up{}", name(), why,
            still ? "" : " without an answer to its reset");
  for (uint16_t head = 0; head < queue_.size(); head++) {
    BlockRequest* request = std::exchange(slots_[head].request, nullptr);
    if (request != nullptr) end_piece(*request, Errno::kEIO, finished);
  }
}

/// Without the lock: lets those in who wait for room, and ends requests.
void VirtioBlk::finish(Finished& finished) {
  if (finished.wake) room_.wake_all();
  while (BlockRequest* request = finished.requests.pop_front()) complete(*request, request->result);
}

// ---- Finding them ------------------------------------------------------------------------------

namespace {

constexpr uint16_t kVirtioVendor = 0x1af4;
constexpr uint16_t kBlockDevice = 0x1042, kTransitionalBlockDevice = 0x1001;

/// "vda" … "vdz", "vdaa" …
void disk_name(unsigned number, BufferWriter& out) {
  char letters[4];
  size_t at = sizeof(letters);
  for (unsigned rest = number + 1; rest != 0 && at != 0; rest = (rest - 1) / 26) {
    letters[--at] = char('a' + (rest - 1) % 26);
  }
  print(out, "vd{}", std::string_view(letters + at, sizeof(letters) - at));
}

Result<void> start_disk(const PciFunction& function, unsigned& count) {
  VirtioDevice device = TRY(VirtioDevice::open(function));
  VirtioBlk::Description description = TRY(VirtioBlk::describe(device));
  char name[16];
  BufferWriter out(name);
  disk_name(count, out);
  auto* disk = new_object<VirtioBlk>(out.text(), device, description);
  if (disk == nullptr) return Errno::kENOMEM;
  // From here on interrupts name the object, so it stays even if it can't be used.
  auto started = disk->start_queue();
  if (!started.ok()) {
    (void)device.reset();
    return started.error();
  }
  count++;
  add_block_device(*disk);
  return {};
}

void start_if_disk(const PciFunction& function, void* count) {
  bool disk =
      function.vendor_id() == kVirtioVendor &&
      (function.device_id() == kBlockDevice || function.device_id() == kTransitionalBlockDevice);
  if (!disk) return;
  auto done = start_disk(function, *static_cast<unsigned*>(count));
  if (done.ok() || done.error() == Errno::kENODEV) return;  // those are told where they are found
  log_error("virtio-blk", "a disk can't be started: {}", errno_name(done.error()));
}

}  // namespace

void start_virtio_disks() {
  unsigned count = 0;
  for_each_pci_function(start_if_disk, &count);
}

}  // namespace cairn
