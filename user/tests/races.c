// Processes that change, cover and look at the same few files at once, and what holds whoever comes first:
// `races DIRECTORY ROUNDS [DEVICE]` (grading/suite/test_races.py). Three at a time;
// what was seen that no order of the calls explains is told. DEVICE: a disk with an ext2, to be mounted.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cairn.h"

enum { kPages = 200 };  // more than one request of write-back has
static unsigned long rounds;
static const char *section, *device;

// What all processes of a race see.
static struct {
  atomic_ulong begun, ended, appended;
  atomic_int stop;
} * shared;

static void wrong(const char* what, long seen) {
  say("races: %s: %s: %ld\n", section, what, seen);
  exit(1);
}

// Now and then another process goes on.
static unsigned next_number(void) {
  static unsigned state;
  if (state == 0) state = (unsigned)getpid();
  state = state * 1103515245 + 12345;
  if (state >> 29 == 0) sched_yield();
  return state >> 16;
}

static int exists(const char* path) { return access(path, F_OK) == 0; }

static void touch(const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0644);
  if (fd < 0) die(path);
  close(fd);
}

// A file has one of its two names at any time. A look that at most one rename overlaps: where the old name is gone, the
// new one is there.
static void rename_to_and_fro(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    atomic_store(&shared->begun, i + 1);
    if (rename(i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a") != 0) die("rename");
    atomic_store(&shared->ended, i + 1);
    next_number();
  }
}
static void look_at_names(void) {
  while (!atomic_load(&shared->stop)) {
    unsigned long ended = atomic_load(&shared->ended);
    int old_name = exists(ended % 2 == 0 ? "a" : "b"),
        new_name = exists(ended % 2 == 0 ? "b" : "a");
    if (!old_name && !new_name && atomic_load(&shared->begun) <= ended + 1)
      wrong("neither name is there in rename", (long)ended);
    if (!exists("kept")) wrong("a name that is replaced is gone", (long)ended);
  }
}
static void replace(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    touch("fresh");
    if (rename("fresh", "kept") != 0) die("rename");
    next_number();
  }
}

// A file's count of names, with one moving and another coming and going.
static void move_between_folders(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    if (rename(i % 2 == 0 ? "1/f" : "2/f", i % 2 == 0 ? "2/f" : "1/f") != 0) die("rename");
    next_number();
  }
}
static void link_and_unlink(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    if (link("1/f", "3/f") == 0 || link("2/f", "3/f") == 0) unlink("3/f");
    next_number();
  }
}

// A file that is written, stored and cut at once: each of its bytes is one that was written, or zero.
static void write_pages(void) {
  static char page[kPageSize];
  int fd = open("file", O_RDWR);
  for (unsigned long i = 0; i < rounds / 50 + 1; i++) {
    memset(page, 'a' + (int)(i % 26), sizeof(page));
    for (int at = 0; at < kPages; at++) {
      if (pwrite(fd, page, sizeof(page), (off_t)at * kPageSize) != sizeof(page)) die("pwrite");
    }
    if (fsync(fd) != 0) die("fsync");
  }
}
static void cut(void) {
  int fd = open("file", O_RDWR);
  while (!atomic_load(&shared->stop)) {
    if (ftruncate(fd, next_number() % (kPages * kPageSize)) != 0) die("ftruncate");
    if (next_number() % 16 == 0 && fdatasync(fd) != 0) die("fdatasync");
  }
}
static void read_pages(void) {
  static char page[kPageSize];
  int fd = open("file", O_RDONLY);
  while (!atomic_load(&shared->stop)) {
    long count = pread(fd, page, sizeof(page), (off_t)(next_number() % kPages) * kPageSize);
    for (long i = 0; i < count; i++) {
      if (page[i] != 0 && (page[i] < 'a' || page[i] > 'z'))
        wrong("a byte that nobody wrote", page[i]);
    }
  }
}

// Mounts on a folder that comes and goes, and is moved: whatever ended well can be taken back.
static void make_and_remove(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    mkdir("folder", 0755);
    if (i % 3 == 0) rename("folder", "moved"), rename("moved", "folder");
    rmdir("folder");
    next_number();
  }
}
static void cover_and_uncover(void) {
  while (!atomic_load(&shared->stop)) {
    if (mount("none", "folder", "tmpfs", 0, NULL) == 0) {
      next_number();
      while (umount2("folder", 0) != 0 && errno == EBUSY) sched_yield();
    }
  }
}

// A disk that is mounted and unmounted at two places at once: what was written is there at the end.
static void mount_and_append(const char* place) {
  char path[40];
  snprintf(path, sizeof(path), "%s/file", place);
  for (unsigned long i = 0; i < rounds / 20 + 1; i++) {
    if (mount(device, place, "ext2", 0, NULL) != 0) die("mount");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0) die(path);
    atomic_fetch_add(&shared->appended, 1);
    while (umount2(place, 0) != 0) {
      if (errno != EBUSY) die("umount");
      sched_yield();
    }
  }
}
static void mount_here(void) { mount_and_append("here"); }
static void mount_there(void) { mount_and_append("there"); }

// Names of all kinds that come and go: at the end the folder is as empty as it looks.
static void storm(void) {
  for (unsigned long i = 0; i < rounds; i++) {
    const char *names[] = {"s", "t", "u"}, *one = names[next_number() % 3],
               *other = names[next_number() % 3];
    switch (next_number() % 8) {
      case 0: mkdir(one, 0755); break;
      case 1: rmdir(one); break;
      case 2: unlink(one); break;
      case 3: rename(one, other); break;
      case 4: link(one, other); break;
      case 5: truncate(one, next_number() % 9000); break;
      default: {
        int fd = open(one, O_RDWR | O_CREAT, 0644);
        if (fd >= 0) (void)!pwrite(fd, "text", 4, next_number() % 9000);
        close(fd);
      }
    }
  }
}

typedef void (*Work)(void);

// Runs them at once; those that go on until told end with the first.
static void race(const char* name, Work first, Work second, Work third) {
  Work works[] = {first, second, third};
  int pids[3] = {0}, good = 1;
  section = name;
  memset(shared, 0, sizeof(*shared));
  for (int i = 0; i < 3 && works[i] != NULL; i++) {
    if ((pids[i] = fork()) == 0) works[i](), exit(0);
    if (pids[i] < 0) die("fork");
  }
  for (int i = 0; i < 3 && pids[i] != 0; i++) {
    good &= wait_for(pids[i]) == 0;
    atomic_store(&shared->stop, 1);
  }
  if (!good) say("races: %s: a process failed\n", name);
}

static long links_of(const char* path) {
  struct stat facts;
  return stat(path, &facts) == 0 ? (long)facts.st_nlink : -1;
}

int main(int argc, char** argv) {
  default_signals();
  shared = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (argc < 3 || shared == MAP_FAILED || mkdir(argv[1], 0755) != 0 || chdir(argv[1]) != 0)
    die("races DIRECTORY ROUNDS");
  rounds = strtoul(argv[2], NULL, 10);
  device = argv[3];
  touch("a"), touch("kept"), touch("file");
  for (const char* folder = "123"; *folder != 0; folder++) mkdir((char[]){*folder, 0}, 0755);
  race("names", rename_to_and_fro, look_at_names, replace);
  touch("1/f");
  race("links", move_between_folders, link_and_unlink, link_and_unlink);
  const char* left = exists("1/f") ? "1/f" : "2/f";
  if (links_of(left) != 1) say("races: links: a file with one name says %ld\n", links_of(left));
  race("pages", write_pages, cut, read_pages);
  race("mounts", make_and_remove, cover_and_uncover, NULL);
  const char* places[] = {"folder", "moved"};  // a mount goes where its folder goes
  for (int i = 0; i < 2; i++) {
    while (umount2(places[i], 0) == 0) continue;
    if (exists(places[i]) && rmdir(places[i]) != 0)
      say("races: mounts: %s can't be removed: %s\n", places[i], strerror(errno));
  }
  mkdir("here", 0755), mkdir("there", 0755);
  if (device != NULL) {
    race("disk", mount_here, mount_there, NULL);
    struct stat facts = {0};
    if (mount(device, "here", "ext2", 0, NULL) != 0 || stat("here/file", &facts) != 0 ||
        umount2("here", 0) != 0)
      die("here");
    if ((unsigned long)facts.st_size != atomic_load(&shared->appended))
      say("races: disk: %ld of %lu bytes\n", (long)facts.st_size, shared->appended);
  }
  mkdir("storm", 0755);
  if (chdir("storm") != 0) die("storm");
  race("storm", storm, storm, storm);
  for (const char* name = "stu"; *name != 0; name++)
    unlink((char[]){*name, 0}), rmdir((char[]){*name, 0});
  if (chdir("..") != 0 || rmdir("storm") != 0) say("races: storm: its folder isn't empty\n");
  say("races: done\n");
}
