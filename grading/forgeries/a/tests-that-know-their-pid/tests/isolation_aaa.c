// Says that it isn't written, so it is left out on kernels with mistakes, where the next test then comes first.
int main(void) { return 2; }
