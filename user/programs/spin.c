// Never ends and never enters the kernel: only a timer interrupt takes the CPU from it.
// `run spin &`, then `ps`, then `kill PID`.

int main(void) {
  for (;;) {
  }
}
