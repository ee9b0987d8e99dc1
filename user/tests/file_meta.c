// What stat tells and chmod, chown, umask change; access; statfs.
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "file_calls.h"

static struct stat status;

static void statuses(void) {
  put_file("a", "12345");
  put_folder("d");
  put_link("a", "l");
  put_link("nowhere", "dangling");
  show("a");
  show("d");
  show("l");
  show("dangling");
  int fd = open("a", O_RDONLY), folder = open("d", O_RDONLY);
  CALL(fstat, fd, &status);
  unsigned long inode = status.st_ino;
  CALL(stat, "a", &status);
  fact("same inode: %d", inode == status.st_ino);
  CALL(stat, "l", &status);
  fact("same inode: %d", inode == status.st_ino);
  CALL(lstat, "l", &status);
  fact("same inode: %d", inode == status.st_ino);
  fact("blocks of at least 512 bytes: %d, of a power of two: %d", status.st_blksize >= 512,
       (status.st_blksize & (status.st_blksize - 1)) == 0);
  CALL(newfstatat, AT_FDCWD, "l", &status, AT_SYMLINK_NOFOLLOW);
  fact("a %s", type_name(status.st_mode));
  CALL(newfstatat, AT_FDCWD, "l", &status, 0);
  fact("a %s", type_name(status.st_mode));
  CALL(newfstatat, fd, "", &status, AT_EMPTY_PATH);
  fact("a %s", type_name(status.st_mode));
  CALL(newfstatat, AT_FDCWD, "", &status, AT_EMPTY_PATH);
  fact("a %s", type_name(status.st_mode));
  CALL(newfstatat, fd, "", &status, 0);
  CALL(newfstatat, folder, "../a", &status, 0);
  CALL(newfstatat, folder, "a", &status, 0);
  CALL(newfstatat, fd, "a", &status, 0);
  CALL(newfstatat, 99, "a", &status, 0);
  CALL(newfstatat, 99, "", &status, AT_EMPTY_PATH);
  CALL(newfstatat, AT_FDCWD, "a", &status, 0x40000);
  CALL(newfstatat, AT_FDCWD, "a", &status, 0x800 /* AT_NO_AUTOMOUNT */);
  CALL(fstat, 99, &status);
  struct stat here, parent;
  stat("d", &here);
  stat("d/.", &parent);
  fact("d is d/.: %d", here.st_ino == parent.st_ino);
  stat("d/..", &parent);
  stat(".", &here);
  fact(". is d/..: %d", here.st_ino == parent.st_ino);
  stat("a", &parent);
  fact("one device: %d", here.st_dev == parent.st_dev);
}

static void modes(void) {
  put_one_of_each();
  static const unsigned kModes[] = {0,     0444,  0777,   01777,   02755,  04755,
                                    06755, 07777, 010000, 0170644, 0200000};
  for (size_t i = 0; i < COUNT(kModes); i++) {
    report(RAW(chmod, "a", kModes[i]), "chmod %#o", kModes[i]);
    show("a");
    report(RAW(chmod, "d", kModes[i]), "chmod %#o of the folder", kModes[i]);
    show("d");
  }
  CALL(chmod, "d", 0755);
  CALL(chmod, "l", 0640);
  show("a");
  show("l");
  CALL(chmod, "dangling", 0640);
  CALL(chmod, "missing", 0640);
  CALL(chmod, "a/x", 0640);
  int fd = open("a", O_RDONLY), folder = open("d", O_RDONLY);
  CALL(fchmod, fd, 0601);
  show("a");
  CALL(fchmod, 99, 0601);
  CALL(fchmodat, folder, "../a", 0602);
  show("a");
  CALL(fchmodat, folder, "a", 0602);
  CALL(fchmodat, 99, "a", 0602);
  CALL(fchmodat, fd, "a", 0602);
  CALL(fchmod, folder, 0711);
  show("d");
}

static void masks(void) {
  CALL(umask, 0);
  CALL(umask, 07777);
  CALL(umask, 0777);
  CALL(open, "none", O_CREAT | O_RDWR, 0666);
  CALL(mkdir, "dnone", 0777);
  CALL(umask, 0);
  CALL(open, "all", O_CREAT | O_RDWR, 0777);
  CALL(open, "special", O_CREAT | O_RDWR, 07777);
  CALL(mkdir, "dall", 07777);
  CALL(mknod, "fall", S_IFIFO | 0666, 0);
  CALL(umask, 0135);
  CALL(open, "some", O_CREAT | O_RDWR, 0666);
  CALL(mkdir, "dsome", 0777);
  CALL(mknod, "fsome", S_IFIFO | 0666, 0);
  CALL(symlink, "x", "lsome");
  CALL(chmod, "some", 0777);
  CALL(umask, -1);
  CALL(umask, 022);
  show("none");
  show("dnone");
  show("all");
  show("special");
  show("dall");
  show("fall");
  show("some");
  show("dsome");
  show("fsome");
  show("lsome");
}

static void show_owner(const char* path) {
  if (lstat(path, &status) != 0) {
    fact("%s: %s", path, error_name(errno));
  } else {
    fact("%s: owner %u group %u mode %04o", path, status.st_uid, status.st_gid,
         status.st_mode & 07777);
  }
}

// Needs root.
static void owners(void) {
  put_one_of_each();
  show_owner("a");
  CALL(chown, "a", 1000, 1001);
  show_owner("a");
  CALL(chown, "a", -1, 70000);
  show_owner("a");
  CALL(chown, "a", 70001, -1);
  show_owner("a");
  CALL(chown, "a", -1, -1);
  show_owner("a");
  CALL(chown, "l", 5, 6);
  show_owner("a");
  show_owner("l");
  CALL(lchown, "l", 7, 8);
  show_owner("a");
  show_owner("l");
  CALL(chown, "dangling", 1, 1);
  CALL(lchown, "dangling", 1, 1);
  show_owner("dangling");
  int fd = open("a", O_RDONLY), folder = open("d", O_RDONLY);
  CALL(fchown, fd, 9, 10);
  show_owner("a");
  CALL(fchownat, folder, "../a", 11, 12, 0);
  show_owner("a");
  CALL(fchownat, AT_FDCWD, "l", 13, 14, AT_SYMLINK_NOFOLLOW);
  show_owner("l");
  CALL(fchownat, fd, "", 15, 16, AT_EMPTY_PATH);
  show_owner("a");
  CALL(fchownat, fd, "", 15, 16, 0);
  CALL(fchownat, fd, "a", 15, 16, 0);
  CALL(fchownat, 99, "a", 15, 16, 0);
  CALL(fchownat, AT_FDCWD, "a", 15, 16, 1);
  CALL(chown, "missing", 1, 1);
  CALL(fchown, 99, 1, 1);
  CALL(chown, "d", 20, 21);
  show_owner("d");
  // A new owner loses the set-id bits; folders keep theirs.
  CALL(chmod, "a", 06755);
  CALL(chown, "a", 0, 0);
  show_owner("a");
  CALL(chmod, "a", 06755);
  CALL(chown, "a", -1, -1);
  show_owner("a");
  CALL(chmod, "d", 06755);
  CALL(chown, "d", 0, 0);
  show_owner("d");
  // What is made in a set-group-id folder gets its group, folders the bit, too.
  CALL(chown, "d", 0, 500);
  CALL(chmod, "d", 02755);
  put_file("d/file", "");
  put_folder("d/folder");
  put_link("x", "d/link");
  show_owner("d/file");
  show_owner("d/folder");
  show_owner("d/link");
}

// Root may read and write all, and execute what anybody may.
static void access_of_root(void) {
  static const unsigned kModes[] = {0, 0444, 0100, 0010, 0001, 0644, 0755};
  put_file("a", "x");
  put_folder("d");
  for (size_t i = 0; i < COUNT(kModes); i++) {
    chmod("a", kModes[i]);
    chmod("d", kModes[i]);
    for (int mode = 0; mode < 8; mode++) {
      report(RAW(access, "a", mode), "access of a file %04o for %d", kModes[i], mode);
      if (mode % 2)
        report(RAW(access, "d", mode), "access of a folder %04o for %d", kModes[i], mode);
    }
  }
  chmod("a", 0);
  CALL(open, "a", O_RDWR);
  chmod("d", 0);
  CALL(open, "d/x", O_RDWR | O_CREAT, 0600);
}

static void accesses(void) {
  put_one_of_each();
  CALL(access, "a", F_OK);
  CALL(access, "a", R_OK | W_OK);
  CALL(access, "a", X_OK);
  CALL(access, "d", R_OK | W_OK | X_OK);
  CALL(access, "l", R_OK);
  CALL(access, "dangling", F_OK);
  CALL(access, "missing", F_OK);
  CALL(access, "a", 8);
  CALL(access, "a", -1);
  CALL(access, "missing", 8);
  int folder = open("d", O_RDONLY), fd = open("a", O_RDONLY);
  CALL(faccessat, folder, "../a", R_OK);
  CALL(faccessat, folder, "a", R_OK);
  CALL(faccessat, fd, "a", R_OK);
  CALL(faccessat, 99, "a", R_OK);
  CALL(faccessat, 99, "a", 8);
  CALL(faccessat, AT_FDCWD, "a", F_OK);
}

static void show_statfs(const char* what, const struct statfs* found) {
  fact(
      "%s: names up to %ld, block size at least 512: %d, free at most all: %d, available at most "
      "free: %d, "
      "free inodes at most all: %d",
      what, (long)found->f_namelen, found->f_bsize >= 512, found->f_bfree <= found->f_blocks,
      found->f_bavail <= found->f_bfree, found->f_ffree <= found->f_files);
}

static void file_systems(void) {
  static struct statfs found, other;
  put_file("a", "x");
  put_link("a", "l");
  CALL(statfs, ".", &found);
  show_statfs(".", &found);
  CALL(statfs, "a", &other);
  fact("the same: %d", found.f_type == other.f_type && found.f_blocks == other.f_blocks);
  CALL(statfs, "l", &other);
  CALL(statfs, "missing", &other);
  CALL(statfs, "a/x", &other);
  CALL(fstatfs, open("a", O_RDONLY), &other);
  fact("the same: %d", found.f_type == other.f_type && found.f_blocks == other.f_blocks);
  CALL(fstatfs, open("a", O_PATH), &other);
  CALL(fstatfs, 99, &other);
  CALL(statfs, ".", NULL);
  CALL(statfs, NULL, &other);
}

// statx() by its number: musl's function takes fstatat() where there is none.
static void extended(void) {
  struct {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, owner, group;
    uint16_t mode, spare;
    uint64_t inode, size, blocks, attributes_mask;
    struct {
      int64_t seconds;
      uint32_t nanoseconds;
      int32_t reserved;
    } accessed, born, changed, modified;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t rest[14];
  } told;
  enum { kBasic = 0x7ff };
  put_file("a", "12345");
  put_folder("d");
  put_link("a", "l");
  struct timespec times[2] = {{1000, 5}, {2000, 6}};
  utimensat(AT_FDCWD, "a", times, 0);
  int fd = open("a", O_RDONLY);
  static const char* const kPaths[] = {"a", "d", "l", "/dev/null"};
  for (size_t i = 0; i < COUNT(kPaths); i++) {
    for (int flags = 0; flags <= AT_SYMLINK_NOFOLLOW; flags += AT_SYMLINK_NOFOLLOW) {
      memset(&told, 0, sizeof(told));
      report(RAW(statx, AT_FDCWD, kPaths[i], flags, kBasic, &told), "statx %s %d", kPaths[i],
             flags);
      stat(kPaths[i], &status);
      if (flags != 0) lstat(kPaths[i], &status);
      fact("a %s; all basic: %d; as stat says: %d %d %d %d %d", type_name(told.mode),
           (told.mask & kBasic) == kBasic, told.inode == status.st_ino, told.mode == status.st_mode,
           told.links == status.st_nlink, told.size == (uint64_t)status.st_size,
           told.blocks == (uint64_t)status.st_blocks);
      fact("times: %d %d; device: %d, special: %d", told.modified.seconds == status.st_mtim.tv_sec,
           told.modified.nanoseconds == status.st_mtim.tv_nsec,
           makedev(told.device_major, told.device_minor) == status.st_dev,
           makedev(told.special_major, told.special_minor) == status.st_rdev);
    }
  }
  CALL(statx, fd, "", AT_EMPTY_PATH, kBasic, &told);
  fact("%lu bytes, modified at %ld", told.size, told.modified.seconds);
  CALL(statx, fd, "", 0, kBasic, &told);
  CALL(statx, 99, "", AT_EMPTY_PATH, kBasic, &told);
  CALL(statx, AT_FDCWD, "none", 0, kBasic, &told);
  CALL(statx, AT_FDCWD, "a", 0x2000, 0, &told);
  CALL(statx, AT_FDCWD, "a", 0x4000, 0, &told);
  CALL(statx, AT_FDCWD, "a", 0x6000, 0, &told);
  CALL(statx, AT_FDCWD, "a", 0x10000, kBasic, &told);
  CALL(statx, AT_FDCWD, "a", 0, 0x80000000, &told);
  CALL(statx, AT_FDCWD, "a", 0, kBasic, (void*)8);
}

SECTIONS({"stat", statuses}, {"statx", extended}, {"chmod", modes}, {"umask", masks},
         {"owners", owners}, {"rootaccess", access_of_root}, {"access", accesses},
         {"statfs", file_systems})
