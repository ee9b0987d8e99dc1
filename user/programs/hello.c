// The smallest program worth running: says who it is.
#include "cairn.h"

int main(void) {
  say("Hello from process %d, child of %d.\n", getpid(), getppid());
  return 0;
}
