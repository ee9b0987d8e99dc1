// The first process of the Linux that Cairn is measured against: loads the drivers that Debian's
// kernel has as modules, mounts the disk, runs one program and switches the machine off.
//
// Arguments: what the kernel's command line has that Linux doesn't know, "@run", the mount's options
// ("none" for no disk), the program and its arguments. Prints lines that begin with "@linux "; linux_vm.py reads them.

#include "cairn.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

static const char kConsole[] = "/dev/console";
static const char kDisk[] = "/dev/vda", kPartition[] = "/dev/vda1";
static const char kMountPoint[] = "/mnt";
enum { kDiskWaitMs = 20000, kLongestName = 300 };
enum { kStartMark = 0xfffe, kEndMark = 0xffff };  // programs' own are below

static void switch_off(void) {
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

static _Noreturn void give_up(const char* what) {
  printf("\n@linux failed %s: %s\n", what, strerror(errno));
  switch_off();
  _exit(1);
}

// Standard input and output on the serial line, without translation of line ends.
static void open_console(void) {
  if (mount("dev", "/dev", "devtmpfs", 0, NULL) != 0) _exit(1);
  int console = open(kConsole, O_RDWR);
  if (console < 0) _exit(1);
  for (int fd = 0; fd < 3; fd++) dup2(console, fd);
  struct termios settings;
  if (tcgetattr(0, &settings) == 0) {
    settings.c_oflag &= ~(tcflag_t)OPOST;
    tcsetattr(0, TCSANOW, &settings);
  }
  setvbuf(stdout, NULL, _IONBF, 0);
}

static void load_module(const char* name) {
  char path[kLongestName];
  snprintf(path, sizeof path, "/modules/%s", name);
  int file = open(path, O_RDONLY);
  if (file < 0 || (syscall(SYS_finit_module, file, "", 0) != 0 && errno != EEXIST)) give_up(path);
  close(file);
}

// In alphabetical order: the names begin with the number of their turn.
static void load_modules(void) {
  struct dirent** names;
  int count = scandir("/modules", &names, NULL, alphasort);
  for (int i = 0; i < count; i++)
    if (names[i]->d_name[0] != '.') load_module(names[i]->d_name);
}

static void mount_disk(const char* options) {
  for (int waited = 0; access(kDisk, F_OK) != 0; waited++) {
    if (waited == kDiskWaitMs) give_up(kDisk);
    usleep(1000);
  }
  unsigned long flags = 0;
  const char* rest = options;
  if (strncmp(rest, "ro", 2) == 0 && (rest[2] == '\0' || rest[2] == ',')) {
    flags = MS_RDONLY;
    rest += rest[2] == ',' ? 3 : 2;
  } else if (strncmp(rest, "rw", 2) == 0 && (rest[2] == '\0' || rest[2] == ',')) {
    rest += rest[2] == ',' ? 3 : 2;
  }
  const char* device = access(kPartition, F_OK) == 0 ? kPartition : kDisk;
  if (mount(device, kMountPoint, "ext2", flags, rest) != 0) give_up("mount");
  if (chdir(kMountPoint) != 0) give_up(kMountPoint);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Runs the program to its end and says how that was, and what the time stamp counter went on by.
static void run(char** arguments) {
  printf("\n@linux run %s\n", arguments[0]);
  uint64_t started_ns = now_ns();
  uint64_t started = read_tsc();
  mark(kStartMark);
  pid_t child = fork();
  if (child == 0) {
    execv(arguments[0], arguments);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) give_up("fork");
  mark(kEndMark);
  uint64_t ticks = read_tsc() - started;
  uint64_t ns = now_ns() - started_ns;
  printf("\n@linux exited status=%d signal=%d ticks=%llu ns=%llu\n",
         WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
         (unsigned long long)ticks, (unsigned long long)ns);
}

int main(int count, char** arguments) {
  open_console();
  while (count > 0 && strcmp(*arguments, "@run") != 0) count--, arguments++;
  if (count < 3) give_up("the arguments");
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sys", "/sys", "sysfs", 0, NULL);
  load_modules();
  if (strcmp(arguments[1], "none") != 0) mount_disk(arguments[1]);
  run(arguments + 2);
  if (chdir("/") != 0 || (strcmp(arguments[1], "none") != 0 && umount(kMountPoint) != 0))
    give_up("umount");
  switch_off();
}
