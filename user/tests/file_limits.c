// The longest and the largest: strings up to their bounds and beyond, sizes near 2^64, offsets and times
// near the ends of their types.
#include <poll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "file_calls.h"

static const long kLargest = 0x7fffffffffffffff, kLeast = -0x7fffffffffffffff - 1;

// `head`, and as many "/." behind it as make `length` bytes; `length` and head's length are both even or odd.
static char* dotted(const char* head, size_t length) {
  static char text[5000];
  size_t used = strlen(head);
  memcpy(text, head, used);
  for (; used < length; used += 2) memcpy(text + used, "/.", 2);
  text[length] = '\0';
  return text;
}

// A link's target and the path behind it are bounded each by itself, not together. ext2's smallest blocks hold
// targets of 1,023 bytes.
static void long_targets(void) {
  char path[5000], name[8], next[8];
  put_folder("d");
  put_file("d/file", "here");
  put_link(dotted("d", 1001), "l");
  for (size_t behind = 1; behind < 4096; behind += 819) {
    snprintf(path, sizeof(path), "l%s", dotted("", behind / 2 * 2));
    strcat(path, "/file");
    report(access(path, F_OK), "a target of 1001 bytes, %zu behind it", strlen(path) - 1);
  }
  // Each adds what is behind its name to what is to be walked: some 40,000 bytes.
  for (int i = 0; i < 42; i++) {
    snprintf(name, sizeof(name), "c%02d", i);
    snprintf(next, sizeof(next), "c%02d", i + 1);
    put_link(dotted(i == 41 ? "d" : next, i == 41 ? 999 : 1001), name);
  }
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof(path), "c%02d/file", i);
    report(access(path, F_OK), "%d links", 42 - i);
  }
  snprintf(path, sizeof(path), "c05%s", dotted("", 4000));
  strcat(path, "/file");
  report(open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) >= 0 ? 0 : -1, "open behind 37 links");
  snprintf(path, sizeof(path), "c05%s", dotted("", 4000));
  strcat(path, "/new");
  report(mkdir(path, 0755), "mkdir behind 37 links");
  show("d/new");
}

// Nothing of a string is looked at beyond its bound: what is behind 4,096 bytes without NUL may be missing.
static void beside_no_page(void) {
  char* end = guarded_pages() + 2 * kPageSize;
  static const int kLengths[] = {1, 63, 64, 192, 193, 4094, 4095, 4096};
  for (size_t i = 0; i < COUNT(kLengths); i++) {
    char* path = memset(end - kLengths[i], '/', (size_t)kLengths[i]);
    report(access(path, F_OK), "%d bytes without NUL", kLengths[i]);
    end[-1] = '\0';
    report(access(path, F_OK), "%d bytes with NUL", kLengths[i]);
  }
  char* path = memset(end - 4096, 'x', 4096);
  CALL(open, path, O_RDONLY);
  CALL(mkdir, path, 0755);
  CALL(unlink, path);
  CALL(rename, path, "a");
  CALL(rename, "a", path);
  put_file("a", "x");
  CALL(rename, "a", path);
  CALL(link, "a", path);
  CALL(link, path, "b");
  CALL(symlink, path, "b");
  CALL(symlink, "a", path);
  CALL(chdir, path);
  CALL(readlink, path, end - 4096, 10);
  CALL(truncate, path, 0);
  CALL(utimensat, AT_FDCWD, path, NULL, 0);
}

// Of two paths the first is walked to its end before the second is read; names are looked up after both.
static void two_paths(void) {
  static char name[300];
  memset(name, 'n', 256);
  put_one_of_each();
  put_file("d/inner", "x");
  static const char* const kOthers[] = {"absent",  "a", "d",  "absent/x", "a/x", "d/x",
                                        "d/inner", ".", "..", "",         "l/"};
  for (size_t i = 0; i < COUNT(kOthers); i++) {
    const char* other = kOthers[i];
    report(rename(other, name), "rename \"%s\" to a name of 256", other);
    report(rename(name, other), "rename a name of 256 to \"%s\"", other);
    report(RAW(renameat2, AT_FDCWD, other, AT_FDCWD, name, 1), "exclusively from \"%s\"", other);
    report(RAW(renameat2, AT_FDCWD, name, AT_FDCWD, other, 1), "exclusively to \"%s\"", other);
    report(RAW(rename, other, 8), "rename \"%s\" to no address", other);
    report(RAW(rename, 8, other), "rename no address to \"%s\"", other);
    report(link(other, name), "link \"%s\" to a name of 256", other);
    report(link(name, other), "link a name of 256 to \"%s\"", other);
    report(RAW(link, other, 8), "link \"%s\" to no address", other);
    report(RAW(link, 8, other), "link no address to \"%s\"", other);
    report(RAW(symlink, other, 8), "symlink \"%s\" at no address", other);
    report(RAW(symlink, 8, other), "symlink no address at \"%s\"", other);
    report(RAW(renameat, 99, other, AT_FDCWD, name), "rename \"%s\" of no folder", other);
    report(RAW(renameat, AT_FDCWD, other, 99, "x"), "rename \"%s\" into no folder", other);
    report(RAW(linkat, AT_FDCWD, other, 99, "x", 0), "link \"%s\" into no folder", other);
  }
  name[256] = '/';  // with a slash behind it
  CALL(rename, "a", "d/");
  report(rename("absent", name), "rename an absent name to a name of 256 and a slash");
  report(rename("d", name), "rename a folder to it");
  report(rmdir(name), "rmdir it");
  report(unlink(name), "unlink it");
}

static void sizes(void) {
  char bytes[64];
  size_t kHuge[] = {(size_t)-1, (size_t)kLargest + 1, (size_t)kLargest, 1ul << 48, 1ul << 47};
  put_file("a", "0123456789");
  put_file("b", "");
  put_link("a", "l");
  int in = open("a", O_RDWR), out = open("b", O_RDWR), folder = open(".", O_RDONLY);
  for (size_t i = 0; i < COUNT(kHuge); i++) {
    struct iovec one = {bytes, kHuge[i]};
    loff_t start = 0, late = kLargest - 5;
    fact("a size of %zu", kHuge[i]);
    lseek(in, 0, SEEK_SET);
    CALL(read, in, bytes, kHuge[i]);
    CALL(write, out, bytes, kHuge[i]);
    CALL(pread64, in, bytes, kHuge[i], 1);
    CALL(pwrite64, out, bytes, kHuge[i], 1);
    if (kHuge[i] > (size_t)kLargest) CALL(readv, in, &one, 1);  // of others kernels differ
    if (kHuge[i] > (size_t)kLargest) CALL(writev, out, &one, 1);
    CALL(getcwd, NULL, kHuge[i]);
    CALL(readlink, "l", bytes, kHuge[i]);
    CALL(sendfile, out, in, &late, kHuge[i]);
    CALL(sendfile, out, 99, NULL, kHuge[i]);
    CALL(sendfile, 99, in, NULL, kHuge[i]);
    CALL(sendfile, out, folder, NULL, kHuge[i]);
    CALL(ftruncate, out, 0);
    lseek(out, 0, SEEK_SET);
    lseek(in, 3, SEEK_SET);
    CALL(sendfile, out, in, NULL, kHuge[i]);
    CALL(lseek, in, 0, SEEK_CUR);
    CALL(ftruncate, out, 0);
    CALL(sendfile, out, in, &start, kHuge[i]);
    fact("sent up to %ld", (long)start);
    CALL(ftruncate, out, 0);
    CALL(msync, 4096, kHuge[i], 1);
    CALL(mprotect, 4096, kHuge[i], 1);
    CALL(munmap, 4096, kHuge[i]);
    CALL(mmap, 0, kHuge[i], 1, 2, in, 0);
    if (i < 3) CALL(mmap, 0, 4096, 1, 2, in, kHuge[i] & ~4095ul);
    CALL(poll, bytes, kHuge[i], 0);
  }
  show_content("b");
}

static void offsets(void) {
  char byte;
  put_file("a", "0123456789");
  int fd = open("a", O_RDWR), other = open("a", O_RDWR), folder = open(".", O_RDONLY);
  long kOffsets[] = {kLeast, kLeast + 1, kLeast + 5, -11, -10, -5, kLargest - 5, kLargest};
  for (size_t i = 0; i < COUNT(kOffsets); i++) {
    long offset = kOffsets[i];
    int large = offset > 0;  // whether a file system has such offsets is its own affair
    for (int whence = SEEK_SET; whence <= 4; whence++) {
      lseek(fd, 5, SEEK_SET);
      if (!large) report(lseek(fd, offset, whence), "seek %ld from %d", offset, whence);
    }
    if (offset < 0) report(lseek(folder, offset, SEEK_SET), "in a folder");
    if (offset < 0) report(truncate("a", offset), "truncate to %ld", offset);
    report(pread(fd, &byte, 1, offset) < 0 ? -1 : 0, "pread at %ld", offset);
    report(pread(fd, &byte, 0, offset), "pread of nothing");
    loff_t start = offset;
    if (!large) report(sendfile(fd, other, &start, 1), "sendfile from %ld", offset);
    for (int whence = SEEK_SET; whence <= SEEK_END; whence++) {
      for (size_t which = 0; which < COUNT(kOffsets); which++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = (short)whence, .l_start = offset};
        lock.l_len = kOffsets[which];
        report(fcntl(fd, F_SETLK, &lock), "lock %ld from %d on, %ld bytes", offset, whence,
               (long)lock.l_len);
      }
    }
  }
}

static void instants(void) {
  long kSeconds[] = {kLeast, kLeast + 1, -1, kLargest - 1, kLargest};
  long kParts[] = {kLeast, -1, 0, 999999, 1000000, 2000000000, kLargest};
  put_file("a", "x");
  int fd = open("a", O_RDONLY);
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  for (size_t s = 0; s < COUNT(kSeconds); s++) {
    for (size_t p = 0; p < COUNT(kParts); p++) {
      fact("%ld seconds and %ld", kSeconds[s], kParts[p]);
      struct timespec times[2] = {{kSeconds[s], kParts[p]}, {1, 1}};
      struct timeval pair[2] = {{kSeconds[s], kParts[p]}, {1, 1}};
      long seconds[2] = {kSeconds[s], kParts[p]};
      CALL(utimensat, AT_FDCWD, "a", times, 0);
      RAW(utimes, "a", pair) == 0 ? fact("utimes") : fact("utimes %s", error_name(errno));
      report(RAW(utime, "a", seconds), "utime");
      fd_set set;
      FD_ZERO(&set);
      FD_SET(fd, &set);
      struct timeval limit = pair[0];
      report(RAW(select, fd + 1, &set, NULL, NULL, &limit), "select");
      struct timespec time = times[0];
      FD_SET(fd, &set);
      report(RAW(pselect6, fd + 1, &set, NULL, NULL, &time, NULL), "pselect6");
      time = times[0];
      report(RAW(ppoll, &ready, 1, &time, NULL, 8), "ppoll");
      if (kSeconds[s] < 0) report(RAW(nanosleep, &times[0], NULL), "nanosleep");
    }
  }
}

SECTIONS({"longtargets", long_targets}, {"nopage", beside_no_page}, {"twopaths", two_paths},
         {"sizes", sizes}, {"offsets", offsets}, {"instants", instants})
