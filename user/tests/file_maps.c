// Files in memory: mmap, msync, mprotect and munmap of files and of shared memory; what is seen through
// them, through read and write, by relatives, and beyond a file's end.
#include <sys/mman.h>

#include "file_calls.h"

enum { kRead = PROT_READ, kBoth = PROT_READ | PROT_WRITE };

// A mapping, and a line that says whether there is one: addresses differ.
static char* map(const char* what, size_t size, int access, int flags, int fd, off_t offset) {
  char* at = mmap(NULL, size, access, flags, fd, offset);
  report(at == MAP_FAILED ? -1 : 0, "mmap: %s", what);
  return at;
}

// A file of `size` bytes: 'a' in the first page, 'b' in the second, and so on. Open for both.
static int put_pages(const char* path, long size) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  need(fd >= 0, path);
  char page[kPageSize];
  for (long at = 0; at < size; at += kPageSize) {
    memset(page, 'a' + (int)(at / kPageSize), sizeof(page));
    size_t part = size - at < (long)kPageSize ? (size_t)(size - at) : kPageSize;
    need(write(fd, page, part) == (ssize_t)part, path);
  }
  return fd;
}

static char* volatile touched;
static void touch_read(void) { (void)*(volatile char*)touched; }
static void touch_write(void) { *(volatile char*)touched = 'T'; }
static void reads(const char* what, char* at) {
  touched = at;
  in_child(what, touch_read);
}
static void writes(const char* what, char* at) {
  touched = at;
  in_child(what, touch_write);
}

static char* family;
static void write_family(void) {
  family[0] = 'C';
  family[kPageSize] = 'D';
}

static void arguments(void) {
  int fd = put_pages("f", 2 * kPageSize);
  int in = open("f", O_RDONLY), out = open("f", O_WRONLY), path = open("f", O_PATH);
  int folder = open(".", O_RDONLY), ends[2];
  need(pipe(ends) == 0, "pipe");
  map("no such descriptor", kPageSize, kRead, MAP_SHARED, 99, 0);
  map("a place only", kPageSize, kRead, MAP_SHARED, path, 0);
  map("a folder", kPageSize, kRead, MAP_SHARED, folder, 0);
  map("a pipe", kPageSize, kRead, MAP_PRIVATE, ends[0], 0);
  map("write-only, private", kPageSize, kRead, MAP_PRIVATE, out, 0);
  map("write-only, shared", kPageSize, PROT_WRITE, MAP_SHARED, out, 0);
  map("read-only, shared to be written", kPageSize, kBoth, MAP_SHARED, in, 0);
  map("read-only, private to be written", kPageSize, kBoth, MAP_PRIVATE, in, 0);
  map("read-only, shared", kPageSize, kRead, MAP_SHARED, in, 0);
  map("neither shared nor private", kPageSize, kRead, 0, fd, 0);
  map("shared, flags looked at", kPageSize, kRead, MAP_SHARED_VALIDATE, fd, 0);
  map("odd offset", kPageSize, kRead, MAP_SHARED, fd, 100);
  map("no length", 0, kRead, MAP_SHARED, fd, 0);
  map("no length of nothing", 0, kRead, MAP_SHARED, 99, 0);
  map("beyond the end", kPageSize, kRead, MAP_SHARED, fd, 64 * kPageSize);
  map("beyond all ends", kPageSize, kRead, MAP_SHARED, fd, 0x7ffffffffffff000);
  map("longer than all memory", 1ul << 47, kRead, MAP_SHARED, fd, 0);
  map("shared memory", kPageSize, kBoth, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  map("shared memory with a descriptor", kPageSize, kBoth, MAP_SHARED | MAP_ANONYMOUS, 99, 0);
}

static void private_pages(void) {
  int fd = put_pages("f", 3 * kPageSize);
  char* at = map("private", 3 * kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  show_bytes("its second page", at + kPageSize, 8);
  at[kPageSize] = 'X';
  show_bytes("written", at + kPageSize, 8);
  char buffer[8];
  CALL(pread64, fd, buffer, 8, kPageSize);
  show_bytes("the file", buffer, 8);
  CALL(pwrite64, fd, "new", 3, 2 * kPageSize);
  show_bytes("a page not yet copied", at + 2 * kPageSize, 8);
  CALL(pwrite64, fd, "new", 3, kPageSize);
  show_bytes("a page copied before", at + kPageSize, 8);
  char* second = map("from the second page on", kPageSize, kRead, MAP_PRIVATE, fd, kPageSize);
  show_bytes("it", second, 8);
}

static void shared_pages(void) {
  int fd = put_pages("f", 2 * kPageSize + 100), other = open("f", O_RDWR);
  char* at = map("shared", 3 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  char* again = map("once more, to be read", kPageSize, kRead, MAP_SHARED, other, kPageSize);
  char buffer[16];
  memcpy(at + kPageSize - 2, "over the border", 15);
  CALL(pread64, other, buffer, 15, kPageSize - 2);
  show_bytes("read", buffer, 15);
  show_bytes("the other mapping", again, 13);
  CALL(pwrite64, other, "by write", 8, kPageSize + 4);
  show_bytes("after write", at + kPageSize, 16);
  CALL(msync, at, 3 * kPageSize, MS_SYNC);
  CALL(msync, at, 3 * kPageSize, MS_ASYNC);
  CALL(fsync, fd);
  at[2 * kPageSize + 99] = '!';
  CALL(close, fd);
  CALL(close, other);
  at[0] = 'Z';
  CALL(munmap, at, 3 * kPageSize);
  show("f");
  int in = open("f", O_RDONLY);
  CALL(pread64, in, buffer, 16, 2 * kPageSize + 90);
  show_bytes("the end", buffer, 10);
  CALL(pread64, in, buffer, 4, 0);
  show_bytes("the start", buffer, 4);
  show_bytes("the mapping that is left", again, 4);
}

static void ends(void) {
  int fd = put_pages("f", kPageSize + 100);
  char* at = map("shared", 4 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  char* mine = map("private", 4 * kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  show_bytes("across the end", at + kPageSize + 96, 8);
  reads("read in the page of the end", at + kPageSize + 200);
  reads("read beyond it", at + 2 * kPageSize);
  writes("write beyond it", at + 3 * kPageSize);
  reads("private read beyond it", mine + 2 * kPageSize);
  writes("private write beyond it", mine + 2 * kPageSize);
  int other = put_pages("g", 0);
  CALL(write, other, at + 2 * kPageSize, 100);
  CALL(pread64, other, at + 2 * kPageSize, 100, 0);
  CALL(pwrite64, other, "text", 4, 0);
  CALL(pread64, other, at + 2 * kPageSize, 4, 0);
  CALL(ftruncate, fd, 3 * kPageSize);
  reads("read after the file grew", at + 2 * kPageSize);
  mine[kPageSize] = 'M';
  at[2 * kPageSize] = 'S';
  show_bytes("the private copy", mine + kPageSize, 4);
  CALL(ftruncate, fd, 10);
  reads("shared, after the file shrank", at + kPageSize);
  reads("private, copied, after the file shrank", mine + kPageSize);
  show_bytes("what is left", at, 16);
  CALL(ftruncate, fd, 3 * kPageSize);
  show_bytes("grown again", at + 2 * kPageSize, 4);
  show_bytes("the private page", mine + kPageSize, 4);
}

// What was written beyond the end, in its page, is zeros once the file reaches there. Some versions of Linux
// need the page to be written back in between.
static void write_beyond(const char* what, int fd, char* at) {
  fact("%s", what);
  need(ftruncate(fd, 10) == 0, "ftruncate");
  memcpy(at + 10, "beyond it", 9);
  need(msync(at, kPageSize, MS_SYNC) == 0, "msync");
}
static void show_grown(int fd, char* at) {
  char buffer[16];
  CALL(pread64, fd, buffer, 12, 6);
  show_bytes("read", buffer, 12);
  show_bytes("mapped", at + 6, 12);
}
static void beyond(void) {
  int fd = put_pages("f", 10);
  char* at = map("shared", kPageSize, kBoth, MAP_SHARED, fd, 0);
  write_beyond("cut to more", fd, at);
  CALL(ftruncate, fd, 100);
  show_grown(fd, at);
  write_beyond("a write that leaves a gap", fd, at);
  CALL(pwrite64, fd, "end", 3, 16);
  show_grown(fd, at);
  write_beyond("a write far away", fd, at);
  CALL(pwrite64, fd, "end", 3, 3 * kPageSize);
  show_grown(fd, at);
  write_beyond("unmapped before", fd, at);
  CALL(munmap, at, kPageSize);
  CALL(ftruncate, fd, 200);
  show("f");
}

static void zeros(void) {
  int zero = open("/dev/zero", O_RDWR), in = open("/dev/zero", O_RDONLY);
  char* at = map("/dev/zero, private", 2 * kPageSize, kBoth, MAP_PRIVATE, zero, 0);
  at[kPageSize] = 'z';
  show_bytes("it", at + kPageSize, 4);
  map("the same, from an offset", kPageSize, kBoth, MAP_PRIVATE, zero, 5 * kPageSize);
  map("read-only, private to be written", kPageSize, kBoth, MAP_PRIVATE, in, 0);
  map("read-only, shared to be written", kPageSize, kBoth, MAP_SHARED, in, 0);
  family = map("shared", 2 * kPageSize, kBoth, MAP_SHARED, zero, 0);
  in_child("a child writes to it", write_family);
  show_bytes("the first page", family, 4);
  map("/dev/null", kPageSize, kRead, MAP_PRIVATE, open("/dev/null", O_RDWR), 0);
  map("/dev/full", kPageSize, kRead, MAP_SHARED, open("/dev/full", O_RDWR), 0);
  map("/dev/urandom", kPageSize, kRead, MAP_PRIVATE, open("/dev/urandom", O_RDONLY), 0);
}

static void syncs(void) {
  int fd = put_pages("f", 2 * kPageSize);
  char* at = map("shared", 2 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  report(msync(at, kPageSize, MS_SYNC | MS_ASYNC), "msync: both kinds");
  report(msync(at, kPageSize, 64), "msync: a flag that isn't one");
  report(msync(at, kPageSize, 0), "msync: no flag");
  report(msync(at, kPageSize, MS_INVALIDATE), "msync: MS_INVALIDATE");
  report(msync(at + 1, kPageSize, MS_SYNC), "msync: odd address");
  report(msync(at, 0, MS_SYNC), "msync: no length");
  report(msync(at, 100, MS_SYNC), "msync: a part of a page");
  report(munmap(at + kPageSize, kPageSize), "munmap: the second page");
  report(msync(at, 2 * kPageSize, MS_SYNC), "msync: half of it not there");
  report(msync(at, 2 * kPageSize, MS_ASYNC), "msync: the same, without waiting");
  char* private_page = map("private", kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  report(msync(private_page, kPageSize, MS_SYNC), "msync: a private page");
}

static void protection(void) {
  put_pages("f", 2 * kPageSize);
  int in = open("f", O_RDONLY), fd = open("f", O_RDWR);
  char* at = map("shared, from a read-only descriptor", kPageSize, kRead, MAP_SHARED, in, 0);
  report(mprotect(at, kPageSize, kBoth), "mprotect: to be written");
  report(mprotect(at, kPageSize, PROT_NONE), "mprotect: no access");
  reads("read without access", at);
  report(mprotect(at, kPageSize, kRead), "mprotect: to be read");
  writes("write to what may be read", at);
  char* mine = map("private, from it", kPageSize, kRead, MAP_PRIVATE, in, 0);
  report(mprotect(mine, kPageSize, kBoth), "mprotect: private, to be written");
  writes("write to it", mine);
  at = map("shared", 2 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  at[0] = '1';
  report(mprotect(at, kPageSize, kRead), "mprotect: the first page to be read");
  writes("write to the first page", at);
  writes("write to the second", at + kPageSize);
  report(mprotect(at, kPageSize, kBoth), "mprotect: both again");
  at[1] = '2';
  show_content("f");
}

static void forks(void) {
  int fd = put_pages("f", 2 * kPageSize);
  family = map("shared", 2 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  family[0] = 'P';
  in_child("a child writes to a shared file", write_family);
  show_bytes("the first page", family, 4);
  show_bytes("the second", family + kPageSize, 4);
  family = map("private", 2 * kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  family[0] = 'Q';
  in_child("a child writes to its private pages", write_family);
  show_bytes("the first page", family, 4);
  show_bytes("the second", family + kPageSize, 4);
  family = map("shared memory", 2 * kPageSize, kBoth, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  show_bytes("at first", family, 4);
  family[1] = 'p';
  in_child("a child writes to shared memory", write_family);
  show_bytes("the first page", family, 4);
  show_bytes("the second", family + kPageSize, 4);
  report(mprotect(family, kPageSize, kRead), "mprotect: shared memory");
  writes("write to it", family);
}

// write() from a mapping of the same file, and read() into one.
static void itself(void) {
  int fd = put_pages("f", 4 * kPageSize);
  char* at = map("shared", 8 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  CALL(pwrite64, fd, at + 2 * kPageSize, 2 * kPageSize, 0);
  show_bytes("the first page", at, 4);
  CALL(pwrite64, fd, at + 100, 2 * kPageSize, 200);
  CALL(pwrite64, fd, at, 4 * kPageSize, 4 * kPageSize);
  show_bytes("the last page", at + 7 * kPageSize, 4);
  CALL(pwrite64, fd, at + kPageSize, 3 * kPageSize, 8 * kPageSize);
  CALL(pread64, fd, at, 2 * kPageSize, 2 * kPageSize);
  show_bytes("read into itself", at + kPageSize, 4);
  CALL(pread64, fd, at + kPageSize, kPageSize, kPageSize);
  CALL(munmap, at, 8 * kPageSize);
  at = map("private", 4 * kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  CALL(pread64, fd, at, 4 * kPageSize, 4 * kPageSize);
  CALL(pwrite64, fd, at, 4 * kPageSize, 0);
  show("f");
}

enum { kRounds = 40 };
static void cross(const char* from, const char* to) {
  int source = open(from, O_RDWR), target = open(to, O_RDWR);
  for (int round = 0; round < kRounds; round++) {
    // Not there any more, so that the write must bring it.
    char* at = mmap(NULL, 4 * kPageSize, kBoth, MAP_SHARED, source, 0);
    if (pwrite(target, at, 4 * kPageSize, 0) != 4 * (ssize_t)kPageSize) _exit(1);
    if (pread(target, at, 2 * kPageSize, kPageSize) != 2 * (ssize_t)kPageSize) _exit(2);
    munmap(at, 4 * kPageSize);
    if (round % 8 == 0) fsync(target);
  }
}
static void f_to_g(void) { cross("f", "g"); }
static void g_to_f(void) {
  pid_t child = fork();
  if (child == 0) {
    f_to_g();
    _exit(0);
  }
  cross("g", "f");
  int status = -1;
  waitpid(child, &status, 0);
  _exit(status == 0 ? 0 : 3);
}
static void each_other(void) {
  put_pages("f", 4 * kPageSize);
  put_pages("g", 4 * kPageSize);
  in_child("two that write from mappings of each other's files", g_to_f);
  show("f");
  show("g");
}

static void holes(void) {
  int fd = put_pages("f", kPageSize);
  CALL(ftruncate, fd, 8 * kPageSize);
  char* at = map("shared", 8 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  show_bytes("a hole", at + 4 * kPageSize, 4);
  at[4 * kPageSize] = 'h';
  at[6 * kPageSize + 5] = 'i';
  report(msync(at, 8 * kPageSize, MS_SYNC), "msync");
  char buffer[8];
  CALL(pread64, fd, buffer, 8, 4 * kPageSize);
  show_bytes("read", buffer, 8);
  CALL(pwrite64, fd, "w", 1, 5 * kPageSize);
  show_bytes("a hole that was filled", at + 5 * kPageSize, 4);
  show("f");
  struct stat status;
  need(fstat(fd, &status) == 0, "fstat");
  fact("it has %s blocks than its size",
       status.st_blocks * 512 < status.st_size ? "fewer" : "no fewer");
}

static void pieces(void) {
  int fd = put_pages("f", 5 * kPageSize);
  char* at = map("shared", 5 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  report(munmap(at + kPageSize, kPageSize), "munmap: the second page");
  reads("read of it", at + kPageSize);
  show_bytes("the one after", at + 2 * kPageSize, 4);
  char* fixed =
      mmap(at + 3 * kPageSize, kPageSize, kBoth, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  report(fixed == MAP_FAILED ? -1 : 0, "mmap: other memory in the fourth page");
  show_bytes("it", at + 3 * kPageSize, 4);
  fixed = mmap(at + kPageSize, kPageSize, kRead, MAP_PRIVATE | MAP_FIXED, fd, 4 * kPageSize);
  report(fixed == MAP_FAILED ? -1 : 0, "mmap: the last page in the second");
  show_bytes("it", at + kPageSize, 4);
  CALL(ftruncate, fd, 4 * kPageSize);
  reads("read of it after the last page went", at + kPageSize);
  reads("read of the third", at + 2 * kPageSize);
  report(unlink("f"), "unlink");
  report(close(fd), "close");
  at[2 * kPageSize] = 'u';
  show_bytes("a page of a file without a name", at + 2 * kPageSize, 4);
  report(munmap(at, 5 * kPageSize), "munmap: all");
}

static void times(void) {
  int fd = put_pages("f", kPageSize);
  struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
  need(futimens(fd, old) == 0, "futimens");
  char* at = map("shared", kPageSize, kBoth, MAP_SHARED, fd, 0);
  (void)*(volatile char*)at;
  struct stat status;
  fstat(fd, &status);
  fact("after reading, modified %s", status.st_mtim.tv_sec == 1000000000 ? "long ago" : "now");
  at[0] = 'm';
  report(msync(at, kPageSize, MS_SYNC), "msync");
  fstat(fd, &status);
  fact("after writing, modified %s", status.st_mtim.tv_sec == 1000000000 ? "long ago" : "now");
  show_content("f");
}

static void advice(void) {
  int fd = put_pages("f", 4 * kPageSize);
  char* own = map("memory", 4 * kPageSize, kBoth, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* copy = map("a file's copy", 4 * kPageSize, kBoth, MAP_PRIVATE, fd, 0);
  char* shared = map("a file", 4 * kPageSize, kBoth, MAP_SHARED, fd, 0);
  memset(own, 'm', 4 * kPageSize);
  memset(copy, 'c', 4 * kPageSize);
  memset(shared + kPageSize, 's', kPageSize);
  for (int kind = 0; kind < 9; kind++) {
    if (kind > 4 && kind < 8) continue;
    report(madvise(own + kPageSize, kPageSize, kind), "advice %d on memory", kind);
    int second = kind == 8 ? own[kPageSize] == 0 || own[kPageSize] == 'm' : own[kPageSize];
    fact("%d %d %d", own[0], second, own[2 * kPageSize]);  // what is free may stay a while
    own[kPageSize] = 'm';
    if (kind == 3) continue;  // Linux has something to fetch only from files
    report(madvise(copy + kPageSize, 2 * kPageSize, kind), "advice %d on a copy", kind);
    fact("%d %d %d %d", copy[0], copy[kPageSize], copy[2 * kPageSize], copy[3 * kPageSize]);
    report(madvise(shared + kPageSize, kPageSize, kind), "advice %d on a file", kind);
    fact("%d %d %d", shared[0], shared[kPageSize], shared[2 * kPageSize]);
  }
  report(madvise(own, 100, MADV_DONTNEED), "part of a page");
  fact("%d %d", own[0], own[2 * kPageSize]);
  report(madvise(own + 1, kPageSize, MADV_DONTNEED), "not aligned");
  report(madvise(own, 0, MADV_DONTNEED), "nothing");
  report(madvise(own, 0, 1000), "nothing, unknown");
  report(madvise(own, kPageSize, 1000), "unknown");
  report(madvise(own, (size_t)-1, MADV_DONTNEED), "too much");
  munmap(own + 2 * kPageSize, kPageSize);
  own[3 * kPageSize] = 'm';
  report(madvise(own, 4 * kPageSize, MADV_DONTNEED), "over a hole");
  fact("%d", own[3 * kPageSize]);
  report(madvise(own + 2 * kPageSize, kPageSize, MADV_NORMAL), "a hole");
}

// mremap() to `size` bytes; a line that says whether it stayed or moved. Returns where it is.
static char* resize(const char* what, char* at, size_t old_size, size_t size, int flags, char* to) {
  char* now = (char*)RAW(mremap, at, old_size, size, flags, to);
  if (now == MAP_FAILED) {
    report(-1, "mremap: %s", what);
    return at;
  }
  fact("mremap: %s: %s", what, now == at ? "stays" : now == to ? "is there" : "moved");
  return now;
}
static void show_pages(const char* at, int count) {
  char text[40] = "";
  for (int i = 0; i < count; i++) {
    char first = at[i * kPageSize];
    text[i] = first == 0 ? '.' : first;
  }
  fact("pages: %s", text);
}

static char* moved_family;
static void write_moved_family(void) { moved_family[0] = 'X'; }

static void moves(void) {
  enum {
    kStay = 0,
    kMove = MREMAP_MAYMOVE,
    kThere = MREMAP_MAYMOVE | MREMAP_FIXED,
    kP = kPageSize
  };
  char* room = map("room", 40 * kP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* own = mmap(room, 4 * kP, kBoth, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (int i = 0; i < 4; i++) own[i * kP] = (char)('a' + i);
  resize("grow, something behind", own, 4 * kP, 6 * kP, kStay, NULL);
  munmap(own + 4 * kP, 2 * kP);
  own = resize("grow into a gap", own, 4 * kP, 6 * kP, kStay, NULL);
  show_pages(own, 6);
  own[5 * kP] = 'f';
  own = resize("shrink", own, 6 * kP, 5 * kP, kStay, NULL);
  reads("behind", own + 5 * kP);
  own = resize("shrink to part of a page", own, 5 * kP, 3 * kP + 1, kStay, NULL);
  show_pages(own, 4);
  own = resize("the same", own, 4 * kP, 4 * kP, kStay, NULL);
  char* before = own;
  own = resize("grow and move", own, 4 * kP, 20 * kP, kMove, NULL);
  show_pages(own, 20);
  reads("where it was", before);
  own[19 * kP] = 'z';
  own = resize("to a place", own, 20 * kP, 20 * kP, kThere, room + 10 * kP);
  show_pages(own, 20);
  own = resize("a shorter one to a place", own, 20 * kP, 3 * kP, kThere, room);
  show_pages(own, 3);
  resize("onto itself", own, 3 * kP, 3 * kP, kThere, own + kP);
  resize("a part to a place", own + kP, kP, kP, kThere, room + 30 * kP);
  show_pages(room + 30 * kP, 1);
  reads("the hole", own + kP);
  resize("over the hole", own, 3 * kP, 5 * kP, kMove, NULL);
  resize("the hole", own + kP, kP, 2 * kP, kMove, NULL);
  resize("not aligned", own + 1, kP, 2 * kP, kMove, NULL);
  resize("to nothing", own, kP, 0, kMove, NULL);
  resize("private, from nothing", own, 0, kP, kMove, NULL);
  resize("unknown flags", own, kP, kP, 8, NULL);
  resize("fixed without moving", own, kP, kP, MREMAP_FIXED, room + 20 * kP);
  resize("to a place not aligned", own, kP, kP, kThere, room + 1);
  resize("to the kernel", own, kP, kP, kThere, (char*)(1ul << 47));

  moved_family = map("for a child", 2 * kP, kBoth, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  moved_family[0] = 'p';
  pid_t child = fork();
  if (child == 0) {
    moved_family = (char*)RAW(mremap, moved_family, 2 * kP, 2 * kP, kThere, room + 20 * kP);
    write_moved_family();
    _exit(moved_family[0]);
  }
  fact("the child has %c", WEXITSTATUS(wait_for(child)));
  show_pages(moved_family, 1);

  int fd = put_pages("f", 4 * kP);
  char* copy = map("a file's copy", 2 * kP, kBoth, MAP_PRIVATE, fd, kP);
  copy[0] = 'C';
  copy = resize("a file's copy", copy, 2 * kP, 3 * kP, kThere, room + 24 * kP);
  show_pages(copy, 3);
  char* shared = map("a file", 2 * kP, kBoth, MAP_SHARED, fd, kP);
  shared[0] = 'S';
  shared = resize("a file", shared, 2 * kP, 4 * kP, kThere, room + 32 * kP);
  shared[2 * kP] = 'T';
  show_pages(shared, 3);
  reads("beyond its end", shared + 3 * kP);
  char* whole = map("all of it", 4 * kP, kRead, MAP_SHARED, fd, 0);
  show_pages(whole, 4);
  need(ftruncate(fd, kP) == 0, "truncate");
  reads("what was cut", shared);
  whole = resize("read only", whole, 4 * kP, 4 * kP, kThere, room + 4 * kP);
  writes("read only", whole);
}

SECTIONS({"arguments", arguments}, {"moves", moves}, {"advice", advice},
         {"private_pages", private_pages}, {"shared_pages", shared_pages}, {"ends", ends},
         {"beyond", beyond}, {"zeros", zeros}, {"syncs", syncs}, {"protection", protection},
         {"forks", forks}, {"itself", itself}, {"each_other", each_other}, {"holes", holes},
         {"pieces", pieces}, {"times", times})
