// Reads everything that /proc has of every process while processes come, run programs and go: nothing of it may be
// anything but there, gone or refused. `proc_churn ROUNDS` (grading/suite/test_procfs.py).
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cairn.h"

static unsigned long opened, gone;

static void note(const char* path) {
  if (errno == ENOENT || errno == ESRCH) {
    gone++;
  } else {
    say("churn: %s: %s\n", path, strerror(errno));
  }
}

static void read_file(const char* path) {
  char text[4096];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return note(path);
  opened++;
  long count;
  while ((count = read(fd, text, sizeof(text))) > 0) continue;
  if (count < 0) note(path);
  close(fd);
}

static void read_tree(const char* path, int depth) {
  DIR* list = opendir(path);
  if (list == NULL) return note(path);
  opened++;
  for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
    char below[300], target[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
    if (entry->d_type == DT_DIR && depth > 0) read_tree(below, depth - 1);
    if (entry->d_type == DT_REG) read_file(below);
    if (entry->d_type == DT_LNK && readlink(below, target, sizeof(target)) < 0) note(below);
    struct stat facts;
    if (entry->d_type == DT_LNK && stat(below, &facts) < 0) note(below);
  }
  closedir(list);
}

// Children that live for a moment, some with children, files and programs of their own.
static void breed(void) {
  for (unsigned round = 0;; round++) {
    int child = fork();
    if (child == 0) {
      int ends[2];
      if (pipe(ends) == 0) (void)!write(ends[1], "x", 1);
      (void)!chdir(round % 2 == 0 ? "/tmp" : "/dev");
      if (round % 4 == 0 && fork() == 0) _exit(0);
      char *arguments[] = {"/bin/true", "an argument", NULL}, *environment[] = {"A=1", NULL};
      if (round % 3 == 0) execve(arguments[0], arguments, environment);
      _exit(0);
    }
    if (round % 8 == 0) usleep(100);  // zombies for a while
    while (waitpid(-1, NULL, round % 8 == 0 ? WNOHANG : 0) > 0) continue;
  }
}

int main(int argc, char** argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 100;
  if (access("/proc/self", F_OK) != 0) {
    mkdir("/proc", 0555);
    if (mount("proc", "/proc", "proc", 0, "") != 0) die("mount");
  }
  int breeders[2];
  for (int i = 0; i < 2; i++) {
    breeders[i] = fork();
    if (breeders[i] == 0) breed();
  }
  for (int i = 0; i < rounds; i++) read_tree("/proc", 3);
  for (int i = 0; i < 2; i++) {
    kill(breeders[i], SIGKILL);
    waitpid(breeders[i], NULL, 0);
  }
  say("churn: opened %lu, gone %lu\n", opened, gone);
  return 0;
}
