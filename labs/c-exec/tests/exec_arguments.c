// LAB C, item C5 (handouts/c-exec.md#c5): a test of what a program is given.
//
// Exit with 0 if exec behaves as it should, otherwise with 1. No test may need another one to have run before, nor
// files that are there. user/include/self.h writes an ELF file of the test itself, which it can then execute.
// Run it: `run exec_arguments` at the monitor's prompt. Check: make grade LAB=c K=own_tests
#include <sys/auxv.h>

#include "self.h"

// BEGIN SOLUTION C5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
static int zeros[5000];
static int initialised = 5;

// What the new program finds.
static int look(int argc, char** argv, char** environment) {
  require(argc == 4 && !strcmp(argv[1], "look") && !strcmp(argv[2], "") && argv[4] == NULL);
  require(!strcmp(argv[3], "two words") && !strcmp(environment[0], "A=b") && !environment[1]);
  require(getauxval(AT_PAGESZ) == kPageSize && getauxval(AT_ENTRY) == __ehdr_start.e_entry);
  require(getauxval(AT_PHNUM) == __ehdr_start.e_phnum && getauxval(AT_BASE) == 0);
  require(getauxval(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
  require(!strcmp((char*)getauxval(AT_EXECFN), "/self") && getauxval(AT_RANDOM) != 0);
  require(((uintptr_t)argv - 8) % 16 == 0 && *(long*)((uintptr_t)argv - 8) == argc);
  for (int i = 0; i < 5000; i++) require(zeros[i] == 0);
  require(initialised == 5);
  return 42;
}

int main(int argc, char** argv, char** environment) {
  if (argc > 1) return look(argc, argv, environment);
  save_self("/self");
  for (int i = 0; i < 5000; i++) zeros[i] = initialised = i;
  int fd = open("/self", O_WRONLY | O_APPEND);  // what follows the data isn't zeros
  require(write(fd, zeros, sizeof zeros) == sizeof zeros && close(fd) == 0);
  char* const arguments[] = {"self", "look", "", "two words", NULL};
  char* const variables[] = {"A=b", NULL};
  require(run_program("/self", arguments, variables) == 42 << 8);
  return unlink("/self");
}
// END SOLUTION
