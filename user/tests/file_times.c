// The times of files: utime, utimes, futimesat, utimensat, and what else sets them.
#include <sys/time.h>

#include "file_calls.h"

static struct stat status;

static void show_times(const char* path) {
  if (lstat(path, &status) != 0) {
    fact("%s: %s", path, error_name(errno));
    return;
  }
  // Times of this run are not compared: only that they are of this century.
  long accessed = status.st_atim.tv_sec, changed = status.st_mtim.tv_sec;
  fact("%s: accessed %ld, written %ld, changed now: %d", path,
       accessed > 1000000000 ? -1 : accessed, changed > 1000000000 ? -1 : changed,
       status.st_ctim.tv_sec > 1000000000);
}

static void times(void) {
  put_one_of_each();
  show_times("a");
  struct timespec set[2] = {{1000, 0}, {2000, 0}}, now[2] = {{5, UTIME_NOW}, {5, UTIME_NOW}},
                  omit[2] = {{5, UTIME_OMIT}, {5, UTIME_OMIT}},
                  written[2] = {{5, UTIME_OMIT}, {3000, 0}},
                  access_now[2] = {{5, UTIME_NOW}, {4000, 0}}, bad[2] = {{1, 1000000000}, {1, 0}},
                  negative[2] = {{1, -1}, {1, 0}}, half_bad[2] = {{1, UTIME_OMIT}, {1, 1000000000}};
  CALL(utimensat, AT_FDCWD, "a", set, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "a", written, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "a", omit, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "a", access_now, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "a", set, 0);
  CALL(utimensat, AT_FDCWD, "a", now, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "a", set, 0);
  CALL(utimensat, AT_FDCWD, "a", NULL, 0);
  show_times("a");
  CALL(utimensat, AT_FDCWD, "l", set, 0);
  show_times("a");
  set[0].tv_sec = 7;
  CALL(utimensat, AT_FDCWD, "l", set, AT_SYMLINK_NOFOLLOW);
  show_times("l");
  show_times("a");
  CALL(utimensat, AT_FDCWD, "d", set, 0);
  show_times("d");
  int fd = open("a", O_RDWR), folder = open("d", O_RDONLY);
  CALL(utimensat, fd, NULL, set, 0);
  show_times("a");
  CALL(utimensat, folder, "../a", written, 0);
  show_times("a");
  CALL(utimensat, fd, NULL, set, AT_SYMLINK_NOFOLLOW);
  CALL(utimensat, fd, "", set, 0);
  CALL(utimensat, fd, "", set, AT_EMPTY_PATH);
  CALL(utimensat, fd, "a", set, 0);
  CALL(utimensat, 99, "a", set, 0);
  CALL(utimensat, 99, NULL, set, 0);
  CALL(utimensat, AT_FDCWD, NULL, set, 0);
  CALL(utimensat, AT_FDCWD, "a", bad, 0);
  CALL(utimensat, AT_FDCWD, "a", negative, 0);
  CALL(utimensat, AT_FDCWD, "a", half_bad, 0);
  CALL(utimensat, AT_FDCWD, "a", set, 1);
  CALL(utimensat, AT_FDCWD, "missing", set, 0);
  CALL(utimensat, AT_FDCWD, "missing", omit, 0);
  CALL(utimensat, 99, "missing", omit, 1);
  CALL(utimensat, AT_FDCWD, "dangling", set, 0);
  CALL(utimensat, AT_FDCWD, "a", 8, 0);
}

static void set_back(const char* path) {
  const struct timespec set[2] = {{1000, 0}, {2000, 0}};
  need(utimensat(AT_FDCWD, path, set, AT_SYMLINK_NOFOLLOW) == 0, path);
}

// What sets the time of writing, of a file and of its folder.
static void time_changes(void) {
  put_folder("d");
  put_file("d/a", "content");
  int fd = open("d/a", O_RDWR);
  set_back("d/a");
  CALL(write, fd, "x", 1);
  show_times("d/a");
  set_back("d/a");
  CALL(pwrite64, fd, "x", 0, 0);
  show_times("d/a");
  CALL(ftruncate, fd, 5);
  show_times("d/a");
  set_back("d/a");
  CALL(truncate, "d/a", 5);
  show_times("d/a");
  set_back("d/a");
  CALL(chmod, "d/a", 0600);
  CALL(link, "d/a", "b");
  CALL(fsync, fd);
  show_times("d/a");
  set_back("d");
  CALL(open, "d/new", O_WRONLY | O_CREAT, 0644);
  show_times("d");
  set_back("d");
  CALL(open, "d/new", O_WRONLY | O_CREAT, 0644);
  show_times("d");
  CALL(rename, "d/new", "d/newer");
  show_times("d");
  set_back("d");
  set_back("d/newer");
  CALL(unlink, "d/newer");
  show_times("d");
  set_back("d");
  CALL(mkdir, "d/e", 0755);
  show_times("d");
  set_back("d");
  CALL(symlink, "x", "d/l");
  show_times("d");
  set_back("d");
  CALL(rmdir, "d/e");
  show_times("d");
  set_back("d");
  CALL(unlink, "d/missing");
  CALL(chmod, "d", 0700);
  show_times("d");
  CALL(link, "d/a", "d/hard");
  show_times("d");
  set_back("d/a");
  close(open("d/a", O_WRONLY | O_TRUNC));
  show_times("d/a");
  set_back("d/a");
  close(open("d/a", O_WRONLY));
  show_times("d/a");
}

// utime: whole seconds, of access and of writing.
static void in_seconds(void) {
  const struct { long accessed, written; } set = {1000, 2000}, early = {-5, -1};
  put_one_of_each();
  CALL(utime, "a", &set);
  show_times("a");
  CALL(utime, "a", &early);
  show_times("a");
  CALL(utime, "a", NULL);
  show_times("a");
  CALL(utime, "l", &set);
  show_times("a");
  fact("the link itself is newer: %d", lstat("l", &status) == 0 && status.st_mtime > 2000);
  CALL(utime, "d", &set);
  show_times("d");
  CALL(utime, "d/", NULL);
  show_times("d");
  CALL(utime, "a/", &set);
  CALL(utime, "a/x", &set);
  CALL(utime, "dangling", &set);
  CALL(utime, "missing", NULL);
  CALL(utime, "missing", 8);
  CALL(utime, "", &set);
  CALL(utime, NULL, &set);
  CALL(utime, 8, NULL);
  CALL(utime, "a", 8);
  CALL(utime, "a", 1l << 47);
  show_times("a");
}

// utimes and futimesat: microseconds.
static void in_microseconds(void) {
  const struct timeval set[2] = {{1000, 0}, {2000, 999999}}, early[2] = {{-5, 1}, {-1, 2}},
                       second[2] = {{1000, 1000000}, {2000, 0}},
                       negative[2] = {{1000, -1}, {2000, 0}}, half_bad[2] = {{1, 0}, {2, 1000000}},
                       now[2] = {{1, UTIME_NOW}, {2, 0}}, omit[2] = {{1, 0}, {2, UTIME_OMIT}};
  put_one_of_each();
  put_file("d/a", "x");
  CALL(utimes, "a", set);
  show_times("a");
  CALL(utimes, "a", early);
  show_times("a");
  CALL(utimes, "a", NULL);
  show_times("a");
  CALL(utimes, "l", set);
  show_times("a");
  CALL(utimes, "d", set);
  show_times("d");
  CALL(utimes, "a", second);
  CALL(utimes, "a", negative);
  CALL(utimes, "a", half_bad);
  CALL(utimes, "a", now);
  CALL(utimes, "a", omit);
  CALL(utimes, "missing", half_bad);
  CALL(utimes, "missing", set);
  CALL(utimes, "missing", 8);
  CALL(utimes, "dangling", NULL);
  CALL(utimes, "a/x", set);
  CALL(utimes, "", set);
  CALL(utimes, NULL, set);
  CALL(utimes, 8, set);
  CALL(utimes, "a", 8);
  show_times("a");
  int fd = open("a", O_RDONLY), folder = open("d", O_RDONLY), path = open("a", O_PATH);
  CALL(futimesat, AT_FDCWD, "d/a", set);
  show_times("d/a");
  CALL(futimesat, folder, "a", early);
  show_times("d/a");
  CALL(futimesat, folder, "../a", early);
  show_times("a");
  CALL(futimesat, folder, "a", NULL);
  show_times("d/a");
  CALL(futimesat, fd, NULL, set);
  show_times("a");
  CALL(futimesat, folder, NULL, set);
  show_times("d");
  CALL(futimesat, fd, NULL, NULL);
  show_times("a");
  CALL(futimesat, fd, NULL, half_bad);
  CALL(futimesat, path, NULL, set);
  CALL(futimesat, 99, NULL, set);
  CALL(futimesat, -1, NULL, set);
  CALL(futimesat, AT_FDCWD, NULL, set);
  CALL(futimesat, fd, "a", set);
  CALL(futimesat, fd, "", set);
  CALL(futimesat, path, "a", set);
  CALL(futimesat, 99, "a", set);
  CALL(futimesat, 99, "a", half_bad);
  CALL(futimesat, 99, "/", 8);
  CALL(futimesat, folder, "missing", set);
  CALL(futimesat, folder, 8, set);
  CALL(futimesat, folder, "a", negative);
  int ends[2];
  need(pipe(ends) == 0, "pipe");
  CALL(futimesat, ends[0], NULL, set);
  CALL(futimesat, ends[0], "a", set);
}

SECTIONS({"times", times}, {"timechanges", time_changes}, {"utime", in_seconds},
         {"utimes", in_microseconds})
