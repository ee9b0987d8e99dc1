// Reading folders: getdents64, its offsets, and folders that change while they are read.
#include "file_calls.h"

struct entry {
  uint64_t inode;
  int64_t next;  // the position after this entry
  uint16_t size;
  uint8_t type;
  char name[];
};

static char buffer[32768];

static const char* entry_type(uint8_t type) {
  switch (type) {
    case DT_REG: return "file";
    case DT_DIR: return "folder";
    case DT_LNK: return "symlink";
    case DT_FIFO: return "fifo";
    case DT_UNKNOWN: return "unknown";
  }
  return "other";
}

static int compare_names(const void* a, const void* b) {
  return strcmp(*(char* const*)a, *(char* const*)b);
}

// What is read from `fd` until the end, `size` bytes a call, sorted.
struct listing {
  char* names[600];  // "name type"
  size_t count;
  long error;  // the call that failed: its errno
};

static struct listing read_all(int fd, size_t size) {
  struct listing found = {.count = 0};
  long got;
  while ((got = RAW(getdents64, fd, buffer, size)) > 0) {
    for (long at = 0; at < got;) {
      struct entry* entry = (struct entry*)(buffer + at);
      char text[300];
      snprintf(text, sizeof(text), "%s %s", entry->name, entry_type(entry->type));
      if (found.count < COUNT(found.names)) found.names[found.count++] = strdup(text);
      at += entry->size;
    }
  }
  found.error = got < 0 ? errno : 0;
  qsort(found.names, found.count, sizeof(char*), compare_names);
  return found;
}

static void show_listing(const char* what, const struct listing* found) {
  fact("%s: %zu entries, %s", what, found->count,
       found->error ? error_name((int)found->error) : "to the end");
  for (size_t i = 0; i < found->count && found->count < 20; i++) fact("  %s", found->names[i]);
}

static void kinds(void) {
  put_folder("d");
  put_file("d/file", "x");
  put_folder("d/folder");
  put_link("nowhere", "d/link");
  need(mkfifo("d/fifo", 0600) == 0, "fifo");
  int fd = (int)CALL(open, "d", O_RDONLY | O_DIRECTORY);
  struct listing found = read_all(fd, sizeof(buffer));
  show_listing("all", &found);
  CALL(getdents64, fd, buffer, sizeof(buffer));
  CALL(lseek, fd, 0, SEEK_SET);
  found = read_all(fd, 32);
  show_listing("32 bytes a call", &found);
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(getdents64, fd, buffer, 8);
  CALL(getdents64, fd, buffer, 0);
  CALL(getdents64, fd, buffer, 23);
  found = read_all(fd, 64);
  show_listing("64 bytes a call, after calls with too small a buffer", &found);
  lseek(fd, 0, SEEK_SET);  // ext4's last positions are so large that read() finds them invalid
  CALL(read, fd, buffer, 10);
  CALL(pread64, fd, buffer, 10, 0);
  CALL(write, fd, buffer, 10);
  CALL(lseek, fd, -1, SEEK_SET);
  CALL(lseek, fd, 0, 99);
  CALL(ftruncate, fd, 0);
  CALL(fsync, fd);
  CALL(fdatasync, fd);
  int file = open("d/file", O_RDONLY);
  CALL(getdents64, file, buffer, sizeof(buffer));
  CALL(getdents64, 99, buffer, sizeof(buffer));
  CALL(getdents64, open("d", O_PATH), buffer, sizeof(buffer));
  // Records are aligned, their names end within them, inodes are those of stat.
  lseek(fd, 0, SEEK_SET);
  long got = RAW(getdents64, fd, buffer, sizeof(buffer));
  int aligned = 1, same = 1;
  for (long at = 0; at < got;) {
    struct entry* entry = (struct entry*)(buffer + at);
    struct stat status;
    aligned &= entry->size % 8 == 0 && strlen(entry->name) + 19 < entry->size;
    int is_parent = strcmp(entry->name, "..") == 0;  // of a mount's root they may differ
    same &= is_parent || (fstatat(fd, entry->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                          status.st_ino == entry->inode);
    at += entry->size;
  }
  fact("aligned: %d, inodes as in stat: %d", aligned, same);
}

// Two descriptors have two positions, dup's and fork's share theirs.
static void positions(void) {
  put_folder("d");
  for (int i = 0; i < 10; i++) {
    char name[32];
    snprintf(name, sizeof(name), "d/entry%d", i);
    put_file(name, "");
  }
  int first = open("d", O_RDONLY), second = open("d", O_RDONLY), copy = dup(first);
  long got = RAW(getdents64, first, buffer, 80);
  fact("some were read: %d", got > 0);
  struct listing rest = read_all(second, sizeof(buffer));
  fact("another descriptor sees %zu", rest.count);
  size_t read_before = 0;
  for (long at = 0; at < got; at += ((struct entry*)(buffer + at))->size) read_before++;
  lseek(first, 0, SEEK_SET);
  RAW(getdents64, first, buffer, 80);
  rest = read_all(copy, sizeof(buffer));
  fact("the duplicate sees what is left: %d", rest.count + read_before == 12);
  fact("and then the first sees %ld", RAW(getdents64, first, buffer, sizeof(buffer)));
  lseek(copy, 0, SEEK_SET);
  if (fork() == 0) {
    read_all(first, sizeof(buffer));
    _exit(0);
  }
  wait(NULL);
  fact("after a child read all: %ld", RAW(getdents64, first, buffer, sizeof(buffer)));
}

// From each entry's offset exactly the entries after it come again.
static void seeks(void) {
  enum { kEntries = 40 };
  put_folder("d");
  for (int i = 0; i < kEntries; i++) {
    char name[32];
    snprintf(name, sizeof(name), "d/name-%d", i);
    put_file(name, "");
  }
  int fd = open("d", O_RDONLY);
  static char all[8192];
  long got = RAW(getdents64, fd, all, sizeof(all));
  int wrong = 0, count = 0;
  long total = 0;
  for (long at = 0; at < got; at += ((struct entry*)(all + at))->size) total++;
  fact("entries: %ld", total);
  for (long at = 0; at < got;) {
    struct entry* entry = (struct entry*)(all + at);
    at += entry->size;
    count++;
    if (lseek(fd, entry->next, SEEK_SET) != entry->next) wrong++;
    long left = RAW(getdents64, fd, buffer, sizeof(buffer));
    if (left != got - at) wrong++;
    if (left > 0) {
      struct entry* now = (struct entry*)buffer;
      struct entry* then = (struct entry*)(all + at);
      if (strcmp(now->name, then->name) != 0) wrong++;
    }
  }
  fact("of %d offsets wrong: %d", count, wrong);
}

static void many(void) {
  put_folder("d");
  char name[300];
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof(name), "d/%d-%.*s", i, i % 150,
             "long names fill several blocks of the folder; "
             "long names fill several blocks of the folder; long names fill several blocks of the "
             "folder; "
             "long names fill several blocks of the folder");
    put_file(name, "");
  }
  int fd = open("d", O_RDONLY);
  struct listing found = read_all(fd, 1000);
  show_listing("300 files", &found);
  size_t twice = 0;
  for (size_t i = 1; i < found.count; i++) twice += strcmp(found.names[i], found.names[i - 1]) == 0;
  fact("entries that came twice: %zu", twice);
  // Each file is deleted as it is read.
  lseek(fd, 0, SEEK_SET);
  long got, deleted = 0, failed = 0;
  while ((got = RAW(getdents64, fd, buffer, 700)) > 0) {
    for (long at = 0; at < got;) {
      struct entry* entry = (struct entry*)(buffer + at);
      at += entry->size;
      if (entry->name[0] == '.') continue;
      if (unlinkat(fd, entry->name, 0) == 0) {
        deleted++;
      } else {
        failed++;
      }
    }
  }
  fact("deleted while reading: %ld, failed: %ld", deleted, failed);
  lseek(fd, 0, SEEK_SET);
  found = read_all(fd, sizeof(buffer));
  show_listing("what is left", &found);
  CALL(rmdir, "d");
}

static void changes(void) {
  put_folder("d");
  put_file("d/a", "");
  int fd = open("d", O_RDONLY);
  struct listing found = read_all(fd, sizeof(buffer));
  put_file("d/b", "");
  lseek(fd, 0, SEEK_SET);
  found = read_all(fd, sizeof(buffer));
  show_listing("after a file was made", &found);
  need(rename("d/a", "d/c") == 0, "rename");
  put_folder("d/e");
  need(rename("d/b", "b") == 0, "rename");
  lseek(fd, 0, SEEK_SET);
  found = read_all(fd, sizeof(buffer));
  show_listing("after renames", &found);
  need(rename("d", "moved") == 0, "rename");
  lseek(fd, 0, SEEK_SET);
  found = read_all(fd, sizeof(buffer));
  show_listing("after the folder was renamed", &found);
  CALL(rmdir, "moved");
  need(rmdir("moved/e") == 0 && unlink("moved/c") == 0, "remove");
  CALL(rmdir, "moved");
  lseek(fd, 0, SEEK_SET);
  CALL(getdents64, fd, buffer, sizeof(buffer));
}

SECTIONS({"getdents", kinds}, {"dirpositions", positions}, {"dirseeks", seeks}, {"many", many},
         {"dirchanges", changes})
