// Counts for ever in its memory, where the host reads along: how much of a processor a process gets. It never enters the
// kernel. `count sleeps` counts how often it slept for a millisecond.
#include <string.h>
#include <time.h>

volatile unsigned long counted_so_far;

int main(int argc, char** argv) {
  int sleeps = argc > 1 && strcmp(argv[1], "sleeps") == 0;
  struct timespec millisecond = {0, 1000000};
  for (;;) {
    if (sleeps) nanosleep(&millisecond, NULL);
    counted_so_far++;
  }
}
