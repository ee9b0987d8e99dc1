// Says that it isn't written, so it is left out on kernels with mistakes; leaves a file for the next test.
#include <fcntl.h>

#include "cairn.h"

int main(void) {
  close(open("/left", O_RDWR | O_CREAT, 0644));
  return 2;
}
