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

SECTIONS({"vectors", vectors}, {"vectorsat", vectors_at})
