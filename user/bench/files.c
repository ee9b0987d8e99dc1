// What the file calls cost: `make bench LAB=b` runs this, the same program, on Cairn and on Linux, in
// the same QEMU on copies of the same image.
//
//     files FOLDER [ROW…]
//
// FOLDER is on the file system to be measured and holds, untouched since the machine started,
//     data                      a file of 8 MiB
//     many/entry-000000 …       100,000 files
//     deep/1/2/3/4/5/6/7/8/file
// For each row it prints the line that bench.h describes. Rows named warm or cached ran once before they are measured.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"

enum {
  kFileSize = 8 << 20,
  kChunk = 64 << 10,
  kChunks = kFileSize / kChunk,
  kFiles = 1000,      // made and removed
  kEntries = 100000,  // in the large folder
  kLookups = 1000,
  kRepeats = 1000,
};

static const char kDeepPath[] = "deep/1/2/3/4/5/6/7/8/file";  // ten components
static char buffer[kChunk] __attribute__((aligned(kPageSize)));
static char made[kFiles][32], looked_up[kLookups][32];  // names, so that no row has to print them

static int synced;  // a file of one page

static long null_calls(void) {
  for (int i = 0; i < kRepeats; i++) syscall(SYS_getpid);
  return kRepeats;
}

static long read_all(void) {
  int fd = open("data", O_RDONLY);
  if (fd < 0) return -1;
  for (int i = 0; i < kChunks; i++) {
    ssize_t got = read(fd, buffer, kChunk);
    if (got != kChunk) {
      if (got >= 0) errno = ENODATA;
      close(fd);
      return -1;
    }
  }
  close(fd);
  return kChunks;
}

static long write_and_sync(void) {
  int fd = open("written", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return -1;
  long done = 0;
  while (done < kChunks && write(fd, buffer, kChunk) == kChunk) done++;
  if (done < kChunks || fsync(fd) != 0) done = -1;
  int saved = errno;
  close(fd);
  errno = saved;
  return done;
}

static long create_files(void) {
  for (int i = 0; i < kFiles; i++) {
    int fd = open(made[i], O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return -1;
    close(fd);
  }
  return kFiles;
}

static long unlink_files(void) {
  for (int i = 0; i < kFiles; i++) {
    if (unlink(made[i]) != 0) return -1;
  }
  return kFiles;
}

static long look_up(void) {
  struct stat status;
  for (int i = 0; i < kLookups; i++) {
    if (stat(looked_up[i], &status) != 0) return -1;
  }
  return kLookups;
}

static long look_up_missing(void) {
  struct stat status;
  for (int i = 0; i < kLookups; i++) {
    if (stat("many/there-is-no-such-file", &status) == 0) {
      errno = EEXIST;
      return -1;
    }
  }
  return kLookups;
}

static long walk_deep(void) {
  struct stat status;
  for (int i = 0; i < kRepeats; i++) {
    if (stat(kDeepPath, &status) != 0) return -1;
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

static long read_2k(void) {
  int fd = open("data", O_RDONLY);
  if (fd < 0) return -1;
  long done = 0;
  while (done < kRepeats && pread(fd, buffer, 2048, done % 1024 * 4096) == 2048) done++;
  int saved = errno;
  close(fd);
  errno = saved;
  return done == kRepeats ? done : -1;
}

static long read_folder(void) {
  int fd = open("many", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return -1;
  long got;
  while ((got = syscall(SYS_getdents64, fd, buffer, kChunk)) > 0) {
  }
  int saved = errno;
  close(fd);
  errno = saved;
  return got < 0 ? -1 : kEntries;
}

// Leaves a file of 8 MiB that was overwritten, so that no block of it is new, and a file of a page.
static long dirty_pages(void) {
  synced = open("synced", O_WRONLY | O_CREAT, 0644);
  if (write(synced, buffer, kPageSize) != kPageSize || fsync(synced) != 0) return -1;
  int fd = open("data", O_WRONLY);
  long done = 0;
  while (done < kChunks && write(fd, buffer, kChunk) == kChunk) done++;
  return close(fd) == 0 && done == kChunks ? done : -1;
}

static long sync_one_page(void) {
  return pwrite(synced, "x", 1, 5) == 1 && fsync(synced) == 0 ? 1 : -1;
}

// In this order: what has to be cold comes before anything that warms it.
static const struct {
  const char* name;
  operation run;
  operation before;  // not measured; may be null
} kRows[] = {
    {"null_call", null_calls, null_calls},
    {"read_cold", read_all, NULL},
    {"read_cached", read_all, read_all},
    {"write_sync", write_and_sync, NULL},
    {"create", create_files, NULL},
    {"unlink", unlink_files, NULL},
    {"lookup_cold", look_up, NULL},
    {"lookup_warm", look_up, look_up},
    {"lookup_missing_warm", look_up_missing, look_up_missing},
    {"walk_warm", walk_deep, walk_deep},
    {"open_close_warm", open_and_close, open_and_close},
    {"read_2k_cached", read_2k, read_2k},
    {"readdir_cold", read_folder, NULL},
    {"readdir_warm", read_folder, read_folder},
    {"fsync_dirty", sync_one_page, dirty_pages},
};

static void prepare_names(void) {
  for (int i = 0; i < kFiles; i++) snprintf(made[i], sizeof(made[i]), "made/file%d", i);
  // Spread over the folder: 7,919 and the number of entries have no divisor in common, so all differ.
  for (uint32_t i = 0; i < kLookups; i++) {
    uint32_t entry = (i * 7919 + 12345) % kEntries;
    snprintf(looked_up[i], sizeof(looked_up[i]), "many/entry-%06u", entry);
  }
}

int main(int argc, char** argv) {
  if (argc < 2 || chdir(argv[1]) != 0) {
    say("usage: files FOLDER [ROW…]: %s\n", argc < 2 ? "no folder given" : strerror(errno));
    return 2;
  }
  mkdir("made", 0755);
  prepare_names();
  int failures = 0;
  for (size_t i = 0; i < sizeof(kRows) / sizeof(kRows[0]); i++) {
    if (!is_wanted(argc, argv, kRows[i].name)) continue;
    const int ready = kRows[i].before == NULL || kRows[i].before() >= 0;
    failures += tell("files", kRows[i].name,
                     ready ? measured(kRows[i].run) : (struct sample){-1, 0, 0, errno});
  }
  say("files: done\n");
  return failures != 0;
}
