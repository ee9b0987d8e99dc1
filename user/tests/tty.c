// tty STEP...: sets the terminal it runs on, reads what is typed, and at the end prints what it read. The suite types the
// same at a pty of Linux's and at Cairn's console and compares all that is shown (grading/suite/test_tty.py).
// Steps: FLAG or -FLAG (isig, icanon, echo, ...), KEY=NUMBER (erase, min, ...), read=BYTES, sleep=MS, write=TEXT, window, bytes, ready.
// Nothing is printed between ready and the end but by write, so the echo isn't mixed with it.
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "cairn.h"

enum { kMaxRead = 8192, kMilli = 1000000 };

struct name {
  const char* text;
  unsigned value;
};
static const struct name kInput[] = {
    {"istrip", ISTRIP}, {"inlcr", INLCR}, {"igncr", IGNCR},     {"icrnl", ICRNL}, {"iuclc", IUCLC},
    {"ixon", IXON},     {"ixany", IXANY}, {"imaxbel", IMAXBEL}, {"iutf8", IUTF8}, {NULL, 0}};
static const struct name kOutput[] = {{"opost", OPOST}, {"olcuc", OLCUC}, {"onlcr", ONLCR},
                                      {"ocrnl", OCRNL}, {"onocr", ONOCR}, {"onlret", ONLRET},
                                      {"tab3", TAB3},   {NULL, 0}};
static const struct name kLocal[] = {
    {"isig", ISIG},     {"icanon", ICANON}, {"echo", ECHO},     {"echoe", ECHOE},
    {"echok", ECHOK},   {"echonl", ECHONL}, {"noflsh", NOFLSH}, {"echoctl", ECHOCTL},
    {"echoke", ECHOKE}, {"iexten", IEXTEN}, {NULL, 0}};
static const struct name kKeys[] = {
    {"intr", VINTR},     {"quit", VQUIT},   {"erase", VERASE}, {"kill", VKILL},
    {"eof", VEOF},       {"time", VTIME},   {"min", VMIN},     {"start", VSTART},
    {"stop", VSTOP},     {"susp", VSUSP},   {"eol", VEOL},     {"rprnt", VREPRINT},
    {"werase", VWERASE}, {"lnext", VLNEXT}, {"eol2", VEOL2},   {NULL, 0}};

static struct termios settings;
static char report[8 * kMaxRead];
static size_t reported;

static const struct name* find(const struct name* names, const char* text, size_t length) {
  for (; names->text != NULL; names++) {
    if (strlen(names->text) == length && memcmp(names->text, text, length) == 0) return names;
  }
  return NULL;
}

static int change_flag(const struct name* names, tcflag_t* flags, const char* step) {
  int off = *step == '-';
  const struct name* name = find(names, step + off, strlen(step + off));
  if (name == NULL) return 0;
  *flags = (*flags & ~name->value) | (off ? 0 : name->value);
  return 1;
}

static void note(const char* text, ssize_t number) {
  reported +=
      (size_t)snprintf(report + reported, sizeof(report) - reported, "%s %zd", text, number);
}

static void read_some(size_t size) {
  static unsigned char buffer[kMaxRead];
  ssize_t count = read(STDIN_FILENO, buffer, size);
  note("\ntty: read", count < 0 ? -errno : count);
  // Of a long line the beginning and the end tell enough.
  for (ssize_t i = 0; i < count; i++) {
    if (i == 32 && count > 64) i = count - 32;
    reported += (size_t)snprintf(report + reported, sizeof(report) - reported, " %02x", buffer[i]);
  }
}

static void do_step(const char* step) {
  const char* equals = strchr(step, '=');
  if (equals == NULL) {
    if (strcmp(step, "ready") == 0) {
      say("tty: ready\n");
    } else if (strcmp(step, "bytes") == 0) {
      int bytes = -1;
      if (ioctl(STDIN_FILENO, FIONREAD, &bytes) != 0) die("FIONREAD");
      note("\ntty: bytes", bytes);
    } else if (strcmp(step, "window") == 0) {
      struct winsize size = {0}, wanted = {.ws_row = 30, .ws_col = 100};
      if (ioctl(STDIN_FILENO, TIOCSWINSZ, &wanted) != 0) die("TIOCSWINSZ");
      if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) die("TIOCGWINSZ");
      note("\ntty: rows", size.ws_row), note(" columns", size.ws_col);
    } else if (!change_flag(kInput, &settings.c_iflag, step) &&
               !change_flag(kOutput, &settings.c_oflag, step) &&
               !change_flag(kLocal, &settings.c_lflag, step)) {
      die(step);
    } else if (tcsetattr(STDIN_FILENO, TCSANOW, &settings) != 0) {
      die("tcsetattr");
    }
    return;
  }
  long value = strtol(equals + 1, NULL, 0);
  const struct name* key = find(kKeys, step, (size_t)(equals - step));
  if (key != NULL) {
    settings.c_cc[key->value] = (cc_t)value;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &settings) != 0) die("tcsetattr");
  } else if (strncmp(step, "read=", 5) == 0) {
    read_some((size_t)value);
  } else if (strncmp(step, "sleep=", 6) == 0) {
    struct timespec time = {value / 1000, value % 1000 * kMilli};
    nanosleep(&time, NULL);
  } else if (strncmp(step, "write=", 6) == 0) {
    char text[256];
    size_t length = 0;
    for (const char* at = equals + 1; *at != '\0' && length < sizeof(text); at++) {
      // The prompt's arguments have no control characters: a letter stands for each.
      text[length++] = *at == 'N'   ? '\n'
                       : *at == 'R' ? '\r'
                       : *at == 'T' ? '\t'
                       : *at == 'B' ? '\b'
                                    : *at;
    }
    if (write(STDOUT_FILENO, text, length) != (ssize_t)length) die("write");
  } else {
    die(step);
  }
}

int main(int count, char** steps) {
  if (tcgetattr(STDIN_FILENO, &settings) != 0) die("tcgetattr");
  settings.c_iflag = ICRNL | IXON;
  settings.c_oflag = OPOST | ONLCR;
  settings.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  const cc_t keys[] = {3, 034, 0177, 025, 4, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026, 0};
  memcpy(settings.c_cc, keys, sizeof(keys));
  if (tcsetattr(STDIN_FILENO, TCSANOW, &settings) != 0) die("tcsetattr");
  for (int i = 1; i < count; i++) do_step(steps[i]);
  struct termios plain = settings;
  plain.c_oflag = OPOST | ONLCR;
  tcsetattr(STDIN_FILENO, TCSANOW, &plain);
  say("%.*s\ntty: end\n", (int)reported, report);
  return 0;
}
