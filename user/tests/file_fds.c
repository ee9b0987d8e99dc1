// Descriptors: every call that takes one against every kind, duplicates, flags, the limit of 1,024,
// what fork shares.
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "file_calls.h"

static char buffer[4096];
static struct stat status;
static struct statfs system_status;
static struct iovec vector = {buffer, 4};

static long do_read(int fd) { return RAW(read, fd, buffer, 4); }
static long do_read_nothing(int fd) { return RAW(read, fd, buffer, 0); }
static long do_write(int fd) { return RAW(write, fd, "abcd", 4); }
static long do_write_nothing(int fd) { return RAW(write, fd, "", 0); }
static long do_pread(int fd) { return RAW(pread64, fd, buffer, 4, 0); }
static long do_pwrite(int fd) { return RAW(pwrite64, fd, "abcd", 4, 0); }
static long do_readv(int fd) { return RAW(readv, fd, &vector, 1); }
static long do_writev(int fd) { return RAW(writev, fd, &vector, 1); }
static long do_lseek(int fd) { return RAW(lseek, fd, 1, SEEK_SET); }
static long do_lseek_cur(int fd) { return RAW(lseek, fd, 0, SEEK_CUR); }
static long do_fstat(int fd) { return RAW(fstat, fd, &status); }
static long do_newfstatat(int fd) { return RAW(newfstatat, fd, "", &status, AT_EMPTY_PATH); }
static long do_statat_dot(int fd) { return RAW(newfstatat, fd, ".", &status, 0); }
static long do_getdents(int fd) {
  return RAW(getdents64, fd, buffer, sizeof(buffer)) >= 0 ? 0 : -1;
}
static long do_ftruncate(int fd) { return RAW(ftruncate, fd, 4); }
static long do_ftruncate_negative(int fd) { return RAW(ftruncate, fd, -1); }
static long do_fsync(int fd) { return RAW(fsync, fd); }
static long do_fdatasync(int fd) { return RAW(fdatasync, fd); }
static long do_fchmod(int fd) { return RAW(fchmod, fd, 0700); }
static long do_fchown(int fd) { return RAW(fchown, fd, -1, -1); }
static long do_utimensat(int fd) { return RAW(utimensat, fd, NULL, NULL, 0); }
static long do_fstatfs(int fd) { return RAW(fstatfs, fd, &system_status); }
static long do_tcgets(int fd) { return RAW(ioctl, fd, 0x5401, buffer); }
static long do_window_size(int fd) { return RAW(ioctl, fd, 0x5413, buffer); }
static long do_unknown_ioctl(int fd) { return RAW(ioctl, fd, 0x12345678, buffer); }
static long do_getfd(int fd) { return RAW(fcntl, fd, F_GETFD, 0); }
static long do_getfl(int fd) { return RAW(fcntl, fd, F_GETFL, 0); }
static long do_setfl(int fd) { return RAW(fcntl, fd, F_SETFL, O_NONBLOCK); }
static long do_getfl_after(int fd) { return RAW(fcntl, fd, F_GETFL, 0); }
static long do_unknown_fcntl(int fd) { return RAW(fcntl, fd, 4711, 0); }
static long do_dup(int fd) {
  long copy = RAW(dup, fd);
  if (copy >= 0) close((int)copy);
  return copy;
}
static long do_dup2_itself(int fd) { return RAW(dup2, fd, fd); }
static long do_dup3_itself(int fd) { return RAW(dup3, fd, fd, 0); }
static long do_fchdir(int fd) {
  int old = open(".", O_PATH);
  long result = RAW(fchdir, fd);
  int saved = errno;
  need(fchdir(old) == 0, "fchdir back");
  close(old);
  errno = saved;
  return result;
}
static long do_readlinkat(int fd) { return RAW(readlinkat, fd, "", buffer, 10); }
static long do_sendfile_from(int fd) {
  int out = open("sink", O_WRONLY | O_CREAT, 0644);
  lseek(fd, 0, SEEK_SET);  // the end of a folder can be too large a position to send from
  long result = RAW(sendfile, out, fd, NULL, 0);
  int saved = errno;
  close(out);
  errno = saved;
  return result;
}
static long do_close(int fd) { return RAW(close, fd); }

static const struct {
  const char* name;
  long (*call)(int fd);
} kWays[] = {
#define WAY(function) \
  { #function, function }
    WAY(do_read),          WAY(do_read_nothing),  WAY(do_write),      WAY(do_write_nothing),
    WAY(do_pread),         WAY(do_pwrite),        WAY(do_readv),      WAY(do_writev),
    WAY(do_lseek),         WAY(do_lseek_cur),     WAY(do_fstat),      WAY(do_newfstatat),
    WAY(do_statat_dot),    WAY(do_getdents),      WAY(do_ftruncate),  WAY(do_ftruncate_negative),
    WAY(do_fsync),         WAY(do_fdatasync),     WAY(do_fchmod),     WAY(do_fchown),
    WAY(do_utimensat),     WAY(do_fstatfs),       WAY(do_tcgets),     WAY(do_window_size),
    WAY(do_unknown_ioctl), WAY(do_getfd),         WAY(do_getfl),      WAY(do_setfl),
    WAY(do_getfl_after),   WAY(do_unknown_fcntl), WAY(do_dup),        WAY(do_dup2_itself),
    WAY(do_dup3_itself),   WAY(do_fchdir),        WAY(do_readlinkat), WAY(do_sendfile_from),
    WAY(do_close),         WAY(do_close),
#undef WAY
};

static int changes_attributes(long (*call)(int fd)) {
  return call == do_fchmod || call == do_fchown || call == do_utimensat;
}

static void matrix(void) {
  put_file("file", "0123456789");
  put_folder("folder");
  put_link("file", "link");
  need(mkfifo("fifo", 0600) == 0, "fifo");
  int ends[2], written[2];
  need(pipe(ends) == 0 && pipe2(written, O_NONBLOCK) == 0, "pipe");
  need(write(ends[1], "in the pipe", 11) == 11, "write");
  const int device = open("/dev/null", O_RDWR);
  const struct {
    const char* name;
    int fd;
  } kinds[] = {
      {"reader", open("file", O_RDONLY)},
      {"writer", open("file", O_WRONLY)},
      {"both", open("file", O_RDWR | O_APPEND)},
      {"synchronous", open("file", O_RDWR | O_SYNC)},
      {"folder", open("folder", O_RDONLY)},
      {"path", open("file", O_PATH)},
      {"folder path", open("folder", O_PATH)},
      {"link path", open("link", O_PATH | O_NOFOLLOW)},
      {"pipe out", ends[0]},
      {"pipe in", written[1]},
      {"fifo", open("fifo", O_RDWR | O_NONBLOCK)},
      {"null", device},
      {"99", 99},
      {"-1", -1},
      {"2000", 2000},
  };
  for (size_t kind = 0; kind < COUNT(kinds); kind++) {
    for (size_t way = 0; way < COUNT(kWays); way++) {
      // Never change what isn't the test's own: the device belongs to the whole machine.
      if (kinds[kind].fd == device && changes_attributes(kWays[way].call)) continue;
      report(kWays[way].call(kinds[kind].fd), "%s(%s)", kWays[way].name + 3, kinds[kind].name);
    }
  }
  show_content("file");
}

static void duplicates(void) {
  put_file("a", "0123456789");
  int fd = (int)CALL(open, "a", O_RDWR | O_CLOEXEC);
  CALL(dup, fd);
  CALL(dup2, fd, 10);
  CALL(dup2, fd, 3);
  CALL(dup2, fd, 10);
  CALL(dup2, 99, 10);
  CALL(dup2, 99, 99);
  CALL(dup2, fd, -1);
  CALL(dup2, fd, 1023);
  CALL(dup2, fd, 1024);
  CALL(dup2, 99, 1024);
  CALL(dup3, fd, 11, 0);
  CALL(dup3, fd, 12, O_CLOEXEC);
  CALL(dup3, fd, fd, 0);
  CALL(dup3, fd, 13, O_NONBLOCK);
  CALL(dup3, fd, 13, 1);
  CALL(dup3, 99, 13, 0);
  CALL(dup3, fd, 2000, 0);
  CALL(dup3, 99, 99, 0);
  CALL(fcntl, 3, F_GETFD);
  CALL(fcntl, 4, F_GETFD);
  CALL(fcntl, 10, F_GETFD);
  CALL(fcntl, 11, F_GETFD);
  CALL(fcntl, 12, F_GETFD);
  CALL(fcntl, fd, F_DUPFD, 0);
  CALL(fcntl, fd, F_DUPFD, 10);
  CALL(fcntl, fd, F_DUPFD_CLOEXEC, 20);
  CALL(fcntl, 20, F_GETFD);
  CALL(fcntl, 5, F_GETFD);
  CALL(fcntl, fd, F_DUPFD, 1023);
  CALL(fcntl, fd, F_DUPFD, 1022);
  CALL(fcntl, fd, F_DUPFD, 1022);
  CALL(fcntl, fd, F_DUPFD, 1024);
  CALL(fcntl, fd, F_DUPFD, -1);
  CALL(fcntl, 99, F_DUPFD, 0);
  CALL(fcntl, 99, F_DUPFD, -1);
  CALL(close, 4);
  CALL(close, 4);
  CALL(dup, fd);
  CALL(close, -1);
  CALL(close, 1024);
  // One position for all duplicates, another for another open.
  CALL(read, 10, buffer, 3);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(lseek, 12, 1, SEEK_CUR);
  CALL(lseek, 1023, 0, SEEK_CUR);
  int other = (int)CALL(open, "a", O_RDONLY);
  CALL(lseek, other, 0, SEEK_CUR);
  // Status flags are shared, descriptor flags are not.
  CALL(fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK);
  CALL(fcntl, 10, F_GETFL);
  CALL(fcntl, other, F_GETFL);
  CALL(fcntl, 10, F_SETFD, FD_CLOEXEC);
  CALL(fcntl, 11, F_GETFD);
  CALL(fcntl, 10, F_GETFD);
  CALL(fcntl, 10, F_SETFD, 2);
  CALL(fcntl, 10, F_GETFD);
  CALL(fcntl, 10, F_SETFD, 3);
  CALL(fcntl, 10, F_GETFD);
  // F_SETFL leaves alone what open() decided.
  CALL(fcntl, other, F_SETFL, O_RDWR | O_CREAT | O_TRUNC | O_EXCL | O_APPEND);
  CALL(fcntl, other, F_GETFL);
  show("a");
  CALL(fcntl, 99, F_SETFL, 0);
  CALL(fcntl, 99, F_SETFD, 0);
  CALL(close, fd);
  CALL(read, 10, buffer, 3);
}

static void open_flags(void) {
#define GETFL(path, flags) report(fcntl(open(path, flags, 0644), F_GETFL), "F_GETFL of " #flags)
  put_file("a", "x");
  put_folder("d");
  GETFL("a", O_RDONLY);
  GETFL("a", O_WRONLY);
  GETFL("a", O_RDWR | O_CREAT);
  GETFL("a", O_RDWR | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC);
  GETFL("a", O_RDWR | O_APPEND | O_NONBLOCK);
  GETFL("a", O_RDWR | O_SYNC);
  GETFL("a", O_RDWR | O_DSYNC);
  GETFL("a", O_RDONLY | O_NOFOLLOW);
  GETFL("d", O_RDONLY | O_DIRECTORY);
  GETFL("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  GETFL("a", O_PATH);
  GETFL("a", O_PATH | O_CLOEXEC | O_NOFOLLOW);
  int ends[2];
  CALL(pipe2, ends, O_CLOEXEC | O_NONBLOCK);
  report(fcntl(ends[0], F_GETFL), "F_GETFL of a pipe");
  report(fcntl(ends[1], F_GETFL), "F_GETFL of a pipe");
  report(fcntl(ends[1], F_GETFD), "F_GETFD of a pipe");
}

static void limit(void) {
  put_file("a", "x");
  int last = -1, fd, ends[2] = {-7, -7};
  while ((fd = open("a", O_RDONLY)) >= 0) last = fd;
  report(-1, "open when all are in use");
  fact("the last one is %d", last);
  CALL(dup, 3);
  CALL(open, "a", O_RDONLY);
  CALL(open, "missing", O_RDONLY);
  CALL(open, "made?", O_RDWR | O_CREAT, 0644);
  show("made?");
  CALL(pipe, ends);
  fact("ends %d %d", ends[0], ends[1]);
  CALL(fcntl, 3, F_DUPFD, 0);
  CALL(dup2, 3, 4);
  CALL(close, 1023);
  CALL(pipe, ends);
  CALL(open, "a", O_RDONLY);
  CALL(close, 500);
  CALL(close, 20);
  CALL(close, 700);
  CALL(dup, 3);
  CALL(pipe, ends);
  fact("ends %d %d", ends[0], ends[1]);
  CALL(dup, 3);
  // A child has copies of all of them.
  CALL(close, 30);
  pid_t child = fork();
  if (child == 0) {
    CALL(dup, 3);
    CALL(close, 40);
    CALL(read, 1000, buffer, 1);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CALL(dup, 3);
  CALL(close, 40);
}

static void over_fork(void) {
  put_file("a", "0123456789abcdefghij");
  int fd = open("a", O_RDWR);
  CALL(read, fd, buffer, 4);
  pid_t child = fork();
  if (child == 0) {
    CALL(read, fd, buffer, 4);
    show_bytes("the child reads", buffer, 4);
    CALL(fcntl, fd, F_SETFL, O_APPEND);
    CALL(fcntl, fd, F_SETFD, FD_CLOEXEC);
    CALL(close, fd);
    CALL(open, "a", O_RDONLY);
    CALL(open, "a", O_RDONLY);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CALL(read, fd, buffer, 4);
  show_bytes("the parent reads", buffer, 4);
  CALL(fcntl, fd, F_GETFL);
  CALL(fcntl, fd, F_GETFD);
  CALL(open, "a", O_RDONLY);
  child = fork();
  if (child == 0) {
    CALL(lseek, fd, 0, SEEK_SET);
    CALL(write, fd, "appended by the child", 21);
    umask(077);
    CALL(chdir, "/");
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CALL(lseek, fd, 0, SEEK_CUR);
  show("a");
  fact("umask %o", umask(022));
}

static void show_open(int last) {
  char text[64] = "";
  for (int fd = 3; fd <= last; fd++) {
    int flags = fcntl(fd, F_GETFD);
    strcat(text, flags < 0 ? "." : flags != 0 ? "e" : "o");
  }
  fact("from 3 on: %s", text);
}

static void ranges(void) {
  put_file("file", "");
  for (int fd = 3; fd < 20; fd++) need(open("file", O_RDONLY) == fd, "open");
  CALL(close_range, 5, 4, 0);
  CALL(close_range, 5, 8, 1);
  CALL(close_range, 5, 8, 8);
  show_open(20);
  CALL(close_range, 5, 8, 0);
  show_open(20);
  CALL(close_range, 4, 6, 0);
  CALL(close_range, 10, 12, 4);
  show_open(20);
  CALL(close_range, 1000, 2000, 0);
  CALL(close_range, 5000, ~0u, 0);
  CALL(close_range, 18, ~0u, 4);
  show_open(20);
  struct flock lock = {.l_type = F_WRLCK};
  int locked = open("file", O_RDWR);
  CALL(fcntl, locked, F_SETLK, &lock);
  CALL(close_range, 3, ~0u, 0);
  show_open(20);
  fact("the next is %d", open("file", O_RDWR));
}

SECTIONS({"descriptors", matrix}, {"ranges", ranges}, {"dup", duplicates},
         {"openflags", open_flags}, {"limit", limit}, {"fork", over_fork})
