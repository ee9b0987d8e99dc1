// getpriority and setpriority: whose, how far, who may.
#include <pthread.h>
#include <sys/resource.h>

#include "file_calls.h"

enum { kStranger = 54321, kOther = 54322, kNobody = 1 << 29 };

static void be(int user) {
  need(setresgid(user, user, user) == 0, "setresgid");
  need(setresuid(user, user, user) == 0, "setresuid");
}
// A child that waits until it is killed.
static pid_t waiting_child(void) {
  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  return child;
}
static void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}
static void show_mine(void) { CALL(getpriority, PRIO_PROCESS, 0); }
static void own(void) {
  be(kStranger);
  show_mine();
  CALL(getpriority, PRIO_PROCESS, kNobody);
  CALL(getpriority, PRIO_PROCESS, -1);
  CALL(getpriority, PRIO_PGRP, kNobody);
  CALL(getpriority, PRIO_USER, kNobody);
  CALL(getpriority, 3, 0);
  CALL(getpriority, -1, 0);
  CALL(setpriority, PRIO_PROCESS, 0, 5);
  show_mine();
  CALL(setpriority, PRIO_PROCESS, 0, 5);
  CALL(setpriority, PRIO_PROCESS, 0, 4);
  CALL(setpriority, PRIO_PROCESS, 0, -30);
  show_mine();
  CALL(setpriority, PRIO_PROCESS, kNobody, 5);
  CALL(setpriority, PRIO_PGRP, kNobody, 5);
  CALL(setpriority, PRIO_USER, kNobody, 5);
  CALL(setpriority, 3, 0, 5);
  CALL(setpriority, PRIO_PROCESS, 0, 1000);
  in_child("a child has it, too", show_mine);
}

static void values(void) {
  static const int kValues[] = {-2147483647 - 1, -21, -20, -1, 0, 1, 2, 10, 18, 19, 20, 40,
                                2147483647};
  be(kStranger);
  for (size_t i = 0; i < COUNT(kValues); i++) {
    report(setpriority(PRIO_PROCESS, 0, kValues[i]), "setpriority %d", kValues[i]);
    show_mine();
  }
}

static void* other_thread(void* unused) {
  (void)unused;
  CALL(setpriority, PRIO_PROCESS, 0, 12);
  show_mine();
  return NULL;
}
static void threads(void) {
  pthread_t thread;
  need(pthread_create(&thread, NULL, other_thread, NULL) == 0, "pthread_create");
  pthread_join(thread, NULL);
  show_mine();
}

static void groups(void) {
  be(kStranger);
  need(setpgid(0, 0) == 0, "setpgid");
  pid_t first = waiting_child(), second = waiting_child();
  report(setpriority(PRIO_PROCESS, (id_t)second, 6), "setpriority, a child's");
  CALL(getpriority, PRIO_PGRP, 0);
  report(syscall(SYS_getpriority, PRIO_PROCESS, second), "getpriority, a child's");
  CALL(setpriority, PRIO_PGRP, 0, 3);  // the second may not have it back
  report(syscall(SYS_getpriority, PRIO_PROCESS, first), "getpriority, the first child's");
  report(syscall(SYS_getpriority, PRIO_PROCESS, second), "getpriority, the second child's");
  CALL(setpriority, PRIO_USER, kStranger, 9);
  show_mine();
  CALL(getpriority, PRIO_USER, 0);
  end(first);
  end(second);
}

static void foreign(void) {
  pid_t roots = waiting_child();
  pid_t child = fork();
  if (child == 0) {
    be(kOther);
    for (;;) pause();
  }
  sleep_ms(50);
  pid_t asker = fork();
  if (asker == 0) {
    be(kStranger);
    report(syscall(SYS_getpriority, PRIO_PROCESS, roots), "getpriority, root's");
    report(setpriority(PRIO_PROCESS, (id_t)roots, 10), "setpriority, root's");
    report(setpriority(PRIO_PROCESS, (id_t)child, 10), "setpriority, another's");
    CALL(setpriority, PRIO_USER, kOther, 10);
    _exit(0);
  }
  waitpid(asker, NULL, 0);
  end(roots);
  end(child);
}

SECTIONS({"niceness", own}, {"nicevalues", values}, {"nicethreads", threads},
         {"nicegroups", groups}, {"niceforeign", foreign})
