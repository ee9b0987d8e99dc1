// Prints the size of its terminal, and again each time when it is told that it changed, until it is 0; the status is how
// often that was.
#include <signal.h>
#include <sys/ioctl.h>

#include "cairn.h"

static void ignore(int signal) { (void)signal; }

int main(void) {
  struct sigaction action = {.sa_handler = ignore};
  struct winsize size;
  sigset_t window, none;
  sigemptyset(&none), sigemptyset(&window), sigaddset(&window, SIGWINCH);
  sigprocmask(SIG_BLOCK, &window, NULL);
  sigaction(SIGWINCH, &action, NULL);
  for (int told = 0;; told++) {
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0) die("TIOCGWINSZ");
    say("tty: %d rows, %d columns\n", size.ws_row, size.ws_col);
    if (size.ws_row == 0) return told;
    sigsuspend(&none);
  }
}
