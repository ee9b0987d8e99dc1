// link, symlink, readlink, mknod: what else a name can be.
#include "file_calls.h"

static char buffer[4096];

static void links(void) {
  put_file("a", "a");
  put_folder("d");
  put_link("a", "toa");
  put_link("nowhere", "dangling");
  CALL(link, "a", "b");
  show("a");
  show("b");
  fact("same: %d", same_object("a", "b"));
  put_file("b", "written through b");
  show_content("a");
  CALL(link, "a", "a");
  CALL(link, "a", "b");
  CALL(link, "a", "d");
  CALL(link, "d", "e");
  CALL(link, "d", "d/e");
  CALL(link, "missing", "e");
  CALL(link, "missing", "a");
  CALL(link, "a", "missing/e");
  CALL(link, "a", "a/e");
  CALL(link, "a/", "e");
  CALL(link, "a", "e/");
  CALL(link, "toa", "linked");
  show("linked");
  CALL(link, "dangling", "linked2");
  show("linked2");
  CALL(link, "a", "dangling");
  CALL(linkat, AT_FDCWD, "toa", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW);
  show("followed");
  CALL(linkat, AT_FDCWD, "dangling", AT_FDCWD, "followed2", AT_SYMLINK_FOLLOW);
  CALL(linkat, AT_FDCWD, "a", AT_FDCWD, "x", 1);
  CALL(linkat, AT_FDCWD, "a", AT_FDCWD, "x", AT_SYMLINK_NOFOLLOW);
  int folder = open("d", O_RDONLY);
  CALL(linkat, AT_FDCWD, "a", folder, "in");
  CALL(linkat, folder, "in", AT_FDCWD, "out");
  CALL(linkat, 99, "in", AT_FDCWD, "out2");
  CALL(linkat, folder, "in", 99, "out2");
  show("out");
  CALL(unlink, "b");
  CALL(unlink, "d/in");
  show("a");
  for (int i = 0; i < 50; i++) {
    char name[16];
    snprintf(name, sizeof(name), "n%d", i);
    need(link("a", name) == 0, name);
  }
  show("a");
}

static void symlinks(void) {
  put_file("a", "x");
  CALL(symlink, "a", "l");
  CALL(symlink, "a", "l");
  CALL(symlink, "a", "a");
  CALL(symlink, "a", "m/");
  CALL(symlink, "a", "missing/m");
  CALL(symlink, "a", "a/m");
  CALL(symlink, "a", "");
  CALL(symlink, "does not/exist//", "m");
  int folder = open(".", O_RDONLY);
  CALL(symlinkat, "t", folder, "n");
  CALL(symlinkat, "t", 99, "o");
  CALL(readlink, "m", buffer, sizeof(buffer));
  show_bytes("m", buffer, 16);
  memset(buffer, '-', 32);
  CALL(readlink, "m", buffer, 4);
  show_bytes("m, 4 bytes asked", buffer, 8);
  CALL(readlink, "m", buffer, 0);
  CALL(readlink, "m", buffer, -1);
  CALL(readlink, "a", buffer, 10);
  CALL(readlink, ".", buffer, 10);
  CALL(readlink, "missing", buffer, 10);
  CALL(readlink, "l/", buffer, 10);
  CALL(readlink, "l/x", buffer, 10);
  CALL(readlinkat, folder, "n", buffer, 10);
  CALL(readlinkat, folder, "", buffer, 10);
  CALL(readlinkat, 99, "n", buffer, 10);
  CALL(readlinkat, 99, "", buffer, 10);
  show("m");
  CALL(unlink, "a");
  show("l");
  CALL(open, "l", O_RDONLY);
}

static void nodes(void) {
  CALL(mknod, "f", S_IFIFO | 0666, 0);
  CALL(mknod, "f", S_IFIFO | 0666, 0);
  CALL(mknod, "r", S_IFREG | 0640, 0);
  CALL(mknod, "z", 0600, 0);
  CALL(mknod, "s", S_IFSOCK | 0600, 0);
  CALL(mknod, "d", S_IFDIR | 0755, 0);
  CALL(mknod, "l", S_IFLNK | 0755, 0);
  CALL(mknod, "u", 0170000 | 0755, 0);
  CALL(mknod, "u", 0010000 | 0070000, 0);
  CALL(mknod, "f/", S_IFIFO | 0666, 0);
  CALL(mknod, "new/", S_IFIFO | 0666, 0);
  CALL(mknod, "missing/x", S_IFIFO | 0666, 0);
  int folder = open(".", O_RDONLY);
  CALL(mknodat, folder, "g", S_IFIFO | 07777, 0);
  CALL(mknodat, 99, "g", S_IFIFO | 0600, 0);
  show("f");
  show("r");
  show("z");
  show("s");
  show("g");
  CALL(open, "s", O_RDONLY);
  CALL(unlink, "s");
}

// Needs root.
static void devices(void) {
  struct stat status;
  CALL(mknod, "null", S_IFCHR | 0666, 0x103);
  CALL(mknod, "zero", S_IFCHR | 0666, 0x105);
  CALL(mknod, "strange", S_IFCHR | 0600, 0xfffff00ff);
  CALL(mknod, "large", S_IFBLK | 0600, 0x12345678);
  CALL(mknod, "nodriver", S_IFBLK | 0600, 0xfe00);
  show("null");
  show("large");
  stat("null", &status);
  fact("null is %#lx", (unsigned long)status.st_rdev);
  stat("strange", &status);
  fact("strange is %#lx", (unsigned long)status.st_rdev);
  stat("large", &status);
  fact("large is %#lx", (unsigned long)status.st_rdev);
  int null = (int)CALL(open, "null", O_RDWR);
  CALL(write, null, "abc", 3);
  CALL(read, null, buffer, 10);
  int zero = (int)CALL(open, "zero", O_RDWR);
  memset(buffer, 'x', 10);
  CALL(read, zero, buffer, 8);
  show_bytes("zero", buffer, 10);
  CALL(open, "strange", O_RDONLY);
  CALL(open, "null", O_RDONLY | O_TRUNC);
  CALL(open, "null", O_RDONLY | O_DIRECTORY);
}

SECTIONS({"hardlinks", links}, {"symlink", symlinks}, {"mknod", nodes}, {"devices", devices})
