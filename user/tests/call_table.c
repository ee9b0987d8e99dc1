// Which calls there are, and what those lack that there are: what programs see of kernel/syscalls/table.h and missing.h.
// grading/suite/test_call_table.py compares. It runs on Cairn alone: Linux has all of them.
//
//     calls: there NUMBER         a call that doesn't end in ENOSYS, whatever it is asked
//     calls: CALL, WHAT: ERROR    what missing.h names; `ERROR, not OTHER` where it is another
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "../../kernel/syscalls/missing.h"
#include "cairn.h"

#define WIDE_(a, b, c, d, e, f, ...) \
  (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)
#define WIDE(...) WIDE_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

enum { kHighest = 1200, kPatienceUs = 20000, kNotThere = 77 };
static int file, folder, terminal, pipe_end, socket_end;
static char* page;
static struct msghdr itself;

static void probe(const char* call, const char* what, const char* name, int error, long result) {
  if (result == -1 && errno == error) {
    say("calls: %s, %s: %s\n", call, what, name);
  } else {
    say("calls: %s, %s: %s, not %ld %s\n", call, what, name, result,
        result == -1 ? strerror(errno) : "");
  }
}

// What the arguments of missing.h name.
static void set_up(void) {
  int ends[2];
  page = (char*)new_pages(1);
  if (mkdir("/tables", 0755) != 0 || chdir("/tables") != 0) die("/tables");
  file = open("file", O_RDWR | O_CREAT, 0644);
  require(file >= 0 && close(open("other", O_WRONLY | O_CREAT, 0644)) == 0);
  if (mkdir("busy", 0755) != 0 || mount("none", "busy", "tmpfs", 0, "") != 0) die("busy");
  folder = open("busy", O_RDONLY | O_DIRECTORY);
  terminal = STDIN_FILENO;
  if (folder < 0 || pipe(ends) != 0) die("pipe");
  pipe_end = ends[0];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) die("socketpair");
  socket_end = ends[0];
  static struct iovec byte = {"x", 1};
  static _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  itself = (struct msghdr){
      .msg_iov = &byte, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  *CMSG_FIRSTHDR(&itself) = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&itself)), &ends[1], sizeof(int));
}

static void missing(void) {
#define PROBE(call, what, error, arguments) \
  memset(page, 0, kPageSize);               \
  probe(#call, what, #error, error, syscall(SYS_##call, WIDE arguments));
  CAIRN_MISSING(PROBE)
}

// Asked for nonsense, for nothing, and for what only clone knows; a call that answers one of them is there.
static int is_there(long number) {
  for (int i = 0; i < 3; i++) {
    long a = i == 0 ? -1 : i == 1 ? 0 : SIGCHLD, b = i == 0 ? -1 : 0;
    if (syscall(number, a, b, b, b, b, b) != -1 || errno != ENOSYS) return 1;
  }
  return 0;
}

// In a process of its own, since a call may end it, replace it, or wait: then it is there, too.
static void look_for(long number) {
  pid_t child = fork();
  if (child == 0) {
    pid_t me = getpid();
    struct itimerval patience = {.it_value = {0, kPatienceUs}};
    setitimer(ITIMER_REAL, &patience, NULL);
    int there = is_there(number);
    if (getpid() != me) _exit(0);  // a child of fork's
    _exit(there ? 0 : kNotThere);
  }
  if (child < 0) die("fork");
  int status = wait_for(child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != kNotThere) say("calls: there %ld\n", number);
}

int main(void) {
  static const long kFar[] = {0x40000000, 0x40000001, 1L << 32, -1, -512, INT64_MIN, INT64_MAX};
  set_up();
  missing();
  for (long number = 0; number < kHighest; number++) look_for(number);
  for (size_t i = 0; i < sizeof kFar / sizeof kFar[0]; i++) look_for(kFar[i]);
  say("calls: done\n");
  return 0;
}
