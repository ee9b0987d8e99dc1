// LAB B, item B3 (handouts/b-files.md#b3): a test of directories, and of what is remembered of names.
//
// Exit with 0 if names mean what they should, otherwise with 1. See files_data.c.
// Run it: `run files_names` at the monitor's prompt. Check: make grade LAB=b K=own_tests
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cairn.h"

// BEGIN SOLUTION B3
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
enum { kFiles = 40 };

static void expect(int right) {
  if (!right) exit(1);
}

static int exists(const char* path) {
  struct stat status;
  return stat(path, &status) == 0;
}

static void make(const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  expect(fd >= 0);
  close(fd);
}

// Every name once, and none that isn't there.
static void listing(void) {
  char path[32];
  int seen[kFiles] = {0}, others = 0;
  for (int i = 0; i < kFiles; i++) {
    snprintf(path, sizeof(path), "/names/f%d", i);
    make(path);
  }
  DIR* directory = opendir("/names");
  expect(directory != NULL);
  for (int entries = 0; entries <= 2 * kFiles; entries++) {
    struct dirent* entry = readdir(directory);
    if (entry == NULL) break;
    int number = -1;
    if (sscanf(entry->d_name, "f%d", &number) == 1 && number >= 0 && number < kFiles) {
      seen[number]++;
    } else {
      others++;
    }
  }
  closedir(directory);
  expect(others == 2);  // "." and ".."
  for (int i = 0; i < kFiles; i++) expect(seen[i] == 1);
  for (int i = 0; i < kFiles; i++) {
    snprintf(path, sizeof(path), "/names/f%d", i);
    expect(exists(path) && unlink(path) == 0 && !exists(path));
  }
}

// What was asked for before must not be what is answered after a change.
static void changes(void) {
  expect(!exists("/names/a"));
  make("/names/a");
  expect(exists("/names/a") && !exists("/names/b"));
  expect(rename("/names/a", "/names/b") == 0 && exists("/names/b") && !exists("/names/a"));
  expect(link("/names/b", "/names/a") == 0 && exists("/names/a"));
  expect(unlink("/names/b") == 0 && !exists("/names/b") && exists("/names/a"));
  expect(unlink("/names/a") == 0 && !exists("/names/a"));
  expect(!exists("/names/d") && mkdir("/names/d", 0755) == 0 && exists("/names/d"));
  int removed = open("/names/d", O_RDONLY | O_DIRECTORY);
  expect(rmdir("/names/d") == 0 && !exists("/names/d"));
  char entries[256];
  expect(getdents(removed, (struct dirent*)entries, sizeof(entries)) <= 0);
  close(removed);
}

int main(void) {
  expect(mkdir("/names", 0755) == 0);
  listing();
  changes();
  expect(rmdir("/names") == 0);
  return 0;
}
// END SOLUTION
