// What calls cost as something grows: `make bench LAB=b SCALE=1` runs this, the same program, on Cairn and on
// Linux, in the same QEMU on copies of the same image.
//
//     scale FOLDER [ROW…]
//
// FOLDER is the one that files.c asks for. For each row and each of its counts N it prints the line that bench.h
// describes, for a row that is called NAME/N. What a row needs N of is there before its first mark and gone after its second.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"
#include "many_threads.h"

enum {
  kForks = 4,
  kRepeats = 100,
  kMaxFiles = 1000,
  kFilesEach = 500,
  kMaxChildren = 10000,
  kHugePage = 2 << 20,  // bytes that one entry of level 2 stands for
};

static long n;  // what the row that runs now has N of
static volatile char* memory;
static size_t memory_size;
static int files[kMaxFiles];
static pid_t children[kMaxChildren];

static int nothing(void) { return 0; }
static long not_prepared(void) { return -1; }  // errno is the preparation's

// ---- Memory --------------------------------------------------------------------------------------------

static int map_memory(size_t size) {
  memory_size = size;
  memory =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -1;
  madvise((void*)memory, size, MADV_NOHUGEPAGE);  // Linux is to have the same small pages
  return 0;
}
static int unmap_memory(void) { return munmap((void*)memory, memory_size); }

static int touch_pages(void) {
  if (map_memory((size_t)n * kPageSize) != 0) return -1;
  for (long i = 0; i < n; i++) memory[i * kPageSize] = 1;
  return 0;
}
static int touch_far_pages(void) {  // each in a table of its own
  if (map_memory((size_t)n * kHugePage) != 0) return -1;
  for (long i = 0; i < n; i++) memory[i * kHugePage] = 1;
  return 0;
}
static int make_regions(void) {  // every second page can't be written, so that no two are alike
  if (map_memory((size_t)n * kPageSize) != 0) return -1;
  for (long i = 0; i < n; i += 2) {
    if (mprotect((void*)(memory + i * kPageSize), kPageSize, PROT_READ) != 0) return -1;
  }
  return 0;
}

static long fork_and_wait(void) {
  for (int i = 0; i < kForks; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  }
  return kForks;
}

static long protect_a_page(void) {
  volatile char* page = memory + n / 2 * kPageSize;
  for (int i = 0; i < kRepeats; i++) {
    if (mprotect((void*)page, kPageSize, i % 2 ? PROT_READ : PROT_NONE) != 0) return -1;
  }
  return kRepeats;
}

static long map_and_unmap(void) {
  for (int i = 0; i < kRepeats; i++) {
    void* page = mmap(NULL, kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || munmap(page, kPageSize) != 0) return -1;
  }
  return kRepeats;
}

static long fault_in_regions(void) {
  long count = n / 2 < kRepeats ? n / 2 : kRepeats;
  for (long i = 0; i < count; i++) memory[(n / 2 / count * i * 2 + 1) * kPageSize] = 1;
  return count;
}

// ---- Descriptors ---------------------------------------------------------------------------------------

static int open_files(void) {
  for (long i = 0; i < n; i++) {
    files[i] = open("data", O_RDONLY);
    if (files[i] < 0) return -1;
  }
  return 0;
}
static int close_files(void) {
  for (long i = 0; i < n; i++) close(files[i]);
  return 0;
}

static long poll_files(void) {
  static struct pollfd polled[kMaxFiles];
  for (long i = 0; i < n; i++) polled[i] = (struct pollfd){.fd = files[i], .events = POLLIN};
  for (int i = 0; i < kRepeats; i++) {
    if (poll(polled, (nfds_t)n, 0) != n) return -1;
  }
  return kRepeats;
}

static long open_and_close(void) {
  for (int i = 0; i < kRepeats; i++) {
    int fd = open("data", O_RDONLY);
    if (fd < 0) return -1;
    close(fd);
  }
  return kRepeats;
}

// ---- Record locks --------------------------------------------------------------------------------------

static int locked_file = -1, other_file = -1;

static int set_lock(int fd, short type, off_t start, off_t length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, F_SETLK, &lock);
}

static int take_locks(void) {
  locked_file = open("locked", O_RDWR | O_CREAT, 0644);
  other_file = open("other", O_RDWR | O_CREAT, 0644);
  if (locked_file < 0 || other_file < 0) return -1;
  for (long i = 0; i < n; i++) {
    if (set_lock(locked_file, F_WRLCK, i * 2, 1) != 0) return -1;
  }
  return 0;
}
static int drop_locks(void) {
  close(locked_file);
  close(other_file);
  return unlink("locked") | unlink("other");
}

static long lock_another_file(void) {
  for (int i = 0; i < kRepeats; i++) {
    if (set_lock(other_file, F_WRLCK, i, 1) != 0 || set_lock(other_file, F_UNLCK, i, 1) != 0)
      return -1;
  }
  return kRepeats;
}

static long lock_the_same_file(void) {
  for (int i = 0; i < kRepeats; i++) {
    if (set_lock(locked_file, F_WRLCK, n + 1 + i * 2, 1) != 0) return -1;
    if (set_lock(locked_file, F_UNLCK, n + 1 + i * 2, 1) != 0) return -1;
  }
  return kRepeats;
}

// ---- Processes -----------------------------------------------------------------------------------------

static int make_zombies(void) {
  for (long i = 0; i < n; i++) {
    children[i] = fork();
    if (children[i] == 0) _exit(0);
    if (children[i] < 0) return -1;
  }
  return 0;
}

static long wait_for_each(void) {  // the youngest first
  for (long i = n; i-- > 0;) {
    int status;
    if (waitpid(children[i], &status, 0) != children[i]) return -1;
  }
  return n;
}

// Children that open some files and wait for the end of a pipe.
static int waiting[2];

static int start(long count, int files_each) {
  int started[2];
  if (pipe(waiting) != 0 || pipe(started) != 0) return -1;
  for (long i = 0; i < count; i++) {
    char byte = 0;
    children[i] = fork();
    if (children[i] == 0) {
      close(waiting[1]);
      for (int file = 0; file < files_each; file++) require(open("data", O_RDONLY) >= 0);
      require(write(started[1], &byte, 1) == 1);
      _exit(read(waiting[0], &byte, 1) != 0);
    }
    if (children[i] < 0 || read(started[0], &byte, 1) != 1) return -1;
  }
  close(started[0]);
  close(started[1]);
  return 0;
}
static int end(long count) {
  close(waiting[0]);
  close(waiting[1]);
  while (count-- > 0) {
    if (wait_for(children[count]) != 0) return -1;
  }
  return 0;
}
static int start_children(void) { return start(n, 0); }
static int end_children(void) { return end(n); }
static int open_elsewhere(void) { return start(n / kFilesEach, kFilesEach); }
static int close_elsewhere(void) { return end(n / kFilesEach); }

static long signal_a_child(void) {
  for (int i = 0; i < kRepeats; i++) {
    if (kill(children[n * i / kRepeats], 0) != 0) return -1;
  }
  return kRepeats;
}

static long pipe_round_trips(void) { return pass_bytes_by_pipes(kRepeats); }

// ---- Threads -------------------------------------------------------------------------------------------

static int start_threads(void) { return start_many(n); }
static int end_threads(void) { return end_many(n); }

static long ask_threads(void) {
  for (int i = 0; i < kRepeats; i++) ask(n * i / kRepeats);
  return kRepeats;
}
static void* ends(void* argument) { return argument; }
static long create_and_join(void) {
  for (int i = 0; i < kRepeats; i++) {
    pthread_t thread;
    if (create(&thread, ends, NULL) != 0) return -1;
    pthread_join(thread, NULL);
  }
  return kRepeats;
}

// ---- Names and files -----------------------------------------------------------------------------------

static int make_names(void) {
  char name[40];
  if (mkdir("grown", 0755) != 0) return -1;
  for (long i = 0; i < n; i++) {
    snprintf(name, sizeof(name), "grown/entry-%06ld", i);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return -1;
    close(fd);
  }
  snprintf(name, sizeof(name), "grown/entry-%06ld-d", n);
  return mkdir(name, 0755);
}
static int remove_names(void) {
  char name[40];
  for (long i = 0; i < n; i++) {
    snprintf(name, sizeof(name), "grown/entry-%06ld", i);
    if (unlink(name) != 0) return -1;
  }
  snprintf(name, sizeof(name), "grown/entry-%06ld-d", n);
  return rmdir(name) | rmdir("grown");
}

static long get_directory(void) {
  char name[40], path[256];
  snprintf(name, sizeof(name), "grown/entry-%06ld-d", n);
  if (chdir(name) != 0) return -1;
  long done = 0;
  while (done < kRepeats && getcwd(path, sizeof(path)) != NULL) done++;
  return chdir("../..") == 0 && done == kRepeats ? done : -1;
}

static long rename_over(void) {  // the last name, there and back
  char last[40], before[40];
  snprintf(last, sizeof(last), "grown/entry-%06ld", n - 1);
  snprintf(before, sizeof(before), "grown/entry-%06ld", n - 2);
  for (int i = 0; i < kRepeats; i++) {
    if (rename(before, last) != 0) return -1;
    int fd = open(before, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return -1;
    close(fd);
  }
  return kRepeats;
}

static long make_and_remove(void) {
  for (int i = 0; i < kRepeats; i++) {
    int fd = open("grown/fresh", O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0 || close(fd) != 0 || unlink("grown/fresh") != 0) return -1;
  }
  return kRepeats;
}

static int dirty_pages(void) {
  static char page[kPageSize];
  locked_file = open("dirty", O_RDWR | O_CREAT, 0644);
  other_file = open("synced", O_RDWR | O_CREAT, 0644);
  if (locked_file < 0 || other_file < 0) return -1;
  if (pwrite(other_file, page, kPageSize, 0) != kPageSize || fsync(other_file) != 0) return -1;
  for (int round = 0; round < 2;
       round++) {  // in the second they have their blocks, and only content is new
    if (fsync(locked_file) != 0) return -1;
    for (long i = 0; i < n; i++) {
      if (pwrite(locked_file, page, kPageSize, i * kPageSize) != kPageSize) return -1;
    }
  }
  return 0;
}
static int drop_dirty_pages(void) {
  close(locked_file);
  close(other_file);
  return unlink("dirty") | unlink("synced");
}

static long sync_one_page(void) {
  char byte = 1;
  if (pwrite(other_file, &byte, 1, 5) != 1 || fsync(other_file) != 0) return -1;
  return 1;
}

static const struct {
  const char* name;
  int (*prepare)(void);
  long (*run)(void);  // how many operations, or -1 with errno
  int (*finish)(void);
  long counts[4];
} kRows[] = {
    {"fork_pages", touch_pages, fork_and_wait, unmap_memory, {16, 256, 4096, 16384}},
    {"fork_far_pages", touch_far_pages, fork_and_wait, unmap_memory, {8, 64, 512, 2048}},
    {"fork_regions", make_regions, fork_and_wait, unmap_memory, {10, 100, 1000, 10000}},
    {"fork_files", open_files, fork_and_wait, close_files, {10, 100, 1000}},
    {"mprotect_regions", make_regions, protect_a_page, unmap_memory, {10, 100, 1000, 10000}},
    {"mmap_regions", make_regions, map_and_unmap, unmap_memory, {10, 100, 1000, 10000}},
    {"fault_regions", make_regions, fault_in_regions, unmap_memory, {10, 100, 1000, 10000}},
    {"open_files", open_files, open_and_close, close_files, {10, 100, 1000}},
    {"open_elsewhere", open_elsewhere, open_and_close, close_elsewhere, {500, 5000, 10000}},
    {"poll_files", open_files, poll_files, close_files, {10, 100, 1000}},
    {"lock_other_file", take_locks, lock_another_file, drop_locks, {10, 100, 1000, 10000}},
    {"lock_same_file", take_locks, lock_the_same_file, drop_locks, {10, 100, 1000, 10000}},
    {"open_other_locks", take_locks, open_and_close, drop_locks, {10, 100, 1000, 10000}},
    {"waitpid_zombies", make_zombies, wait_for_each, nothing, {10, 100, 1000, 3000}},
    {"fork_processes", start_children, fork_and_wait, end_children, {10, 100, 1000, 10000}},
    {"kill_processes", start_children, signal_a_child, end_children, {10, 100, 1000, 10000}},
    {"pipe_processes", start_children, pipe_round_trips, end_children, {10, 100, 1000, 10000}},
    {"thread_threads", start_threads, create_and_join, end_threads, {10, 100, 1000, 10000}},
    {"futex_threads", start_threads, ask_threads, end_threads, {10, 100, 1000, 10000}},
    {"getcwd_names", make_names, get_directory, remove_names, {100, 1000, 10000, 30000}},
    {"rename_names", make_names, rename_over, remove_names, {100, 1000, 10000, 30000}},
    {"create_names", make_names, make_and_remove, remove_names, {100, 1000, 10000, 30000}},
    {"fsync_dirty", dirty_pages, sync_one_page, drop_dirty_pages, {1, 64, 1024, 4096}},
};

// Returns whether the row failed.
static int measure(size_t row) {
  struct sample sample = measured(kRows[row].prepare() == 0 ? kRows[row].run : not_prepared);
  if (sample.count >= 0 && kRows[row].finish() != 0) sample = (struct sample){-1, 0, 0, errno};
  char name[40];
  snprintf(name, sizeof(name), "%s/%ld", kRows[row].name, n);
  return tell("scale", name, sample);
}

int main(int argc, char** argv) {
  if (argc < 2 || chdir(argv[1]) != 0) {
    say("usage: scale FOLDER [ROW…]: %s\n", argc < 2 ? "no folder given" : strerror(errno));
    return 2;
  }
  int failures = 0;
  for (size_t row = 0; row < sizeof(kRows) / sizeof(kRows[0]); row++) {
    if (!is_wanted(argc, argv, kRows[row].name)) continue;
    for (int i = 0; i < 4 && kRows[row].counts[i] != 0; i++) {
      n = kRows[row].counts[i];
      failures += measure(row);
    }
  }
  say("scale: done\n");
  return failures != 0;
}
