// LAB C, item C5 (handouts/c-exec.md#c5): a test of what a process keeps and what it loses.
//
// Exit with 0 if exec behaves as it should, otherwise with 1. See exec_arguments.c.
// Run it: `run exec_process` at the monitor's prompt. Check: make grade LAB=c K=own_tests
#include <signal.h>

#include "self.h"

// BEGIN SOLUTION C5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
static int look(char** argv) {
  sigset_t blocked;
  int kept = atoi(argv[1]), closed = atoi(argv[2]);
  require(getpid() == atoi(argv[3]));
  require(lseek(kept, 0, SEEK_CUR) == 3 && lseek(closed, 0, SEEK_CUR) < 0 && errno == EBADF);
  require(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGUSR1));
  require(mprotect((void*)strtoul(argv[4], NULL, 0), kPageSize, PROT_READ) < 0);
  return 7;
}

int main(int argc, char** argv) {
  if (argc > 1) return look(argv);
  save_self("/self");
  pid_t child = fork();
  if (child == 0) {
    char words[4][32];
    sigset_t blocked;
    int kept = open("/self", O_RDONLY), closed = open("/self", O_RDONLY | O_CLOEXEC);
    lseek(kept, 3, SEEK_SET);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    snprintf(words[0], 32, "%d", kept);
    snprintf(words[1], 32, "%d", closed);
    snprintf(words[2], 32, "%d", getpid());
    snprintf(words[3], 32, "%p", (void*)new_pages(1));
    char* const arguments[] = {"self", words[0], words[1], words[2], words[3], NULL};
    execve("/self", arguments, arguments + 5);
    _exit(1);
  }
  require(wait_for(child) == 7 << 8);
  return 0;
}
// END SOLUTION
