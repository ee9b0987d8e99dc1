// What calls, signals, switches, threads, forks and execs cost: `make bench LAB=c` runs this, the same program, on Cairn
// and on Linux, in the same QEMU on copies of the same image.
//
//     processes FOLDER [ROW…]
//
// FOLDER is the root of the image `minimal`: it has bin/busybox, of which a page is read and mapped, too, and this
// program as usr/bin/processes. bench.h says what is printed. All rows ran once before they are measured.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench.h"

enum {
  kRepeats = 1000,
  kWatched = 1000,
  kForks = 20,
  kMapping = 1 << 20,
  kFutexWait = 128,  // private
  kFutexWake = 129,
};

static char buffer[2048];

// ---- Calls ---------------------------------------------------------------------------------------------

// The call itself: a library's function around it may cost as much.
static inline long raw_call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}

static long null_calls(void) {
  for (int i = 0; i < kRepeats; i++) raw_call(SYS_getpid, 0, 0, 0, 0);
  return kRepeats;
}

static long open_and_close(void) {
  for (int i = 0; i < kRepeats; i++) {
    int fd = open("bin/busybox", O_RDONLY);
    if (fd < 0) return -1;
    close(fd);
  }
  return kRepeats;
}

static long read_2k(void) {
  int fd = open("bin/busybox", O_RDONLY);
  if (fd < 0) return -1;
  long done = 0;
  while (done < kRepeats && pread(fd, buffer, sizeof(buffer), 0) == sizeof(buffer)) done++;
  close(fd);
  return done == kRepeats ? done : -1;
}

// Watches many descriptors, of which one is ready. They stay, so that only the waits are measured.
static int watch_many(void) {
  int silent[2], ready[2], epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll < 0 || pipe(silent) != 0 || pipe(ready) != 0 || write(ready[1], "", 1) != 1) return -1;
  for (int i = 1; i < kWatched; i++) {
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, dup(silent[0]), &event) != 0) return -1;
  }
  return epoll_ctl(epoll, EPOLL_CTL_ADD, ready[0], &event) == 0 ? epoll : -1;
}
static long wait_for_one(void) {
  static int epoll = -1;
  if (epoll < 0 && (epoll = watch_many()) < 0) return -1;
  struct epoll_event events[10];
  for (int i = 0; i < kRepeats; i++) {
    if (raw_call(SYS_epoll_wait, epoll, (long)events, 10, 0) != 1) return -1;
  }
  return kRepeats;
}

// ---- Memory --------------------------------------------------------------------------------------------

static long map_and_unmap(void) {
  for (int i = 0; i < kRepeats; i++) {
    void* memory = mmap(NULL, kMapping, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || munmap(memory, kMapping) != 0) return -1;
  }
  return kRepeats;
}

static long fault_in_file(void) {
  int fd = open("bin/busybox", O_RDONLY);
  if (fd < 0) return -1;
  long done = 0;
  while (done < kRepeats) {
    volatile char* file = mmap(NULL, kMapping, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) break;
    for (size_t at = 0; at < kMapping; at += kPageSize, done++) (void)file[at];
    munmap((void*)file, kMapping);
  }
  close(fd);
  return done >= kRepeats ? done : -1;
}

// ---- Two processes -------------------------------------------------------------------------------------

static long pipe_round_trips(void) { return pass_bytes_by_pipes(kRepeats); }

static long socket_round_trips(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
  const int to[2] = {ends[1], ends[0]}, from[2] = {ends[0], ends[1]};
  return pass_bytes(to, from, kRepeats);
}

// Two processes that yield to each other. Every yield of either is a switch, which the child's count proves. (Linux
// takes turns so only with threads that have a real-time policy, which musl doesn't ask for; where there is none,
// asking does no harm.)
static long switches(void) {
  volatile struct {
    long yields;
    int over;
  }* shared = mmap(NULL, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return -1;
  struct sched_param lowest = {.sched_priority = 1}, usual = {.sched_priority = 0};
  raw_call(SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&lowest, 0);
  pid_t child = fork();
  if (child == 0) {
    for (; !shared->over; shared->yields++) sched_yield();
    _exit(0);
  }
  if (child < 0) return -1;
  for (int i = 0; i < kRepeats; i++) sched_yield();
  shared->over = 1;
  wait_for(child);
  raw_call(SYS_sched_setscheduler, 0, SCHED_OTHER, (long)&usual, 0);
  long yields = shared->yields;
  munmap((void*)shared, kPageSize);
  errno = EAGAIN;  // nobody took turns
  return yields < kRepeats * 9 / 10 ? -1 : kRepeats + yields;
}

// ---- Threads -------------------------------------------------------------------------------------------

static void* ends(void* argument) { return argument; }
static long create_and_join(void) {
  for (int i = 0; i < kRepeats; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, ends, NULL) != 0) return -1;
    pthread_join(thread, NULL);
  }
  return kRepeats;
}

static long wake_nobody(void) {
  static uint32_t word;
  for (int i = 0; i < kRepeats; i++) raw_call(SYS_futex, (long)&word, kFutexWake, 1, 0);
  return kRepeats;
}

// Two threads take turns: by a word, and by a condition.
static _Atomic uint32_t turn;
static void take_turns(uint32_t me) {
  for (int i = 0; i < kRepeats; i++) {
    while (turn != me) raw_call(SYS_futex, (long)&turn, kFutexWait, 1 - me, 0);
    turn = 1 - me;
    raw_call(SYS_futex, (long)&turn, kFutexWake, 1, 0);
  }
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static void take_turns_by_condition(uint32_t me) {
  for (int i = 0; i < kRepeats; i++) {
    pthread_mutex_lock(&mutex);
    while (turn != me) pthread_cond_wait(&turned, &mutex);
    turn = 1 - me;
    pthread_cond_signal(&turned);
    pthread_mutex_unlock(&mutex);
  }
}
static void* takes_turns(void* how) {
  (*(void (**)(uint32_t))how)(1);
  return NULL;
}
static long with_another(void (*how)(uint32_t)) {
  pthread_t other;
  turn = 0;
  if (pthread_create(&other, NULL, takes_turns, &how) != 0) return -1;
  how(0);
  pthread_join(other, NULL);
  return kRepeats;
}
static long pass_futex(void) { return with_another(take_turns); }
static long pass_condition(void) { return with_another(take_turns_by_condition); }

// ---- Signals -------------------------------------------------------------------------------------------

static volatile int caught;
static void on_signal(int signal) {
  (void)signal;
  caught++;
}

static long install_handlers(void) {
  struct {
    void (*handler)(int);
    uint64_t flags, restorer, mask;
  } action = {.handler = on_signal};
  for (int i = 0; i < kRepeats; i++) {
    if (raw_call(SYS_rt_sigaction, SIGUSR1, (long)&action, 0, sizeof(action.mask)) != 0) return -1;
  }
  return kRepeats;
}

static long catch_signals(void) {
  struct sigaction action = {.sa_handler = on_signal};
  if (sigaction(SIGUSR1, &action, NULL) != 0) return -1;
  caught = 0;
  pid_t self = getpid();
  for (int i = 0; i < kRepeats; i++) kill(self, SIGUSR1);
  return caught == kRepeats ? caught : -1;
}

// ---- Fork and exec -------------------------------------------------------------------------------------

// Runs a program, or with none exits at once, in a child.
static long fork_and_wait(char** arguments) {
  for (int i = 0; i < kForks; i++) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
      if (arguments != NULL) execv(arguments[0], arguments);
      _exit(arguments != NULL);
    }
    if (wait_for(child) != 0) {
      errno = ECHILD;
      return -1;
    }
  }
  return kForks;
}

static long fork_exit(void) { return fork_and_wait(NULL); }
static long fork_exec(void) {
  return fork_and_wait((char*[]){"usr/bin/processes", "--nothing", NULL});
}
static long shell(void) {
  return fork_and_wait((char*[]){"bin/busybox", "sh", "-c", "true", NULL});
}

static const struct {
  const char* name;
  operation run;
} kRows[] = {
    {"null_call", null_calls},
    {"open_close", open_and_close},
    {"read_2k", read_2k},
    {"mmap_munmap", map_and_unmap},
    {"fault_file", fault_in_file},
    {"pipe", pipe_round_trips},
    {"socket", socket_round_trips},
    {"switch", switches},
    {"thread", create_and_join},
    {"futex_wake", wake_nobody},
    {"futex_pass", pass_futex},
    {"condition", pass_condition},
    {"signal_install", install_handlers},
    {"signal_catch", catch_signals},
    {"fork_exit", fork_exit},
    {"fork_exec", fork_exec},
    {"shell", shell},
    {"epoll", wait_for_one},
};

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--nothing") == 0) return 0;
  if (argc < 2 || chdir(argv[1]) != 0) {
    say("usage: processes FOLDER [ROW…]: %s\n", argc < 2 ? "no folder given" : strerror(errno));
    return 2;
  }
  default_signals();
  int failures = 0;
  for (size_t i = 0; i < sizeof(kRows) / sizeof(kRows[0]); i++) {
    if (!is_wanted(argc, argv, kRows[i].name)) continue;
    kRows[i].run();
    failures += tell("processes", kRows[i].name, measured(kRows[i].run));
  }
  say("processes: done\n");
  return failures != 0;
}
