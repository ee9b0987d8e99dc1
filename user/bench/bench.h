// What the programs here share: a row is measured between the marks 1 and 2, which the host counts instructions between
// (grading/bench/instruction_count.py), and told in a line
//     PROGRAM: row=NAME count=OPERATIONS ns=TIME ticks=TICKS
// with the time of all operations together by the monotonic clock and by the time stamp counter. Under
// `-icount shift=0` both advance by one an instruction, but also while the processor waits for the disk.
// A row that can't run prints `PROGRAM: row=NAME error=TEXT`, and the program ends with status 1.
#ifndef USER_BENCH_BENCH_H
#define USER_BENCH_BENCH_H

#include <time.h>

#include "cairn.h"

static inline uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// Does all operations of a row and returns how many, or -1 with errno.
typedef long (*operation)(void);

// What a row took; count is negative, with errno's value in error, if it failed.
struct sample {
  long count;
  uint64_t ns, ticks;
  int error;
};

static inline struct sample measured(operation run) {
  uint64_t start = now_ns(), ticks = read_tsc();
  mark(1);
  long count = run();
  mark(2);
  int error = errno;
  ticks = read_tsc() - ticks;
  return (struct sample){count, now_ns() - start, ticks, error};
}

// Prints the line of a row. Returns whether it failed.
static inline int tell(const char* program, const char* row, struct sample sample) {
  if (sample.count < 0)
    say("%s: row=%s error=%s\n", program, row, strerror(sample.error));
  else
    say("%s: row=%s count=%ld ns=%lu ticks=%lu\n", program, row, sample.count, sample.ns,
        sample.ticks);
  return sample.count < 0;
}

// Whether a row is to run: the program's arguments behind the first name those that are, or none for all.
static inline int is_wanted(int argc, char** argv, const char* row) {
  for (int word = 2; word < argc; word++) {
    if (strcmp(argv[word], row) == 0) return 1;
  }
  return argc == 2;
}

// Passes bytes, one after the other, to a child that sends each back. The child reads to[0] and writes from[1]; all
// are closed. Returns how many, or -1 with errno.
static inline long pass_bytes(const int to[2], const int from[2], long count) {
  char byte = 0;
  pid_t child = fork();
  if (child == 0) {
    close(to[1]);
    while (read(to[0], &byte, 1) == 1 && write(from[1], &byte, 1) == 1) {
    }
    _exit(0);
  }
  long done = 0;
  while (done < count && write(to[1], &byte, 1) == 1 && read(from[0], &byte, 1) == 1) done++;
  for (int i = 0; i < 2; i++) close(to[i]), close(from[i]);
  return child > 0 && wait_for(child) == 0 && done == count ? done : -1;
}

static inline long pass_bytes_by_pipes(long count) {
  int to[2], from[2];
  return pipe(to) == 0 && pipe(from) == 0 ? pass_bytes(to, from, count) : -1;
}

#endif
