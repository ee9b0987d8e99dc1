// What /proc tells of a process, to itself and to others. The suite runs the same program on Linux and on Cairn, as
// `proc_files one "two words" ""` with A=1 and B=2 in a folder of its own, and compares every line
// (grading/suite/test_procfs.py). Lines marked [root] are compared where both run as root.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "cairn.h"

static char text[65536];

static const char* result(long value) { return value >= 0 ? "ok" : strerror(errno); }

// The path of what `pid` has under that name; 0 is ourselves.
static const char* path_of(int pid, const char* name) {
  static char path[128];
  if (pid == 0) snprintf(path, sizeof(path), "/proc/self/%s", name);
  if (pid != 0) snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
  return path;
}
// Bytes read of the whole file into `text`, -1 and errno if it can't be opened or read.
static long slurp(const char* path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  long size = 0, count;
  while ((count = read(fd, text + size, sizeof(text) - 1 - size)) > 0) size += count;
  close(fd);
  if (count < 0) return -1;
  text[size] = 0;
  return size;
}
// The same with NULs shown.
static const char* strings(int pid, const char* name) {
  long size = slurp(path_of(pid, name));
  if (size < 0) return strerror(errno);
  for (long i = 0; i < size; i++) {
    if (text[i] == 0) text[i] = '|';
  }
  return text;
}
// Where a link leads.
static const char* target(const char* path) {
  static char place[4096];
  long length = readlink(path, place, sizeof(place) - 1);
  if (length < 0) return strerror(errno);
  place[length] = 0;
  return place;
}
static const char* last_of(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != NULL ? slash : path;
}
// A field of status, with its label; "" if there is none.
static const char* status_of(int pid, const char* label) {
  static char line[256];
  line[0] = 0;
  if (slurp(path_of(pid, "status")) < 0) return strerror(errno);
  for (char* at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
    size_t length = strlen(label);
    if (strncmp(at, label, length) == 0 && at[length] == ':')
      snprintf(line, sizeof(line), "%s", at);
  }
  return line;
}
// Field n of stat, counted as in proc(5) from 1; from 3 on.
static long stat_of(int pid, int n) {
  if (slurp(path_of(pid, "stat")) < 0) return -errno;
  char* at = strrchr(text, ')') + 2;
  for (; n > 3; n--) at = strchr(at, ' ') + 1;
  return n == 3 && at[1] == ' ' && at[0] >= 'A' ? at[0] : strtol(at, NULL, 10);
}
static void await_state(int pid, char state) {
  while (stat_of(pid, 3) != state) usleep(1000);
}

static void own_strings(int argc, char** argv) {
  say("calls: arguments %d: %s\n", argc, strings(0, "cmdline"));
  say("calls: environment: %s\n", strings(0, "environ"));
  say("calls: comm: %s", strings(0, "comm"));
  prctl(PR_SET_NAME, "a name that is longer than it may be");
  say("calls: renamed: %s", strings(0, "comm"));
  say("calls: status has it: %s\n", status_of(0, "Name"));
  int fd = open("/proc/self/comm", O_WRONLY | O_TRUNC);
  say("calls: written: %s", result(write(fd, "written (here)", 14)));
  close(fd);
  say(", %s", strings(0, "comm"));
  slurp("/proc/self/stat");
  say("calls: in stat: %d\n", strstr(text, " (written (here)) R ") != NULL);
  argv[1][0] = 'O';
  say("calls: changed: %s\n", strings(0, "cmdline"));
  // A title that runs over the end of the arguments is one string.
  size_t room = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
  memset(argv[0], 't', room);
  say("calls: title goes on into the environment: %d\n",
      (long)strlen(strings(0, "cmdline")) > (long)room);
}

static void own_stat(void) {
  say("calls: pid %d parent %d group %d session %d\n",
      atoi((slurp("/proc/self/stat"), text)) == getpid(), stat_of(0, 4) == getppid(),
      stat_of(0, 5) == getpgrp(), stat_of(0, 6) == getsid(0));
  say("calls: state %c threads %ld exit signal %ld size %d\n", (char)stat_of(0, 3), stat_of(0, 20),
      stat_of(0, 38), stat_of(0, 23) > 0);
  say("calls: %s\n", status_of(0, "State"));
  say("calls: pid %d parent %d\n", atoi(status_of(0, "Pid") + 4) == getpid(),
      atoi(status_of(0, "PPid") + 5) == getppid());
  umask(027);
  say("calls: %s\n", status_of(0, "Umask"));
  say("calls: %s\n", status_of(0, "TracerPid"));
  say("calls: %s\n", status_of(0, "Threads"));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGHUP, SIG_IGN);
  raise(SIGUSR1);
  say("calls: %s\n", status_of(0, "SigPnd"));
  say("calls: %s\n", status_of(0, "SigBlk"));
  say("calls: %s\n", status_of(0, "SigIgn"));
  say("calls: %s\n", status_of(0, "SigCgt"));
  long pages = slurp("/proc/self/statm") > 0 ? strtol(text, NULL, 10) : 0;
  say("calls: statm %d\n", pages > 0 && pages * 4096 == stat_of(0, 23));
  say("calls: statm again: %d\n", slurp("/proc/self/task/../statm") > 0);
}

static void descriptors(void) {
  char path[64];
  int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);
  (void)!write(fd, "content", 7);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  say("calls: fd: %s\n", last_of(target(path)));
  rename("file", "renamed");
  say("calls: renamed: %s\n", last_of(target(path)));
  char cwd[4096], *before = getcwd(cwd, sizeof(cwd));
  say("calls: in the folder: %d\n", before != NULL && strncmp(target(path), cwd, strlen(cwd)) == 0);
  unlink("renamed");
  say("calls: removed: %s\n", last_of(target(path)));
  int again = open(path, O_RDONLY);
  say("calls: opened again: %s, ", result(again));
  say("read %ld\n", (long)read(again, text, 100));
  struct stat one, other;
  say("calls: the same file: %d\n", fstat(fd, &one) == 0 && stat(path, &other) == 0 &&
                                        one.st_ino == other.st_ino && one.st_dev == other.st_dev);
  say("calls: the link is one: %d\n", lstat(path, &other) == 0 && S_ISLNK(other.st_mode));
  say("calls: not followed: %s\n", result(open(path, O_RDONLY | O_NOFOLLOW)));
  close(again);
  close(fd);
  say("calls: closed: %s\n", result(open(path, O_RDONLY)));
  say("calls: not a number: %s, ", target("/proc/self/fd/x"));
  say("%s\n", target("/proc/self/fd/00"));

  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
  say("calls: pipe: %d\n", strncmp(target(path), "pipe:[", 6) == 0);
  int third = open(path, O_WRONLY);
  say("calls: its end again: %s, ", result(third));
  say("%s\n", result(write(third, "through", 7)));
  say("calls: came %ld\n", (long)read(ends[0], text, 100));
  close(third);
  close(ends[0]);
  close(ends[1]);

  int device = open("/dev/null", O_RDONLY);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", device);
  say("calls: device: %s\n", target(path));
  close(device);

  int folder = open(".", O_RDONLY | O_DIRECTORY);
  close(open("inside", O_CREAT | O_WRONLY, 0600));
  snprintf(path, sizeof(path), "/proc/self/fd/%d/inside", folder);
  say("calls: through a folder: %s\n", result(access(path, R_OK)));
  unlink("inside");
  int count = 0, listed = 0;
  DIR* list = opendir("/proc/self/fd");
  for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    count++;
    listed += atoi(entry->d_name) == folder || atoi(entry->d_name) == dirfd(list);
  }
  closedir(list);
  say("calls: listed %d of 2, more %d\n", listed, count > 2);
  close(folder);
}

static void places(void) {
  say("calls: exe %s\n", last_of(target("/proc/self/exe")));
  int fd = open("/proc/self/exe", O_RDONLY);
  say("calls: it is an ELF file: %d\n", read(fd, text, 4) == 4 && memcmp(text, "\177ELF", 4) == 0);
  close(fd);
  say("calls: root %s\n", target("/proc/self/root"));
  mkdir("gone", 0755);
  (void)!chdir("gone");
  say("calls: cwd %s\n", last_of(target("/proc/self/cwd")));
  rmdir("../gone");
  say("calls: removed %s\n", last_of(target("/proc/self/cwd")));
  say("calls: up from there: %s\n", result(chdir("/proc/self/cwd/..")));
  (void)!chdir("/proc/self");
  say("calls: in /proc: %d\n", atoi(last_of(target("/proc/self/cwd")) + 1) == getpid());
  (void)!chdir("fd/..");
  char cwd[256];
  say("calls: getcwd: %d\n",
      getcwd(cwd, sizeof(cwd)) != NULL && atoi(last_of(cwd) + 1) == getpid());
}

static void maps(void) {
  int fd = open("mapped", O_RDWR | O_CREAT, 0644);
  if (ftruncate(fd, 3 * 4096) != 0) die("ftruncate");
  char* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
  close(fd);
  unlink("mapped");
  slurp("/proc/self/maps");
  char wanted[64];
  snprintf(wanted, sizeof(wanted), "%08lx-%08lx ", (unsigned long)shared,
           (unsigned long)shared + 4096);
  char* line = strstr(text, wanted);
  if (line == NULL) die("maps has no such line");
  *strchr(line, '\n') = 0;
  say("calls: maps:%.15s %s\n", strchr(line, ' '), last_of(line));
  slurp("/proc/self/maps");
  say("calls: stack %d\n", strstr(text, "[stack]\n") != NULL);
  unsigned long low, high;
  char access[5];
  int found = 0;
  for (char* at = text; at != NULL && *at != 0; at = strchr(at, '\n'), at += at != NULL) {
    if (sscanf(at, "%lx-%lx %4s", &low, &high, access) != 3) continue;
    unsigned long here = (unsigned long)maps;
    if (here >= low && here < high) found = strcmp(access, "r-xp") == 0;
  }
  say("calls: text %d\n", found);
  munmap(shared, 4096);
}

// A vfork's parent waits in a way that no signal ends.
static void waits_deeply(void) {
  int parent = getpid();
  pid_t child = vfork();
  if (child == 0) {
    await_state(parent, 'D');
    say("calls: until its child goes on: %s\n", status_of(parent, "State"));
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

static void others(void) {
  char path[64], name[32];
  int child = fork();
  if (child == 0) {
    snprintf(path, sizeof(path), "/proc/%d/comm", getppid());
    int fd = open(path, O_WRONLY);
    if (write(fd, "other", 5) >= 0 || errno != EINVAL) _exit(2);
    while (1) pause();
  }
  await_state(child, 'S');
  say("calls: asleep: %s, parent %d\n", status_of(child, "State"), stat_of(child, 4) == getpid());
  kill(child, SIGSTOP);
  await_state(child, 'T');
  say("calls: stopped: %c\n", (char)stat_of(child, 3));
  int stat_file = open(path_of(child, "stat"), O_RDONLY),
      folder = open(path_of(child, ""), O_RDONLY);
  long first = read(stat_file, text, 1);
  kill(child, SIGKILL);
  await_state(child, 'Z');
  say("calls: zombie: %s, threads %ld\n", status_of(child, "State"), stat_of(child, 20));
  say("calls: its files: %s|", strings(child, "cmdline"));
  say("%s|", target(path_of(child, "exe")));
  say("%s\n", target(path_of(child, "cwd")));
  waitpid(child, NULL, 0);
  say("calls: read on: %d, ", first == 1 && read(stat_file, text, 100) > 0);
  lseek(stat_file, 0, SEEK_SET);
  say("anew: %s\n", result(read(stat_file, text, 100)));
  say("calls: folder: %s", result(openat(folder, "stat", O_RDONLY)));
  snprintf(name, sizeof(name), "/proc/%d", child);
  say(", path: %s\n", result(access(name, F_OK)));
  DIR* list = fdopendir(folder);
  say("calls: lists %d\n", readdir(list) != NULL);
  closedir(list);
  close(stat_file);
}

static void root_of_all(void) {
  struct statfs numbers;
  if (statfs("/proc", &numbers) != 0) die("statfs");
  say("calls: type %lx, blocks of %ld: %ld\n", (long)numbers.f_type, (long)numbers.f_bsize,
      (long)numbers.f_blocks);
  say("calls: self %d\n", atoi(target("/proc/self")) == getpid());
  say("calls: mounts %s\n", target("/proc/mounts"));
  int last = 0, ordered = 1, seen = 0;
  DIR* list = opendir("/proc");
  for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
    int pid = atoi(entry->d_name);
    if (pid == 0) continue;
    ordered = ordered && pid > last;
    last = pid;
    seen = seen || pid == getpid();
  }
  closedir(list);
  say("calls: listed %d in order %d\n", seen, ordered);
  const char* kNone[] = {"/proc/none", "/proc/0", "/proc/99999999", "/proc/01", "/proc/1x"};
  for (int i = 0; i < 5; i++) say("calls: %s: %s\n", kNone[i], result(open(kNone[i], O_RDONLY)));
  say("calls: made: %s, ", result(open("/proc/new", O_RDWR | O_CREAT, 0644)));
  say("%s\n", result(mkdir("/proc/new", 0755)));
  int file = open("/proc/self/status", O_RDONLY);
  void* memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
  say("calls: mapped: %s\n", result(memory == MAP_FAILED ? -1 : 0));
  close(file);
  say("calls: moved: %s, ", result(rename(path_of(0, "comm"), "/proc/self/stat")));
  say("%s\n", result(rename("/proc/self/none", "/proc/self/stat")));
  const char* kNames[] = {"stat", "environ", "maps", "comm", "fd", "task", "exe", "cmdline"};
  for (int i = 0; i < 8; i++) {
    struct stat facts;
    if (lstat(path_of(0, kNames[i]), &facts) != 0) die(kNames[i]);
    say("calls: %s: mode %o, size %ld, owner %d\n", kNames[i], facts.st_mode,
        S_ISREG(facts.st_mode) ? (long)facts.st_size : 0, facts.st_uid == geteuid());
  }
  long whole = slurp("/proc/self/status");
  char copy[8192];
  memcpy(copy, text, whole);
  int fd = open("/proc/self/status", O_RDONLY);
  long size = 0;
  while (read(fd, text + size, 1) == 1) size++;
  say("calls: byte by byte the same: %d\n", size > 100 && memcmp(copy, text, 100) == 0);
  say("calls: in the middle: %d\n",
      pread(fd, text, 10, 50) == 10 && memcmp(copy + 50, text, 10) == 0);
  say("calls: at the end: %ld\n", (long)pread(fd, text, 10, 100000));
  close(fd);
}

static void system_numbers(void) {
  struct sysinfo numbers;
  if (sysinfo(&numbers) != 0) die("sysinfo");
  say("calls: sysinfo %d %d %d %d\n", numbers.uptime > 0, numbers.totalram > numbers.freeram,
      numbers.procs > 0, numbers.mem_unit);
  long kilobytes = 0, free_kilobytes = 0;
  if (slurp("/proc/meminfo") > 0) {
    sscanf(strstr(text, "MemTotal:"), "MemTotal: %ld kB", &kilobytes);
    sscanf(strstr(text, "MemFree:"), "MemFree: %ld kB", &free_kilobytes);
  }
  say("calls: memory %d %d\n", kilobytes * 1024 == (long)(numbers.totalram * numbers.mem_unit),
      free_kilobytes > 0 && free_kilobytes < kilobytes);
  double up = 0, idle = 0;
  slurp("/proc/uptime");
  say("calls: uptime %d", sscanf(text, "%lf %lf\n", &up, &idle));
  say(" %d\n", up > 0 && (long)up - numbers.uptime <= 5 && numbers.uptime - (long)up <= 5);
  float load[3];
  int running, all, newest;
  slurp("/proc/loadavg");
  int fields =
      sscanf(text, "%f %f %f %d/%d %d", &load[0], &load[1], &load[2], &running, &all, &newest);
  say("calls: load %d: %d %d\n", fields, running > 0, all > 0);
  slurp("/proc/stat");
  long user, nice, kernel;
  say("calls: stat %d", sscanf(text, "cpu %ld %ld %ld", &user, &nice, &kernel));
  say(" %d %d\n", strstr(text, "\ncpu0 ") != NULL, strstr(text, "\nbtime 1") != NULL);
  slurp("/proc/self/mounts");
  say("calls: mounts %d", strstr(text, " /proc proc ") != NULL);
  slurp("/proc/self/mountinfo");
  say(" %d\n", strstr(text, " - proc ") != NULL);
}

static void nobody_else(void) {
  if (geteuid() != 0) return;
  const char* kNames[] = {"stat", "status", "cmdline", "environ", "maps",
                          "exe",  "cwd",    "fd",      "fd/0"};
  int parent = getpid(), child = fork();
  if (child == 0) {
    if (setgid(1000) != 0 || setuid(1000) != 0) _exit(1);
    for (int i = 0; i < 9; i++) {
      say("calls: [root] %s: ", kNames[i]);
      say("%s, ", result(open(path_of(parent, kNames[i]), O_RDONLY)));
      say("%s\n",
          i > 4 && readlink(path_of(parent, kNames[i]), text, 10) < 0 ? strerror(errno) : "-");
    }
    say("calls: [root] comm: %s\n", result(open(path_of(parent, "comm"), O_WRONLY)));
    _exit(0);
  }
  waitpid(child, NULL, 0);
  // Who was root is nobody else's affair yet, and what he starts then is his.
  child = fork();
  if (child == 0) {
    if (setgid(1000) != 0 || setuid(1000) != 0) _exit(1);
    if (fork() == 0) {
      int former = getppid();
      struct stat facts;
      say("calls: [root] former root: %s, ", result(open(path_of(former, "environ"), O_RDONLY)));
      say("%s, owner %d, ", result(open(path_of(former, "maps"), O_RDONLY)),
          stat(path_of(former, "stat"), &facts) == 0 ? (int)facts.st_uid : -1);
      say("%d\n", stat(path_of(former, ""), &facts) == 0 ? (int)facts.st_uid : -1);
      _exit(0);
    }
    wait(NULL);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  struct stat facts;
  (void)!setegid(7);
  (void)!seteuid(1000);
  say("calls: [root] owner %d\n",
      stat("/proc/self", &facts) == 0 && facts.st_uid == 1000 && facts.st_gid == 7);
  (void)!seteuid(0);
}

// What was opened of a program isn't told of the set-user-ID program that takes its place.
static void reads_on(void) {
  int files[] = {open("/proc/self/maps", O_RDONLY), open("/proc/self/environ", O_RDONLY)};
  long before = read(files[0], text, 100);
  int process = getpid();
  if (fork() == 0) {
    while (strcmp(strings(process, "comm"), "private\n") != 0) usleep(1000);
    await_state(process, 'S');
    say("calls: [root] told before: %d, after:", before > 0);
    for (int i = 0; i < 2; i++) say(" %d", pread(files[i], text, 100, 0) > 0);
    say("\n");
    kill(process, SIGKILL);
    _exit(0);
  }
  execl("./private", "private", "hold", NULL);
  die("execl");
}

static void set_user_programs(void) {
  if (geteuid() != 0) return;
  static char program[4 << 20];
  mkdir("open", 0755);
  if (chmod("open", 0755) != 0 || chdir("open") != 0) die("open");
  int from = open("/proc/self/exe", O_RDONLY), to = open("private", O_WRONLY | O_CREAT, 0755);
  long size = read(from, program, sizeof(program));
  if (size <= 0 || write(to, program, size) != size) die("copy");
  close(from);
  close(to);
  if (chmod("private", 04755) != 0) die("chmod");
  int child = fork();
  if (child == 0) {
    if (setgid(1000) != 0 || setuid(1000) != 0) _exit(1);
    say("calls: [root] own descriptors: %s\n", result(open("/proc/self/fd", O_RDONLY)));
    execl("/proc/self/exe", "proc_files", "read on", NULL);
    die("execl");
  }
  waitpid(child, NULL, 0);
  unlink("private");
  if (chdir("..") != 0 || rmdir("open") != 0) die("rmdir");
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "hold") == 0) pause();
  if (argc == 2 && strcmp(argv[1], "read on") == 0) reads_on();
  default_signals();
  if (access("/proc/self", F_OK) != 0) {
    mkdir("/proc", 0555);
    if (mount("proc", "/proc", "proc", 0, "") != 0) die("mount");
  }
  own_stat();
  descriptors();
  maps();
  others();
  waits_deeply();
  root_of_all();
  system_numbers();
  nobody_else();
  set_user_programs();
  places();
  own_strings(argc, argv);
  say("calls: done\n");
  return 0;
}
