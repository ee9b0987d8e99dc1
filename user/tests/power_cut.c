// Changes files as a script says, for the power-cut suite (grading/suite/test_power_cut.py), which
// knows what each line must leave on the disk.
//
//     power_cut SCRIPT JOURNAL
//
//     create PATH LENGTH SEED    append PATH LENGTH SEED    truncate PATH LENGTH
//     rename PATH PATH           link PATH PATH             symlink TARGET PATH
//     unlink PATH                mkdir PATH                 rmdir PATH
//     sync PATH WORD             fsync, then WORD as a line of JOURNAL, and fsync of that
//
// Content is a generator's bytes. The first line that fails ends the program.
#include <fcntl.h>
#include <sys/stat.h>

#include "cairn.h"

enum { kMaxScript = 256 * 1024, kMaxWrite = 512 * 1024, kMaxWords = 4 };

static char script[kMaxScript];
static unsigned char content[kMaxWrite];

static void fill(long length, uint32_t seed) {
  for (long i = 0; i < length; i++) {
    seed = seed * 1664525 + 1013904223;
    content[i] = (unsigned char)(seed >> 24);
  }
}

static int write_all(int fd, const void* data, long length) {
  return write(fd, data, (size_t)length) == length ? 0 : -1;
}

static int write_content(const char* path, int flags, const char* length, const char* seed) {
  long bytes = atol(length);
  if (bytes > kMaxWrite) return -1;
  int fd = open(path, O_WRONLY | flags, 0644);
  if (fd < 0) return -1;
  fill(bytes, (uint32_t)strtoul(seed, NULL, 10));
  int result = write_all(fd, content, bytes);
  return close(fd) == 0 ? result : -1;
}

static int sync_and_note(const char* path, const char* word, int journal) {
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fsync(fd) != 0 || close(fd) != 0) return -1;
  if (write_all(journal, word, (long)strlen(word)) != 0 || write_all(journal, "\n", 1) != 0)
    return -1;
  return fsync(journal);
}

static int run(char** words, int journal) {
  const char* what = words[0];
  if (strcmp(what, "create") == 0) {
    return write_content(words[1], O_CREAT | O_EXCL, words[2], words[3]);
  }
  if (strcmp(what, "append") == 0) return write_content(words[1], O_APPEND, words[2], words[3]);
  if (strcmp(what, "truncate") == 0) return truncate(words[1], atol(words[2]));
  if (strcmp(what, "rename") == 0) return rename(words[1], words[2]);
  if (strcmp(what, "link") == 0) return link(words[1], words[2]);
  if (strcmp(what, "symlink") == 0) return symlink(words[1], words[2]);
  if (strcmp(what, "unlink") == 0) return unlink(words[1]);
  if (strcmp(what, "mkdir") == 0) return mkdir(words[1], 0755);
  if (strcmp(what, "rmdir") == 0) return rmdir(words[1]);
  if (strcmp(what, "sync") == 0) return sync_and_note(words[1], words[2], journal);
  errno = EINVAL;
  return -1;
}

int main(int count, char** arguments) {
  if (count != 3) {
    say("usage: power_cut SCRIPT JOURNAL\n");
    return 2;
  }
  int fd = open(arguments[1], O_RDONLY);
  long length = fd < 0 ? -1 : read(fd, script, sizeof(script) - 1);
  if (length < 0) die(arguments[1]);
  int journal = open(arguments[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (journal < 0) die(arguments[2]);
  long number = 0;
  char* rest = NULL;
  for (char* line = strtok_r(script, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    char* words[kMaxWords] = {"", "", "", ""};
    char* within = NULL;
    char* word = strtok_r(line, " ", &within);
    for (int i = 0; i < kMaxWords && word != NULL; i++) {
      words[i] = word;
      word = strtok_r(NULL, " ", &within);
    }
    number++;
    if (run(words, journal) != 0) {
      say("line %ld, %s %s: %s\n", number, words[0], words[1], strerror(errno));
      return 1;
    }
  }
  say("done: %ld lines\n", number);
  return 0;
}
