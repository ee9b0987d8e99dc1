// mount, umount2, what mount points do to names, EXDEV. Needs root, and on Linux a mount namespace of
// its own (unshare -m): it mounts tmpfs, which both kernels have.
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#include "file_calls.h"

static char buffer[4096];

static void mounting(void) {
  put_folder("m");
  put_file("m/under", "below the mount");
  put_file("file", "x");
  put_link("m", "tom");
  struct stat before, after;
  stat("m", &before);
  CALL(mount, "none", "m", "tmpfs", 0, NULL);
  stat("m", &after);
  fact("another device: %d", before.st_dev != after.st_dev);
  CALL(access, "m/under", F_OK);
  show("m");
  put_file("m/inner", "in the mount");
  put_folder("m/folder");
  show_content("m/inner");
  fact("m/.. is .: %d", same_object("m/..", "."));
  fact("m/folder/.. is m: %d", same_object("m/folder/..", "m"));
  fact("m/folder/../.. is .: %d", same_object("m/folder/../..", "."));
  show_content("tom/inner");
  CALL(rename, "file", "m/file");
  CALL(rename, "m/inner", "inner");
  CALL(link, "file", "m/file");
  CALL(link, "m/inner", "inner");
  CALL(symlink, "../file", "m/out");
  show_content("m/out");
  CALL(rename, "m", "n");
  CALL(rename, "m/folder", "m/folder2");
  CALL(rename, "file", "m");
  CALL(rmdir, "m");
  CALL(unlink, "m");
  CALL(mkdir, "m", 0755);
  CALL(rmdir, "m/folder2");
  struct statfs found;
  CALL(statfs, "m", &found);
  fact("tmpfs: %d, names up to %ld", found.f_type == 0x01021994, (long)found.f_namelen);
  CALL(umount2, "m", 0);
  show_content("m/under");
  CALL(access, "m/inner", F_OK);
  CALL(umount2, "m", 0);
}

static void busy(void) {
  put_folder("m");
  CALL(mount, "none", "m", "tmpfs", 0, NULL);
  int fd = (int)CALL(open, "m/file", O_RDWR | O_CREAT, 0644);
  CALL(write, fd, "data", 4);
  CALL(umount2, "m", 0);
  close(fd);
  fd = (int)CALL(open, "m", O_RDONLY);
  CALL(umount2, "m", 0);
  close(fd);
  fd = (int)CALL(open, "m/file", O_PATH);
  CALL(umount2, "m", 0);
  close(fd);
  CALL(chdir, "m");
  CALL(umount2, "../m", 0);
  CALL(chdir, "..");
  // A child's current folder counts as well.
  int ready[2], go[2];
  need(pipe(ready) == 0 && pipe(go) == 0, "pipe");
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(go[1]);
    need(chdir("m") == 0, "chdir");
    need(write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 0, "waiting");
    _exit(0);
  }
  char byte;
  need(read(ready[0], &byte, 1) == 1, "waiting");
  CALL(umount2, "m", 0);
  close(go[1]);
  waitpid(child, NULL, 0);
  // A mount within keeps the outer one.
  put_folder("m/n");
  CALL(mount, "none", "m/n", "tmpfs", 0, NULL);
  CALL(umount2, "m", 0);
  CALL(umount2, "m/n", 0);
  CALL(umount2, "m", 0);
}

static void nested(void) {
  put_folder("a");
  CALL(mount, "none", "a", "tmpfs", 0, NULL);
  put_folder("a/b");
  CALL(mount, "none", "a/b", "tmpfs", 0, NULL);
  put_folder("a/b/c");
  CALL(mount, "none", "a/b/c", "tmpfs", 0, NULL);
  put_file("a/b/c/deep", "three mounts down");
  show_content("a/b/c/deep");
  CALL(chdir, "a/b/c");
  fact("../../.. is the start: %d", same_object("../../../a/b/c", "."));
  long length = RAW(getcwd, buffer, sizeof(buffer));
  fact("getcwd ends in %s", length > 6 ? buffer + length - 7 : "?");
  CALL(chdir, "../../..");
  // On top of a mount: the newest is seen.
  CALL(mount, "none", "a/b/c", "tmpfs", 0, NULL);
  CALL(access, "a/b/c/deep", F_OK);
  put_file("a/b/c/top", "on top");
  CALL(umount2, "a/b/c", 0);
  show_content("a/b/c/deep");
  CALL(umount2, "a/b/c", 0);
  CALL(access, "a/b/c/deep", F_OK);
  CALL(umount2, "a/b", 0);
  CALL(umount2, "a", 0);
  // The names within go with the mount.
  CALL(mount, "none", "a", "tmpfs", 0, NULL);
  CALL(access, "a/b", F_OK);
  CALL(umount2, "a", 0);
}

static void errors(void) {
  put_folder("m");
  put_file("file", "x");
  put_link("m", "tom");
  put_link("nowhere", "dangling");
  CALL(mount, "none", "missing", "tmpfs", 0, NULL);
  CALL(mount, "none", "file", "tmpfs", 0, NULL);
  CALL(mount, "none", "file/", "tmpfs", 0, NULL);
  CALL(mount, "none", "dangling", "tmpfs", 0, NULL);
  CALL(mount, "none", "m", "nofilesystem", 0, NULL);
  CALL(mount, "none", "m", "", 0, NULL);
  CALL(mount, "none", "m", NULL, 0, NULL);
  CALL(mount, "none", "missing", "nofilesystem", 0, NULL);
  CALL(mount, "none", "", "tmpfs", 0, NULL);
  CALL(mount, "none", NULL, "tmpfs", 0, NULL);
  CALL(mount, "none", 8, "tmpfs", 0, NULL);
  CALL(mount, "none", "m", 8, 0, NULL);
  CALL(mount, 8, "m", "tmpfs", 0, NULL);
  CALL(mount, "missing", "m", "ext2", 0, NULL);
  CALL(mount, "file", "m", "ext2", 0, NULL);
  CALL(mount, "m", "m", "ext2", 0, NULL);
  CALL(mount, "/dev/null", "m", "ext2", 0, NULL);
  CALL(mount, "file/x", "m", "ext2", 0, NULL);
  CALL(mount, "", "m", "ext2", 0, NULL);
  CALL(umount2, "m", 0);
  CALL(umount2, "file", 0);
  CALL(umount2, "missing", 0);
  CALL(umount2, "dangling", 0);
  CALL(umount2, "", 0);
  CALL(umount2, NULL, 0);
  CALL(umount2, "m", 0x1000);
  CALL(mount, "none", "tom", "tmpfs", 0, NULL);
  put_file("m/inner", "x");
  show("tom/inner");
  CALL(umount2, "m/inner", 0);
  CALL(umount2, "tom", 8 /* UMOUNT_NOFOLLOW */);
  CALL(umount2, "tom", 0);
  CALL(access, "m/inner", F_OK);
}

static void read_only(void) {
  put_folder("m");
  CALL(mount, "none", "m", "tmpfs", MS_RDONLY, NULL);
  CALL(open, "m/new", O_WRONLY | O_CREAT, 0644);
  CALL(open, "m/missing", O_RDONLY);
  CALL(open, "m", O_RDONLY);
  CALL(mkdir, "m/d", 0755);
  CALL(symlink, "x", "m/l");
  CALL(mknod, "m/f", S_IFIFO | 0644, 0);
  CALL(unlink, "m/missing");
  CALL(rmdir, "m/missing");
  CALL(chmod, "m", 0700);
  CALL(utime, "m", NULL);
  CALL(utimes, "m", NULL);
  CALL(utimes, "m/missing", NULL);
  CALL(futimesat, 3, NULL, NULL);
  CALL(syncfs, 3);
  CALL(access, "m", W_OK);
  CALL(access, "m", R_OK);
  close(3);
  CALL(umount2, "m", 0);
}

SECTIONS({"mount", mounting}, {"busy", busy}, {"nested", nested}, {"mounterrors", errors},
         {"readonly", read_only})
