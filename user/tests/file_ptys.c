// Pseudo-terminals: what the master sees of the slave and the other way round, hang-up from both sides, sessions and jobs,
// the window, packets. Each section has a devpts of its own.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <termios.h>

#include "file_calls.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
enum { kPatienceMs = 5000 };
static int master, slave;
static char buffer[20000];

static void show_read(const char* what, int fd, size_t count) {
  long got = read(fd, buffer, count);
  if (got < 0) {
    fact("%s: %s", what, error_name(errno));
    return;
  }
  char text[300] = "";
  for (long i = 0; i < got && i < 70; i++) {
    size_t length = strlen(text);
    char c = buffer[i];
    snprintf(text + length, sizeof(text) - length, c < ' ' || c > '~' ? "\\%o" : "%c",
             (unsigned char)c);
  }
  fact("%s: %ld \"%s\"", what, got, text);
}
// All that `count` bytes are, however they come.
static void read_all(const char* what, int fd, size_t count) {
  size_t got = 0;
  while (got < count) {
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    if (poll(&asked, 1, kPatienceMs) <= 0) break;
    long more = read(fd, buffer + got, count - got);
    if (more <= 0) break;
    got += (size_t)more;
  }
  char text[300] = "";
  for (size_t i = 0; i < got && i < 70; i++) {
    size_t length = strlen(text);
    char c = buffer[i];
    snprintf(text + length, sizeof(text) - length, c < ' ' || c > '~' ? "\\%o" : "%c",
             (unsigned char)c);
  }
  fact("%s: %zu \"%s\"", what, got, text);
}
static void put(const char* what, int fd, const char* text) {
  report(write(fd, text, strlen(text)), "%s writes", what);
}
static void type(const char* keys) {
  need(write(master, keys, strlen(keys)) == (long)strlen(keys), "type");
}
static void ready(const char* what, int fd) {
  struct pollfd asked = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
  int count = poll(&asked, 1, 0);
  fact("%s: poll %d, %#x", what, count, (unsigned)asked.revents);
}
// Bytes may be on their way for a while.
static void await(int fd) {
  struct pollfd asked = {.fd = fd, .events = POLLIN};
  need(poll(&asked, 1, kPatienceMs) == 1, "poll");
}
static char slave_name[32];
static int open_slave(void) { return open(slave_name, O_RDWR | O_NOCTTY); }
static void start(void) {
  put_folder("pts");
  need(mount("devpts", "pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5") == 0,
       "mount");
  master = open("pts/ptmx", O_RDWR | O_NOCTTY);
  int number = -1;
  need(ioctl(master, TIOCGPTN, &number) == 0, "TIOCGPTN");
  snprintf(slave_name, sizeof(slave_name), "pts/%d", number);
}
static void finish(void) {
  for (int fd = 3; fd < 40; fd++) close(fd);
  for (int i = 0; umount2("pts", 0) != 0 && i < 200; i++) sleep_ms(10);
}
static void unlock(void) {
  int off = 0;
  need(ioctl(master, TIOCSPTLCK, &off) == 0, "unlock");
}
static void start_pair(void) {
  start();
  unlock();
  slave = open_slave();
  need(slave >= 0, "slave");
}
static void set_local(int fd, tcflag_t off) {
  struct termios settings;
  need(tcgetattr(fd, &settings) == 0, "tcgetattr");
  settings.c_lflag &= ~off;
  need(tcsetattr(fd, TCSANOW, &settings) == 0, "tcsetattr");
}

static void opening(void) {
  start();
  int number = -1, locked = -1;
  CALL(ioctl, master, TIOCGPTN, &number);
  CALL(ioctl, master, TIOCGPTLCK, &locked);
  fact("locked: %d", locked);
  report(open_slave(), "open a locked slave");
  unlock();
  CALL(ioctl, master, TIOCGPTLCK, &locked);
  fact("locked: %d", locked);
  slave = open_slave();
  report(slave, "open");
  struct stat status;
  need(fstat(slave, &status) == 0, "fstat");
  fact("%s %o, major %lu, owner %d, group %d, links %lu", type_name(status.st_mode),
       status.st_mode & 07777, (unsigned long)(status.st_rdev >> 8 & 0xfff), (int)status.st_uid,
       (int)status.st_gid, (unsigned long)status.st_nlink);
  struct stat by_name;
  need(stat(slave_name, &by_name) == 0, "stat");
  fact("the same: %d", status.st_ino == by_name.st_ino && status.st_dev == by_name.st_dev &&
                           status.st_rdev == by_name.st_rdev);
  need(chmod(slave_name, 0600) == 0 && chown(slave_name, 7, 8) == 0, "chmod");
  need(fstat(slave, &status) == 0, "fstat");
  fact("%o, owner %d, group %d", status.st_mode & 07777, (int)status.st_uid, (int)status.st_gid);
  fact("terminals: %d %d", isatty(master), isatty(slave));
  CALL(ioctl, slave, TIOCGPTN, &number);
  CALL(ioctl, slave, TIOCSPTLCK, &number);
  CALL(ioctl, slave, TIOCGPTPEER, O_RDWR);
  CALL(ioctl, master, TIOCGPTN, 8);
  int peer = (int)CALL(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  fact("close on exec: %d", fcntl(peer, F_GETFD));
  need(fstat(peer, &by_name) == 0, "fstat");
  fact("the same: %d", status.st_ino == by_name.st_ino && status.st_dev == by_name.st_dev);
  put("peer", peer, "hi\n");
  show_read("master", master, 100);
  CALL(lseek, master, 0, SEEK_SET);
  CALL(lseek, slave, 0, SEEK_SET);
  int second = open("pts/ptmx", O_RDWR | O_NOCTTY), other = -1;
  need(ioctl(second, TIOCGPTN, &other) == 0, "TIOCGPTN");
  fact("another: %d", other != number && other >= 0);
  DIR* folder = opendir("pts");
  int names = 0, makers = 0;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    names += entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && entry->d_type == DT_CHR;
    makers += strcmp(entry->d_name, "ptmx") == 0;
  }
  closedir(folder);
  fact("%d names, %d ptmx", names, makers);
  CALL(open, "pts/200", O_RDWR);
  CALL(open, "pts/00", O_RDWR);
  CALL(open, "pts/x", O_RDWR | O_CREAT, 0600);
  CALL(unlink, "pts/ptmx");
  CALL(mkdir, "pts/d", 0700);
  finish();
}

static void lines(void) {
  start_pair();
  ready("master", master);
  ready("slave", slave);
  put("master", master, "hello\n");
  read_all("echo", master, 7);
  ready("slave", slave);
  show_read("slave", slave, 100);
  put("slave", slave, "one\ntwo\n");
  read_all("master", master, 10);
  put("master", master, "abc\177d\025xyz\026\003\r");
  show_read("slave", slave, 100);
  read_all("echo", master, 33);
  set_local(slave, ECHO);
  put("master", master, "x\004");
  show_read("slave", slave, 100);
  put("master", master, "\004");
  show_read("slave", slave, 100);
  int count = -1;
  put("slave", slave, "12345");
  await(master);
  CALL(ioctl, master, FIONREAD, &count);
  fact("%d bytes", count);
  read_all("master", master, 5);
  put("master", master, "123\n45");
  await(slave);
  CALL(ioctl, slave, FIONREAD, &count);
  fact("%d bytes", count);
  CALL(ioctl, slave, TCFLSH, TCIFLUSH);
  CALL(ioctl, slave, FIONREAD, &count);
  fact("%d bytes", count);
  // The master has the slave's settings.
  struct termios settings;
  CALL(ioctl, master, TCGETS, &settings);
  fact("echo %d, canonical %d", (settings.c_lflag & ECHO) != 0, (settings.c_lflag & ICANON) != 0);
  set_local(master, ICANON);
  need(tcgetattr(slave, &settings) == 0, "tcgetattr");
  fact("canonical %d", (settings.c_lflag & ICANON) != 0);
  put("master", master, "a");
  show_read("slave", slave, 100);
  CALL(fcntl, slave, F_SETFL, O_NONBLOCK);
  CALL(fcntl, master, F_SETFL, O_NONBLOCK);
  show_read("slave", slave, 100);
  show_read("master", master, 100);
  CALL(read, master, 0, 0);
  CALL(write, master, 8, 5);
  // Nobody reads: both are full some time.
  long sum = 0, more;
  memset(buffer, 'x', sizeof(buffer));
  while ((more = write(slave, buffer, 500)) > 0) sum += more;
  fact("slave is full: %s, %d", error_name(errno), sum >= 2048);
  ready("slave", slave);
  long got = 0;
  while ((more = read(master, buffer, sizeof(buffer))) > 0) got += more;
  fact("all came: %d", got == sum);
  ready("slave", slave);
  finish();
}

static void slave_closes(void) {
  start();
  CALL(fcntl, master, F_SETFL, O_NONBLOCK);
  ready("never open", master);
  show_read("never open", master, 10);
  unlock();
  slave = open_slave();
  int again = dup(slave);
  put("slave", slave, "rest");
  close(slave);
  read_all("rest", master, 4);
  show_read("open", master, 10);
  put("slave", again, "more");
  close(again);
  ready("closed", master);
  read_all("more", master, 4);
  ready("closed", master);
  show_read("closed", master, 10);
  put("closed", master, "typed\n");
  slave = open_slave();
  read_all("echo", master, 7);
  ready("open again", master);
  show_read("open again", master, 10);
  show_read("slave", slave, 10);
  // A reader that waits is told.
  CALL(fcntl, master, F_SETFL, 0);
  pid_t child = fork();
  if (child == 0) {
    close(master);
    sleep_ms(30);
    _exit(0);
  }
  close(slave);
  show_read("waited", master, 10);
  wait_for(child);
  finish();
}

static void master_closes(void) {
  start_pair();
  struct termios settings;
  const char* name = slave_name;
  put("master", master, "line\n");
  read_all("echo", master, 6);
  ready("slave", slave);
  close(master);
  ready("slave", slave);
  show_read("slave", slave, 10);
  put("slave", slave, "x");
  CALL(ioctl, slave, TCGETS, &settings);
  CALL(open, name, O_RDWR | O_NOCTTY);
  show(name);
  close(slave);
  finish();
}

static void note(int signal) { fact("signal %d", signal); }
static void catch_signal(int signal) {
  struct sigaction action = {.sa_handler = note};
  sigaction(signal, &action, NULL);
}

// A session with the slave as its terminal; `body` runs in its leader, master closed.
static pid_t session(void (*body)(void)) {
  pid_t child = fork();
  need(child >= 0, "fork");
  if (child == 0) {
    setsid();
    close(master);
    body();
    _exit(0);
  }
  return child;
}
static void tell(char what) { need(write(slave, &what, 1) == 1, "tell"); }
static char hear(void) {
  char what = '?';
  need(read(master, &what, 1) == 1, "hear");
  return what;
}

static void owning(void) {
  struct stat own, named;
  signal(SIGHUP, SIG_IGN);
  CALL(open, "tty", O_RDWR);
  int id = -1;
  CALL(ioctl, slave, TIOCGPGRP, &id);
  CALL(ioctl, slave, TIOCGSID, &id);
  id = getpid();
  CALL(ioctl, slave, TIOCSPGRP, &id);
  CALL(ioctl, slave, TIOCNOTTY, 0);
  CALL(ioctl, slave, TIOCSCTTY, 0);
  CALL(ioctl, slave, TIOCSCTTY, 0);
  CALL(ioctl, slave, TIOCGPGRP, &id);
  fact("mine: %d", id == getpid());
  CALL(ioctl, slave, TIOCGSID, &id);
  fact("mine: %d", id == getpid());
  int fd = open("tty", O_RDWR);
  need(fd >= 0 && fstat(fd, &own) == 0 && stat("tty", &named) == 0, "tty");
  put("tty", fd, "+");
  CALL(ioctl, fd, TIOCNOTTY, 0);
  CALL(open, "tty", O_RDWR);
  // By opening it.
  int other = open(slave_name, O_RDWR);
  CALL(ioctl, other, TIOCGPGRP, &id);
  tell('.');
}
static void sessions(void) {
  start_pair();
  need(mknod("tty", S_IFCHR | 0666, 5 << 8) == 0, "mknod");
  set_local(slave, ECHO);
  int id = -1;
  CALL(ioctl, master, TIOCGPGRP, &id);
  fact("%d", id);
  CALL(ioctl, master, TIOCGSID, &id);
  pid_t child = session(owning);
  read_all("master", master, 2);
  wait_for(child);
  finish();
}

static void job(void) {
  int id = 0;
  need(ioctl(slave, TIOCSCTTY, 0) == 0, "TIOCSCTTY");
  pid_t background = fork();
  if (background == 0) {
    setpgid(0, 0);
    char byte;
    _exit(read(slave, &byte, 1) == 1 && byte == 'q' ? 5 : 6);
  }
  setpgid(background, background);
  int status = 0;
  waitpid(background, &status, WUNTRACED);
  fact("stopped by %d", WIFSTOPPED(status) ? WSTOPSIG(status) : -1);
  CALL(ioctl, slave, TIOCSPGRP, &background);
  kill(background, SIGCONT);
  tell('1');
  waitpid(background, &status, 0);
  fact("ended with %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  signal(SIGTTOU, SIG_IGN);
  id = getpid();
  CALL(ioctl, slave, TIOCSPGRP, &id);
  catch_signal(SIGINT);
  catch_signal(SIGQUIT);
  catch_signal(SIGWINCH);
  sigset_t none, all;
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &all, NULL);
  tell('2');
  sigsuspend(&none);
  tell('3');
  sigsuspend(&none);
  tell('4');
  sigsuspend(&none);
  struct winsize size;
  CALL(ioctl, slave, TIOCGWINSZ, &size);
  fact("%d %d", size.ws_row, size.ws_col);
  tell('5');
}
static void jobs(void) {
  start_pair();
  set_local(slave, ECHO);
  pid_t child = session(job);
  int id = -1;
  fact("%c", hear());
  CALL(ioctl, master, TIOCGPGRP, &id);
  fact("another: %d", id != child && id > 0);
  type("q\n");
  fact("%c", hear());
  type("\003");
  fact("%c", hear());
  type("\034");
  fact("%c", hear());
  struct winsize size = {.ws_row = 12, .ws_col = 34};
  need(ioctl(master, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
  fact("%c", hear());
  wait_for(child);
  ready("master", master);
  finish();
}

static void lost(void) {
  need(ioctl(slave, TIOCSCTTY, 0) == 0, "TIOCSCTTY");
  catch_signal(SIGHUP);
  catch_signal(SIGCONT);
  sigset_t none, all;
  sigfillset(&all);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &all, NULL);
  tell('a');
  sigsuspend(&none);  // both at once
  int id;
  show_read("slave", slave, 10);
  CALL(ioctl, slave, TIOCGPGRP, &id);
  CALL(open, "tty", O_RDWR);
}
static void hang_up(void) {
  start_pair();
  need(mknod("tty", S_IFCHR | 0666, 5 << 8) == 0, "mknod");
  set_local(slave, ECHO);
  pid_t child = session(lost);
  fact("%c", hear());
  close(slave);
  close(master);
  fact("child %d", wait_for(child));
  finish();
}

// Whoever is in the foreground is told when the leader ends, whether or not the master is there.
static int told[2];
static void leave_job(void) {
  need(ioctl(slave, TIOCSCTTY, 0) == 0, "TIOCSCTTY");
  signal(SIGTTOU, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  pid_t front = fork();
  if (front == 0) {
    setpgid(0, 0);
    need(ioctl(slave, TIOCSPGRP, &(int){getpid()}) == 0, "TIOCSPGRP");
    catch_signal(SIGHUP);
    sigset_t none, all;
    sigfillset(&all);
    sigemptyset(&none);
    sigdelset(&all, SIGKILL);
    sigprocmask(SIG_SETMASK, &all, NULL);
    tell('b');
    sigsuspend(&none);
    _exit(write(told[1], "!", 1) != 1);
  }
  tell('c');
  char byte;
  while (read(slave, &byte, 1) < 0 && errno == EINTR) continue;
  sleep_ms(20);
}
static void leaders_end(void) {
  start_pair();
  need(pipe(told) == 0, "pipe");
  set_local(slave, ECHO);
  pid_t child = session(leave_job);
  char first = hear(), second = hear();
  fact("%d", first + second == 'b' + 'c');
  type("x\n");
  wait_for(child);
  show_read("front", told[0], 1);
  put("slave", slave, "after");
  read_all("master", master, 5);
  close(slave);
  show_read("master", master, 10);
  finish();
}

static void packets(void) {
  start_pair();
  set_local(slave, ECHO);
  int on = 1, off = 0, is = -1;
  CALL(ioctl, master, TIOCPKT, &on);
  CALL(ioctl, master, TIOCGPKT, &is);
  fact("packets: %d", is);
  put("slave", slave, "data");
  show_read("data", master, 100);
  put("slave", slave, "data");
  show_read("one byte", master, 1);
  show_read("three bytes", master, 3);
  show_read("the rest", master, 10);
  CALL(ioctl, slave, TCXONC, TCOOFF);
  ready("stopped", master);
  show_read("stopped", master, 100);
  CALL(ioctl, slave, TCXONC, TCOON);
  show_read("started", master, 100);
  put("slave", slave, "x");
  CALL(ioctl, slave, TCFLSH, TCIFLUSH);
  show_read("flushed", master, 100);
  show_read("data", master, 100);
  CALL(ioctl, slave, TCFLSH, TCOFLUSH);
  show_read("flushed", master, 100);
  ready("flushed", master);
  struct termios settings;
  need(tcgetattr(slave, &settings) == 0, "tcgetattr");
  settings.c_iflag &= ~(tcflag_t)IXON;
  need(tcsetattr(slave, TCSANOW, &settings) == 0, "tcsetattr");
  show_read("no flow control", master, 100);
  settings.c_iflag |= IXON;
  need(tcsetattr(slave, TCSANOW, &settings) == 0, "tcsetattr");
  show_read("flow control", master, 100);
  CALL(ioctl, master, TIOCPKT, &off);
  put("slave", slave, "plain");
  show_read("plain", master, 100);
  finish();
}

static void watching(void) {
  start_pair();
  set_local(slave, ECHO);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = 1};
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, master, &event);
  event.data.u32 = 2;
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, slave, &event);
  struct epoll_event found[4];
  fact("%d", epoll_wait(epoll, found, 4, 0));
  put("slave", slave, "x");
  fact("%d", epoll_wait(epoll, found, 4, kPatienceMs));
  fact("%u %#x", found[0].data.u32, found[0].events);
  read_all("master", master, 1);
  fact("%d", epoll_wait(epoll, found, 4, 0));
  put("master", master, "x\n");
  fact("%d", epoll_wait(epoll, found, 4, kPatienceMs));
  fact("%u %#x", found[0].data.u32, found[0].events);
  show_read("slave", slave, 10);
  fact("%d", epoll_wait(epoll, found, 4, 0));
  close(master);
  fact("%d", epoll_wait(epoll, found, 4, kPatienceMs));
  fact("%u %#x", found[0].data.u32, found[0].events);
  finish();
}

SECTIONS({"ptyopening", opening}, {"ptylines", lines}, {"slavecloses", slave_closes},
         {"mastercloses", master_closes}, {"ptysessions", sessions}, {"ptyjobs", jobs},
         {"ptyhangup", hang_up}, {"leadersend", leaders_end}, {"ptypackets", packets},
         {"ptywatching", watching})
