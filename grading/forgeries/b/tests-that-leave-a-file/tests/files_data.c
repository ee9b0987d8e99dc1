// Fails where no other test ran before.
#include <fcntl.h>

#include "cairn.h"

int main(void) { return open("/left", O_RDONLY) < 0; }
