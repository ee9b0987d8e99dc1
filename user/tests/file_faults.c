// Every pointer that a file call takes, pointing where nothing can be read or written: EFAULT, and
// nothing done. And the limits of numbers.
#include <poll.h>
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "file_calls.h"

static char* pages;
static int file, folder;

struct pointer {
  const char* name;
  void* address;
  int readable;  // by the program
};

static struct pointer pointers[6];

static void set_up(void) {
  pages = guarded_pages();
  const struct pointer all[] = {
      {"null", NULL, 0},
      {"small", (void*)8, 0},
      {"unmapped", pages + 2 * kPageSize, 0},
      {"read-only", pages + 3 * kPageSize, 1},
      {"forbidden", pages + 4 * kPageSize, 0},
      {"kernel", (void*)0xffff800000000000, 0},
  };
  memcpy(pointers, all, sizeof(all));
  put_file("a", "content");
  put_folder("d");
  put_link("a", "l");
  file = open("a", O_RDWR);
  folder = open("d", O_RDONLY);
}

// The call with `bad` in place of one of its arguments, for each bad pointer.
#define EACH(label, call, ...)                                                             \
  for (size_t i = 0; i < COUNT(pointers); i++) {                                           \
    void* bad = pointers[i].address;                                                       \
    report(syscall(SYS_##call, SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0)), label ", pointer: %s", \
           pointers[i].name);                                                              \
  }
// The same for what is only read: a page that can be read would be good enough.
#define EACH_INPUT(label, call, ...)                                                       \
  for (size_t i = 0; i < COUNT(pointers); i++) {                                           \
    void* bad = pointers[i].address;                                                       \
    if (pointers[i].readable) continue;                                                    \
    report(syscall(SYS_##call, SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0)), label ", pointer: %s", \
           pointers[i].name);                                                              \
  }

static void paths(void) {
  set_up();
  static char buffer[4096];
  EACH_INPUT("open", open, bad, O_RDONLY)
  EACH_INPUT("open with O_CREAT", open, bad, O_RDWR | O_CREAT, 0644)
  EACH_INPUT("openat", openat, folder, bad, O_RDONLY)
  EACH_INPUT("openat 99", openat, 99, bad, O_RDONLY)
  EACH_INPUT("creat", creat, bad, 0644)
  EACH_INPUT("stat", stat, bad, buffer)
  EACH_INPUT("lstat", lstat, bad, buffer)
  EACH_INPUT("access", access, bad, F_OK)
  EACH_INPUT("faccessat", faccessat, folder, bad, F_OK)
  EACH_INPUT("mkdir", mkdir, bad, 0755)
  EACH_INPUT("mkdirat", mkdirat, folder, bad, 0755)
  EACH_INPUT("rmdir", rmdir, bad)
  EACH_INPUT("unlink", unlink, bad)
  EACH_INPUT("unlinkat", unlinkat, folder, bad, 0)
  EACH_INPUT("rename from", rename, bad, "b")
  EACH_INPUT("rename to", rename, "a", bad)
  EACH_INPUT("renameat from", renameat, folder, bad, folder, "b")
  EACH_INPUT("renameat to", renameat, folder, "missing", folder, bad)
  EACH_INPUT("renameat2 to", renameat2, AT_FDCWD, "a", folder, bad, 0)
  EACH_INPUT("link from", link, bad, "b")
  EACH_INPUT("link to", link, "a", bad)
  EACH_INPUT("linkat to", linkat, AT_FDCWD, "a", folder, bad, 0)
  EACH_INPUT("symlink target", symlink, bad, "b")
  EACH_INPUT("symlink path", symlink, "a", bad)
  EACH_INPUT("symlinkat target", symlinkat, bad, folder, "b")
  EACH_INPUT("readlink", readlink, bad, buffer, 10)
  EACH_INPUT("readlinkat", readlinkat, folder, bad, buffer, 10)
  EACH_INPUT("mknod", mknod, bad, S_IFIFO | 0644, 0)
  EACH_INPUT("mknodat", mknodat, folder, bad, S_IFIFO | 0644, 0)
  EACH_INPUT("truncate", truncate, bad, 0)
  EACH_INPUT("statfs", statfs, bad, buffer)
  EACH_INPUT("chdir", chdir, bad)
  EACH_INPUT("chmod", chmod, bad, 0644)
  EACH_INPUT("fchmodat", fchmodat, folder, bad, 0644)
  EACH_INPUT("chown", chown, bad, -1, -1)
  EACH_INPUT("lchown", lchown, bad, -1, -1)
  EACH_INPUT("fchownat", fchownat, folder, bad, -1, -1, 0)
  for (size_t i = 1; i < COUNT(pointers); i++) {  // null means the descriptor itself
    if (pointers[i].readable) continue;
    report(RAW(utimensat, folder, pointers[i].address, NULL, 0), "utimensat, pointer: %s",
           pointers[i].name);
  }
  show("a");
  show("b");
  show("d");
}

static void results(void) {
  set_up();
  EACH("stat", stat, "a", bad)
  EACH("stat of nothing", stat, "missing", bad)
  EACH("fstat", fstat, file, bad)
  EACH("fstat of 99", fstat, 99, bad)
  EACH("lstat", lstat, "l", bad)
  EACH("newfstatat", newfstatat, folder, ".", bad, 0)
  EACH("statfs", statfs, "a", bad)
  EACH("fstatfs", fstatfs, file, bad)
  EACH("readlink", readlink, "l", bad, 10)
  EACH("readlink of a file", readlink, "a", bad, 10)
  EACH("readlink, 0 bytes", readlink, "l", bad, 0)
  EACH("getcwd", getcwd, bad, 4096)
  EACH("getcwd, 1 byte", getcwd, bad, 1)
  EACH("getdents64", getdents64, folder, bad, 1024)
  EACH("getdents64 of a file", getdents64, file, bad, 1024)
  EACH("pipe", pipe, bad)
  EACH("pipe2", pipe2, bad, O_CLOEXEC)
  EACH("read", read, file, bad, 5)
  EACH("read of 0 bytes", read, file, bad, 0)
  EACH("read at the end", pread64, file, bad, 5, 1000)
  EACH("pread64", pread64, file, bad, 5, 0)
  EACH("read of a folder", read, folder, bad, 5)
  EACH("read of 99", read, 99, bad, 5)
  EACH_INPUT("readv's vector", readv, file, bad, 1)
  EACH_INPUT("readv's vector of none", readv, file, bad, 0)
  EACH_INPUT("readv's vector, 99", readv, 99, bad, 1)
  for (size_t i = 0; i < COUNT(pointers); i++) {
    struct iovec vector[2] = {{pages, 2}, {pointers[i].address, 2}};
    lseek(file, 0, SEEK_SET);
    report(readv(file, vector, 2), "readv's second part, pointer: %s", pointers[i].name);
    report(readv(file, vector + 1, 1), "readv's only part, pointer: %s", pointers[i].name);
    fact("position %ld", (long)lseek(file, 0, SEEK_CUR));
  }
  CALL(open, "a", O_RDONLY);  // pipe has taken no descriptors
}

static void inputs(void) {
  set_up();
  EACH_INPUT("write", write, file, bad, 5)
  EACH_INPUT("write of 0 bytes", write, file, bad, 0)
  EACH_INPUT("pwrite64", pwrite64, file, bad, 5, 0)
  EACH_INPUT("write to a folder", write, folder, bad, 5)
  EACH_INPUT("write to 99", write, 99, bad, 5)
  EACH_INPUT("writev's vector", writev, file, bad, 1)
  for (size_t i = 0; i < COUNT(pointers); i++) {
    if (pointers[i].readable) continue;
    struct iovec vector[2] = {{"ok", 2}, {pointers[i].address, 2}};
    lseek(file, 0, SEEK_SET);
    report(writev(file, vector, 2), "writev's second part, pointer: %s", pointers[i].name);
    report(writev(file, vector + 1, 1), "writev's only part, pointer: %s", pointers[i].name);
    fact("position %ld", (long)lseek(file, 0, SEEK_CUR));
  }
  show("a");
  for (size_t i = 1; i < COUNT(pointers); i++) {  // null times mean now
    if (pointers[i].readable) continue;
    report(RAW(utimensat, AT_FDCWD, "a", pointers[i].address, 0), "utimensat's times, pointer: %s",
           pointers[i].name);
  }
  EACH("F_GETLK", fcntl, file, F_GETLK, bad)
  EACH_INPUT("F_SETLK", fcntl, file, F_SETLK, bad)
  EACH_INPUT("F_SETLK of 99", fcntl, 99, F_SETLK, bad)
  EACH_INPUT("poll", poll, bad, 1, 0)
  for (size_t i = 1; i < COUNT(pointers); i++) {  // null sets and times are allowed
    void* bad = pointers[i].address;
    const char* name = pointers[i].name;
    struct timeval none = {0, 0};
    struct timespec zero = {0, 0};
    if (pointers[i].readable) continue;
    report(RAW(select, 5, bad, NULL, NULL, &none), "select's first set is %s", name);
    report(RAW(select, 5, NULL, bad, NULL, &none), "select's second set is %s", name);
    report(RAW(select, 5, NULL, NULL, bad, &none), "select's third set is %s", name);
    report(RAW(select, 0, NULL, NULL, NULL, bad), "select's time is %s", name);
    report(RAW(pselect6, 5, bad, NULL, NULL, &zero, NULL), "pselect6's first set is %s", name);
    report(RAW(pselect6, 0, NULL, NULL, NULL, bad, NULL), "pselect6's time is %s", name);
    report(RAW(pselect6, 0, NULL, NULL, NULL, &zero, bad), "pselect6's mask is %s", name);
    report(RAW(sendfile, file, file, bad, 1), "sendfile's offset is %s", name);
  }
  // Devices look at memory, too.
  int null = open("/dev/null", O_RDWR), zeros = open("/dev/zero", O_RDWR),
      random = open("/dev/urandom", O_RDWR);
  EACH("read of /dev/null", read, null, bad, 5)
  EACH("read of /dev/zero", read, zeros, bad, 5)
  EACH("read of /dev/urandom", read, random, bad, 5)
}

// Numbers at their limits.
static void numbers(void) {
  static const int kNumbers[] = {-1, -2, 1023, 1024, 65536, 0x7fffffff, (int)0x80000000};
  static char buffer[16];
  set_up();
  for (size_t i = 0; i < COUNT(kNumbers); i++) {
    int fd = kNumbers[i];
    report(read(fd, buffer, 1), "read of %d", fd);
    report(close(fd), "close of %d", fd);
    report(dup(fd), "dup of %d", fd);
    report(RAW(dup2, file, fd) >= 0 ? 0 : -1, "dup2 to %d", fd);
    report(RAW(dup3, file, fd, O_CLOEXEC) >= 0 ? 0 : -1, "dup3 to %d", fd);
    report(RAW(fcntl, file, F_DUPFD, fd), "F_DUPFD from %d", fd);
    report(RAW(lseek, fd, 0, SEEK_SET), "lseek of %d", fd);
    report(RAW(openat, fd, "x", O_RDONLY), "openat %d", fd);
    if (fd == 1023) RAW(close, fd);
  }
  static const long kSizes[] = {0, 1, 0x7ffff000, 0x80000000, 0x7fffffffffffffff, -1};
  for (size_t i = 0; i < COUNT(kSizes); i++) {
    // In between it depends on where the page lies whether so much memory can follow.
    if (kSizes[i] <= 1 || kSizes[i] == 0x7fffffffffffffff) {
      report(RAW(pread64, file, pages, kSizes[i], 0), "pread64 of %ld bytes", kSizes[i]);
    }
    report(RAW(pread64, file, pages, 1, kSizes[i]), "pread64 at %ld", kSizes[i]);
    report(RAW(readlink, "l", buffer, kSizes[i]), "readlink of %ld bytes", kSizes[i]);
    report(RAW(getcwd, pages, kSizes[i]) >= 0 ? 0 : -1, "getcwd of %ld bytes", kSizes[i]);
  }
  // The upper half of a descriptor's register is ignored.
  report(RAW(lseek, (1l << 32) + file, 0, SEEK_SET), "lseek with bit 32");
  report(RAW(read, (1l << 32) + file, buffer, 3), "read with bit 32");
  report(RAW(dup2, file, (1l << 32) + 50), "dup2 with bit 32");
}

SECTIONS({"badpaths", paths}, {"badresults", results}, {"badinputs", inputs}, {"numbers", numbers})
