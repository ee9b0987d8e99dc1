// Pipes and FIFOs: capacity, blocking, ends that go away.
#include <poll.h>
#include <sys/uio.h>

#include "file_calls.h"

static char buffer[200000];
static int ends[2];  // the section's pipe: [0] is read, [1] written

static void new_pipe(int flags) { need(pipe2(ends, flags) == 0, "pipe2"); }

static void basics(void) {
  struct stat status;
  CALL(pipe, ends);
  fact("ends %d %d", ends[0], ends[1]);
  show_fd("read end", ends[0]);
  show_fd("write end", ends[1]);
  struct stat other;
  fstat(ends[0], &status);
  fstat(ends[1], &other);
  fact("one inode: %d", status.st_ino == other.st_ino);
  CALL(write, ends[1], "first", 5);
  CALL(write, ends[1], "second", 6);
  CALL(read, ends[0], buffer, 8);
  show_bytes("read", buffer, 8);
  CALL(read, ends[0], buffer, 100);
  show_bytes("read", buffer, 3);
  CALL(read, ends[1], buffer, 1);
  CALL(write, ends[0], "x", 1);
  CALL(read, ends[0], buffer, 0);
  CALL(write, ends[1], buffer, 0);
  CALL(lseek, ends[0], 0, SEEK_SET);
  CALL(lseek, ends[0], 0, 99);
  CALL(pread64, ends[0], buffer, 1, 0);
  CALL(pwrite64, ends[1], buffer, 1, 0);
  CALL(pread64, ends[1], buffer, 1, 0);
  CALL(ftruncate, ends[1], 0);
  CALL(getdents64, ends[0], buffer, 100);
  CALL(fchdir, ends[0]);
  struct iovec out[2] = {{"vec", 3}, {"tor", 3}};
  struct iovec in[2] = {{buffer, 2}, {buffer + 10, 10}};
  CALL(writev, ends[1], out, 2);
  CALL(readv, ends[0], in, 2);
  show_bytes("first part", buffer, 2);
  show_bytes("second part", buffer + 10, 4);
  CALL(write, ends[1], "left", 4);
  CALL(close, ends[1]);
  CALL(read, ends[0], buffer, 100);
  CALL(read, ends[0], buffer, 100);
  CALL(read, ends[0], buffer, 100);
  CALL(close, ends[0]);
  CALL(read, ends[0], buffer, 100);
  CALL(pipe2, ends, O_CLOEXEC);
  CALL(pipe2, ends, O_NONBLOCK);
  CALL(pipe2, ends, 1);
  CALL(pipe2, ends, O_APPEND);
  CALL(pipe2, ends, -1);
}

static void write_to_broken(void) { write(ends[1], "x", 1); }

static void broken(void) {
  new_pipe(0);
  close(ends[0]);
  CALL(write, ends[1], "x", 1);
  CALL(write, ends[1], "x", 0);
  CALL(writev, ends[1], &((struct iovec){"x", 1}), 1);
  signal(SIGPIPE, SIG_DFL);
  in_child("a write to a broken pipe", write_to_broken);
  signal(SIGPIPE, SIG_IGN);
}

static void nonblocking(void) {
  new_pipe(O_NONBLOCK);
  CALL(read, ends[0], buffer, 10);
  CALL(read, ends[0], buffer, 0);
  long total = 0, got;
  int writes = 0;
  while ((got = write(ends[1], buffer, 4096)) > 0) {
    total += got;
    writes++;
  }
  report(got, "write to a full pipe");
  fact("it holds %ld bytes in %d writes", total, writes);
  CALL(write, ends[1], buffer, 1);
  CALL(write, ends[1], buffer, 10000);
  CALL(read, ends[0], buffer, 4095);
  CALL(write, ends[1], buffer, 4096);
  CALL(read, ends[0], buffer, 1);
  CALL(write, ends[1], buffer, 4096);
  CALL(read, ends[0], buffer, 200000);
  CALL(read, ends[0], buffer, 200000);
  // More than PIPE_BUF bytes may be written in part.
  CALL(write, ends[1], buffer, 100000);
  CALL(write, ends[1], buffer, 4096);
  CALL(read, ends[0], buffer, 200000);
  CALL(fcntl, ends[0], F_SETFL, 0);
  CALL(fcntl, ends[0], F_GETFL);
  CALL(write, ends[1], "abc", 3);
  CALL(read, ends[0], buffer, 10);
  CALL(fcntl, ends[0], F_SETFL, O_NONBLOCK);
  CALL(read, ends[0], buffer, 10);
  close(ends[1]);
  CALL(read, ends[0], buffer, 10);
}

// Waits for the child, which prints first.
static void join(pid_t child) { waitpid(child, NULL, 0); }

static void blocking(void) {
  new_pipe(0);
  pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    CALL(read, ends[0], buffer, 100);
    show_bytes("the child read", buffer, 5);
    CALL(read, ends[0], buffer, 100);
    _exit(0);
  }
  sleep_ms(30);
  need(write(ends[1], "hello", 5) == 5, "write");
  sleep_ms(30);
  close(ends[1]);
  join(child);
  // A writer waits until there is room, and until its reader has gone.
  new_pipe(0);
  child = fork();
  if (child == 0) {
    close(ends[0]);
    for (int i = 0; i < 150000; i++) buffer[i] = (char)(i % 251);
    CALL(write, ends[1], buffer, 150000);
    long got = write(ends[1], buffer, 150000);
    fact("its second write was cut short: %d", got > 0 && got < 150000);
    CALL(write, ends[1], buffer, 150000);
    _exit(0);
  }
  close(ends[1]);
  sleep_ms(30);
  long total = 0;
  int good = 1;
  while (total < 150000) {
    long wanted = 150000 - total < 1000 ? 150000 - total : 1000;
    long got = read(ends[0], buffer, (size_t)wanted);
    if (got <= 0) break;
    for (long i = 0; i < got; i++) good &= buffer[i] == (char)((total + i) % 251);
    total += got;
  }
  // When something is there again, the second write has begun.
  need(poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 30000) == 1, "poll");
  sleep_ms(30);
  close(ends[0]);
  join(child);
  fact("read %ld bytes, as written: %d", total, good);
  // The end comes when the last writer is gone.
  new_pipe(0);
  child = fork();
  if (child == 0) {
    close(ends[0]);
    sleep_ms(30);
    write(ends[1], "late", 4);
    _exit(0);
  }
  close(ends[1]);
  CALL(read, ends[0], buffer, 100);
  CALL(read, ends[0], buffer, 100);
  join(child);
  // A read that waits ends when the process is killed.
  new_pipe(0);
  child = fork();
  if (child == 0) {
    read(ends[0], buffer, 1);
    _exit(0);
  }
  sleep_ms(30);
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  fact("killed while reading: %d", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

// Writes of up to 4,096 bytes don't mix.
static void atomic_writes(void) {
  enum { kWriters = 3, kWrites = 40, kSize = 512 };
  new_pipe(0);
  for (int writer = 0; writer < kWriters; writer++) {
    if (fork() != 0) continue;
    memset(buffer, 'A' + writer, kSize);
    for (int i = 0; i < kWrites; i++) {
      if (write(ends[1], buffer, kSize) != kSize) fact("a short write");
    }
    _exit(0);
  }
  close(ends[1]);
  long total = 0, got;
  while ((got = read(ends[0], buffer + total, kSize)) > 0) total += got;
  int whole = 1;
  for (long i = 0; i < total; i++) whole &= buffer[i] == buffer[i / kSize * kSize];
  fact("%ld bytes, no write torn: %d", total, whole);
  for (int writer = 0; writer < kWriters; writer++) wait(NULL);
}

static void bad_memory(void) {
  char* edge = guarded_pages() + 2 * kPageSize;
  new_pipe(O_NONBLOCK);
  CALL(write, ends[1], edge, 10);
  CALL(write, ends[1], NULL, 1);
  CALL(read, ends[0], buffer, 10);
  CALL(write, ends[1], "0123456789", 10);
  CALL(read, ends[0], edge, 10);
  CALL(read, ends[0], buffer, 10);
  show_bytes("still there", buffer, 10);
  int* where = (int*)(edge - 4);
  CALL(pipe, where);
  CALL(pipe, NULL);
  CALL(pipe, edge + kPageSize);
  CALL(pipe2, NULL, 0);
  CALL(pipe2, NULL, 1);
  CALL(open, "/dev/null", O_RDONLY);
}

static void fifos(void) {
  CALL(mknod, "f", S_IFIFO | 0600, 0);
  CALL(open, "f", O_WRONLY | O_NONBLOCK);
  int reader = (int)CALL(open, "f", O_RDONLY | O_NONBLOCK);
  CALL(read, reader, buffer, 10);
  int writer = (int)CALL(open, "f", O_WRONLY | O_NONBLOCK);
  CALL(read, reader, buffer, 10);
  CALL(write, writer, "through the fifo", 16);
  show("f");
  CALL(read, reader, buffer, 100);
  show_bytes("read", buffer, 16);
  CALL(lseek, reader, 0, SEEK_SET);
  CALL(ftruncate, writer, 0);
  CALL(fcntl, reader, F_GETFL);
  CALL(fcntl, writer, F_GETFL);
  CALL(write, writer, "rest", 4);
  close(writer);
  CALL(read, reader, buffer, 100);
  CALL(read, reader, buffer, 100);
  writer = open("f", O_WRONLY);
  CALL(write, writer, "again", 5);
  close(reader);
  CALL(write, writer, "x", 1);
  close(writer);
  // What was in it is gone with its last descriptor.
  CALL(open, "f", O_RDWR);
  CALL(fcntl, 3, F_SETFL, O_NONBLOCK);
  CALL(read, 3, buffer, 10);
  close(3);
  // Each end waits for the other.
  pid_t child = fork();
  if (child == 0) {
    int fd = (int)CALL(open, "f", O_RDONLY);
    CALL(read, fd, buffer, 100);
    show_bytes("the child read", buffer, 4);
    CALL(read, fd, buffer, 100);
    _exit(0);
  }
  sleep_ms(30);
  writer = open("f", O_WRONLY);
  write(writer, "meet", 4);
  close(writer);
  join(child);
  child = fork();
  if (child == 0) {
    sleep_ms(30);
    close(open("f", O_RDONLY));
    _exit(0);
  }
  CALL(open, "f", O_WRONLY);
  join(child);
  CALL(write, 3, "x", 1);
  CALL(unlink, "f");
  CALL(write, 3, "x", 1);
  CALL(open, "f", O_RDWR | O_CREAT, 0644);
  show("f");
}

SECTIONS({"pipe", basics}, {"broken", broken}, {"nonblocking", nonblocking}, {"blocking", blocking},
         {"atomic", atomic_writes}, {"pipememory", bad_memory}, {"fifo", fifos})
