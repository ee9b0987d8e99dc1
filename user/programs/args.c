// Prints its arguments one a line, then what the start-up object left on the stack besides them.
#include <sys/auxv.h>

#include "cairn.h"

int main(int argc, char** argv, char** environment) {
  for (int i = 0; i < argc; i++) say("argv[%d]=%s\n", i, argv[i]);
  int variables = 0;
  while (environment[variables] != NULL) variables++;
  say("argc=%d environment=%d pagesz=%lu phnum=%lu\n", argc, variables, getauxval(AT_PAGESZ),
      getauxval(AT_PHNUM));
  return 0;
}
