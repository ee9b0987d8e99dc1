// LAB B, item B1 (handouts/b-files.md#b1): a test of open, read, write and lseek.
//
// Exit with 0 if they do what POSIX says, otherwise with 1. The grader runs your tests on a correct
// kernel, where they must pass, and on kernels with mistakes, which they should notice. The root
// directory is empty and can be written; no output is read.
// Run it: `run files_data` at the monitor's prompt. Check: make grade LAB=b K=own_tests
#include <fcntl.h>

#include "cairn.h"

// BEGIN SOLUTION B1
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
static void expect_content(int fd, const char* text) {
  char seen[64];
  size_t length = strlen(text);
  require(pread(fd, seen, sizeof(seen), 0) == (ssize_t)length && memcmp(seen, text, length) == 0);
}

static void creation(void) {
  require(open("/data", O_RDONLY) < 0 && errno == ENOENT);
  int fd = open("/data", O_RDWR | O_CREAT | O_EXCL, 0644);
  require(fd >= 0 && write(fd, "0123456789", 10) == 10);
  require(open("/data", O_RDWR | O_CREAT | O_EXCL, 0644) < 0 && errno == EEXIST);
  int same = open("/data", O_RDWR | O_CREAT, 0644);
  expect_content(same, "0123456789");
  close(same);
  int cut = open("/data", O_RDWR | O_TRUNC);
  expect_content(cut, "");
  require(write(cut, "abc", 3) == 3);
  expect_content(fd, "abc");
}

static void positions(void) {
  int fd = open("/positions", O_RDWR | O_CREAT, 0644);
  char piece[8];
  require(write(fd, "0123", 4) == 4 && write(fd, "456789", 6) == 6);
  require(lseek(fd, 0, SEEK_CUR) == 10 && lseek(fd, -3, SEEK_END) == 7);
  require(read(fd, piece, 2) == 2 && memcmp(piece, "78", 2) == 0);
  require(pread(fd, piece, 2, 1) == 2 && memcmp(piece, "12", 2) == 0);
  require(read(fd, piece, 8) == 1 && piece[0] == '9' && read(fd, piece, 8) == 0);
  require(lseek(fd, -11, SEEK_END) < 0 && errno == EINVAL && lseek(fd, 0, SEEK_CUR) == 10);
}

static void appending(void) {
  int fd = open("/log", O_RDWR | O_CREAT | O_APPEND, 0644);
  int other = open("/log", O_WRONLY | O_APPEND);
  require(write(fd, "one ", 4) == 4 && write(other, "two ", 4) == 4 && write(fd, "three", 5) == 5);
  require(lseek(fd, 0, SEEK_CUR) == 13);
  expect_content(fd, "one two three");
}

int main(void) {
  creation();
  positions();
  appending();
  return unlink("/data") | unlink("/positions") | unlink("/log");
}
// END SOLUTION
