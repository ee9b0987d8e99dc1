#include "lib/not_implemented.h"

#include "debug/exit.h"
#include "debug/log.h"
#include "debug/unfinished.h"

namespace cairn {

namespace {

/// "a-paging" for lab A: where the handout is.
const char* handout_of(char lab) {
  switch (lab) {
    case 'A': return "handouts/a-paging.md#a";
    case 'B': return "handouts/b-files.md#b";
    case 'C': return "handouts/c-exec.md#c";
    default: return "handouts/d-smp.md#d";
  }
}

}  // namespace

NotImplemented not_implemented(const char* item) {
  const char* before = note_unfinished_item(item);
  if (before != item) {
    log_error("lab", "{} is not implemented yet: see {}{}", item, handout_of(item[0]), item[1]);
  }
  if (is_graded_run()) debug_exit(uint8_t((item[0] - 'A') * 8 + (item[1] - '0')));
  return {};
}

}  // namespace cairn
