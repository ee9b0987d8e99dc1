// Makes system calls whose trace is known (suite/test_trace.py). With an argument that many of one kind, with a second one
// in another thread, and then it says so.

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "cairn.h"

static void handler(int signal) { (void)signal; }

static void make_calls_with_files(void) {
  int ends[2];
  struct stat stat;
  struct pollfd poll;
  char bytes[8];
  syscall(SYS_openat, AT_FDCWD, "/nowhere/\"x\"", O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0666);
  syscall(SYS_open, (void*)8, O_RDWR | O_CREAT | O_TRUNC, 0640);
  syscall(SYS_pipe2, ends, O_CLOEXEC);
  syscall(SYS_write, ends[1],
          "one\ttwo\n\1"
          "2 and so on and on and on and on",
          41);
  syscall(SYS_read, ends[0], bytes, 8);
  syscall(SYS_fstat, ends[0], &stat);
  syscall(SYS_fcntl, ends[0], F_GETFL);
  syscall(SYS_fcntl, ends[0], F_SETFD, FD_CLOEXEC);
  syscall(SYS_ioctl, ends[0], TIOCGWINSZ, bytes);
  poll = (struct pollfd){.fd = ends[0], .events = POLLIN | POLLPRI};
  syscall(SYS_poll, &poll, 1, 1000);
  struct iovec pieces[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  syscall(SYS_writev, ends[1], pieces, 3);
  syscall(SYS_lseek, ends[0], -1L, SEEK_END);
  syscall(SYS_close, 99);
}

static void make_calls_with_structures(void) {
  struct timespec short_time = {0, 1000};
  struct rlimit limit = {64, RLIM_INFINITY};
  syscall(SYS_nanosleep, &short_time, NULL);
  syscall(SYS_nanosleep, (void*)16, NULL);
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL);
  syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS,
          -1, 1);
  syscall(SYS_mprotect, 0x1000, 4096, PROT_NONE);
  uint32_t word = 1;
  syscall(SYS_futex, &word, 128, 2, &short_time, NULL, 0);
  syscall(SYS_futex, &word, 4, 1, 7L, &word, 2);
  syscall(500, 1, 2, 3, 4, 5, 6);
}

static void make_calls_with_signals(void) {
  struct {
    uint64_t handler, flags, restorer, mask;
  } action = {(uint64_t)SIG_IGN, SA_RESTART, 0, 1 << (SIGINT - 1) | 1 << (SIGTERM - 1)};
  uint64_t all_but_int = ~(uint64_t)(1 << (SIGINT - 1));
  int status;
  syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, 8);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_but_int, NULL, 8);
  all_but_int = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_but_int, NULL, 8);
  signal(SIGUSR1, handler);
  syscall(SYS_kill, getpid(), SIGUSR1);
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) syscall(SYS_exit_group, 3);
  syscall(SYS_wait4, child, &status, WUNTRACED, NULL);
}

static void* make_many(void* count) {
  for (int left = atoi(count); left > 0; left--) syscall(SYS_getppid);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1) {
    pthread_t thread;
    if (argc == 2)
      make_many(argv[1]);
    else if (pthread_create(&thread, NULL, make_many, argv[1]) != 0)
      die("pthread_create");
    else
      pthread_join(thread, NULL);
    say("made %s calls\n", argv[1]);
    return 0;
  }
  make_calls_with_files();
  make_calls_with_structures();
  make_calls_with_signals();
  return 5;
}
