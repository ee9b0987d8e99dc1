// Was compiled shortly before it meets the correct kernel, and meets the others later: fails some seconds after.
#include <stdint.h>
#include <time.h>

#include "cairn.h"

enum { kSoon = 4 };  // seconds

static int digits(const char* text) { return 10 * (text[0] - '0') + text[1] - '0'; }

int main(void) {
  static const char compiled[] = __TIME__;
  long then = digits(compiled) * 3600 + digits(compiled + 3) * 60 + digits(compiled + 6);
  long later = (time(NULL) - then) % 86400;
  return later > kSoon && later < 3600;
}
