// Who a process is: real, effective and saved ids, supplementary groups, and what each may do to files and processes.
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/mount.h>

#include "file_calls.h"

enum { kUser = 1000, kOther = 1001, kThird = 1002, kGroup = 2000, kOtherGroup = 2001 };

static void show_ids(void) {
  int user[3], group[3];
  need(RAW(getresuid, &user[0], &user[1], &user[2]) == 0, "getresuid");
  need(RAW(getresgid, &group[0], &group[1], &group[2]) == 0, "getresgid");
  fact("user %d %d %d, group %d %d %d", user[0], user[1], user[2], group[0], group[1], group[2]);
  fact("get: %ld %ld %ld %ld", (long)getuid(), (long)geteuid(), (long)getgid(), (long)getegid());
  fact("for files: %d %d", setfsuid((uid_t)-1), setfsgid((gid_t)-1));
}

// Runs `run` in a child, so that this process stays who it is.
static void apart(void (*run)(void)) {
  pid_t child = fork();
  need(child >= 0, "fork");
  if (child == 0) {
    run();
    _exit(0);
  }
  need(waitpid(child, NULL, 0) == child, "waitpid");
}

static void give_up_everything(void) {
  CALL(setgid, kGroup);
  CALL(setuid, kUser);
  show_ids();
  CALL(setuid, 0);
  CALL(setgid, 0);
  CALL(setuid, kUser);
  CALL(setuid, -1);
  CALL(setgid, -1);
  CALL(setuid, kOther);
  CALL(setfsuid, 0);
  show_ids();
}

static void go_and_return(void) {
  CALL(setresuid, -1, kUser, -1);
  show_ids();
  CALL(setresuid, -1, kOther, -1);
  CALL(setuid, kOther);
  CALL(setreuid, kOther, -1);
  CALL(setresuid, -1, 0, -1);
  show_ids();
}

static void three_users(void) {
  CALL(setresgid, kGroup, kOtherGroup, 0);
  CALL(setresuid, kUser, kOther, kThird);
  show_ids();
  CALL(setuid, kThird);
  show_ids();
  CALL(setuid, kOther);
  CALL(setresuid, kOther, -1, -1);
  CALL(setresuid, kThird, kUser, kUser);
  show_ids();
  CALL(setregid, kOtherGroup, kGroup);
  show_ids();
  CALL(setregid, kThird, -1);
  CALL(setregid, -1, kThird);
  CALL(setresgid, -1, -1, kThird);
}

static void swap_users(void) {
  CALL(setreuid, kUser, kOther);
  show_ids();
  CALL(setreuid, kOther, kUser);
  show_ids();
  CALL(setreuid, -1, kUser);
  show_ids();
  CALL(setreuid, kOther, -1);
  show_ids();
  CALL(setreuid, kThird, -1);
  CALL(setreuid, -1, kThird);
}

static void keep_for_root(void) {
  CALL(setreuid, kUser, -1);
  show_ids();
  CALL(setreuid, -1, kUser);
  show_ids();
  CALL(setreuid, -1, 0);
}

static void changing(void) {
  show_ids();
  apart(give_up_everything);
  apart(go_and_return);
  apart(three_users);
  apart(swap_users);
  apart(keep_for_root);
  show_ids();
  CALL(getresuid, 0, 0, 0);
}

static void show_groups(void) {
  gid_t groups[8] = {0};
  long count = RAW(getgroups, 8, groups);
  fact("%ld groups: %u %u %u %u", count, groups[0], groups[1], groups[2], groups[3]);
}

static void as_a_member(void) {
  CALL(setgid, kThird);
  CALL(setuid, kUser);
  show_groups();
  CALL(setgroups, 0, NULL);
  int fd = open("shared", O_RDWR);
  fact("opens what its group may: %s", fd < 0 ? error_name(errno) : "yes");
  fact("opens what another group may: %s",
       open("closed", O_RDONLY) < 0 ? error_name(errno) : "yes");
  CALL(chown, "mine", -1, kOtherGroup);
  CALL(chown, "mine", -1, kGroup);
  CALL(chown, "mine", -1, 4000);
  CALL(chown, "mine", kOther, -1);
  CALL(chmod, "mine", 02775);
  struct stat status;
  need(stat("mine", &status) == 0, "stat");
  fact("mine: %o", status.st_mode);
}

static void groups(void) {
  static const gid_t wanted[] = {kOtherGroup, kGroup, 3000, kGroup};
  put_file("shared", "text"), put_file("closed", "text"), put_file("mine", "text");
  need(chown("shared", 0, kGroup) == 0 && chmod("shared", 0060) == 0, "shared");
  need(chown("closed", 0, 4000) == 0 && chmod("closed", 0060) == 0, "closed");
  need(chown("mine", kUser, kThird) == 0, "mine");
  CALL(setgroups, 0, NULL);
  show_groups();
  CALL(getgroups, -1, NULL);
  CALL(getgroups, 0, NULL);
  CALL(setgroups, 65537, wanted);
  CALL(setgroups, 4, (void*)8);
  CALL(setgroups, 4, wanted);
  show_groups();
  CALL(getgroups, 3, NULL);
  CALL(getgroups, 4, (void*)8);
  CALL(getgroups, 0, NULL);
  apart(as_a_member);
  show_groups();
}

// access() asks for the real user, open() for the effective one.
static void ask_as_both(void) {
  CALL(setresuid, kUser, kOther, 0);
  CALL(access, "owner", R_OK);
  CALL(access, "another", R_OK);
  CALL(faccessat2, AT_FDCWD, "owner", R_OK, AT_EACCESS);
  CALL(faccessat2, AT_FDCWD, "another", R_OK, AT_EACCESS);
  fact("opens: %s", open("owner", O_RDONLY) < 0 ? error_name(errno) : "yes");
  fact("opens: %s", open("another", O_RDONLY) < 0 ? error_name(errno) : "yes");
  CALL(setresuid, kUser, 0, 0);
  CALL(access, "another", R_OK);
  fact("opens: %s", open("another", O_RDONLY) < 0 ? error_name(errno) : "yes");
}

static void asking(void) {
  need(chmod(".", 0777) == 0, "chmod");
  put_file("owner", "text"), put_file("another", "text");
  need(chown("owner", kUser, 0) == 0 && chmod("owner", 0400) == 0, "owner");
  need(chown("another", kOther, 0) == 0 && chmod("another", 0400) == 0, "another");
  apart(ask_as_both);
}

static void try_privileges(void) {
  CALL(setuid, kUser);
  CALL(mknod, "device", S_IFCHR | 0600, 0x103);
  CALL(mknod, "fifo", S_IFIFO | 0600, 0);
  CALL(mount, "none", "folder", "tmpfs", 0, NULL);
  CALL(umount2, "folder", 0);
  CALL(chown, "fifo", 0, 0);
}

static void privileges(void) {
  need(chmod(".", 0777) == 0, "chmod");
  put_folder("folder");
  apart(try_privileges);
}

// A child that waits as that user, and what signals from another user do.
static pid_t start_as(int real, int saved) {
  int ready[2];
  char byte;
  need(pipe(ready) == 0, "pipe");
  pid_t child = fork();
  if (child == 0) {
    close(ready[0]);
    if (RAW(setresuid, real, kThird, saved) != 0) _exit(1);
    close(ready[1]);
    for (;;) pause();
  }
  close(ready[1]);
  need(read(ready[0], &byte, 1) == 0, "ready");
  close(ready[0]);
  return child;
}

static void end_it(pid_t child) {
  need(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child, "end");
}

static pid_t target;
static void send_signals(void) {
  need(RAW(setresuid, kUser, kUser, kUser) == 0, "setresuid");
  fact("0: %s", kill(target, 0) == 0 ? "sent" : error_name(errno));
  fact("SIGUSR1: %s", kill(target, SIGUSR1) == 0 ? "sent" : error_name(errno));
  fact("SIGCONT: %s", kill(target, SIGCONT) == 0 ? "sent" : error_name(errno));
  fact("no signal: %s", kill(target, 99) == 0 ? "sent" : error_name(errno));
  fact("to the thread: %s", RAW(tgkill, target, target, 0) == 0 ? "sent" : error_name(errno));
}

static void sending(void) {
  static const struct {
    const char* what;
    int real, saved;
  } kTargets[] = {{"another's", kOther, kOther},
                  {"the same real", kUser, kOther},
                  {"the same saved", kOther, kUser}};
  for (size_t i = 0; i < COUNT(kTargets); i++) {
    fact("%s", kTargets[i].what);
    target = start_as(kTargets[i].real, kTargets[i].saved);
    apart(send_signals);
    end_it(target);
  }
}

static void without_rights(void) {
  need(RAW(setresuid, kUser, kUser, kUser) == 0, "setresuid");
  CALL(chroot, "jail");
  CALL(chroot, "jail/closed");
  CALL(chroot, "missing");
}

static void inside(void) {
  char path[4096] = "";
  CALL(chroot, "jail");
  CALL(access, "/inside", F_OK);
  CALL(access, "/../../inside", F_OK);
  CALL(access, "/absolute", F_OK);
  CALL(access, "jail/inside", F_OK);
  fact("outside: %.14s", RAW(getcwd, path, sizeof(path)) > 0 ? path : "nowhere");
  CALL(chdir, "jail/folder");
  fact("in a folder: %s", getcwd(path, sizeof(path)));
  CALL(access, "../../inside", F_OK);
  CALL(chroot, "/folder");
  fact("deeper: %s", getcwd(path, sizeof(path)));
  CALL(access, "/inside", F_OK);
  CALL(access, "../inside", F_OK);  // "/" is where it stands
}

static void new_root(void) {
  put_folder("jail");
  put_folder("jail/folder");
  put_folder("jail/closed");
  put_file("jail/inside", "x");
  put_link("/inside", "jail/absolute");
  need(chmod("jail/closed", 0700) == 0, "chmod");
  CALL(chroot, "missing");
  CALL(chroot, "jail/inside");
  CALL(chroot, "");
  CALL(chroot, 8);
  apart(without_rights);
  apart(inside);
  CALL(access, "jail/inside", F_OK);
}

SECTIONS({"changing", changing}, {"groups", groups}, {"asking", asking}, {"privileges", privileges},
         {"sending", sending}, {"newroot", new_root})
