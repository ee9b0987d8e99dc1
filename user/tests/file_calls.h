// What the file_*.c programs share. Each prints what Linux's file calls return for good and bad
// arguments, a line each; the suite runs the same binary on Linux and on Cairn and compares every
// line (grading/suite/test_file_calls.py).
//
//     file_NAME DIRECTORY [SECTION…]
//
// A program is a table of sections. Each runs in a process of its own, in a fresh folder named after
// it within DIRECTORY, with only descriptors 0 to 2 open and umask 022, so that no section sees what
// another left, and one that dies or hangs doesn't end the others. Everything is printed relative to
// that folder. What must not be compared is never printed: inode and device numbers, times, sizes of
// folders, the order of directory entries, the link counts of folders outside the section that says
// so (some file systems always have 1).
#ifndef USER_TESTS_FILE_CALLS_H
#define USER_TESTS_FILE_CALLS_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "cairn.h"

// CALL(open, "a", O_RDONLY) makes the system call, prints `open("a", O_RDONLY) = 3` and returns the
// result. Every argument is widened to 64 bits.
#define SIX(a, b, c, d, e, f, ...) (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)
#define RAW(name, ...) syscall(SYS_##name, SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define CALL(name, ...) \
  report(syscall(SYS_##name, SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0)), #name "(" #__VA_ARGS__ ")")
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { kLineLimit = 500, kSectionSeconds = 40 };
static const char* section_name = "";

static inline const char* error_name(int error) {
#define NAME(name) \
  { name, #name }
  static const struct {
    int number;
    const char* name;
  } kNames[] = {
      NAME(EPERM),  NAME(ENOENT),    NAME(EINTR),   NAME(EIO),          NAME(ENXIO),
      NAME(E2BIG),  NAME(EBADF),     NAME(ECHILD),  NAME(EAGAIN),       NAME(ENOMEM),
      NAME(EACCES), NAME(EFAULT),    NAME(ENOTBLK), NAME(EBUSY),        NAME(EEXIST),
      NAME(EXDEV),  NAME(ENODEV),    NAME(ENOTDIR), NAME(EISDIR),       NAME(EINVAL),
      NAME(ENFILE), NAME(EMFILE),    NAME(ENOTTY),  NAME(ETXTBSY),      NAME(EFBIG),
      NAME(ENOSPC), NAME(ESPIPE),    NAME(EROFS),   NAME(EMLINK),       NAME(EPIPE),
      NAME(EDOM),   NAME(ERANGE),    NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOLCK),
      NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP),   NAME(EOVERFLOW),    NAME(EOPNOTSUPP),
      NAME(ESTALE), NAME(ESRCH),
  };
#undef NAME
  for (size_t i = 0; i < COUNT(kNames); i++) {
    if (kNames[i].number == error) return kNames[i].name;
  }
  static char number[16];
  snprintf(number, sizeof(number), "E%d", error);
  return number;
}

// Prints one line, in one write.
static inline void print_line(const char* text) {
  char line[kLineLimit + 64];
  int length = snprintf(line, sizeof(line), "calls: [%s] %.*s\n", section_name, kLineLimit, text);
  const char* rest = line;
  while (length > 0) {
    ssize_t written = write(STDOUT_FILENO, rest, (size_t)length);
    if (written <= 0) return;
    rest += written;
    length -= (int)written;
  }
}

// A line that states something. Leaves errno alone.
static inline __attribute__((format(printf, 1, 2))) void fact(const char* format, ...) {
  int saved = errno;
  char text[kLineLimit];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  print_line(text);
  errno = saved;
}

// A line for a call: its description and its result. Returns the result; leaves errno alone.
static inline __attribute__((format(printf, 2, 3))) long report(long result, const char* format,
                                                                ...) {
  int saved = errno;
  char text[kLineLimit];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (result == -1) {
    fact("%s = -1 %s", text, error_name(saved));
  } else {
    fact("%s = %ld", text, result);
  }
  errno = saved;
  return result;
}

// Something that a section needs and that has failed: a line that Linux doesn't print.
static inline void need(int good, const char* what) {
  if (!good) fact("SETUP %s: %s", what, error_name(errno));
}

// ---- What sections build and look at ------------------------------------------------------------

static inline void put_file(const char* path, const char* content) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  need(fd >= 0, path);
  size_t size = strlen(content);
  need(write(fd, content, size) == (ssize_t)size, path);
  close(fd);
}

static inline void put_folder(const char* path) { need(mkdir(path, 0755) == 0, path); }
static inline void put_link(const char* target, const char* path) {
  need(symlink(target, path) == 0, path);
}
// A file `a`, a folder `d`, a link `l` to the file, and one to nothing.
static inline void put_one_of_each(void) {
  put_file("a", "x");
  put_folder("d");
  put_link("a", "l");
  put_link("nowhere", "dangling");
}

static inline const char* type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "folder";
    case S_IFLNK: return "symlink";
    case S_IFIFO: return "fifo";
    case S_IFCHR: return "character device";
    case S_IFBLK: return "block device";
    case S_IFSOCK: return "socket";
  }
  return "nothing known";
}

// Type, permissions and, except for folders, link count and size.
static inline void show_status(const char* what, const struct stat* status) {
  unsigned mode = status->st_mode & 07777;
  if (S_ISDIR(status->st_mode)) {
    fact("%s: folder %04o", what, mode);
  } else {
    fact("%s: %s %04o links=%lu size=%ld", what, type_name(status->st_mode), mode,
         (unsigned long)status->st_nlink, (long)status->st_size);
  }
}

// The object itself, without following a symbolic link.
static inline void show(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    fact("%s: %s", path, error_name(errno));
  } else {
    show_status(path, &status);
  }
}

static inline void show_fd(const char* what, int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    fact("%s: %s", what, error_name(errno));
  } else {
    show_status(what, &status);
  }
}

// Up to 60 bytes of `size`, printable: NUL as `.`, other odd ones as `?`.
static inline void show_bytes(const char* what, const char* bytes, long size) {
  char text[64];
  long shown = size < 60 ? size : 60;
  for (long i = 0; i < shown; i++) {
    text[i] = bytes[i] == '\0' ? '.' : (bytes[i] < ' ' || bytes[i] > '~') ? '?' : bytes[i];
  }
  text[shown > 0 ? shown : 0] = '\0';
  fact("%s: %ld bytes \"%s\"", what, size, text);
}

// The start of the file's content.
static inline void show_content(const char* path) {
  char buffer[4096];
  int fd = open(path, O_RDONLY);
  long size = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
  if (size < 0) {
    fact("content of %s: %s", path, error_name(errno));
  } else {
    show_bytes(path, buffer, size);
  }
  if (fd >= 0) close(fd);
}

// Whether two paths (symbolic links followed) name the same object: 1, 0, or -1 if one can't be seen.
static inline int same_object(const char* a, const char* b) {
  struct stat first, second;
  if (stat(a, &first) != 0 || stat(b, &second) != 0) return -1;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Removes a file, or a folder with all below it; paths stay below PATH_MAX.
static inline void clear_away(const char* path) {
  if (unlink(path) == 0 || errno == ENOENT || rmdir(path) == 0) return;
  DIR* folder = opendir(path);
  if (folder == NULL) return;
  struct dirent* entry;
  while ((entry = readdir(folder)) != NULL) {
    char inner[1024];
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) >= (int)sizeof(inner))
      continue;
    clear_away(inner);
  }
  closedir(folder);
  rmdir(path);
}

// Runs `body` in a child and reports how that ended.
static inline void in_child(const char* what, void (*body)(void)) {
  pid_t child = fork();
  need(child >= 0, "fork");
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    fact("%s: child killed by signal %d", what, WTERMSIG(status));
  } else {
    fact("%s: child's status %d", what, WEXITSTATUS(status));
  }
}

// Pages for pointers that must be refused, in a row: [0], [1] good, [2] not there, [3] read-only,
// [4] without access, [5] not there.
static inline char* guarded_pages(void) {
  char* pages =
      mmap(NULL, 6 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  need(pages != MAP_FAILED, "mmap");
  memset(pages, 'p', 6 * kPageSize);
  mprotect(pages + 3 * kPageSize, kPageSize, PROT_READ);
  mprotect(pages + 4 * kPageSize, kPageSize, PROT_NONE);
  munmap(pages + 2 * kPageSize, kPageSize);
  munmap(pages + 5 * kPageSize, kPageSize);
  return pages;
}

// ---- Running the sections -----------------------------------------------------------------------

struct section {
  const char* name;
  void (*run)(void);
};

static inline void enter_section(const struct section* section) {
  for (int fd = 3; fd < 1024; fd++) close(fd);
  umask(022);
  signal(SIGPIPE, SIG_IGN);
  need(mkdir(section->name, 0755) == 0 && chdir(section->name) == 0, "the section's folder");
  section->run();
  _exit(0);
}

// Waits for the section's process; a line that isn't compared tells the harness that it still runs.
static inline void await_section(pid_t child) {
  long start = now_ms(), told = start;
  int status = 0;
  pid_t waited;
  while ((waited = waitpid(child, &status, WNOHANG)) == 0) {
    if (now_ms() - start > kSectionSeconds * 1000) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      fact("HANGS");
      return;
    }
    if (now_ms() - told > 2000) {
      say("(%s still runs)\n", section_name);
      told = now_ms();
    }
    sleep_ms(5);
  }
  if (waited != child || status != 0) fact("ENDS with wait status %#x", (unsigned)status);
}

static inline int run_sections(int argc, char** argv, const struct section* sections,
                               size_t count) {
  if (argc >= 2) mkdir(argv[1], 0755);  // it may be there
  if (argc < 2 || chdir(argv[1]) != 0) {
    say("usage: %s DIRECTORY [SECTION…]: DIRECTORY must not have such folders yet\n", argv[0]);
    return 2;
  }
  for (size_t i = 0; i < count; i++) {
    int wanted = argc == 2;
    for (int word = 2; word < argc; word++) wanted |= strcmp(argv[word], sections[i].name) == 0;
    if (!wanted) continue;
    section_name = sections[i].name;
    pid_t child = fork();
    if (child == 0) enter_section(&sections[i]);
    await_section(child);
  }
  section_name = "end";
  const char* name = argv[0];  // file_open, or a path to file_open.elf
  if (strrchr(name, '/') != NULL) name = strrchr(name, '/') + 1;
  fact("%.*s done", (int)strcspn(name, "."), name);
  return 0;
}

#define SECTIONS(...)                                           \
  int main(int argc, char** argv) {                             \
    static const struct section sections[] = {__VA_ARGS__};     \
    return run_sections(argc, argv, sections, COUNT(sections)); \
  }

#endif
