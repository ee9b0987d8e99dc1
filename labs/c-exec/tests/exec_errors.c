// LAB C, item C5 (handouts/c-exec.md#c5): a test of exec that fails, and of scripts.
//
// Exit with 0 if exec behaves as it should, otherwise with 1. See exec_arguments.c.
// Run it: `run exec_errors` at the monitor's prompt. Check: make grade LAB=c K=own_tests
#include <sys/syscall.h>

#include "self.h"

// BEGIN SOLUTION C5
// STARTER: int main(void) {
// STARTER:   return 2;  // not implemented
// STARTER: }
static char* const none[] = {NULL};

static void fails(const char* path, int error) {
  require(execve(path, none, none) < 0 && errno == error);
}

static void put(const char* path, const void* content, size_t size, int mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  require(fd >= 0 && write(fd, content, size) == (ssize_t)size && close(fd) == 0);
}

static void wrong_headers(void) {
  Elf64_Ehdr wrong[4];
  for (int i = 0; i < 4; i++) wrong[i] = __ehdr_start;
  wrong[0].e_machine = EM_386;
  wrong[1].e_phentsize--;
  wrong[2].e_type = ET_CORE;
  wrong[3].e_phoff = 1 << 30;
  for (int i = 0; i < 4; i++) {
    save_self("/wrong");
    int fd = open("/wrong", O_WRONLY);
    require(pwrite(fd, &wrong[i], sizeof wrong[i], 0) == sizeof wrong[i]);
    fails("/wrong", ETXTBSY), close(fd);
    fails("/wrong", ENOEXEC);
  }
  put("/wrong", &__ehdr_start, sizeof(Elf64_Ehdr) - 1, 0755);
  fails("/wrong", ENOEXEC);
}

int main(int argc, char** argv) {
  if (argc > 1) return argc == 4 && !strcmp(argv[1], "a b") && !strcmp(argv[2], "/script") ? 9 : 1;
  save_self("/self");
  fails("/none", ENOENT);
  fails("/self/x", ENOTDIR);
  fails("/", EACCES);
  put("/plain", "text", 4, 0644);
  fails("/plain", EACCES);
  wrong_headers();
  put("/script", "#!/self a b\n", 12, 0755);
  char* const arguments[] = {"zero", "one", NULL};
  require(run_program("/script", arguments, none) == 9 << 8);
  put("/loop", "#!/loop\n", 8, 0755);
  fails("/loop", ELOOP);
  require(syscall(SYS_execve, "/self", 8L, none) < 0 && errno == EFAULT);
  return 0;
}
// END SOLUTION
