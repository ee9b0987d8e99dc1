// Record locks: fcntl's F_GETLK, F_SETLK, F_SETLKW.
#include "file_calls.h"

static struct flock range(short type, off_t start, off_t length) {
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int locked;
static pid_t owner;

static void locks_of_child(void) {
  struct flock wanted = range(F_WRLCK, 0, 0);
  CALL(fcntl, locked, F_GETLK, &wanted);
  fact("type %d start %ld length %ld by the parent: %d", wanted.l_type, (long)wanted.l_start,
       (long)wanted.l_len, wanted.l_pid == owner);
  wanted = range(F_WRLCK, 15, 1);
  CALL(fcntl, locked, F_SETLK, &wanted);
  wanted = range(F_RDLCK, 0, 5);
  CALL(fcntl, locked, F_SETLK, &wanted);
  wanted = range(F_WRLCK, 20, 10);
  CALL(fcntl, locked, F_SETLK, &wanted);
  wanted = range(F_RDLCK, 40, 5);
  CALL(fcntl, locked, F_SETLK, &wanted);
  wanted = range(F_WRLCK, 40, 5);
  CALL(fcntl, locked, F_SETLK, &wanted);
  wanted = range(F_UNLCK, 0, 0);
  CALL(fcntl, locked, F_SETLK, &wanted);
}

static void locks(void) {
  put_file("a", "0123456789");
  locked = open("a", O_RDWR);
  owner = getpid();
  struct flock lock = range(F_WRLCK, 10, 10);
  CALL(fcntl, locked, F_SETLK, &lock);
  lock = range(F_RDLCK, 40, 10);
  CALL(fcntl, locked, F_SETLK, &lock);
  lock = range(F_WRLCK, 0, 0);
  CALL(fcntl, locked, F_GETLK, &lock);
  fact("own locks don't conflict: %d", lock.l_type == F_UNLCK);
  in_child("child", locks_of_child);
  lock = range(F_UNLCK, 10, 10);
  CALL(fcntl, locked, F_SETLK, &lock);
  in_child("child", locks_of_child);
  // Closing any descriptor of the file gives up the locks.
  close(open("a", O_RDONLY));
  in_child("child", locks_of_child);
  lock = range(9, 0, 0);
  CALL(fcntl, locked, F_SETLK, &lock);
  lock = range(F_WRLCK, -1, 0);
  CALL(fcntl, locked, F_SETLK, &lock);
  lock = range(F_WRLCK, 0, 0);
  lock.l_whence = 9;
  CALL(fcntl, locked, F_SETLK, &lock);
  lock = range(F_WRLCK, 0, 0);
  CALL(fcntl, open("a", O_RDONLY), F_SETLK, &lock);
  lock = range(F_RDLCK, 0, 0);
  CALL(fcntl, open("a", O_WRONLY), F_SETLK, &lock);
  lock = range(F_UNLCK, 0, 0);
  CALL(fcntl, locked, F_GETLK, &lock);
  CALL(fcntl, 99, F_GETLK, &lock);
  CALL(fcntl, locked, F_GETLK, NULL);
  CALL(fcntl, locked, F_SETLK, NULL);
}

// Waiting for a lock; two that wait for each other.
static void lock_waits(void) {
  put_file("a", "0123456789");
  int fd = open("a", O_RDWR), ready[2];
  need(pipe(ready) == 0, "pipe");
  struct flock first = range(F_WRLCK, 0, 1), second = range(F_WRLCK, 1, 1);
  struct flock neither = range(F_UNLCK, 0, 0);
  CALL(fcntl, fd, F_SETLK, &first);
  pid_t child = fork();
  if (child == 0) {
    CALL(fcntl, fd, F_SETLKW, &first);
    _exit(0);
  }
  sleep_ms(30);
  fcntl(fd, F_SETLK, &neither);
  waitpid(child, NULL, 0);
  // Each has one and wants the other's. Either may be the one that is told; it gives way.
  CALL(fcntl, fd, F_SETLK, &first);
  child = fork();
  if (child == 0) {
    need(fcntl(fd, F_SETLK, &second) == 0, "the child's lock");
    need(write(ready[1], "x", 1) == 1, "write");
    int deadlock = fcntl(fd, F_SETLKW, &first) != 0 && errno == EDEADLK;
    if (deadlock) fcntl(fd, F_SETLK, &neither);
    _exit(deadlock);
  }
  char byte;
  need(read(ready[0], &byte, 1) == 1, "read");
  int deadlock = fcntl(fd, F_SETLKW, &second) != 0 && errno == EDEADLK;
  if (deadlock) fcntl(fd, F_SETLK, &neither);
  int status = 0;
  waitpid(child, &status, 0);
  fact("told of the deadlock: %d", deadlock + WEXITSTATUS(status));
  // A lock ends with its process, and with any descriptor that dup2() closes.
  child = fork();
  if (child == 0) {
    fcntl(fd, F_SETLK, &second);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  CALL(fcntl, fd, F_SETLK, &second);
  int other = open("a", O_RDONLY), null = open("/dev/null", O_RDONLY);
  CALL(dup2, null, other);
  child = fork();
  if (child == 0) {
    CALL(fcntl, fd, F_SETLK, &second);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  // Neighbours of one kind are one lock; what is cut out leaves two.
  CALL(fcntl, fd, F_SETLK, &first);
  CALL(fcntl, fd, F_SETLK, &second);
  struct flock third = range(F_WRLCK, 2, 8), middle = range(F_UNLCK, 4, 2),
               back = range(F_RDLCK, 20, -5);
  CALL(fcntl, fd, F_SETLK, &third);
  CALL(fcntl, fd, F_SETLK, &middle);
  CALL(fcntl, fd, F_SETLK, &back);
  child = fork();
  if (child == 0) {
    static const off_t kStarts[] = {0, 4, 6, 10, 18};
    for (size_t i = 0; i < COUNT(kStarts); i++) {
      struct flock asked = range(F_WRLCK, kStarts[i], 100);
      CALL(fcntl, fd, F_GETLK, &asked);
      fact("from %ld: type %d start %ld length %ld", (long)kStarts[i], asked.l_type,
           (long)asked.l_start, (long)asked.l_len);
    }
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

SECTIONS({"locks", locks}, {"lockwaits", lock_waits})
