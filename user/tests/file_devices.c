// The devices that are always in /dev, and sendfile.
#include <sys/sendfile.h>

#include "file_calls.h"

static char buffer[70000];

static void sending(void) {
  for (int i = 0; i < 20000; i++) buffer[i] = (char)('a' + i % 26);
  int in = (int)CALL(open, "in", O_RDWR | O_CREAT, 0644);
  CALL(write, in, buffer, 20000);
  int out = (int)CALL(open, "out", O_RDWR | O_CREAT, 0644);
  CALL(lseek, in, 0, SEEK_SET);
  CALL(sendfile, out, in, NULL, 10);
  CALL(lseek, in, 0, SEEK_CUR);
  CALL(lseek, out, 0, SEEK_CUR);
  off_t offset = 26;
  CALL(sendfile, out, in, &offset, 4);
  fact("offset %ld", (long)offset);
  CALL(lseek, in, 0, SEEK_CUR);
  show_content("out");
  CALL(sendfile, out, in, NULL, 100000);
  show("out");
  CALL(sendfile, out, in, NULL, 10);
  CALL(sendfile, out, in, NULL, 0);
  offset = 30000;
  CALL(sendfile, out, in, &offset, 10);
  offset = -1;
  CALL(sendfile, out, in, &offset, 10);
  CALL(sendfile, out, 99, NULL, 10);
  CALL(sendfile, 99, in, NULL, 10);
  CALL(sendfile, out, in, 8, 10);
  CALL(sendfile, open("in", O_RDONLY), in, NULL, 1);
  CALL(sendfile, out, open("out", O_WRONLY), NULL, 1);
  CALL(sendfile, out, open(".", O_RDONLY), NULL, 1);
  CALL(sendfile, open("out", O_WRONLY | O_APPEND), in, NULL, 1);
  int ends[2];
  need(pipe(ends) == 0, "pipe");
  offset = 0;
  CALL(sendfile, ends[1], in, &offset, 100);
  memset(buffer, 0, 200);
  CALL(read, ends[0], buffer, 200);
  show_bytes("through the pipe", buffer, 26);
  CALL(sendfile, out, ends[0], NULL, 1);
  CALL(sendfile, ends[0], in, NULL, 1);
  offset = 0;
  CALL(sendfile, out, ends[0], &offset, 1);
}

// Devices that are always there.
static void devices(void) {
  static const char* const kNames[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                       "/dev/urandom"};
  for (size_t i = 0; i < COUNT(kNames); i++) {
    struct stat status;
    int fd = (int)report(RAW(open, kNames[i], O_RDWR), "open(\"%s\")", kNames[i]);
    if (fstat(fd, &status) == 0)
      fact("%s %#lx", type_name(status.st_mode), (unsigned long)status.st_rdev);
    memset(buffer, 'u', 32);
    long got = report(read(fd, buffer, 16), "read");
    int zeros = 0;
    for (long byte = 0; byte < got; byte++) zeros += buffer[byte] == 0;
    fact("zeros: %s", zeros == 16 ? "all" : zeros == 0 && got == 0 ? "none" : "some");
    report(buffer[16] == 'u', "no more was read");
    CALL(read, fd, buffer, 0);
    CALL(read, fd, NULL, 10);
    CALL(write, fd, buffer, 10);
    CALL(write, fd, buffer, 0);
    CALL(pread64, fd, buffer, 0, 5);
    CALL(pwrite64, fd, buffer, 3, 5);
    CALL(lseek, fd, 100, SEEK_SET);
    CALL(ftruncate, fd, 0);
    CALL(getdents64, fd, buffer, 100);
    CALL(fchdir, fd);
    if (i < 3) CALL(ioctl, fd, 0x5401, buffer);
    close(fd);
    report(RAW(open, kNames[i], O_WRONLY | O_TRUNC | O_CREAT, 0644) >= 0,
           "open with O_TRUNC | O_CREAT");
    close(3);
  }
  CALL(open, "/dev/null/x", O_RDONLY);
  CALL(open, "/dev/missing", O_RDONLY);
  CALL(open, "/dev/null", O_RDONLY | O_DIRECTORY);
  CALL(open, "/dev", O_RDONLY | O_DIRECTORY);
  CALL(access, "/dev/null", R_OK | W_OK);
  memset(buffer, 0, 64);
  int fd = open("/dev/urandom", O_RDONLY);
  long got = read(fd, buffer, 32) + read(fd, buffer + 32, 32);
  fact("%ld random bytes, twice the same: %d", got, memcmp(buffer, buffer + 32, 32) == 0);
  fact("dup of it reads: %ld", (long)read(dup(fd), buffer, 5));
}

SECTIONS({"sendfile", sending}, {"dev", devices})
