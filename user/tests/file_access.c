// Permissions: what a process may do for a user who isn't root (setfsuid, setfsgid), and whose its files
// are. User 1000 is the owner of some, 1001 is another; group 2000 is the caller's.
#include <sys/fsuid.h>
#include <sys/uio.h>

#include "file_calls.h"

enum { kUser = 1000, kOther = 1001, kGroup = 2000, kOtherGroup = 2001 };

static void become(int user, int group) {
  // The group first: it needs rights that changing the user gives up.
  setfsgid((gid_t)group);
  setfsuid((uid_t)user);
  need(setfsuid((uid_t)-1) == user && setfsgid((gid_t)-1) == group, "setfsuid");
}

static void put_owned(const char* path, int user, int group, unsigned mode) {
  put_file(path, "text");
  need(chown(path, (uid_t)user, (gid_t)group) == 0 && chmod(path, mode) == 0, path);
}

static void put_owned_folder(const char* path, int user, int group, unsigned mode) {
  put_folder(path);
  need(chown(path, (uid_t)user, (gid_t)group) == 0 && chmod(path, mode) == 0, path);
}

static void show_owner(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0) {
    fact("%s: %s", path, error_name(errno));
  } else {
    fact("%s: %04o owner=%u group=%u", path, status.st_mode & 07777, status.st_uid, status.st_gid);
  }
}

static void identities(void) {
  CALL(setfsuid, kUser);
  CALL(setfsuid, -1);
  CALL(setfsgid, kGroup);
  CALL(setfsgid, -1);
  CALL(setfsuid, 0);
  CALL(setfsuid, 0);
  become(kUser, kGroup);
  pid_t child = fork();
  if (child == 0) {
    CALL(setfsuid, -1);
    CALL(setfsuid, kOther);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CALL(setfsuid, -1);
}

// Every mode for owner, group and others, against every way of opening.
static void opening(void) {
  static const struct {
    const char* who;
    int user, group;
  } kOwners[] = {
      {"own", kUser, kOtherGroup}, {"group's", kOther, kGroup}, {"other's", kOther, kOtherGroup}};
  static const int kFlags[] = {O_RDONLY,
                               O_WRONLY,
                               O_RDWR,
                               O_RDONLY | O_TRUNC,
                               O_PATH,
                               O_RDONLY | O_CREAT,
                               O_RDONLY | O_CREAT | O_EXCL};
  for (size_t owner = 0; owner < COUNT(kOwners); owner++) {
    for (unsigned bits = 0; bits < 8; bits++) {
      become(0, 0);
      clear_away("f");
      // The two other classes have all that this one lacks: only one may count.
      unsigned shift = owner == 0 ? 6 : owner == 1 ? 3 : 0;
      unsigned mode = (0777 & ~(7u << shift)) | bits << shift;
      put_owned("f", kOwners[owner].user, kOwners[owner].group, mode);
      become(kUser, kGroup);
      for (size_t i = 0; i < COUNT(kFlags); i++) {
        int fd = open("f", kFlags[i]);
        report(fd < 0 ? -1 : 0, "open %s file %04o with %#o", kOwners[owner].who, mode, kFlags[i]);
        if (fd >= 0) close(fd);
      }
    }
  }
}

static void making(void) {
  put_owned_folder("mine", kUser, kGroup, 0755);
  put_owned_folder("theirs", kOther, kOtherGroup, 0755);
  put_owned_folder("nosearch", kOther, kOtherGroup, 0772);
  put_owned_folder("inherits", kOther, kOtherGroup, 02777);
  become(kUser, kGroup);
  static const char* const kFolders[] = {"mine", "theirs", "nosearch", "inherits"};
  for (size_t i = 0; i < COUNT(kFolders); i++) {
    char path[64];
    snprintf(path, sizeof(path), "%s/f", kFolders[i]);
    int fd = open(path, O_RDWR | O_CREAT, 0);
    report(fd < 0 ? -1 : 0, "make %s, for nobody", path);
    if (fd >= 0) CALL(write, fd, "x", 1);
    if (fd >= 0) close(fd);
    report(open(path, O_RDONLY), "open %s again", path);
    show_owner(path);
    snprintf(path, sizeof(path), "%s/d", kFolders[i]);
    report(mkdir(path, 0755), "mkdir %s", path);
    show_owner(path);
    snprintf(path, sizeof(path), "%s/l", kFolders[i]);
    report(symlink("f", path), "symlink %s", path);
    show_owner(path);
    snprintf(path, sizeof(path), "%s/p", kFolders[i]);
    report(mkfifo(path, 0644), "mkfifo %s", path);
    show_owner(path);
    snprintf(path, sizeof(path), "%s/c", kFolders[i]);
    report(mknod(path, S_IFCHR | 0644, 0x103), "mknod %s", path);
  }
}

static void searching(void) {
  put_owned_folder("closed", kOther, kOtherGroup, 0700);
  put_owned_folder("open", kOther, kOtherGroup, 0711);
  put_file("closed/f", "text");
  put_file("open/f", "text");
  put_folder("open/closed");
  put_file("open/closed/f", "text");
  need(chmod("open/closed", 0666) == 0, "chmod");
  put_link("closed/f", "l");
  become(kUser, kGroup);
  CALL(open, "closed/f", O_RDONLY);
  CALL(open, "closed/absent", O_RDONLY);
  CALL(open, "closed", O_RDONLY);
  CALL(open, "closed/.", O_RDONLY);
  CALL(open, "closed/../open/f", O_RDONLY);
  CALL(open, "l", O_RDONLY);
  CALL(open, "open/f", O_RDONLY);
  CALL(open, "open", O_RDONLY);
  CALL(open, "open/closed", O_RDONLY);
  CALL(open, "open/closed/f", O_RDONLY);
  CALL(open, "open/f/x", O_RDONLY);
  CALL(chdir, "closed");
  CALL(chdir, "open/closed");
  struct stat status;
  CALL(stat, "closed/f", &status);
  CALL(stat, "closed", &status);
  CALL(lstat, "l", &status);
  CALL(stat, "l", &status);
  CALL(faccessat2, AT_FDCWD, "closed", R_OK, AT_EACCESS);
  CALL(faccessat2, AT_FDCWD, "open", X_OK, AT_EACCESS);
  CALL(faccessat2, AT_FDCWD, "open", W_OK, AT_EACCESS);
  CALL(chdir, "open");
  CALL(open, "f", O_RDONLY);
}

// Who writes to a program takes its special rights away, unless it is root.
static void written(void) {
  static const unsigned kModes[] = {04777, 02777, 06777, 02767, 06767, 06755};
  for (int who = 0; who < 2; who++) {
    for (size_t i = 0; i < COUNT(kModes); i++) {
      char path[16];
      snprintf(path, sizeof(path), "%s%04o", who == 0 ? "root" : "user", kModes[i]);
      put_owned(path, kUser, kOtherGroup, kModes[i]);
    }
  }
  put_owned_folder("d", kUser, kGroup, 0755);
  for (int who = 0; who < 2; who++) {
    if (who == 1) become(kUser, kGroup);
    int fd = open(who == 0 ? "root4777" : "user4777", O_WRONLY);
    CALL(write, fd, "", 0);
    show_owner(who == 0 ? "root4777" : "user4777");
    CALL(write, fd, "x", 1);
    show_owner(who == 0 ? "root4777" : "user4777");
    fd = open(who == 0 ? "root2777" : "user2777", O_WRONLY);
    CALL(pwrite64, fd, "x", 1, 2);
    show_owner(who == 0 ? "root2777" : "user2777");
    CALL(truncate, who == 0 ? "root6777" : "user6777", 2);
    show_owner(who == 0 ? "root6777" : "user6777");
    fd = open(who == 0 ? "root2767" : "user2767", O_WRONLY);
    CALL(ftruncate, fd, 100);
    show_owner(who == 0 ? "root2767" : "user2767");
    fd = open(who == 0 ? "root6767" : "user6767", O_WRONLY);
    struct iovec part = {"ab", 2};
    CALL(writev, fd, &part, 1);
    show_owner(who == 0 ? "root6767" : "user6767");
    CALL(open, who == 0 ? "root6755" : "user6755", O_WRONLY | O_TRUNC);
    show_owner(who == 0 ? "root6755" : "user6755");
    CALL(open, who == 0 ? "root6755" : "d/made", O_WRONLY | O_TRUNC | O_CREAT, 06755);
    show_owner(who == 0 ? "root6755" : "d/made");
  }
}

// access() asks for the real user, who is root, also on the way to the file.
static void really(void) {
  put_folder("closed");
  put_file("closed/f", "text");
  need(chmod("closed", 0700) == 0, "chmod");
  become(kUser, kGroup);
  CALL(access, "closed/f", R_OK | W_OK);
  CALL(faccessat, AT_FDCWD, "closed/f", R_OK);
  CALL(faccessat2, AT_FDCWD, "closed/f", R_OK, 0);
  CALL(faccessat2, AT_FDCWD, "closed/f", R_OK, AT_EACCESS);
  CALL(access, "closed/f", X_OK);
  CALL(access, "closed/absent", F_OK);
}

static void removing(void) {
  static const unsigned kModes[] = {0755, 0777, 01777};
  for (size_t i = 0; i < COUNT(kModes); i++) {
    become(0, 0);
    clear_away("d");
    put_owned_folder("d", kOther, kOtherGroup, kModes[i]);
    put_owned("d/mine", kUser, kGroup, 0644);
    put_owned("d/theirs", kOther, kOtherGroup, 0644);
    put_owned("d/theirs2", kOther, kOtherGroup, 0666);
    put_owned_folder("d/folder", kUser, kGroup, 0755);
    put_owned_folder("d/their_folder", kOther, kOtherGroup, 0777);
    put_owned_folder("d/closed", kOther, kOtherGroup, 0755);
    become(kUser, kGroup);
    fact("in a folder %04o", kModes[i]);
    CALL(unlink, "d/absent");
    CALL(unlink, "d/folder");
    CALL(unlink, "d/their_folder");
    CALL(rmdir, "d/theirs");
    CALL(rename, "d/theirs", "d/new");
    CALL(rename, "d/mine", "d/theirs2");
    CALL(rename, "d/mine", "d/new");
    CALL(rename, "d/folder", "d/their_folder");
    CALL(rename, "d/closed", "d/their_folder/closed");
    CALL(unlink, "d/mine");
    CALL(unlink, "d/new");
    CALL(unlink, "d/theirs");
    CALL(rmdir, "d/folder");
    CALL(rmdir, "d/their_folder");
  }
}

static void owners_only(void) {
  put_owned("mine", kUser, kGroup, 06755);
  put_owned("theirs", kOther, kGroup, 0666);
  put_owned("closed", kOther, kGroup, 0600);
  put_owned("foreign", kUser, kOtherGroup, 0644);
  become(kUser, kGroup);
  CALL(chmod, "mine", 02755);
  show_owner("mine");
  CALL(chmod, "foreign", 06755);
  show_owner("foreign");
  CALL(chmod, "theirs", 0777);
  CALL(chown, "mine", kOther, -1);
  CALL(chown, "mine", kUser, kGroup);
  CALL(chown, "mine", -1, kOtherGroup);
  CALL(chown, "foreign", -1, kGroup);
  CALL(chown, "theirs", -1, kGroup);
  CALL(chown, "theirs", -1, -1);
  show_owner("mine");
  show_owner("foreign");
  struct timespec times[2] = {{1, 0}, {2, 0}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}},
                  half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  static const char* const kFiles[] = {"mine", "theirs", "closed"};
  for (size_t i = 0; i < COUNT(kFiles); i++) {
    report(utimensat(AT_FDCWD, kFiles[i], times, 0), "times of %s", kFiles[i]);
    report(utimensat(AT_FDCWD, kFiles[i], now, 0), "times of %s: now", kFiles[i]);
    report(utimensat(AT_FDCWD, kFiles[i], NULL, 0), "times of %s: null", kFiles[i]);
    report(utimensat(AT_FDCWD, kFiles[i], half, 0), "times of %s: one now", kFiles[i]);
    report(truncate(kFiles[i], 2), "truncate %s", kFiles[i]);
    report(truncate(kFiles[i], -1), "truncate %s to -1", kFiles[i]);
  }
}

static void linking(void) {
  put_owned("mine", kUser, kGroup, 0600);
  put_owned("readable", kOther, kOtherGroup, 0644);
  put_owned("writable", kOther, kOtherGroup, 0666);
  put_owned("setuid", kOther, kOtherGroup, 04777);
  put_owned("setgid", kOther, kOtherGroup, 02777);
  put_owned_folder("d", kUser, kGroup, 0755);
  put_owned_folder("theirs", kOther, kOtherGroup, 0755);
  become(kUser, kGroup);
  CALL(link, "mine", "d/1");
  CALL(link, "mine", "theirs/1");
  CALL(link, "readable", "d/2");
  CALL(link, "writable", "d/3");
  CALL(link, "setuid", "d/4");
  CALL(link, "setgid", "d/5");
  CALL(link, "d", "d/6");
  show_owner("d/3");
}

SECTIONS({"identities", identities}, {"opening", opening}, {"making", making},
         {"searching", searching}, {"really", really}, {"written", written}, {"removing", removing},
         {"ownersonly", owners_only}, {"linking", linking})
