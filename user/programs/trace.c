// Shows the system calls of a process, with their arguments and results, and the signals that it gets: as strace does.
//
//   trace [-f] [-o FILE] PID            until it ends, or ^C
//   trace [-f] [-o FILE] NAME [WORDS]   of a program from its execve() on; ends as it does
//
// -f: those of the children that it gets meanwhile, too. The kernel tells it all as text: who opens /proc/PID/trace
// begins to trace, who reads there waits for what comes, and who closes ends it.

#include <fcntl.h>

#include "cairn.h"

static const char* file_name;
static int follows;

static _Noreturn void usage(void) {
  dprintf(STDERR_FILENO, "usage: trace [-f] [-o FILE] PID|NAME [WORDS]\n");
  exit(2);
}

static _Noreturn void fail(const char* what) {
  dprintf(STDERR_FILENO, "trace: %s: %s\n", what, strerror(errno));
  exit(1);
}

// Begins to trace a process: a descriptor from which to read.
static int begin(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/trace", (int)pid);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) fail(path);
  if (follows && write(fd, "follow", 6) != 6) fail(path);
  return fd;
}

static void copy_all(int from, int to) {
  char text[4096];
  ssize_t got;
  while ((got = read(from, text, sizeof text)) > 0 || (got < 0 && errno == EINTR)) {
    for (ssize_t done = 0, put; done < got; done += put) {
      put = write(to, text + done, (size_t)(got - done));
      if (put <= 0) fail("write");
    }
  }
}

// It is stopped by a pipe that stays empty until somebody traces it.
static pid_t start(char** words, int go[2]) {
  if (pipe2(go, O_CLOEXEC) != 0) fail("pipe");
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) return pid;
  char byte;
  close(go[1]);
  if (read(go[0], &byte, 1) != 1) exit(127);
  execvp(words[0], words);
  fail(words[0]);
}

// Ends as the program did.
static _Noreturn void end_like(pid_t pid) {
  int status = wait_for(pid);
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    exit(128 + WTERMSIG(status));
  }
  exit(WEXITSTATUS(status));
}

int main(int argc, char** argv) {
  int option;
  while ((option = getopt(argc, argv, "+fo:")) >= 0) {
    if (option == 'f') {
      follows = 1;
    } else if (option == 'o') {
      file_name = optarg;
    } else {
      usage();
    }
  }
  if (optind == argc) usage();
  int out = STDERR_FILENO;
  if (file_name != NULL) out = open(file_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (out < 0) fail(file_name);

  char** words = argv + optind;
  char* end;
  long pid = strtol(words[0], &end, 10);
  if (*end == '\0' && words[1] == NULL) {
    copy_all(begin((pid_t)pid), out);
    return 0;
  }
  int go[2];
  pid_t child = start(words, go);
  int trace = begin(child);
  // The terminal's keys are for the program.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  if (write(go[1], "", 1) != 1) fail("pipe");
  copy_all(trace, out);
  end_like(child);
}
