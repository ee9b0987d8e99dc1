// readv, writev, preadv, pwritev: several pieces of memory at once.
#include <sys/uio.h>

#include "file_calls.h"

static void vectors(void) {
  char a[8] = "", b[8] = "", c[8] = "";
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT, 0644);
  struct iovec out[3] = {{"one", 3}, {"", 0}, {"three", 5}};
  CALL(writev, fd, out, 3);
  CALL(writev, fd, out, 0);
  CALL(writev, fd, out, -1);
  CALL(writev, fd, out, 1025);
  CALL(writev, 99, out, 3);
  CALL(writev, 99, out, 1025);
  CALL(lseek, fd, 0, SEEK_SET);
  struct iovec in[3] = {{a, 2}, {b, 4}, {c, 7}};
  CALL(readv, fd, in, 3);
  fact("read \"%.8s\" \"%.8s\" \"%.8s\"", a, b, c);
  CALL(readv, fd, in, 3);
  CALL(readv, fd, in, 0);
  CALL(readv, fd, in, 1025);
  CALL(readv, 99, in, 3);
  in[1].iov_len = (size_t)-1;
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(readv, fd, in, 3);
  CALL(readv, fd, NULL, 1);
  CALL(readv, fd, NULL, 0);
  CALL(readv, open("a", O_WRONLY), in, 1);
  CALL(writev, open("a", O_RDONLY), out, 1);
  CALL(readv, open(".", O_RDONLY), in, 1);
  CALL(lseek, fd, 0, SEEK_CUR);
}

// preadv and pwritev: the position stays where it is.
static void vectors_at(void) {
  const long kLargest = 0x7fffffffffffffff;
  char a[8] = "", b[8] = "";
  put_file("a", "0123456789");
  put_folder("d");
  int fd = open("a", O_RDWR), reader = open("a", O_RDONLY), writer = open("a", O_WRONLY);
  struct iovec in[2] = {{a, 3}, {b, 4}}, out[2] = {{"AB", 2}, {"CDE", 3}},
               none[2] = {{a, 0}, {b, 0}}, bad[2] = {{a, 1}, {b, (size_t)-1}},
               away[2] = {{a, 2}, {(void*)8, 2}};
  CALL(lseek, fd, 4, SEEK_SET);
  CALL(preadv, fd, in, 2, 1);
  fact("read \"%.3s\" \"%.4s\"", a, b);
  CALL(preadv, fd, in, 2, 8);
  fact("read \"%.3s\" \"%.4s\"", a, b);
  CALL(preadv, fd, in, 2, 10);
  CALL(preadv, fd, in, 2, 1000000000000);
  CALL(pwritev, fd, out, 2, 7);
  show_content("a");
  CALL(pwritev, fd, out, 2, 20);
  show_content("a");
  CALL(lseek, fd, 0, SEEK_CUR);
  // The upper half of the offset is for 32-bit programs.
  CALL(preadv, fd, in, 1, 2, 1);
  fact("read \"%.3s\"", a);
  CALL(preadv, fd, in, 2, -1);
  CALL(pwritev, fd, out, 2, -1);
  CALL(preadv, 99, in, 2, -1);
  CALL(preadv, fd, in, 2, kLargest);
  CALL(pwritev, fd, out, 2, kLargest);
  CALL(preadv, fd, in, 2, kLargest - 6);
  CALL(preadv, fd, none, 2, kLargest);
  CALL(pwritev, fd, none, 2, kLargest);
  CALL(preadv, fd, in, 0, 0);
  CALL(pwritev, fd, out, 0, 0);
  CALL(preadv, fd, NULL, 0, 0);
  CALL(preadv, fd, NULL, 1, 0);
  CALL(pwritev, fd, 1l << 47, 1, 0);
  CALL(preadv, fd, in, -1, 0);
  CALL(preadv, fd, in, 1025, 0);
  CALL(pwritev, fd, out, 1025, 0);
  CALL(preadv, fd, bad, 2, 0);
  CALL(pwritev, fd, bad, 2, 0);
  CALL(preadv, fd, away, 2, 0);
  fact("read \"%.2s\"", a);
  CALL(pwritev, fd, away, 2, 0);
  show_content("a");
  CALL(preadv, 99, in, 2, 0);
  CALL(pwritev, -1, out, 2, 0);
  CALL(preadv, 99, NULL, 1025, 0);
  CALL(preadv, writer, in, 2, 0);
  CALL(pwritev, reader, out, 2, 0);
  CALL(preadv, open("a", O_PATH), in, 2, 0);
  CALL(preadv, open("d", O_RDONLY), in, 2, 0);
  CALL(pwritev, open("d", O_RDONLY), out, 2, 0);
  int ends[2], null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
  need(pipe(ends) == 0 && write(ends[1], "pipe", 4) == 4, "pipe");
  CALL(preadv, ends[0], in, 2, 0);
  CALL(preadv, ends[1], in, 2, 0);
  CALL(pwritev, ends[1], out, 2, 0);
  CALL(pwritev, ends[0], out, 2, -1);
  CALL(preadv, ends[0], NULL, 1025, 0);
  CALL(preadv, null, in, 2, 5);
  CALL(pwritev, null, out, 2, 5);
  CALL(preadv, zero, in, 2, 5);
  fact("zeros: %d", a[0] == 0 && a[2] == 0 && b[3] == 0);
  // On Linux these append, too, where O_APPEND is set.
  put_file("a", "start");
  CALL(pwritev, open("a", O_WRONLY | O_APPEND), out, 2, 0);
  show_content("a");
}

// Pieces are one transfer: of a pipe what is there, and whole or not at all below PIPE_BUF.
static void one_transfer(void) {
  static char bytes[65536];
  char a[8] = "", b[8] = "";
  int ends[2], waiting = 0;
  need(pipe(ends) == 0, "pipe");
  struct iovec in[2] = {{a, 4}, {b, 4}}, out[2] = {{"head", 4}, {"tail", 4}},
               half[2] = {{"head", 4}, {(void*)8, 4}}, large[2] = {{bytes, 60}, {bytes, 60}};
  CALL(write, ends[1], "abcd", 4);
  CALL(readv, ends[0], in, 2);  // doesn't wait for more
  CALL(write, ends[1], "abcdef", 6);
  CALL(readv, ends[0], in, 2);
  fact("read \"%.4s\" \"%.2s\"", a, b);
  CALL(writev, ends[1], half, 2);
  CALL(ioctl, ends[0], FIONREAD, &waiting);
  CALL(writev, ends[1], out, 2);
  CALL(ioctl, ends[0], FIONREAD, &waiting);
  in[0].iov_len = 8;
  int seen = 0;
  while (ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting != 0) {
    seen += (int)readv(ends[0], in, 1);
  }
  fact("%d bytes were in the pipe", seen);
  // Room for 96 bytes, not for 120.
  CALL(fcntl, ends[1], F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 15; i++) need(write(ends[1], bytes, 4096) == 4096, "write");
  need(write(ends[1], bytes, 4000) == 4000, "write");
  CALL(writev, ends[1], large, 2);
  CALL(ioctl, ends[0], FIONREAD, &waiting);
  fact("%d bytes wait", waiting);
}

// Of processes that write to one file, or read from one, each call's pieces stay together.
static void together(void) {
  enum { kCalls = 1500, kSize = 8 };
  char text[kSize], more[kSize];
  struct iovec both[2] = {{text, kSize}, {more, kSize}};
  int appended = open("appended", O_WRONLY | O_CREAT | O_APPEND, 0644);
  int shared = open("shared", O_RDWR | O_CREAT, 0644);
  for (int process = 0; process < 3; process++) {
    if (fork() != 0) continue;
    memset(text, 'a' + process, kSize);
    memset(more, 'A' + process, kSize);
    for (int i = 0; i < kCalls; i++) {
      if (writev(appended, both, 2) != 2 * kSize) fact("a short write");
      if (writev(shared, both, 2) != 2 * kSize) fact("a short write");
    }
    _exit(0);
  }
  for (int process = 0; process < 3; process++) wait(NULL);
  for (int which = 0; which < 2; which++) {
    int fd = open(which == 0 ? "appended" : "shared", O_RDONLY), torn = 0, count = 0;
    for (; readv(fd, both, 2) == 2 * kSize; count++) {
      torn += text[0] < 'a' || more[0] != text[0] - 'a' + 'A';
    }
    fact("%d pairs, torn %d", count, torn);
  }
  lseek(shared, 0, SEEK_SET);
  for (int process = 0; process < 3; process++) {
    if (fork() != 0) continue;
    int torn = 0;
    while (readv(shared, both, 2) == 2 * kSize) torn += more[0] != text[0] - 'a' + 'A';
    _exit(torn != 0);
  }
  int torn = 0, status;
  for (int process = 0; process < 3; process++) torn |= wait(&status) > 0 ? status : -1;
  fact("torn while read: %d", torn);
}

SECTIONS({"vectors", vectors}, {"vectorsat", vectors_at}, {"onetransfer", one_transfer},
         {"together", together})
