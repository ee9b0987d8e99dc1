// What the puppets share: processes that do what the console tells them, one line at a time.
//
//   in:   SEQ PID OPERATION [ARGUMENT…]          PID 0 means whoever reads the line
//   out:  puppet: seq=SEQ pid=ME result=0x…      or errno=N instead of the result
//
// A puppet that reads a line meant for another one answers `pass=1` and steps aside for a moment.
// Numbers are decimal or 0x… hexadecimal. `0 0 help` lists the operations.
//
// A program includes this, has a table of operations and calls run_puppet(). Where replies are long
// it defines PUPPET_REPLY_SIZE before.
#ifndef USER_TESTS_PUPPET_H
#define USER_TESTS_PUPPET_H

#include <sys/syscall.h>
#include <time.h>

#include "pattern.h"

#ifndef PUPPET_REPLY_SIZE
#define PUPPET_REPLY_SIZE 256
#endif

enum {
  kMaxArguments = 4,
  kMaxWords = 40,
  kReplySize = PUPPET_REPLY_SIZE,
  kLineSize = 256,
  kNewChild = -0x6e6577,
};

typedef struct {
  long a[kMaxArguments];  // the first arguments as numbers, 0 where absent
  char** words;           // all of them as they came
  int count;              // of words
} Arguments;

typedef struct {
  const char* name;
  long (*run)(const Arguments*);
} Operation;

static const Operation* puppet_operations;
static int puppet_operation_count;
static unsigned long current_sequence;
static char reply_tail[kReplySize];  // further key=value words for the reply line

static inline void put(const char* line) {
  size_t length = strlen(line);  // one write a line: lines of several puppets don't mix
  while (length > 0) {
    ssize_t written = write(1, line, length);
    if (written <= 0) return;
    line += written;
    length -= (size_t)written;
  }
}

static inline void answer(const char* result) {
  static char line[kReplySize + 256];
  snprintf(line, sizeof line, "puppet: seq=%lu pid=%d %s%s\n", current_sequence, (int)getpid(),
           result, reply_tail);
  put(line);
}

static inline long pause_ms(long milliseconds) {
  struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  return nanosleep(&pause, NULL);
}

// ---- Operations that every puppet has ------------------------------------------------------------

static inline long op_fork(const Arguments* in) {
  (void)in;
  pid_t child = fork();
  return child == 0 ? kNewChild : child;
}

static inline long op_wait(const Arguments* in) {  // wait [PID]: status= in the reply
  int status = -1;
  pid_t child = waitpid(in->a[0] ? (pid_t)in->a[0] : -1, &status, 0);
  snprintf(reply_tail, sizeof reply_tail, " status=%#x", (unsigned)status);
  return child;
}

// await PID: says `waiting=1`, then waits for the child.
static inline long op_await(const Arguments* in) {
  answer("waiting=1");
  return op_wait(in);
}

static inline long op_exit(const Arguments* in) { _exit((int)in->a[0]); }
static inline long op_kill(const Arguments* in) { return syscall(SYS_kill, in->a[0], in->a[1]); }
static inline long op_sleep(const Arguments* in) { return pause_ms(in->a[0]); }

static inline long op_mmap(const Arguments* in) {  // mmap PAGES PROTECTION [ADDRESS] [MORE FLAGS]
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (in->a[2] ? MAP_FIXED : 0) | (int)in->a[3];
  return (long)mmap((void*)in->a[2], (size_t)in->a[0] * kPageSize, (int)in->a[1], flags, -1, 0);
}

static inline long op_munmap(const Arguments* in) {  // munmap ADDRESS PAGES
  return munmap((void*)in->a[0], (size_t)in->a[1] * kPageSize);
}

static inline long op_mprotect(const Arguments* in) {  // mprotect ADDRESS PAGES PROTECTION
  return mprotect((void*)in->a[0], (size_t)in->a[1] * kPageSize, (int)in->a[2]);
}

#define PUPPET_OPERATIONS                                                                          \
  {"fork", op_fork}, {"wait", op_wait}, {"await", op_await}, {"exit", op_exit}, {"kill", op_kill}, \
      {"sleep", op_sleep}, {"mmap", op_mmap}, {"munmap", op_munmap}, {                             \
    "mprotect", op_mprotect                                                                        \
  }

// ---- Reading and obeying lines -------------------------------------------------------------------

static inline void help(void) {
  for (int i = 0; i < puppet_operation_count; i++) {
    put(puppet_operations[i].name);
    put(i + 1 < puppet_operation_count ? " " : "\n");
  }
}

static inline void perform(const char* name, const Arguments* in) {
  if (strcmp(name, "help") == 0) help();
  for (int i = 0; i < puppet_operation_count; i++) {
    if (strcmp(name, puppet_operations[i].name) != 0) continue;
    char result[64];
    errno = 0;
    long value = puppet_operations[i].run(in);
    if (value == kNewChild) return;  // it waits for a line of its own
    if (value == -1 && errno != 0) {
      snprintf(result, sizeof result, "errno=%d", errno);
    } else {
      snprintf(result, sizeof result, "result=%#lx", (unsigned long)value);
    }
    answer(result);
    return;
  }
  answer("unknown=1");
}

// later OPERATION …: says `working=1` before it does it. So the host can set several puppets to work.
static inline void perform_later(const Arguments* in) {
  Arguments rest = {.words = in->words + 1, .count = in->count - 1};
  for (int i = 0; i < kMaxArguments; i++) {
    if (i < rest.count) rest.a[i] = (long)strtoull(rest.words[i], NULL, 0);
  }
  answer("working=1");
  if (in->count > 0) perform(in->words[0], &rest);
}

static inline void obey(char* line) {
  char* words[3 + kMaxWords] = {0};
  int count = 0;
  for (char* word = strtok(line, " \r\n"); word; word = strtok(NULL, " \r\n")) {
    if (count < 3 + kMaxWords) words[count++] = word;
  }
  if (count == 0) return;
  if (count < 3) {
    put("puppet: a line is: SEQ PID OPERATION [ARGUMENT...]; 0 0 help lists the operations\n");
    return;
  }
  reply_tail[0] = 0;
  current_sequence = strtoul(words[0], NULL, 0);
  long addressee = strtol(words[1], NULL, 0);
  if (addressee != 0 && addressee != getpid()) {
    answer("pass=1");
    pause_ms(2);
    return;
  }
  Arguments in = {.words = words + 3, .count = count - 3};
  for (int i = 0; i < kMaxArguments; i++) {
    if (words[3 + i]) in.a[i] = (long)strtoull(words[3 + i], NULL, 0);
  }
  if (strcmp(words[2], "later") == 0) {
    perform_later(&in);
  } else {
    perform(words[2], &in);
  }
}

static inline int run_puppet(const Operation* operations, int count) {
  static char line[kLineSize];
  size_t length = 0;
  puppet_operations = operations;
  puppet_operation_count = count;
  answer("ready=1");
  for (;;) {
    ssize_t got = read(0, line + length, sizeof line - 1 - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    line[length] = 0;
    char* end = strchr(line, '\n');
    if (!end && length < sizeof line - 1) continue;
    if (end) *end = 0;
    obey(line);
    length = 0;
  }
}

#endif
