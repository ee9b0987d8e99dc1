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

static int exists(const char* path) { return access(path, F_OK) == 0; }

static const char* name(int number) {
  static char path[32];
  snprintf(path, sizeof(path), "/names/f%d", number);
  return path;
}

// Every name once, and none that isn't there.
static void listing(void) {
  int seen[kFiles] = {0}, number, entries = 0;
  for (int i = 0; i < kFiles; i++) require(mknod(name(i), S_IFREG | 0644, 0) == 0);
  DIR* directory = opendir("/names");
  require(directory != NULL);
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;
       require(++entries <= kFiles + 2)) {
    if (sscanf(entry->d_name, "f%d", &number) == 1 && number < kFiles) seen[number]++;
  }
  closedir(directory);
  require(entries == kFiles + 2);  // "." and ".."
  for (int i = 0; i < kFiles; i++)
    require(seen[i] == 1 && unlink(name(i)) == 0 && !exists(name(i)));
}

// What was asked for before must not be what is answered after a change.
static void changes(void) {
  require(!exists("/names/a") && mknod("/names/a", S_IFREG | 0644, 0) == 0 && exists("/names/a"));
  require(!exists("/names/b") && rename("/names/a", "/names/b") == 0);
  require(exists("/names/b") && !exists("/names/a"));
  require(unlink("/names/b") == 0 && !exists("/names/b"));
  require(!exists("/names/d") && mkdir("/names/d", 0755) == 0 && exists("/names/d"));
  int removed = open("/names/d", O_RDONLY | O_DIRECTORY);
  require(rmdir("/names/d") == 0 && !exists("/names/d"));
  char entries[256];
  require(getdents(removed, (struct dirent*)entries, sizeof(entries)) <= 0);
}

int main(void) {
  require(mkdir("/names", 0755) == 0);
  listing();
  changes();
  require(rmdir("/names") == 0);
  return 0;
}
// END SOLUTION
