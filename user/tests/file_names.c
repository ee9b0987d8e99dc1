// Names: rename (every kind onto every kind), unlink, mkdir, rmdir, the link counts of folders; files
// that are open while their names go.
#include "file_calls.h"

static char buffer[4096];

static void make(const char* kind, const char* path) {
  char inner[64];
  clear_away(path);
  if (strcmp(kind, "file") == 0) put_file(path, path);
  if (strcmp(kind, "empty folder") == 0 || strcmp(kind, "full folder") == 0) put_folder(path);
  if (strcmp(kind, "full folder") == 0) {
    snprintf(inner, sizeof(inner), "%s/inner", path);
    put_file(inner, "inner");
  }
  if (strcmp(kind, "symlink") == 0) put_link("dangling", path);
  if (strcmp(kind, "link to a folder") == 0) put_link("folder", path);
  if (strcmp(kind, "fifo") == 0) need(mkfifo(path, 0600) == 0, path);
}

static const char* const kKinds[] = {"nothing", "file",    "empty folder",    "full folder",
                                     "fifo",    "symlink", "link to a folder"};

static void matrix(void) {
  static const struct {
    const char *from, *to;
  } kPaths[] = {{"a", "b"}, {"a/", "b"}, {"a", "b/"}, {"a/", "b/"}};
  put_folder("folder");
  for (size_t slash = 0; slash < COUNT(kPaths); slash++) {
    for (size_t from = 0; from < COUNT(kKinds); from++) {
      for (size_t to = 0; to < COUNT(kKinds); to++) {
        make(kKinds[from], "a");
        make(kKinds[to], "b");
        if (report(rename(kPaths[slash].from, kPaths[slash].to), "rename %s -> %s (%s, %s)",
                   kPaths[slash].from, kPaths[slash].to, kKinds[from], kKinds[to]) == 0) {
          show("a");
          show("b");
        }
      }
    }
  }
}

static void one_file_two_names(void) {
  make("file", "a");
  CALL(link, "a", "b");
  CALL(rename, "a", "b");
  show("a");
  show("b");
  CALL(rename, "a", "a");
  CALL(rename, "a", "./a");
  CALL(rename, "missing", "missing");
  put_folder("d");
  CALL(rename, "d", "d");
  CALL(rename, "d", "d/");
  CALL(link, "a", "d/c");
  CALL(rename, "a", "d/c");
  show("a");
  CALL(rename, "a", "d/e");
  show("a");
  show("d/e");
}

static void into_itself(void) {
  put_folder("a");
  put_folder("a/b");
  put_folder("a/b/c");
  put_file("file", "x");
  CALL(rename, "a", "a/b");
  CALL(rename, "a", "a/new");
  CALL(rename, "a", "a/b/c/new");
  CALL(rename, "a", "a/b/c");
  CALL(rename, "a/b", "a");
  CALL(rename, "a/b/c", "a");
  CALL(rename, "a/b/c", "a/b");
  CALL(rename, "file", "file/x");
  CALL(rename, "file", "missing/x");
  CALL(rename, "missing/x", "file");
  CALL(rename, ".", "x");
  CALL(rename, "..", "x");
  CALL(rename, "a/.", "x");
  CALL(rename, "a/..", "x");
  CALL(rename, "file", ".");
  CALL(rename, "file", "a/..");
  CALL(rename, "a/b/c", "c");
  fact("c/.. is .: %d", same_object("c/..", "."));
  CALL(rename, "c", "a/c");
  fact("a/c/.. is a: %d", same_object("a/c/..", "a"));
  CALL(rename, "a/b", "a/c");
  show("a/b");
  show("a/c");
}

static void flags(void) {
  enum { kNoReplace = 1, kExchange = 2, kWhiteout = 4 };
  make("file", "a");
  make("file", "b");
  make("empty folder", "d");
  int folder = open("d", O_PATH);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "b", kNoReplace);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "a", kNoReplace);
  CALL(renameat2, AT_FDCWD, "missing", AT_FDCWD, "b", kNoReplace);
  CALL(renameat2, AT_FDCWD, "missing", AT_FDCWD, "missing2", kNoReplace);
  CALL(renameat2, AT_FDCWD, "a", folder, "a", kNoReplace);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 8);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "b", -1);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "b", kNoReplace | kExchange);
  CALL(renameat2, AT_FDCWD, "a", AT_FDCWD, "b", kWhiteout | kExchange);
  CALL(renameat2, folder, "a", AT_FDCWD, "a", 0);
  CALL(renameat, 99, "a", AT_FDCWD, "c");
  CALL(renameat, AT_FDCWD, "a", 99, "c");
  CALL(renameat, AT_FDCWD, "missing", 99, "c");
  CALL(renameat, AT_FDCWD, "a", folder, "c");
  CALL(renameat, folder, "c", AT_FDCWD, "a");
  int file = open("a", O_RDONLY);
  CALL(renameat, AT_FDCWD, "b", file, "c");
  CALL(renameat, file, "c", AT_FDCWD, "c");
  show("a");
  show("b");
}

static void unlinking(void) {
  make("file", "a");
  make("empty folder", "d");
  make("full folder", "f");
  put_link("d", "tod");
  put_link("a", "toa");
  CALL(unlink, "d");
  CALL(unlink, "d/");
  CALL(unlink, "f");
  CALL(unlink, "a/");
  CALL(unlink, "missing");
  CALL(unlink, "missing/");
  CALL(unlink, "");
  CALL(unlink, ".");
  CALL(unlink, "..");
  CALL(unlink, "d/.");
  CALL(unlink, "tod/");
  CALL(unlink, "toa/");
  CALL(unlink, "tod");
  CALL(unlink, "toa");
  show("d");
  show("a");
  CALL(rmdir, "a");
  CALL(rmdir, "a/");
  CALL(rmdir, "f");
  CALL(rmdir, "missing");
  CALL(rmdir, ".");
  CALL(rmdir, "..");
  CALL(rmdir, "d/.");
  CALL(rmdir, "d/..");
  CALL(rmdir, "f/inner");
  put_link("d", "tod");
  CALL(rmdir, "tod");
  CALL(rmdir, "tod/");
  CALL(rmdir, "d/");
  show("d");
  show("tod");
  int folder = open("f", O_RDONLY);
  CALL(unlinkat, folder, "inner", AT_REMOVEDIR);
  CALL(unlinkat, folder, "inner", 1);
  CALL(unlinkat, folder, "inner", AT_REMOVEDIR | 1);
  CALL(unlinkat, folder, "inner", 0);
  CALL(unlinkat, folder, ".", AT_REMOVEDIR);
  CALL(unlinkat, 99, "inner", 0);
  CALL(unlinkat, AT_FDCWD, "f", 0);
  CALL(unlinkat, AT_FDCWD, "f", AT_REMOVEDIR);
  show("f");
}

static void folders(void) {
  CALL(mkdir, "d", 0755);
  CALL(mkdir, "d", 0755);
  CALL(mkdir, "d/", 0755);
  CALL(mkdir, "e/", 0700);
  CALL(mkdir, "e2//", 0700);
  CALL(mkdir, "missing/e", 0755);
  CALL(mkdir, "missing/e/", 0755);
  CALL(mkdir, "g/.", 0755);
  CALL(mkdir, "g/..", 0755);
  CALL(mkdir, ".", 0755);
  CALL(mkdir, "..", 0755);
  CALL(mkdir, "d/.", 0755);
  CALL(mkdir, "", 0755);
  CALL(mkdir, "sticky", 07777);
  CALL(mkdir, "none", 0);
  put_file("file", "x");
  put_link("nowhere", "dangling");
  CALL(mkdir, "file", 0755);
  CALL(mkdir, "file/", 0755);
  CALL(mkdir, "file/e", 0755);
  CALL(mkdir, "dangling", 0755);
  CALL(mkdir, "dangling/", 0755);
  show("d");
  show("e");
  show("sticky");
  show("none");
  show("nowhere");
  int folder = open("d", O_RDONLY);
  CALL(mkdirat, folder, "inner", 0755);
  CALL(mkdirat, folder, "../beside", 0755);
  CALL(mkdirat, 99, "inner2", 0755);
  show("d/inner");
  show("beside");
  CALL(rmdir, "d");
  CALL(rmdir, "d/inner");
  CALL(rmdir, "d");
}

// Only where the file system counts folders as links (not Btrfs, not overlays).
static void folder_links(void) {
  struct stat status;
#define LINKS(path) \
  fact("links of " path ": %ld", stat(path, &status) == 0 ? (long)status.st_nlink : -1L)
  LINKS(".");
  put_folder("a");
  put_folder("b");
  LINKS(".");
  LINKS("a");
  put_folder("a/c");
  LINKS("a");
  put_file("a/file", "");
  LINKS("a");
  CALL(rename, "a/c", "b/c");
  LINKS("a");
  LINKS("b");
  put_folder("a/c");
  LINKS("a");
  CALL(rename, "b/c", "a/c");
  LINKS("a");
  LINKS("b");
  CALL(rename, "a/c", "a/d");
  LINKS("a");
  CALL(rmdir, "a/d");
  LINKS("a");
  CALL(rmdir, "b");
  LINKS(".");
  int folder = open("a", O_RDONLY);
  CALL(unlink, "a/file");
  CALL(rmdir, "a");
  fact("links of a removed folder: %ld", fstat(folder, &status) == 0 ? (long)status.st_nlink : -1L);
  LINKS(".");
#undef LINKS
}

// A file lives until its last descriptor is closed.
static void unlinked_open_files(void) {
  struct stat status;
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT | O_EXCL, 0644);
  CALL(write, fd, "before", 6);
  CALL(unlink, "a");
  show("a");
  show_fd("the open file", fd);
  CALL(pwrite64, fd, " after", 6, 6);
  CALL(pread64, fd, buffer, 100, 0);
  show_bytes("content", buffer, 12);
  CALL(ftruncate, fd, 100000);
  CALL(lseek, fd, 0, SEEK_END);
  CALL(pwrite64, fd, "end", 3, 200000);
  CALL(fsync, fd);
  show_fd("the open file", fd);
  int again = (int)CALL(open, "a", O_RDWR | O_CREAT | O_EXCL, 0644);
  CALL(write, again, "another", 7);
  fstat(fd, &status);
  unsigned long first = status.st_ino;
  fstat(again, &status);
  fact("another inode: %d", first != status.st_ino);
  CALL(pread64, fd, buffer, 6, 0);
  show_bytes("the old one", buffer, 6);
  CALL(close, fd);
  show_content("a");
  // Replaced by a rename.
  int old = open("a", O_RDONLY);
  put_file("b", "the new content");
  CALL(rename, "b", "a");
  CALL(read, old, buffer, 100);
  show_bytes("the replaced file", buffer, 7);
  show_fd("the replaced file", old);
  show_content("a");
  // Two descriptors, a child among their owners.
  CALL(unlink, "a");
  int second = dup(old);
  close(old);
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(20);
    report(pread(second, buffer, 7, 0), "the child reads");
    _exit(0);
  }
  close(second);
  waitpid(child, NULL, 0);
  // A removed folder that is open.
  put_folder("d");
  int folder = open("d", O_RDONLY);
  CALL(rmdir, "d");
  CALL(openat, folder, "x", O_RDWR | O_CREAT, 0644);
  CALL(mkdirat, folder, "x", 0755);
  CALL(unlinkat, folder, "x", 0);
  CALL(getdents64, folder, buffer, sizeof(buffer));
  CALL(fchmod, folder, 0700);
  show_fd("the removed folder", folder);
  CALL(mkdir, "d", 0755);
  CALL(close, folder);
  show("d");
}

SECTIONS({"rename", matrix}, {"twonames", one_file_two_names}, {"itself", into_itself},
         {"renameflags", flags}, {"unlink", unlinking}, {"mkdir", folders},
         {"folderlinks", folder_links}, {"openunlinked", unlinked_open_files})
