// open, openat and creat: every kind of object against every flag, links, long names, O_PATH.
#include "file_calls.h"

// One object of each kind; what calls made is removed first.
static void build_objects(void) {
  static const char* const kAll[] = {"file",     "folder", "tofile",  "tofolder",
                                     "dangling", "loop",   "missing", "target"};
  for (size_t i = 0; i < COUNT(kAll); i++) clear_away(kAll[i]);
  put_file("file", "content");
  put_folder("folder");
  put_link("file", "tofile");
  put_link("folder", "tofolder");
  put_link("target", "dangling");
  put_link("loop", "loop");
}

static void matrix(void) {
  static const char* const kPaths[] = {
      "file",     "file/",        "folder",   "folder/",   "tofile",         "tofile/",
      "tofolder", "tofolder/",    "dangling", "dangling/", "loop",           "missing",
      "missing/", "file/missing", "file/.",   "folder/..", "folder/missing", "missing/missing",
      "",
  };
#define FLAGS(flags) \
  { #flags, flags }
  static const struct {
    const char* name;
    int flags;
  } kFlags[] = {
      FLAGS(O_RDONLY),
      FLAGS(O_WRONLY),
      FLAGS(O_RDWR),
      FLAGS(O_RDONLY | O_CREAT),
      FLAGS(O_WRONLY | O_CREAT),
      FLAGS(O_RDWR | O_CREAT | O_EXCL),
      FLAGS(O_WRONLY | O_TRUNC),
      FLAGS(O_RDONLY | O_TRUNC),
      FLAGS(O_RDONLY | O_EXCL),
      FLAGS(O_RDONLY | O_DIRECTORY),
      FLAGS(O_WRONLY | O_DIRECTORY),
      FLAGS(O_RDONLY | O_NOFOLLOW),
      FLAGS(O_RDONLY | O_NOFOLLOW | O_DIRECTORY),
      FLAGS(O_WRONLY | O_CREAT | O_NOFOLLOW),
      FLAGS(O_PATH),
      FLAGS(O_PATH | O_NOFOLLOW),
      FLAGS(O_PATH | O_DIRECTORY),
      FLAGS(O_RDONLY | O_CREAT | O_DIRECTORY),
      FLAGS(O_RDWR | O_CREAT | O_EXCL | O_DIRECTORY),
      FLAGS(O_PATH | O_CREAT | O_DIRECTORY),
      FLAGS(3),
      FLAGS(3 | O_CREAT),
      FLAGS(3 | O_TRUNC),
      FLAGS(3 | O_DIRECTORY),
  };
#undef FLAGS
  build_objects();
  for (size_t f = 0; f < COUNT(kFlags); f++) {
    for (size_t p = 0; p < COUNT(kPaths); p++) {
      int fd = (int)report(RAW(open, kPaths[p], kFlags[f].flags, 0640), "open(\"%s\", %s)",
                           kPaths[p], kFlags[f].name);
      if (fd < 0) continue;
      show_fd("that is a", fd);
      close(fd);
      if (kFlags[f].flags & (O_CREAT | O_TRUNC)) build_objects();
    }
  }
}

// What an open that fails or succeeds leaves behind.
static void effects(void) {
  build_objects();
  CALL(open, "file", O_RDONLY | O_TRUNC);
  show("file");
  CALL(open, "dangling", O_WRONLY | O_CREAT, 0604);
  show("target");
  show("dangling");
  CALL(open, "new", O_RDONLY | O_CREAT, 0);
  show("new");
  CALL(open, "new", O_RDWR | O_CREAT, 0777);
  show("new");
  CALL(open, "wide", O_RDWR | O_CREAT, 07777);
  show("wide");
  CALL(creat, "created", 0666);
  CALL(creat, "created", 0666);
  CALL(creat, "folder", 0666);
  CALL(creat, "dangling2/", 0666);
  show("created");
  CALL(open, "folder/./../folder//new2", O_CREAT | O_WRONLY, 0600);
  show("folder/new2");
  CALL(open, "file", O_RDONLY | O_CREAT | O_EXCL, 0600);
  CALL(open, "//////file", O_RDONLY);
  // musl's O_ACCMODE has O_PATH in it.
  char byte;
  int fd = (int)CALL(open, "file", O_ACCMODE);
  CALL(read, fd, &byte, 1);
  CALL(write, fd, "x", 1);
}

// Mode 3 opens for neither reading nor writing, though it asks for both permissions.
static void neither(void) {
  char byte;
  put_file("a", "content");
  put_folder("d");
  CALL(mknod, "fifo", S_IFIFO | 0644, 0);
  int fd = (int)CALL(open, "a", 3);
  CALL(read, fd, &byte, 1);
  CALL(write, fd, "x", 1);
  CALL(pread64, fd, &byte, 1, 0);
  CALL(pwrite64, fd, &byte, 1, 0);
  CALL(lseek, fd, 3, SEEK_SET);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(ftruncate, fd, 0);
  CALL(fcntl, fd, F_GETFL);
  CALL(fcntl, fd, F_SETFL, O_APPEND);
  CALL(fcntl, fd, F_GETFL);
  CALL(fchmod, fd, 0600);
  CALL(fsync, fd);
  CALL(mmap, 0, 4096, 1, 1, fd, 0);
  CALL(mmap, 0, 4096, 1, 2, fd, 0);
  show_fd("mode 3", fd);
  CALL(open, "a", 3 | O_TRUNC);
  show("a");
  CALL(open, "b", 3 | O_CREAT, 0600);
  show("b");
  CALL(open, "d", 3);
  CALL(open, "fifo", 3);
  CALL(open, "fifo", 3 | O_NONBLOCK);
  CALL(open, "/dev/null", 3);
  CALL(open, "absent", O_CREAT | O_DIRECTORY, 0600);
  CALL(open, "absent", O_RDWR | O_CREAT | O_DIRECTORY | O_EXCL, 0600);
  show("absent");
  CALL(open, "d", O_CREAT | O_DIRECTORY, 0600);
  CALL(open, NULL, O_CREAT | O_DIRECTORY, 0600);
  CALL(openat, 99, "absent", O_CREAT | O_DIRECTORY, 0600);
}

// Relative to a descriptor.
static void at(void) {
  build_objects();
  put_file("folder/inner", "inner");
  int folder = (int)CALL(open, "folder", O_RDONLY | O_DIRECTORY);
  int path = (int)CALL(open, "folder", O_PATH);
  int file = (int)CALL(open, "file", O_RDONLY);
  char absolute[4096];
  need(getcwd(absolute, sizeof(absolute) - 10) != NULL, "getcwd");
  strcat(absolute, "/file");
  CALL(openat, folder, "inner", O_RDONLY);
  CALL(openat, path, "inner", O_RDONLY);
  CALL(openat, folder, "../file", O_RDONLY);
  CALL(openat, folder, ".", O_RDONLY);
  CALL(openat, folder, "..", O_RDONLY);
  CALL(openat, folder, "", O_RDONLY);
  CALL(openat, folder, "missing", O_RDONLY);
  CALL(openat, folder, "made", O_WRONLY | O_CREAT, 0644);
  CALL(openat, file, "inner", O_RDONLY);
  CALL(openat, file, "..", O_RDONLY);
  CALL(openat, 99, "inner", O_RDONLY);
  CALL(openat, -1, "inner", O_RDONLY);
  CALL(openat, AT_FDCWD, "file", O_RDONLY);
  CALL(openat, 99, absolute, O_RDONLY);
  CALL(openat, 99, "", O_RDONLY);
  show("folder/made");
  // The folder may move or go away while the descriptor names it.
  need(rename("folder", "moved") == 0, "rename");
  CALL(openat, folder, "inner", O_RDONLY);
  clear_away("moved");
  CALL(openat, folder, "inner", O_RDONLY);
  CALL(openat, folder, "inner", O_RDONLY | O_CREAT, 0644);
  CALL(openat, folder, ".", O_RDONLY);
}

static void path_only(void) {
  build_objects();
  char byte;
  struct stat status;
  int fd = (int)CALL(open, "file", O_PATH);
  report(read(fd, &byte, 1), "read");
  report(write(fd, &byte, 1), "write");
  report(pread(fd, &byte, 1, 0), "pread");
  report(lseek(fd, 0, SEEK_SET), "lseek");
  report(ftruncate(fd, 0), "ftruncate");
  report(fsync(fd), "fsync");
  report(RAW(fchmod, fd, 0600), "fchmod");
  report(RAW(fchown, fd, 0, 0), "fchown");
  report(fchdir(fd), "fchdir");
  report(ioctl(fd, 0x5401, &byte), "ioctl");
  report(fstat(fd, &status), "fstat");
  report(fcntl(fd, F_GETFD), "F_GETFD");
  report(fcntl(fd, F_GETFL) & O_PATH ? 1 : 0, "F_GETFL has O_PATH");
  report(fcntl(fd, F_SETFL, O_APPEND), "F_SETFL");
  report(dup(fd), "dup");
  report(close(fd), "close");
  int link = (int)CALL(open, "dangling", O_PATH | O_NOFOLLOW);
  char target[16];
  report(RAW(readlinkat, link, "", target, sizeof(target)), "readlinkat of it");
  show_fd("the link", link);
  // Flags that O_PATH makes meaningless are ignored.
  CALL(open, "missing", O_PATH | O_CREAT, 0644);
  CALL(open, "folder", O_PATH | O_WRONLY | O_TRUNC);
}

// 40 links are followed, no more.
static void many_links(void) {
  put_file("link0", "end");
  char name[16], target[16];
  for (int i = 1; i <= 42; i++) {
    snprintf(name, sizeof(name), "link%d", i);
    snprintf(target, sizeof(target), "link%d", i - 1);
    put_link(target, name);
  }
  CALL(open, "link39", O_RDONLY);
  CALL(open, "link40", O_RDONLY);
  CALL(open, "link41", O_RDONLY);
  CALL(open, "link40", O_RDONLY | O_NOFOLLOW);
  CALL(open, "link41", O_PATH | O_NOFOLLOW);
  put_folder("folder");
  put_link(".", "folder/self");
  char path[400] = "folder";
  for (int i = 0; i < 40; i++) strcat(path, "/self");
  report(access(path, F_OK), "40 links on the way");
  strcat(path, "/self");
  report(access(path, F_OK), "41 links on the way");
  put_link("b", "a");
  put_link("a", "b");
  CALL(open, "a", O_RDONLY);
  CALL(open, "a", O_RDONLY | O_CREAT, 0644);
  CALL(open, "a", O_RDONLY | O_CREAT | O_EXCL, 0644);
  CALL(open, "a/x", O_RDONLY);
}

// Links in the middle and at the end, absolute ones, long ones.
static void link_targets(void) {
  put_folder("folder");
  put_folder("folder/deep");
  put_file("folder/deep/file", "deep");
  put_link("folder/deep", "in");
  put_link("in/file", "double");
  put_link("../../folder/deep/file", "folder/deep/up");
  put_link("folder/", "slash");
  put_link("folder/deep/file/", "fileslash");
  put_link(".", "here");
  put_link("..", "folder/parent");
  put_link("//", "root");
  show_content("in/file");
  show_content("double");
  show_content("folder/deep/up");
  show_content("slash/deep/file");
  show_content("fileslash");
  show_content("here/here/here/double");
  show_content("folder/parent/in/file");
  fact("root is /: %d", same_object("root", "/"));
  fact("in/.. is folder: %d", same_object("in/..", "folder"));
  // 59 bytes fit into an ext2 inode, 60 do not; 4,095 is the longest.
  static char target[4200];
  static const int kLengths[] = {1, 59, 60, 61, 255, 1023, 1024, 2000, 4094, 4095, 4096};
  for (size_t i = 0; i < COUNT(kLengths); i++) {
    char name[16];
    snprintf(name, sizeof(name), "l%d", kLengths[i]);
    memset(target, 0, sizeof(target));
    for (int byte = 0; byte < kLengths[i]; byte++) target[byte] = byte % 2 ? '.' : '/';
    // ext2's own limit is a block, 1,024 bytes at its smallest: longer ones aren't compared.
    if (kLengths[i] > 1000 && kLengths[i] < 4096) continue;
    if (report(symlink(target, name), "symlink of %d bytes", kLengths[i]) != 0) continue;
    show(name);
    static char seen[4200];
    long size = readlink(name, seen, sizeof(seen));
    fact("reads back: %ld %d", size,
         size == kLengths[i] && memcmp(seen, target, (size_t)size) == 0);
  }
  CALL(symlink, "", "empty");
}

static void long_names(void) {
  static char name[4200];
  memset(name, 'n', sizeof(name));
  static const int kLengths[] = {254, 255, 256, 1000, 4094};
  for (size_t i = 0; i < COUNT(kLengths); i++) {
    name[kLengths[i]] = '\0';
    int fd =
        (int)report(RAW(open, name, O_WRONLY | O_CREAT, 0644), "create a name of %d", kLengths[i]);
    if (fd >= 0) close(fd);
    report(access(name, F_OK), "access a name of %d", kLengths[i]);
    report(unlink(name), "unlink a name of %d", kLengths[i]);
    report(mkdir(name, 0755), "mkdir a name of %d", kLengths[i]);
    report(rmdir(name), "rmdir a name of %d", kLengths[i]);
    name[kLengths[i]] = 'n';
  }
  put_file("f", "short");
  name[256] = '\0';
  report(rename("f", name), "rename to a name of 256");
  report(link("f", name), "link to a name of 256");
  report(symlink("f", name), "symlink at a name of 256");
  report(mknod(name, S_IFIFO | 0644, 0), "mknod of a name of 256");
  // The whole path: 4,095 bytes and the NUL.
  static const int kPaths[] = {4000, 4094, 4095, 4096, 4199};
  for (size_t i = 0; i < COUNT(kPaths); i++) {
    // "./././f", or ".//././f" to make the length even.
    for (int byte = 0; byte < kPaths[i]; byte++) name[byte] = (kPaths[i] - byte) % 2 ? '.' : '/';
    if (kPaths[i] % 2 == 0) name[0] = '.';
    name[kPaths[i] - 1] = 'f';
    name[kPaths[i]] = '\0';
    report(access(name, F_OK), "a path of %d", kPaths[i]);
    report(RAW(open, name, O_RDONLY) >= 0 ? 0 : -1, "open a path of %d", kPaths[i]);
  }
}

static void odd_names(void) {
  static const char* const kNames[] = {"a b",  "...",      "..a", "-", "\x01\x7f\xff",
                                       "a\nb", "\xc3\xa4", "A",   "a", "~"};
  for (size_t i = 0; i < COUNT(kNames); i++) {
    int fd = (int)report(RAW(open, kNames[i], O_WRONLY | O_CREAT | O_EXCL, 0644), "name %zu", i);
    if (fd >= 0) close(fd);
  }
  for (size_t i = 0; i < COUNT(kNames); i++) report(unlink(kNames[i]), "unlink name %zu", i);
}

SECTIONS({"open", matrix}, {"effects", effects}, {"neither", neither}, {"openat", at},
         {"path", path_only}, {"links", many_links}, {"targets", link_targets},
         {"long", long_names}, {"odd", odd_names})
