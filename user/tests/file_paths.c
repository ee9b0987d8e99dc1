// Every call that takes one path against every shape of path; the current folder; `..`.
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "file_calls.h"

static char long_component[300], long_path[4200], absolute_file[4200];
static struct stat status;
static struct statfs system_status;
static char buffer[4096];

// One object of each kind; what calls made is removed first.
static void build_objects(void) {
  static const char* const kAll[] = {"file", "folder", "empty",   "tofile", "tofolder", "dangling",
                                     "loop", "fifo",   "missing", "target", "one"};
  for (size_t i = 0; i < COUNT(kAll); i++) clear_away(kAll[i]);
  put_file("file", "content");
  put_folder("folder");
  put_file("folder/inner", "inner");
  put_folder("empty");
  put_file("one", "1");
  put_link("file", "tofile");
  put_link("folder", "tofolder");
  put_link("target", "dangling");
  put_link("loop", "loop");
  need(mkfifo("fifo", 0644) == 0, "fifo");
}

static long do_stat(const char* path) { return RAW(stat, path, &status); }
static long do_lstat(const char* path) { return RAW(lstat, path, &status); }
static long do_nofollow(const char* path) {
  return RAW(newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW);
}
static long do_empty_path(const char* path) {
  return RAW(newfstatat, AT_FDCWD, path, &status, AT_EMPTY_PATH);
}
static long do_access(const char* path) { return RAW(access, path, R_OK); }
static long do_faccessat(const char* path) { return RAW(faccessat, AT_FDCWD, path, F_OK); }
static long do_chmod(const char* path) { return RAW(chmod, path, 0700); }
static long do_fchmodat(const char* path) { return RAW(fchmodat, AT_FDCWD, path, 0700); }
static long do_chown(const char* path) { return RAW(chown, path, -1, -1); }
static long do_lchown(const char* path) { return RAW(lchown, path, -1, -1); }
static long do_fchownat(const char* path) {
  return RAW(fchownat, AT_FDCWD, path, -1, -1, AT_SYMLINK_NOFOLLOW);
}
static long do_utimensat(const char* path) { return RAW(utimensat, AT_FDCWD, path, NULL, 0); }
static long do_utimensat_link(const char* path) {
  return RAW(utimensat, AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}
static long do_truncate(const char* path) { return RAW(truncate, path, 3); }
static long do_readlink(const char* path) { return RAW(readlink, path, buffer, sizeof(buffer)); }
static long do_readlinkat(const char* path) {
  return RAW(readlinkat, AT_FDCWD, path, buffer, sizeof(buffer));
}
static long do_statfs(const char* path) { return RAW(statfs, path, &system_status); }
static long do_mkdir(const char* path) { return RAW(mkdir, path, 0755); }
static long do_mkdirat(const char* path) { return RAW(mkdirat, AT_FDCWD, path, 0755); }
static long do_rmdir(const char* path) { return RAW(rmdir, path); }
static long do_unlink(const char* path) { return RAW(unlink, path); }
static long do_unlinkat(const char* path) { return RAW(unlinkat, AT_FDCWD, path, AT_REMOVEDIR); }
static long do_mknod(const char* path) { return RAW(mknod, path, S_IFREG | 0644, 0); }
static long do_mkfifo(const char* path) { return RAW(mknodat, AT_FDCWD, path, S_IFIFO | 0644, 0); }
static long do_symlink(const char* path) { return RAW(symlink, "anything", path); }
static long do_symlinkat(const char* path) { return RAW(symlinkat, "anything", AT_FDCWD, path); }
static long do_link_from(const char* path) { return RAW(link, path, "missing"); }
static long do_link_to(const char* path) { return RAW(link, "one", path); }
static long do_link_follow(const char* path) {
  return RAW(linkat, AT_FDCWD, path, AT_FDCWD, "missing", AT_SYMLINK_FOLLOW);
}
static long do_rename_from(const char* path) { return RAW(rename, path, "missing"); }
static long do_rename_to(const char* path) { return RAW(rename, "one", path); }
static long do_rename_folder_to(const char* path) {
  return RAW(renameat, AT_FDCWD, "empty", AT_FDCWD, path);
}
static long do_rename_noreplace(const char* path) {
  return RAW(renameat2, AT_FDCWD, "one", AT_FDCWD, path, 1 /* RENAME_NOREPLACE */);
}
// Opening a FIFO waits for its other end; O_NONBLOCK doesn't.
static long do_creat(const char* path) {
  if (strncmp(path, "fifo", 4) == 0) return -2;
  long fd = RAW(creat, path, 0644);
  if (fd < 0) return -1;
  close((int)fd);
  return 0;
}
// The current folder must stay: a child changes its own.
static long do_chdir(const char* path) {
  int old = open(".", O_PATH);
  long result = RAW(chdir, path);
  int saved = errno;
  need(fchdir(old) == 0, "fchdir back");
  close(old);
  errno = saved;
  return result;
}

// Calls that change nothing, and calls after whose success the objects are built again. The latter
// never get a path that leads out of the section's folder.
#define LOOK(function) \
  { #function, function, 0 }
#define CHANGE(function) \
  { #function, function, 1 }
static const struct {
  const char* name;
  long (*call)(const char* path);
  int changes;
} kWays[] = {
    LOOK(do_stat),
    LOOK(do_lstat),
    LOOK(do_nofollow),
    LOOK(do_empty_path),
    LOOK(do_access),
    LOOK(do_faccessat),
    LOOK(do_readlink),
    LOOK(do_readlinkat),
    LOOK(do_statfs),
    LOOK(do_chdir),
    CHANGE(do_chown),
    CHANGE(do_lchown),
    CHANGE(do_fchownat),
    CHANGE(do_chmod),
    CHANGE(do_fchmodat),
    CHANGE(do_utimensat),
    CHANGE(do_utimensat_link),
    CHANGE(do_truncate),
    CHANGE(do_mkdir),
    CHANGE(do_mkdirat),
    CHANGE(do_rmdir),
    CHANGE(do_unlink),
    CHANGE(do_unlinkat),
    CHANGE(do_mknod),
    CHANGE(do_mkfifo),
    CHANGE(do_symlink),
    CHANGE(do_symlinkat),
    CHANGE(do_link_from),
    CHANGE(do_link_to),
    CHANGE(do_link_follow),
    CHANGE(do_rename_from),
    CHANGE(do_rename_to),
    CHANGE(do_rename_folder_to),
    CHANGE(do_rename_noreplace),
    CHANGE(do_creat),
};
#undef LOOK
#undef CHANGE

static void shapes(void) {
  enum { kOutside = 2 };  // that many paths lead out of the folder
  memset(long_component, 'c', 256);
  memset(long_path, '/', 4096);
  memcpy(long_path, "folder", 6);
  need(getcwd(absolute_file, 4096) != NULL, "getcwd");
  strcat(absolute_file, "/file");
  const struct {
    const char* name;
    const char* path;
  } paths[] = {
      {"..", ".."},
      {"/", "/"},
      {"", ""},
      {".", "."},
      {"file", "file"},
      {"file/", "file/"},
      {"file/x", "file/x"},
      {"file/..", "file/.."},
      {"folder", "folder"},
      {"folder//", "folder//"},
      {"folder/.", "folder/."},
      {"folder/..", "folder/.."},
      {"empty", "empty"},
      {"empty/", "empty/"},
      {"empty/.", "empty/."},
      {"tofile", "tofile"},
      {"tofile/", "tofile/"},
      {"tofolder", "tofolder"},
      {"tofolder/", "tofolder/"},
      {"tofolder/inner", "tofolder/inner"},
      {"dangling", "dangling"},
      {"dangling/", "dangling/"},
      {"dangling/x", "dangling/x"},
      {"loop", "loop"},
      {"loop/", "loop/"},
      {"fifo", "fifo"},
      {"missing", "missing"},
      {"missing/", "missing/"},
      {"missing/.", "missing/."},
      {"missing/x", "missing/x"},
      {"the absolute path of file", absolute_file},
      {"a component of 256", long_component},
      {"a path of 4096", long_path},
  };
  build_objects();
  for (size_t way = 0; way < COUNT(kWays); way++) {
    for (size_t i = kWays[way].changes ? kOutside : 0; i < COUNT(paths); i++) {
      long result =
          report(kWays[way].call(paths[i].path), "%s(\"%s\")", kWays[way].name + 3, paths[i].name);
      if (result == 0 && kWays[way].changes) build_objects();
    }
  }
}

// ---- The current folder -------------------------------------------------------------------------

static size_t base_length;

// The current folder below the section's own, and what the call returned beyond that.
static void show_cwd(const char* when) {
  long length = RAW(getcwd, buffer, sizeof(buffer));
  if (length < 0) {
    fact("getcwd %s: %s", when, error_name(errno));
  } else {
    fact("getcwd %s: \"%s\" %ld", when, buffer + base_length, length - (long)base_length);
  }
}

static void current_folder(void) {
  need(getcwd(buffer, sizeof(buffer)) != NULL, "getcwd");
  base_length = strlen(buffer);
  build_objects();
  put_folder("folder/deep");
  show_cwd("at first");
  report(RAW(getcwd, buffer, 1), "getcwd with 1 byte");
  report(RAW(getcwd, buffer, base_length), "getcwd with one byte too few");
  report(RAW(getcwd, buffer, base_length + 1) > 0, "getcwd with just enough");
  report(RAW(getcwd, buffer, 0), "getcwd with 0 bytes");
  CALL(chdir, "folder/deep");
  show_cwd("in folder/deep");
  CALL(chdir, "..");
  show_cwd("in folder");
  CALL(chdir, "./deep//./../deep/");
  show_cwd("in deep again");
  CALL(chdir, "../../tofolder");
  show_cwd("through a link");
  need(rename("../folder", "../moved") == 0, "rename");
  show_cwd("after the folder was renamed");
  CALL(chdir, "deep");
  need(rename("../../moved/deep", "../../empty/deep2") == 0, "rename");
  show_cwd("after it moved to another parent");
  fact("its parent is empty: %d", same_object("..", "../../empty"));
  int here = (int)CALL(open, ".", O_RDONLY);
  CALL(rmdir, "../../empty/deep2");
  show_cwd("after it was removed");
  CALL(stat, ".", &status);
  CALL(stat, "..", &status);
  CALL(open, "x", O_CREAT | O_WRONLY, 0644);
  CALL(open, ".", O_RDONLY);
  CALL(mkdir, "x", 0755);
  CALL(symlink, "x", "y");
  CALL(mknod, "x", S_IFIFO | 0644, 0);
  CALL(link, "../../one", "x");
  CALL(rename, "../../one", "x");
  CALL(rmdir, ".");
  report(RAW(getdents64, here, buffer, sizeof(buffer)), "getdents64 of a removed folder");
  CALL(chdir, "..");
  show_cwd("in its former parent");
  CALL(fchdir, here);
  show_cwd("back in the removed folder");
  CALL(chdir, ".");
}

static void parent_of_root(void) {
  fact("/.. is /: %d", same_object("/..", "/"));
  fact("/../.. is /: %d", same_object("/../..", "/"));
  fact("/./../. is /: %d", same_object("/./../.", "/"));
  need(chdir("/") == 0, "chdir");
  report(RAW(getcwd, buffer, sizeof(buffer)), "getcwd in /");
  fact("it is \"%s\"", buffer);
  CALL(chdir, "..");
  report(RAW(getcwd, buffer, sizeof(buffer)), "getcwd in /..");
  fact(".. is .: %d", same_object("..", "."));
  CALL(rmdir, "/");
  CALL(unlink, "/");
  CALL(mkdir, "/", 0755);
  CALL(rename, "/", "/x");
  CALL(rename, "/dev", "/");
  CALL(open, "/", O_WRONLY);
  CALL(open, "/", O_CREAT | O_RDONLY, 0644);
}

static void change_by_descriptor(void) {
  build_objects();
  need(getcwd(buffer, sizeof(buffer)) != NULL, "getcwd");
  base_length = strlen(buffer);
  int folder = (int)CALL(open, "folder", O_RDONLY);
  int path = (int)CALL(open, "empty", O_PATH);
  int file = (int)CALL(open, "file", O_RDONLY);
  CALL(fchdir, folder);
  show_cwd("after fchdir");
  CALL(fchdir, path);
  show_cwd("after fchdir by O_PATH");
  CALL(fchdir, file);
  CALL(fchdir, 99);
  CALL(fchdir, -1);
  // A child has its own current folder.
  pid_t child = fork();
  if (child == 0) {
    report(chdir(".."), "the child's chdir");
    show_cwd("in the child");
    _exit(0);
  }
  waitpid(child, NULL, 0);
  show_cwd("in the parent");
}

// A folder so deep that its path doesn't fit.
static void too_deep(void) {
  char name[201];
  memset(name, 'd', 200);
  name[200] = '\0';
  int depth = 0;
  int start = open(".", O_PATH);
  for (; depth < 22; depth++) need(mkdir(name, 0755) == 0 && chdir(name) == 0, "a level");
  report(RAW(getcwd, buffer, sizeof(buffer)), "getcwd 22 levels of 200 down");
  static char large[8192];
  report(RAW(getcwd, large, sizeof(large)), "the same with a larger buffer");
  put_file("file", "far down");
  show_content("file");
  need(unlink("file") == 0, "unlink");
  for (; depth > 0; depth--) need(chdir("..") == 0 && rmdir(name) == 0, "a level up");
  fact("back: %d", fchdir(start));
}

SECTIONS({"shapes", shapes}, {"cwd", current_folder}, {"root", parent_of_root},
         {"fchdir", change_by_descriptor}, {"deep", too_deep})
