// LAB B, item B2 (handouts/b-files.md#b2): a test of descriptors, dup and fork.
//
// Exit with 0 if descriptors behave as POSIX says, otherwise with 1. See files_data.c.
// Run it: `run files_descriptors` at the monitor's prompt. Check: make grade LAB=b K=own_tests
#include <fcntl.h>

#include "cairn.h"

// BEGIN SOLUTION B2
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
enum { kMany = 100 };

static void lowest_is_taken(int file) {
  int fds[4];
  for (int i = 0; i < 4; i++) fds[i] = dup(file);
  for (int i = 1; i < 4; i++) require(fds[i] == fds[0] + i);
  close(fds[1]);
  require(dup(file) == fds[1]);
  for (int i = 0; i < 4; i++) close(fds[i]);
  require(close(fds[0]) < 0 && errno == EBADF);
}

static void flags_belong_to_descriptors(int file) {
  int plain = dup(file);
  int closing = fcntl(file, F_DUPFD_CLOEXEC, 0);
  require(fcntl(plain, F_GETFD) == 0 && fcntl(closing, F_GETFD) == FD_CLOEXEC);
  require(dup2(plain, closing) == closing && fcntl(closing, F_GETFD) == 0);
  require(fcntl(plain, F_SETFD, FD_CLOEXEC) == 0);
  pid_t child = fork();
  if (child == 0) exit(fcntl(plain, F_GETFD) == FD_CLOEXEC && fcntl(closing, F_GETFD) == 0 ? 0 : 1);
  require(wait_for(child) == 0);
}

static void fork_shares_open_files(int file) {
  int fds[kMany];
  char byte = 0;
  for (int i = 0; i < kMany; i++) require((fds[i] = dup(file)) >= 0);
  require(lseek(file, 2, SEEK_SET) == 2);
  pid_t child = fork();
  if (child == 0) {
    if (read(fds[kMany - 1], &byte, 1) != 1 || byte != '2') exit(1);
    for (int i = 0; i < kMany; i++) {
      if (close(fds[i]) != 0) exit(1);
    }
    exit(0);
  }
  require(wait_for(child) == 0 && read(fds[0], &byte, 1) == 1 && byte == '3');
}

int main(void) {
  int file = open("/descriptors", O_RDWR | O_CREAT, 0644);
  require(file >= 0 && write(file, "0123456789", 10) == 10);
  lowest_is_taken(file);
  flags_belong_to_descriptors(file);
  fork_shares_open_files(file);
  return unlink("/descriptors");
}
// END SOLUTION
