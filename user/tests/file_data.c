// What is in files: reading, writing, positions, appending, holes, truncation, memory that isn't
// there.
#include <sys/uio.h>

#include "file_calls.h"

static char buffer[70000];

static void positions(void) {
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT, 0644);
  CALL(read, fd, buffer, 10);
  CALL(write, fd, "0123456789", 10);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(read, fd, buffer, 10);
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(read, fd, buffer, 4);
  show_bytes("read", buffer, 4);
  CALL(lseek, fd, 2, SEEK_CUR);
  CALL(read, fd, buffer, 100);
  show_bytes("read", buffer, 4);
  CALL(read, fd, buffer, 100);
  CALL(lseek, fd, -3, SEEK_END);
  CALL(write, fd, "XYZW", 4);
  show_content("a");
  CALL(lseek, fd, -1, SEEK_SET);
  CALL(lseek, fd, -100, SEEK_CUR);
  CALL(lseek, fd, -12, SEEK_END);
  CALL(lseek, fd, -11, SEEK_END);
  CALL(lseek, fd, 0, 5);
  CALL(lseek, fd, 0, -1);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(lseek, fd, 5000000000, SEEK_SET);
  CALL(read, fd, buffer, 1);
  CALL(lseek, fd, -4999999999, SEEK_CUR);
  CALL(read, fd, buffer, 1);
  show_bytes("read", buffer, 1);
  CALL(lseek, 99, 0, SEEK_SET);
  CALL(lseek, 99, 0, 99);
  CALL(lseek, -1, 0, SEEK_SET);
  CALL(read, fd, buffer, 0);
  CALL(write, fd, buffer, 0);
  CALL(read, fd, buffer, -1);
  CALL(write, fd, buffer, -1);
  CALL(pread64, fd, buffer, 3, 1);
  show_bytes("pread", buffer, 3);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(pread64, fd, buffer, 3, 9);
  CALL(pread64, fd, buffer, 3, 11);
  CALL(pread64, fd, buffer, 3, 1000000000000);
  CALL(pread64, fd, buffer, 3, -1);
  CALL(pwrite64, fd, "pp", 2, 1);
  CALL(pwrite64, fd, "pp", 2, -1);
  CALL(pwrite64, fd, "pp", 0, 100);
  CALL(pwrite64, fd, "q", 1, 20);
  CALL(lseek, fd, 0, SEEK_CUR);
  show_content("a");
  CALL(pread64, 99, buffer, 3, 0);
  CALL(pwrite64, 99, buffer, 3, 0);
  int reader = (int)CALL(open, "a", O_RDONLY);
  CALL(write, reader, "x", 1);
  CALL(write, reader, "x", 0);
  CALL(pwrite64, reader, "x", 1, 0);
  CALL(ftruncate, reader, 0);
  int writer = (int)CALL(open, "a", O_WRONLY);
  CALL(read, writer, buffer, 1);
  CALL(read, writer, buffer, 0);
  CALL(pread64, writer, buffer, 1, 0);
}

static void appending(void) {
  put_file("a", "start");
  int fd = (int)CALL(open, "a", O_RDWR | O_APPEND);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(write, fd, "-one", 4);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(lseek, fd, 2, SEEK_SET);
  CALL(read, fd, buffer, 2);
  CALL(write, fd, "-two", 4);
  CALL(lseek, fd, 0, SEEK_CUR);
  // On Linux pwrite appends, too, where O_APPEND is set.
  CALL(pwrite64, fd, "-three", 6, 0);
  CALL(lseek, fd, 0, SEEK_CUR);
  show_content("a");
  int other = (int)CALL(open, "a", O_WRONLY | O_APPEND);
  CALL(write, other, "-four", 5);
  CALL(write, fd, "-five", 5);
  show_content("a");
  CALL(ftruncate, fd, 3);
  CALL(write, other, "!", 1);
  show_content("a");
  CALL(fcntl, fd, F_SETFL, 0);
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(write, fd, "S", 1);
  show_content("a");
  CALL(fcntl, fd, F_SETFL, O_APPEND);
  CALL(write, fd, "E", 1);
  show_content("a");
}

static void holes(void) {
  struct stat status;
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT, 0644);
  CALL(pwrite64, fd, "end", 3, 1000000);
  fstat(fd, &status);
  fact("size %ld, less than that on the disk: %d", (long)status.st_size,
       status.st_blocks * 512 < status.st_size);
  CALL(pread64, fd, buffer, 8, 999998);
  show_bytes("around the end of the hole", buffer, 5);
  CALL(pread64, fd, buffer, 70000, 500000);
  int zeros = 1;
  for (int i = 0; i < 70000; i++) zeros &= buffer[i] == 0;
  fact("the hole is zero: %d", zeros);
  // Into the hole, across a page and a block.
  memset(buffer, 'h', 6000);
  CALL(pwrite64, fd, buffer, 6000, 300001);
  CALL(pread64, fd, buffer, 10, 299996);
  show_bytes("start of the island", buffer, 10);
  CALL(pread64, fd, buffer, 10, 305996);
  show_bytes("end of the island", buffer, 10);
  // Far out: double and triple indirection for blocks of 1 KiB.
  CALL(pwrite64, fd, "far", 3, 70000000);
  CALL(pwrite64, fd, "further", 7, 300000000);
  CALL(pread64, fd, buffer, 5, 69999999);
  show_bytes("far", buffer, 5);
  CALL(pread64, fd, buffer, 20, 299999999);
  show_bytes("further", buffer, 8);
  CALL(lseek, fd, 0, SEEK_END);
  fstat(fd, &status);
  fact("still sparse: %d", status.st_blocks * 512 < 1000000);
  CALL(ftruncate, fd, 80000000);
  CALL(pread64, fd, buffer, 5, 69999999);
  show_bytes("far", buffer, 5);
  CALL(ftruncate, fd, 300001);
  CALL(pread64, fd, buffer, 20, 299995);
  CALL(ftruncate, fd, 0);
  fstat(fd, &status);
  fact("nothing left: %ld %ld", (long)status.st_size, (long)status.st_blocks);
  // A file of two gigabytes and more.
  CALL(pwrite64, fd, "large", 5, 5000000000);
  CALL(lseek, fd, -5, SEEK_END);
  CALL(read, fd, buffer, 10);
  show_bytes("large", buffer, 5);
  show("a");
}

static void truncating(void) {
  put_file("a", "0123456789");
  put_folder("d");
  put_link("a", "l");
  need(mkfifo("f", 0600) == 0, "fifo");
  CALL(truncate, "a", 4);
  show_content("a");
  CALL(truncate, "a", 8);
  show_content("a");
  CALL(truncate, "l", 6);
  show("a");
  show("l");
  CALL(truncate, "a", -1);
  CALL(truncate, "d", 0);
  CALL(truncate, "d", -1);
  CALL(truncate, "f", 0);
  CALL(truncate, "missing", 0);
  CALL(truncate, "missing", -1);
  int fd = open("a", O_RDWR);
  CALL(ftruncate, fd, 3);
  CALL(ftruncate, fd, -1);
  CALL(ftruncate, 99, 0);
  CALL(ftruncate, 99, -1);
  CALL(ftruncate, open("d", O_RDONLY), 0);
  CALL(ftruncate, open("a", O_RDONLY), 0);
  CALL(ftruncate, open("f", O_RDWR), 0);
  // What was cut off stays zero when the file grows again, within a page and across.
  for (int i = 0; i < 10000; i++) buffer[i] = 'd';
  CALL(pwrite64, fd, buffer, 10000, 0);
  CALL(ftruncate, fd, 5001);
  CALL(ftruncate, fd, 10000);
  CALL(pread64, fd, buffer, 10000, 0);
  int data = 0, zeros = 0;
  for (int i = 0; i < 10000; i++) {
    data += buffer[i] == 'd';
    zeros += buffer[i] == 0;
  }
  fact("data %d, zeros %d", data, zeros);
  CALL(ftruncate, fd, 5001);
  CALL(pwrite64, fd, "z", 1, 6000);
  CALL(pread64, fd, buffer, 10000, 4999);
  show_bytes("after the cut", buffer, 10);
  // The position stays where it was.
  CALL(lseek, fd, 5000, SEEK_SET);
  CALL(ftruncate, fd, 10);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(read, fd, buffer, 10);
  CALL(write, fd, "w", 1);
  show("a");
  CALL(open, "a", O_RDONLY | O_TRUNC);
  CALL(pread64, fd, buffer, 10, 0);
}

// Transfers that meet memory that isn't there. What was copied counts.
static void at_the_edge(void) {
  char* pages = guarded_pages();
  char* edge = pages + 2 * kPageSize;       // nothing from here on
  char* read_only = pages + 3 * kPageSize;  // one page
  for (int i = 0; i < 20000; i++) buffer[i] = (char)('a' + i % 26);
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT, 0644);
  CALL(write, fd, buffer, 20000);
  CALL(pread64, fd, edge - 10, 100, 0);
  show_bytes("read to the edge", edge - 10, 10);
  CALL(pread64, fd, edge - 4096, 8192, 0);
  CALL(pread64, fd, edge - 5000, 8192, 0);
  CALL(pread64, fd, edge, 100, 0);
  CALL(pread64, fd, edge, 0, 0);
  CALL(pread64, fd, edge, 100, 20000);
  CALL(pread64, fd, read_only, 100, 0);
  CALL(pread64, fd, NULL, 100, 0);
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(read, fd, edge - 10, 100);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(read, fd, edge, 100);
  CALL(lseek, fd, 0, SEEK_CUR);
  // Each page of the file is written from as much as can be read.
  CALL(pwrite64, fd, edge - 4096, 8192, 0);
  CALL(pwrite64, fd, edge - 10, 4096, 4096);
  CALL(pread64, fd, buffer, 12, 4096);
  show_bytes("written from the edge", buffer, 12);
  CALL(pwrite64, fd, edge, 100, 0);
  CALL(pwrite64, fd, edge, 0, 0);
  CALL(pwrite64, fd, NULL, 1, 0);
  CALL(pwrite64, fd, read_only, 4096, 0);
  int new = (int)CALL(open, "new", O_RDWR | O_CREAT, 0644);
  CALL(write, new, edge, 10);
  show("new");
  CALL(write, new, edge - 10, 20);
  show("new");
  struct iovec mixed[3] = {{buffer, 5}, {edge, 5}, {buffer, 5}};
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(readv, fd, mixed, 3);
  CALL(lseek, fd, 0, SEEK_CUR);
  CALL(writev, fd, mixed, 3);
  CALL(lseek, fd, 0, SEEK_CUR);
  mixed[0].iov_base = NULL;
  CALL(readv, fd, mixed, 3);
  CALL(writev, fd, mixed, 3);
  mixed[0].iov_len = 0;
  mixed[1].iov_base = buffer;
  CALL(readv, fd, mixed, 3);
  struct iovec* vector = (struct iovec*)(edge - sizeof(struct iovec));
  vector->iov_base = buffer;
  vector->iov_len = 1;
  CALL(readv, fd, vector, 1);
  CALL(readv, fd, vector, 2);
  // A path that ends with its page, and one that doesn't.
  memcpy(edge - 2, "a", 2);
  report(access(edge - 2, F_OK), "a path up to the edge");
  edge[-1] = 'a';
  report(access(edge - 2, F_OK), "a path over the edge");
  report(RAW(open, edge - 2, O_RDONLY), "open a path over the edge");
  // A folder's entries up to the edge.
  int folder = open(".", O_RDONLY);
  fact("getdents64 with one good page: %d", RAW(getdents64, folder, edge - 4096, 4096) > 0);
  lseek(folder, 0, SEEK_SET);
  CALL(getdents64, folder, edge, 4096);
  CALL(getdents64, folder, read_only, 4096);
  fact("nothing is lost by that: %d", RAW(getdents64, folder, buffer, 4096) > 0);
}

// Where the file system's limit is a file's largest size (not on tmpfs).
static void too_large(void) {
  const long kLargest = 0x7fffffffffffffff;
  int fd = (int)CALL(open, "a", O_RDWR | O_CREAT, 0644);
  CALL(truncate, "a", kLargest);
  CALL(ftruncate, fd, kLargest);
  CALL(ftruncate, fd, 1l << 60);
  CALL(pwrite64, fd, "x", 1, kLargest - 1);
  CALL(pwrite64, fd, "x", 1, 1l << 60);
  CALL(pwrite64, fd, "x", 1, kLargest);
  CALL(lseek, fd, kLargest, SEEK_SET);
  CALL(lseek, fd, 1l << 60, SEEK_SET);
  CALL(pread64, fd, buffer, 1, 1l << 60);
  CALL(pread64, fd, buffer, 1, kLargest);
  show("a");
}

static void sparse_seeks(void) {
  put_file("a", "0123456789");
  int fd = open("a", O_RDONLY);
  CALL(lseek, fd, 0, SEEK_DATA);
  CALL(lseek, fd, 5, SEEK_DATA);
  CALL(lseek, fd, 0, SEEK_HOLE);
  CALL(lseek, fd, 9, SEEK_HOLE);
  CALL(lseek, fd, 10, SEEK_DATA);
  CALL(lseek, fd, 10, SEEK_HOLE);
  CALL(lseek, fd, 11, SEEK_HOLE);
  CALL(lseek, fd, -1, SEEK_DATA);
  CALL(lseek, fd, -1, SEEK_HOLE);
}

static void syncing(void) {
  put_file("a", "x");
  put_folder("d");
  int fd = open("a", O_RDWR);
  CALL(fsync, fd);
  CALL(fdatasync, fd);
  CALL(fsync, open("a", O_RDONLY));
  CALL(fsync, open("d", O_RDONLY));
  CALL(fsync, 99);
  CALL(fdatasync, 99);
  CALL(fsync, -1);
  report(syscall(SYS_sync), "sync");
  int ends[2];
  need(pipe(ends) == 0, "pipe");
  CALL(fsync, ends[0]);
  CALL(fdatasync, ends[1]);
  CALL(syncfs, fd);
  CALL(syncfs, open("a", O_RDONLY));
  CALL(syncfs, open("d", O_RDONLY));
  CALL(syncfs, open("a", O_PATH));
  CALL(syncfs, open("/dev/null", O_RDWR));
  CALL(syncfs, ends[0]);
  CALL(syncfs, ends[1]);
  CALL(syncfs, 99);
  CALL(syncfs, -1);
  CALL(unlink, "a");
  CALL(syncfs, fd);
  int synchronous = (int)CALL(open, "s", O_WRONLY | O_CREAT | O_SYNC, 0644);
  CALL(write, synchronous, "x", 1);
}

// copy_file_range(): what moved, and what both files hold then.
static void show_copy(const char* path) {
  char content[64] = "";
  int fd = open(path, O_RDONLY);
  ssize_t size = read(fd, content, sizeof(content) - 1);
  close(fd);
  for (ssize_t i = 0; i < size; i++) content[i] = content[i] == 0 ? '.' : content[i];
  fact("%s: %ld bytes: %s", path, (long)size, content);
}

static void copying(void) {
  put_file("from", "0123456789");
  put_file("to", "abcdef");
  put_folder("folder");
  int from = open("from", O_RDWR), to = open("to", O_RDWR), out_only = open("to", O_WRONLY);
  int append = open("to", O_RDWR | O_APPEND), folder = open("folder", O_RDONLY), ends[2];
  int null = open("/dev/null", O_RDWR);
  need(pipe(ends) == 0, "pipe");
  CALL(copy_file_range, from, 0, to, 0, 3, 0);
  show_copy("to");
  CALL(copy_file_range, from, 0, to, 0, 2, 0);
  show_copy("to");
  fact("at %ld and %ld", (long)lseek(from, 0, SEEK_CUR), (long)lseek(to, 0, SEEK_CUR));
  int64_t in_at = 8, out_at = 12;
  CALL(copy_file_range, from, &in_at, to, &out_at, 100, 0);
  fact("offsets %ld and %ld; at %ld and %ld", (long)in_at, (long)out_at,
       (long)lseek(from, 0, SEEK_CUR), (long)lseek(to, 0, SEEK_CUR));
  show_copy("to");
  CALL(copy_file_range, from, &in_at, to, &out_at, 100, 0);
  in_at = 1000;
  CALL(copy_file_range, from, &in_at, to, 0, 1, 0);
  in_at = 0, out_at = 5;
  CALL(copy_file_range, from, &in_at, from, &out_at, 5, 0);
  show_copy("from");
  in_at = 0, out_at = 3;
  CALL(copy_file_range, from, &in_at, from, &out_at, 5, 0);
  CALL(copy_file_range, from, 0, to, 0, 1, 1);
  CALL(copy_file_range, out_only, 0, to, 0, 1, 0);
  CALL(copy_file_range, from, 0, append, 0, 1, 0);
  CALL(copy_file_range, 99, 0, to, 0, 1, 0);
  CALL(copy_file_range, from, 0, 99, 0, 1, 0);
  CALL(copy_file_range, folder, 0, to, 0, 1, 0);
  CALL(copy_file_range, null, 0, to, 0, 1, 0);
  CALL(copy_file_range, from, 0, null, 0, 1, 0);
  CALL(copy_file_range, ends[0], 0, to, 0, 1, 0);
  CALL(copy_file_range, from, 0, ends[1], 0, 1, 0);
  CALL(copy_file_range, from, 8, to, 0, 1, 0);
  in_at = -1;
  CALL(copy_file_range, from, &in_at, to, 0, 1, 0);
  in_at = 0;
  CALL(copy_file_range, from, &in_at, to, 0, 0, 0);
  in_at = INT64_MAX - 1;
  CALL(copy_file_range, from, &in_at, to, 0, 5, 0);
}

static void advising(void) {
  put_file("file", "content");
  int fd = open("file", O_RDONLY), path = open("file", O_PATH), ends[2];
  need(pipe(ends) == 0, "pipe");
  for (int advice = -1; advice <= 7; advice++) CALL(fadvise64, fd, 0, 0, advice);
  CALL(fadvise64, fd, 0, -1, 0);
  CALL(fadvise64, fd, -1, 0, 0);
  CALL(fadvise64, ends[0], 0, 0, 0);
  CALL(fadvise64, path, 0, 0, 0);
  CALL(fadvise64, 99, 0, 0, 0);
}

SECTIONS({"positions", positions}, {"copying", copying}, {"advising", advising},
         {"append", appending}, {"holes", holes}, {"truncate", truncating}, {"edge", at_the_edge},
         {"toolarge", too_large}, {"sparse", sparse_seeks}, {"sync", syncing})
