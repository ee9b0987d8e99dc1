// Fails where it is the first process.
#include "cairn.h"

int main(void) { return getpid() == 2; }
