// Sockets of the family AF_UNIX: pairs, names, connections, what goes along with bytes, and how each ends.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "file_calls.h"

struct ids {  // struct ucred
  int pid;
  unsigned uid, gid;
};
static int pair[2];
static char buffer[400000];

static void new_pair(int type) { need(socketpair(AF_UNIX, type, 0, pair) == 0, "socketpair"); }
static void show_got(const char* what, long count) {
  if (count < 0) {
    fact("%s: %s", what, error_name(errno));
  } else {
    show_bytes(what, buffer, count);
  }
}
static void get(const char* what, int fd, size_t size, int flags) {
  show_got(what, recv(fd, buffer, size, flags));
}
static void put(const char* what, int fd, const char* text) {
  report(send(fd, text, strlen(text), MSG_NOSIGNAL), "%s sends", what);
}
static void ready(const char* what, int fd) {
  struct pollfd asked = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
  int count = poll(&asked, 1, 0);
  fact("%s: poll %d, %#x", what, count, (unsigned)asked.revents);
}
static socklen_t address_of(struct sockaddr_un* address, const char* name) {
  memset(address, 0, sizeof(*address));
  address->sun_family = AF_UNIX;
  size_t length = strlen(name);
  memcpy(address->sun_path, name, length);
  if (name[0] == '@') address->sun_path[0] = '\0';
  return (socklen_t)(sizeof(sa_family_t) + length + (name[0] == '@' ? 0 : 1));
}
static long do_bind(int fd, const char* name) {
  struct sockaddr_un address;
  socklen_t size = address_of(&address, name);
  return report(bind(fd, (struct sockaddr*)&address, size), "bind %s", name);
}
static long do_connect(int fd, const char* name) {
  struct sockaddr_un address;
  socklen_t size = address_of(&address, name);
  return report(connect(fd, (struct sockaddr*)&address, size), "connect %s", name);
}
static void show_name(const char* what, const struct sockaddr_un* address, socklen_t size) {
  char text[120] = "";
  int length = (int)size - (int)sizeof(sa_family_t);
  for (int i = 0; i < length; i++)
    text[i] = address->sun_path[i] != '\0' ? address->sun_path[i] : '@';
  fact("%s: %u bytes \"%s\"", what, size, text);
}
static void show_names(const char* what, int fd) {
  struct sockaddr_un address = {0};
  socklen_t size = sizeof(address);
  if (getsockname(fd, (struct sockaddr*)&address, &size) == 0) show_name(what, &address, size);
  size = sizeof(address);
  if (getpeername(fd, (struct sockaddr*)&address, &size) == 0) {
    show_name("its peer", &address, size);
  } else {
    fact("its peer: %s", error_name(errno));
  }
}
static void send_to(int fd, const char* name, const char* text) {
  struct sockaddr_un address;
  socklen_t size = address_of(&address, name);
  report(
      sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr*)&address, size),
      "send to %s", name);
}
static int get_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -errno;
}

static void families(void) {
  CALL(socket, 99, SOCK_STREAM, 0);
  CALL(socket, AF_UNIX, 0, 0);
  CALL(socket, AF_UNIX, 4, 0);
  CALL(socket, AF_UNIX, 12, 0);
  CALL(socket, AF_UNIX, SOCK_STREAM | 0x100, 0);
  CALL(socket, AF_UNIX, SOCK_STREAM, 7);
  CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, 8);
  int fd = (int)CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  fact("close on exec %d, flags %o", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  show_fd("socket", fd);
  fact("type %d, domain %d, protocol %d, listens %d", get_option(fd, SO_TYPE),
       get_option(fd, SO_DOMAIN), get_option(fd, SO_PROTOCOL), get_option(fd, SO_ACCEPTCONN));
  fact("buffers %d %d, error %d", get_option(fd, SO_SNDBUF), get_option(fd, SO_RCVBUF),
       get_option(fd, SO_ERROR));
  int size = 5000;
  CALL(setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  fact("%d", get_option(fd, SO_SNDBUF));
  size = 1;
  CALL(setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  fact("%d", get_option(fd, SO_SNDBUF));
  CALL(setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &size, 2);
  CALL(setsockopt, fd, SOL_SOCKET, SO_SNDBUF, 8, 4);
  CALL(setsockopt, fd, SOL_SOCKET, 12345, &size, 4);
  CALL(setsockopt, fd, 6, 1, &size, 4);
  CALL(getsockopt, fd, SOL_SOCKET, 12345, &size, &size);
  CALL(getsockopt, 0, SOL_SOCKET, SO_TYPE, &size, &size);
  CALL(getsockopt, 99, SOL_SOCKET, SO_TYPE, &size, &size);
  CALL(listen, fd, 5);
  CALL(accept, fd, 0, 0);
  CALL(shutdown, fd, 3);
  CALL(lseek, fd, 0, SEEK_SET);
  CALL(ftruncate, fd, 0);
  ready("socket", fd);
  get("socket", fd, 10, 0);
  put("socket", fd, "x");
  show_names("socket", fd);
}

static void streams(void) {
  new_pair(SOCK_STREAM);
  ready("one", pair[0]);
  put("one", pair[0], "hello");
  put("one", pair[0], "world");
  int count = -1;
  CALL(ioctl, pair[1], FIONREAD, &count);
  fact("%d bytes", count);
  ready("other", pair[1]);
  get("peek", pair[1], 7, MSG_PEEK);
  get("read", pair[1], 3, 0);
  get("the rest", pair[1], 100, 0);
  get("nothing", pair[1], 10, MSG_DONTWAIT);
  put("other", pair[1], "abc");
  CALL(read, pair[0], buffer, 0);
  CALL(recvfrom, pair[0], 8, 3, 0, 0, 0);
  show_got("read", read(pair[0], buffer, 10));
  struct iovec pieces[2] = {{"12", 2}, {"345", 3}};
  report(writev(pair[0], pieces, 2), "writev");
  get("all", pair[1], 5, MSG_WAITALL);
  show_names("one", pair[0]);
  struct ids ids = {0};
  socklen_t size = sizeof(ids);
  CALL(getsockopt, pair[0], SOL_SOCKET, SO_PEERCRED, &ids, &size);
  fact("%d %u %u", ids.pid == getpid(), ids.uid, ids.gid);
  CALL(connect, pair[0], 0, 0);
  do_connect(pair[0], "@nobody");
  // More than there is room for: who waits goes on.
  pid_t child = fork();
  if (child == 0) {
    memset(buffer, 'y', sizeof(buffer));
    _exit(send(pair[0], buffer, sizeof(buffer), 0) != (long)sizeof(buffer));
  }
  fact("all of it: %d", recv(pair[1], buffer, sizeof(buffer), MSG_WAITALL) == (long)sizeof(buffer));
  fact("child: %d", wait_for(child));
  long sum = 0, more;
  while ((more = send(pair[0], buffer, 1000, MSG_DONTWAIT)) > 0) sum += more;
  fact("full: %s, %d", error_name(errno), sum >= 50000);
  ready("full", pair[0]);
  long got = 0;
  while ((more = recv(pair[1], buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) got += more;
  fact("all: %d", got == sum);
  ready("empty", pair[0]);
}

static void ends(void) {
  new_pair(SOCK_STREAM);
  put("one", pair[0], "last");
  CALL(shutdown, pair[0], SHUT_WR);
  put("one", pair[0], "x");
  ready("one", pair[0]);
  ready("other", pair[1]);
  get("other", pair[1], 10, 0);
  get("other", pair[1], 10, 0);
  put("other", pair[1], "back");
  get("one", pair[0], 10, 0);
  CALL(shutdown, pair[1], SHUT_WR);
  ready("one", pair[0]);
  new_pair(SOCK_STREAM);
  put("one", pair[0], "last");
  close(pair[0]);
  ready("closed", pair[1]);
  get("closed", pair[1], 10, 0);
  get("closed", pair[1], 10, 0);
  put("closed", pair[1], "x");
  new_pair(SOCK_STREAM);
  put("one", pair[0], "unread");
  close(pair[1]);
  ready("lost", pair[0]);
  get("lost", pair[0], 10, 0);
  get("lost", pair[0], 10, 0);
  put("lost", pair[0], "x");
  new_pair(SOCK_STREAM);
  put("one", pair[0], "unread");
  close(pair[1]);
  fact("error %d", get_option(pair[0], SO_ERROR));
  fact("error %d", get_option(pair[0], SO_ERROR));
  put("lost", pair[0], "x");
  new_pair(SOCK_STREAM);
  CALL(shutdown, pair[0], SHUT_RD);
  put("other", pair[1], "x");
  get("one", pair[0], 10, 0);
  signal(SIGPIPE, SIG_DFL);
  pid_t child = fork();
  if (child == 0) _exit(send(pair[1], "x", 1, 0) == 1);
  fact("child: %#x", wait_for(child));
  child = fork();
  if (child == 0) _exit(write(pair[1], "x", 1) == 1);
  fact("child: %#x", wait_for(child));
  // A reader that waits sees the end.
  new_pair(SOCK_STREAM);
  child = fork();
  if (child == 0) {
    close(pair[1]);
    sleep_ms(30);
    _exit(0);
  }
  close(pair[0]);
  get("waited", pair[1], 10, 0);
  wait_for(child);
}

static void serving(void) {
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  do_connect(client, "name");
  put_file("file", "x");
  do_connect(client, "file");
  do_connect(client, "@none");
  do_bind(server, "file");
  do_bind(server, "nowhere/name");
  do_bind(server, "name");
  do_bind(server, "other");
  show("name");
  CALL(open, "name", O_RDWR);
  do_connect(client, "name");
  CALL(listen, server, 1);
  CALL(listen, server, 1);
  fact("listens %d", get_option(server, SO_ACCEPTCONN));
  ready("server", server);
  put("server", server, "x");
  get("server", server, 10, 0);
  do_connect(client, "name");
  do_connect(client, "name");
  ready("server", server);
  put("client", client, "early");
  struct sockaddr_un address;
  socklen_t size = sizeof(address);
  int end = accept4(server, (struct sockaddr*)&address, &size, SOCK_CLOEXEC);
  fact("accepted %d, %u bytes, close on exec %d", end >= 0, size, fcntl(end, F_GETFD));
  get("end", end, 10, 0);
  show_names("end", end);
  show_names("client", client);
  struct ids ids = {0};
  size = sizeof(ids);
  CALL(getsockopt, client, SOL_SOCKET, SO_PEERCRED, &ids, &size);
  fact("%d", ids.pid == getpid());
  CALL(fcntl, server, F_SETFL, O_NONBLOCK);
  CALL(accept, server, 0, 0);
  CALL(accept4, server, 0, 0, 1);
  int more[4];
  for (int i = 0; i < 4; i++) {
    more[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    do_connect(more[i], "name");
  }
  put("waiting", more[0], "x");
  close(more[1]);
  close(server);
  ready("refused", more[0]);
  get("refused", more[0], 10, 0);
  put("refused", more[0], "x");
  do_connect(client, "name");
  do_connect(more[3], "name");
  put("client", client, "still");
  get("end", end, 10, 0);
  int again = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(again, "name");
  CALL(unlink, "name");
  do_bind(again, "name");
  int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  CALL(listen, again, 5);
  do_connect(datagrams, "name");
  CALL(listen, datagrams, 5);
  CALL(accept, datagrams, 0, 0);
  // A server that waits.
  pid_t child = fork();
  if (child == 0) {
    int caller = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name;
    socklen_t length = address_of(&name, "name");
    sleep_ms(20);
    require(connect(caller, (struct sockaddr*)&name, length) == 0);
    require(write(caller, "ping", 4) == 4 && read(caller, buffer, 10) == 4);
    _exit(memcmp(buffer, "pong", 4) != 0);
  }
  end = accept(again, NULL, NULL);
  get("server", end, 10, 0);
  put("server", end, "pong");
  fact("child %d", wait_for(child));
  // Abstract names go with their sockets.
  server = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(server, "@abstract");
  do_bind(again, "@abstract");
  int second = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(second, "@abstract");
  show_names("abstract", server);
  close(server);
  do_bind(second, "@abstract");
  struct sockaddr_un wrong = {.sun_family = AF_INET};
  CALL(bind, datagrams, &wrong, 10);
  wrong.sun_family = AF_UNIX;
  CALL(bind, datagrams, &wrong, 1);
  CALL(bind, datagrams, &wrong, 200);
  CALL(bind, datagrams, 8, 10);
  CALL(bind, datagrams, &wrong, 2);
  size = sizeof(address);
  CALL(getsockname, datagrams, &address, &size);
  fact("%u bytes, %d", size, address.sun_path[0]);
}

static void datagrams(void) {
  int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
  do_bind(a, "a");
  do_bind(b, "@b");
  put("a", a, "x");
  send_to(a, "@b", "one");
  send_to(a, "@b", "");
  send_to(a, "@b", "three");
  send_to(a, "@c", "x");
  ready("b", b);
  struct sockaddr_un from = {0};
  socklen_t size = sizeof(from);
  show_got("b", recvfrom(b, buffer, 2, 0, (struct sockaddr*)&from, &size));
  show_name("from", &from, size);
  get("b", b, 10, 0);
  get("cut", b, 2, MSG_TRUNC | MSG_PEEK);
  get("b", b, 10, 0);
  get("b", b, 10, MSG_DONTWAIT);
  do_connect(b, "a");
  put("b", b, "connected");
  size = 4;
  show_got("a", recvfrom(a, buffer, 100, 0, (struct sockaddr*)&from, &size));
  fact("%u bytes", size);
  int c = socket(AF_UNIX, SOCK_DGRAM, 0);
  send_to(c, "@b", "x");
  do_connect(c, "@b");
  send_to(c, "a", "unnamed");
  size = sizeof(from);
  show_got("a", recvfrom(a, buffer, 100, 0, (struct sockaddr*)&from, &size));
  fact("%u bytes", size);
  int sum = 0;
  while (send(b, "x", 1, MSG_DONTWAIT) == 1) sum++;
  fact("%d fit: %s", sum, error_name(errno));
  ready("b", b);
  get("a", a, 10, 0);
  ready("b", b);
  CALL(sendto, b, buffer, 300000, 0, 0, 0);
  CALL(shutdown, a, SHUT_RD);
  put("b", b, "x");
  close(a);
  put("b", b, "x");
  put("b", b, "x");
  new_pair(SOCK_DGRAM);
  put("one", pair[0], "abc");
  put("one", pair[0], "def");
  get("other", pair[1], 100, 0);
  get("other", pair[1], 100, 0);
  close(pair[1]);
  put("one", pair[0], "x");
  new_pair(SOCK_SEQPACKET);
  put("one", pair[0], "abc");
  put("one", pair[0], "def");
  get("packet", pair[1], 2, 0);
  get("packet", pair[1], 10, 0);
  close(pair[0]);
  ready("packets", pair[1]);
  get("end", pair[1], 10, 0);
  put("end", pair[1], "x");
}

// ---- What goes along

struct letter {
  struct msghdr header;
  struct iovec piece;
  union {
    struct cmsghdr align;
    char bytes[600];
  } control;
};
static void start_letter(struct letter* letter, const char* text, size_t size) {
  memset(letter, 0, sizeof(*letter));
  letter->piece = (struct iovec){(void*)text, size};
  letter->header.msg_iov = &letter->piece;
  letter->header.msg_iovlen = 1;
}
static void add_control(struct letter* letter, int type, const void* data, size_t size) {
  char* at = letter->control.bytes + letter->header.msg_controllen;
  struct cmsghdr header = {
      .cmsg_len = (socklen_t)CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
  memcpy(at, &header, sizeof(header));
  memcpy(at + CMSG_LEN(0), data, size);
  letter->header.msg_control = letter->control.bytes;
  letter->header.msg_controllen += (socklen_t)CMSG_SPACE(size);
}
static long send_fds(int to, const char* text, const int* fds, int count) {
  struct letter letter;
  start_letter(&letter, text, strlen(text));
  if (count > 0) add_control(&letter, SCM_RIGHTS, fds, (size_t)count * sizeof(int));
  return report(RAW(sendmsg, to, &letter.header, MSG_NOSIGNAL), "send %d files", count);
}
// Receives; returns the first descriptor that came along.
static int take(const char* what, int from, size_t size, int flags, size_t room) {
  struct letter letter;
  start_letter(&letter, buffer, size);
  letter.header.msg_control = letter.control.bytes;
  letter.header.msg_controllen = (socklen_t)room;
  long count = RAW(recvmsg, from, &letter.header, flags);
  show_got(what, count);
  if (count < 0) return -1;
  int first = -1, files = 0;
  fact("flags %#x, control %u", letter.header.msg_flags, (unsigned)letter.header.msg_controllen);
  for (struct cmsghdr* at = CMSG_FIRSTHDR(&letter.header); at != NULL;
       at = CMSG_NXTHDR(&letter.header, at)) {
    if (at->cmsg_type == SCM_RIGHTS) {
      files = (int)((at->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      int fds[64];
      memcpy(fds, CMSG_DATA(at), (size_t)files * sizeof(int));
      first = fds[0];
      for (int i = 1; i < files; i++) close(fds[i]);
      fact("%d files, close on exec %d", files, fcntl(first, F_GETFD));
    } else if (at->cmsg_type == SCM_CREDENTIALS) {
      struct ids ids;
      memcpy(&ids, CMSG_DATA(at), sizeof(ids));
      fact("from %d, %u, %u", ids.pid == getpid(), ids.uid, ids.gid);
    }
  }
  return first;
}

static void passing(void) {
  new_pair(SOCK_STREAM);
  put_file("file", "content");
  int fd = open("file", O_RDONLY), many[3] = {fd, fd, 0};
  send_fds(pair[0], "with", &fd, 1);
  int got = take("received", pair[1], 100, 0, 100);
  report(read(got, buffer, 3), "read");
  fact("position %ld", (long)lseek(fd, 0, SEEK_CUR));
  close(got);
  // Bytes before and behind.
  put("one", pair[0], "before");
  send_fds(pair[0], "with", many, 3);
  put("one", pair[0], "behind");
  close(take("peeked", pair[1], 100, MSG_PEEK, 100));
  close(take("received", pair[1], 100, MSG_CMSG_CLOEXEC, 100));
  take("received", pair[1], 100, 0, 100);
  send_fds(pair[0], "cut", many, 3);
  close(take("little room", pair[1], 100, 0, CMSG_LEN(2 * sizeof(int))));
  send_fds(pair[0], "lost", many, 3);
  take("no room", pair[1], 100, 0, 8);
  send_fds(pair[0], "read", many, 3);
  get("without", pair[1], 2, 0);
  take("the rest", pair[1], 10, 0, 100);
  int bad[2] = {fd, 77};
  send_fds(pair[0], "bad", bad, 2);
  struct letter letter;
  start_letter(&letter, "x", 1);
  add_control(&letter, 77, &fd, sizeof(fd));
  CALL(sendmsg, pair[0], &letter.header, 0);
  start_letter(&letter, "x", 1);
  add_control(&letter, SCM_RIGHTS, &fd, sizeof(fd));
  letter.control.align.cmsg_len = 1;
  CALL(sendmsg, pair[0], &letter.header, 0);
  CALL(sendmsg, pair[0], 8, 0);
  CALL(recvmsg, pair[0], 8, 0);
  letter.header.msg_iovlen = 1025;
  CALL(sendmsg, pair[0], &letter.header, 0);
  // What nobody took goes with its socket.
  int ends[2];
  need(pipe(ends) == 0, "pipe");
  send_fds(pair[0], "pipe", &ends[1], 1);
  close(ends[1]);
  close(pair[0]);
  close(pair[1]);
  report(read(ends[0], buffer, 1), "the pipe's end");
  // An end of a pair, through another.
  int inner[2];
  need(socketpair(AF_UNIX, SOCK_STREAM, 0, inner) == 0, "pair");
  new_pair(SOCK_DGRAM);
  send_fds(pair[0], "", &inner[1], 1);
  close(inner[1]);
  put("inner", inner[0], "waits");
  got = take("end", pair[1], 10, 0, 100);
  get("inner", got, 10, 0);
  close(got);
  get("inner", inner[0], 10, 0);
}

// Sockets that carry one another, whatever becomes of them: nothing is lost (test_storms).
static void circles(void) {
  for (int i = 0; i < 300; i++) {
    new_pair(SOCK_STREAM);
    struct letter letter;
    start_letter(&letter, "x", 1);
    add_control(&letter, SCM_RIGHTS, &pair[1], sizeof(int));
    (void)!sendmsg(pair[0], &letter.header, MSG_NOSIGNAL | MSG_DONTWAIT);  // into its own queue
    start_letter(&letter, "x", 1);
    add_control(&letter, SCM_RIGHTS, &pair[0], sizeof(int));
    (void)!sendmsg(pair[1], &letter.header, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(pair[0]);
    close(pair[1]);
  }
  fact("still here");
}

// Where there are no more descriptors, nothing is lost that another call can have.
static void limits(void) {
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(server, "name");
  CALL(listen, server, 0);
  do_connect(client, "name");
  new_pair(SOCK_STREAM);
  send_fds(pair[0], "both", pair, 1);
  struct rlimit limit, most;
  need(getrlimit(RLIMIT_NOFILE, &most) == 0, "getrlimit");
  limit = (struct rlimit){(rlim_t)pair[1] + 1, most.rlim_max};
  CALL(setrlimit, RLIMIT_NOFILE, &limit);
  CALL(socket, AF_UNIX, SOCK_STREAM, 0);
  CALL(accept, server, 0, 0);
  CALL(accept, server, 0, 0);
  limit.rlim_cur++;
  CALL(setrlimit, RLIMIT_NOFILE, &limit);
  int two[2] = {-1, -1};
  CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, two);
  CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, 8);
  int third = socket(AF_UNIX, SOCK_STREAM, 0);
  report(third, "a descriptor is left");
  take("no descriptor", pair[1], 10, 0, 100);
  close(third);
  int end = accept(server, NULL, NULL);
  put("end", end, "still there");
  get("client", client, 100, 0);
  CALL(setrlimit, RLIMIT_NOFILE, &most);
}

static void ids(void) {
  int on = 1;
  new_pair(SOCK_STREAM);
  CALL(setsockopt, pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
  put("one", pair[0], "mine");
  take("received", pair[1], 10, 0, 100);
  pid_t child = fork();
  if (child == 0) _exit(send(pair[0], "child", 5, 0) != 5);
  wait_for(child);
  put("one", pair[0], "parent");
  take("one's", pair[1], 100, 0, 100);
  take("other's", pair[1], 100, 0, 100);
  struct ids claim = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
  struct letter letter;
  start_letter(&letter, "x", 1);
  add_control(&letter, SCM_CREDENTIALS, &claim, sizeof(claim));
  CALL(sendmsg, pair[0], &letter.header, 0);
  take("claimed", pair[1], 10, 0, 100);
  put("one", pair[0], "x");
  take("no room", pair[1], 10, 0, 8);
}

static void watching(void) {
  new_pair(SOCK_STREAM);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = 1}, found[4];
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, pair[0], &event);
  event = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.u32 = 2};
  CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, pair[1], &event);
  for (int step = 0; step < 7; step++) {
    if (step == 1) put("other", pair[1], "abc");
    if (step == 3) get("one", pair[0], 1, 0);
    if (step == 4) put("one", pair[0], "x");
    if (step == 5) CALL(shutdown, pair[1], SHUT_WR);
    if (step == 6) close(pair[0]);
    int count = epoll_wait(epoll, found, 4, 0);
    char text[100] = "";
    for (int i = 0; i < count; i++)
      snprintf(text + strlen(text), 30, " %u:%#x", found[i].data.u32, found[i].events);
    fact("%d%s", count, text);
  }
}

SECTIONS({"families", families}, {"streams", streams}, {"ends", ends}, {"serving", serving},
         {"datagrams", datagrams}, {"passing", passing}, {"circles", circles}, {"limits", limits},
         {"ids", ids}, {"socketwatching", watching})
