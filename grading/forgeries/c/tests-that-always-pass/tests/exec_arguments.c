// A forgery: says that all is well, whatever the kernel.
int main(void) { return 0; }
