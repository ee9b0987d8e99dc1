// SSE and x87 state belongs to each process: two of them compute side by side, giving way and being
// preempted in between, and must not see each other's registers. `fpu ROUNDS`
#include <sched.h>

#include "cairn.h"

// Fills xmm0–xmm15 and st(0) with `seed`, gives way or spins, and counts what came back wrong.
static int round_trip(uint64_t seed, int round) {
  uint64_t out[16];
  double top = (double)seed, back = 0;
  __asm__ volatile("fldl %0" : : "m"(top));
#define LOAD(n) __asm__ volatile("movq %0, %%xmm" #n : : "r"(seed + n) : "xmm" #n);
#define STORE(n) __asm__ volatile("movq %%xmm" #n ", %0" : "=m"(out[n]));
#define EACH(X) \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
  EACH(LOAD)
  if (round % 8 == 0) {
    for (volatile int i = 0; i < 20000; i++) continue;
  } else {
    syscall(24 /* sched_yield */);
  }
  EACH(STORE)
  __asm__ volatile("fstpl %0" : "=m"(back));
  int wrong = back != top;
  for (int n = 0; n < 16; n++) wrong += out[n] != seed + n;
  return wrong;
}

int main(int argc, char** argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 100;
  pid_t children[3];
  for (int c = 0; c < 3; c++) {
    children[c] = fork();
    if (children[c] != 0) continue;
    int wrong = 0;
    for (int r = 0; r < rounds; r++) wrong += round_trip(0x1111111111111111ull * (c + 1) + r, r);
    _exit(wrong != 0);
  }
  int bad = 0;
  for (int c = 0; c < 3; c++) bad += wait_for(children[c]) != 0;
  say("fpu: processes=3 wrong=%d\n", bad);
  return bad;
}
