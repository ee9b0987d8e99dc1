// Threads that change, cover and look at one small tree of files at once, on two ext2 images. What they saw
// must be explained by some order of their calls (orders.h), nobody may wait for ever, and e2fsck judges the
// images at the end.
//
//   stress_threads IMAGE IMAGE SEED ROUNDS
//
// The threads are host_threads.h's: the same seed gives the same run. CAIRN_ROUNDS=1 prints what every round
// did. Beside them one keeps house: it writes back, and takes pages, inodes and names out of memory.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "ext2/file_system.h"
#include "host.h"
#include "host_threads.h"
#include "orders.h"
#include "vfs/dentry_cache.h"
#include "vfs/file_ops.h"
#include "vfs/name_ops.h"

using namespace cairn;

namespace {

constexpr unsigned kThreads = 3, kFolders = 3, kNames = 4;
constexpr unsigned kObserver = kThreads;  // the thread that looks at everything after a round

std::mt19937_64 rng;
uint64_t below(uint64_t n) { return rng() % n; }

PathContext context;
uint64_t touches = 0;  // bytes that were appended to the second disk's file

/// A thread's handle as it is in the kernel.
struct Held {
  Place place;
  RefPtr<File> file;
  void drop() { file = nullptr, place = {}; }
} held[kThreads + 1];

[[noreturn]] void fail(const char* what, Errno error = Errno::kOk) {
  fprintf(stderr, "stress: %s: %s\n", what, errno_name(error));
  abort();
}

// ---- What a round does ---------------------------------------------------------------------------

/// The paths that a round is about: few, so that its calls meet.
std::vector<std::string> focus;

std::string any_path() {
  return "/d" + std::to_string(below(kFolders)) + "/" + char('a' + below(kNames));
}
std::string random_path() { return focus[below(focus.size())]; }

/// `large`: files of more pages than one request of write-back has; `storm`: one renames, the others look.
Step random_step(unsigned thread, bool large, bool storm) {
  static const Call kCalls[] = {
      Call::kOpen,   Call::kOpen,   Call::kOpen,   Call::kLookUp, Call::kLookUp, Call::kLookUp,
      Call::kDrop,   Call::kStatus, Call::kStatus, Call::kRead,   Call::kWrite,  Call::kWrite,
      Call::kCut,    Call::kLink,   Call::kLink,   Call::kUnlink, Call::kUnlink, Call::kMake,
      Call::kRemove, Call::kRename, Call::kRename, Call::kRename, Call::kMount,  Call::kUnmount};
  Step step;
  step.thread = thread;
  step.call = kCalls[below(std::size(kCalls))];
  if (storm) step.call = thread == 0 ? Call::kRename : Call::kLookUp;
  if (large && below(2) != 0) step.call = below(2) != 0 ? Call::kWrite : Call::kCut;
  switch (step.call) {
    case Call::kOpen:
      step.make = below(3) != 0;
      step.fresh = step.make && below(3) == 0;
      [[fallthrough]];
    case Call::kLookUp:
    case Call::kLink:
    case Call::kUnlink:
    case Call::kMake:
    case Call::kRemove: step.path = random_path(); break;
    case Call::kRename: step.path = random_path(), step.to = random_path(); break;
    case Call::kWrite:
      step.length = large ? 600'000 + below(400'000) : 1 + below(40);
      step.letter = char('A' + below(26));
      step.number = large ? 0 : below(20);
      break;
    case Call::kCut: step.number = below(large ? 900'000 : 30); break;
    default: break;
  }
  return step;
}

/// The call itself.
Result<void> call(Step& step, Held& own) {
  const bool has_handle = own.place || own.file;
  Place place = own.file ? own.file->place : own.place;
  const bool about_handle = step.path.empty() && step.call != Call::kDrop;
  if ((about_handle || step.call == Call::kLink) && !has_handle) return Errno::kEBADF;
  switch (step.call) {
    case Call::kOpen: {
      own.drop();
      uint32_t flags = open_flag::kReadWrite;
      if (step.make) flags |= open_flag::kCreate;
      if (step.fresh) flags |= open_flag::kExclusive;
      own.file = TRY(vfs_open(context, step.path, flags, 0644));
      return {};
    }
    case Call::kLookUp:
      own.drop();
      own.place = TRY(resolve_path(context, step.path));
      return {};
    case Call::kDrop: own.drop(); return {};
    case Call::kStatus: {
      Attributes attributes = place.inode->attributes();
      step.links = attributes.links;
      step.size = attributes.size;
      return {};
    }
    case Call::kRead: {
      if (!own.file) return Errno::kEBADF;
      step.seen.resize(1'100'000);
      IoBuffer buffer = IoBuffer::kernel(step.seen.data(), step.seen.size());
      step.seen.resize(TRY(vfs_read_at(*own.file, buffer, 0)));
      return {};
    }
    case Call::kWrite: {
      if (!own.file) return Errno::kEBADF;
      std::string text(step.length, step.letter);
      IoBuffer buffer = IoBuffer::kernel(text.data(), text.size());
      uint64_t count = TRY(vfs_write_at(*own.file, buffer, step.number));
      return count == step.length ? Errno::kOk : Errno::kEIO;
    }
    case Call::kCut: return own.file ? vfs_truncate(place, step.number) : Errno::kEBADF;
    case Call::kLink: return vfs_link(place, context, step.path);
    case Call::kUnlink: return vfs_unlink(context, step.path);
    case Call::kMake: return vfs_mkdir(context, step.path, 0755);
    case Call::kRemove: return vfs_rmdir(context, step.path);
    case Call::kRename: return vfs_rename(context, step.path, step.to);
    case Call::kMount: return mount_device(place, "vdb", "ext2", false);
    case Call::kUnmount: {
      if (own.file) return Errno::kEINVAL;
      own.place = {};  // so that `place` is all that refers to it
      auto done = unmount_place(place);
      own.place = std::move(place);
      return done;
    }
  }
  return {};
}

void carry_out(Step& step, uint64_t& clock) {
  step.begin = clock++;
  host::may_switch();
  step.error = call(step, held[step.thread]).error();
  host::may_switch();
  step.end = clock++;
}

/// Appends a byte to the file of the second disk, if the handle is a root of it.
void touch(Held& own) {
  if (!own.place || own.place.inode.get() != own.place.mount->root.get()) return;
  PathContext here{context.root, own.place};
  auto file =
      vfs_open(here, "f", open_flag::kWriteOnly | open_flag::kCreate | open_flag::kAppend, 0644);
  if (!file.ok()) fail("open on the second disk", file.error());
  IoBuffer byte = IoBuffer::kernel("x", 1);
  auto written = vfs_write(**file, byte);
  if (!written.ok() || *written != 1) fail("write to the second disk", written.error());
  touches++;
}

void keep_house() {
  for (uint64_t i = below(6); i > 0; i--) {
    switch (below(5)) {
      case 0:
        if (auto synced = sync_all(); !synced.ok()) fail("sync", synced.error());
        break;
      case 1: evict_pages(below(300)); break;
      case 2: shrink_names(below(20)); break;
      case 3: dentry_cache_shrink(below(20)); break;
      default: context.root.mount->file_system->inodes.shrink(below(20)); break;
    }
  }
}

// ---- A round -------------------------------------------------------------------------------------

std::vector<Step> run_round() {
  std::vector<Step> steps;
  const bool large = below(16) == 0, storm = below(8) == 0;
  focus.clear();
  for (uint64_t i = 2 + below(3); i > 0; i--) focus.push_back(any_path());
  for (unsigned thread = 0; thread < kThreads; thread++) {
    for (uint64_t i = 1 + below(4); i > 0; i--) {
      steps.push_back(random_step(thread, large, storm));
    }
  }
  uint64_t clock = 0;
  std::vector<std::function<void()>> bodies = {keep_house};
  for (unsigned thread = 0; thread < kThreads; thread++) {
    bodies.push_back([&steps, &clock, thread] {
      for (Step& step : steps) {
        if (step.thread != thread) continue;
        carry_out(step, clock);
        if (below(2) != 0) touch(held[thread]);
      }
    });
  }
  host::run_threads(std::move(bodies));
  for (Step& step : steps) {
    for (const Step& other : steps) {
      bool apart = other.end < step.begin || step.end < other.begin;
      step.overlaps |= other.thread != step.thread && !apart;
    }
  }
  return steps;
}

/// Everything that can be seen, one after the other.
std::vector<Step> observe() {
  std::vector<Step> steps;
  auto add = [&](Call call, std::string path = {}) {
    Step step;
    step.thread = kObserver;
    step.call = call;
    step.path = std::move(path);
    steps.push_back(std::move(step));
  };
  for (unsigned folder = 0; folder < kFolders; folder++) {
    for (unsigned name = 0; name < kNames; name++) {
      std::string path = "/d" + std::to_string(folder) + "/" + char('a' + name);
      add(Call::kLookUp, path);
      add(Call::kStatus);
      add(Call::kOpen, path);
      add(Call::kRead);
    }
  }
  add(Call::kDrop);
  for (unsigned thread = 0; thread < kThreads; thread++) {
    add(Call::kStatus);
    steps.back().thread = thread;
  }
  uint64_t clock = 0;
  host::run_threads({[&] {
    for (Step& step : steps) carry_out(step, clock);
  }});
  return steps;
}

[[noreturn]] void report(uint64_t round, const std::vector<Step>& steps,
                         const std::vector<Step>& seen) {
  fprintf(stderr, "stress: no order of these calls explains what was seen, in round %lu:\n", round);
  for (const Step& step : steps) fprintf(stderr, "  %s\n", step.describe().c_str());
  fprintf(stderr, "and afterwards:\n");
  for (const Step& step : seen) fprintf(stderr, "  %s\n", step.describe().c_str());
  abort();
}

/// The states that are left of `states` after the steps, one at a time.
std::vector<FileTree> filter(std::vector<FileTree> states, const std::vector<Step>& seen) {
  for (const Step& step : seen) {
    std::erase_if(states, [&](FileTree& tree) { return !tree.take(step); });
  }
  return states;
}

// ---- The whole -----------------------------------------------------------------------------------

void begin() {
  static FileSystemType type{"ext2", true, ext2::open_ext2, {}};
  register_file_system(type);
  if (!start_page_cache().ok() || !start_dentry_cache().ok()) fail("the caches");
  if (auto mounted = mount_device({}, "vda", "ext2", false); !mounted.ok())
    fail("mount", mounted.error());
  context = {root_place(), root_place()};
  for (unsigned folder = 0; folder < kFolders; folder++) {
    if (!vfs_mkdir(context, "/d" + std::to_string(folder), 0755).ok()) fail("mkdir");
  }
}

void unmount_all() {
  for (Held& own : held) own.drop();
  while (RefPtr<Mount> last = next_mount(context.root.mount.get())) {
    Place where{last, last->root};
    last = nullptr;
    if (auto gone = unmount_place(where); !gone.ok()) fail("umount", gone.error());
  }
}

void end() {
  unmount_all();
  Place folder = resolve_path(context, "/d0").take();
  if (auto mounted = mount_device(folder, "vdb", "ext2", false); !mounted.ok())
    fail("mount", mounted.error());
  folder = {};
  uint64_t size = 0;
  if (auto file = resolve_path(context, "/d0/f"); file.ok()) size = file->inode->size.load();
  if (size != touches) {
    fprintf(stderr, "stress: %lu bytes were appended, %lu are there\n", touches, size);
    abort();
  }
  unmount_all();
  RefPtr<FileSystem> root = context.root.mount->file_system;
  context = {};
  dentry_cache_forget_file_system(*root);
  if (auto done = root->shut_down(); !done.ok()) fail("the last umount", done.error());
}

std::vector<uint8_t> load(const char* name) {
  FILE* stream = fopen(name, "rb");
  if (stream == nullptr) perror(name), exit(2);
  fseek(stream, 0, SEEK_END);
  std::vector<uint8_t> image(ftell(stream));
  rewind(stream);
  if (fread(image.data(), 1, image.size(), stream) != image.size()) exit(2);
  fclose(stream);
  return image;
}

void store(const char* name, const std::vector<uint8_t>& image) {
  FILE* stream = fopen(name, "wb");
  if (fwrite(image.data(), 1, image.size(), stream) != image.size() || fclose(stream) != 0) exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fprintf(stderr, "stress_threads IMAGE IMAGE SEED ROUNDS\n"), 2;
  const uint64_t seed = strtoull(argv[3], nullptr, 10), rounds = strtoull(argv[4], nullptr, 10);
  const bool verbose = getenv("CAIRN_ROUNDS") != nullptr;
  std::vector<uint8_t> images[] = {load(argv[1]), load(argv[2])};
  start_memory();
  static HostDisk first(images[0].data(), images[0].size(), "vda");
  static HostDisk second(images[1].data(), images[1].size(), "vdb");
  first.serve();
  second.serve();
  rng.seed(seed);
  host::seed_threads(seed, 2);
  host::run_threads({begin});
  std::vector<FileTree> states = {FileTree(kThreads + 1)};
  for (uint64_t round = 0; round < rounds; round++) {
    host::seed_threads(seed * 1'000'003 + round, 2ull << 2 * below(4));
    std::vector<Step> steps = run_round(), seen = observe();
    if (verbose) fprintf(stderr, "round %lu\n", round);
    for (const Step& step : steps) {
      if (verbose) fprintf(stderr, "  %s\n", step.describe().c_str());
    }
    states = filter(explain(states, steps), seen);
    if (states.empty()) report(round, steps, seen);
  }
  host::run_threads({end});
  store(argv[1], images[0]);
  store(argv[2], images[1]);
  printf("%lu rounds\n", rounds);
  return 0;
}
