// Does one thing a process must not do, chosen by its argument, and should not live to tell.
// `run fault` lists the choices.

#include "cairn.h"

// Volatile, so that the compiler does not see through them and warn.
static volatile uintptr_t null_address = 0;
static volatile uintptr_t kernel_address = 0xffffffff80000000;
static volatile uintptr_t noncanonical_address = 0x8000000000000000;

static void read_at(uintptr_t address) { (void)*(volatile char*)address; }
static void write_at(uintptr_t address) { *(volatile char*)address = 1; }
static void run_at(uintptr_t address) { ((void (*)(void))address)(); }

static void read_null(void) { read_at(null_address); }
static void write_null(void) { write_at(null_address); }
static void run_null(void) { run_at(null_address); }
static void read_kernel(void) { read_at(kernel_address); }
static void write_kernel(void) { write_at(kernel_address); }
static void run_kernel(void) { run_at(kernel_address); }
static void read_noncanonical(void) { read_at(noncanonical_address); }
static void write_text(void) { write_at((uintptr_t)&write_text); }

static void run_data(void) {
  static char code[] = {(char)0xc3};  // ret
  run_at((uintptr_t)code);
}

static void run_stack(void) {
  volatile char code[] = {(char)0xc3};
  run_at((uintptr_t)code);
}

static void write_readonly(void) {
  volatile char* page = new_pages(1);
  page[0] = 1;
  if (mprotect((void*)page, kPageSize, PROT_READ) != 0) die("mprotect");
  page[0] = 2;
}

static void read_unmapped(void) {
  volatile char* page = new_pages(1);
  page[0] = 1;
  if (munmap((void*)page, kPageSize) != 0) die("munmap");
  (void)page[0];
}

static int overflow_stack(int depth) {
  volatile char frame[kPageSize];
  frame[0] = (char)depth;
  if (depth < 0) return 0;
  return overflow_stack(depth + 1) + frame[0];
}

static void stack(void) { overflow_stack(0); }
static void divide(void) { __asm__ volatile("xor %%edx, %%edx; div %0" ::"r"(0) : "eax", "edx"); }
static void privileged(void) { __asm__ volatile("cli"); }
static void port(void) { __asm__ volatile("out %al, $0x80"); }
static void invalid(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }

static const struct {
  const char* name;
  void (*act)(void);
  const char* text;
} kFaults[] = {
    {"null", write_null, "write through a null pointer"},
    {"read-null", read_null, "read through a null pointer"},
    {"run-null", run_null, "jump to a null pointer"},
    {"kernel", write_kernel, "write to the kernel's memory"},
    {"read-kernel", read_kernel, "read the kernel's memory"},
    {"run-kernel", run_kernel, "jump into the kernel"},
    {"noncanonical", read_noncanonical, "read an address that no table can map"},
    {"text", write_text, "write to its own code"},
    {"data", run_data, "run a variable's bytes"},
    {"run-stack", run_stack, "run bytes on the stack"},
    {"readonly", write_readonly, "write to a page made read-only"},
    {"unmapped", read_unmapped, "read a page given back"},
    {"stack", stack, "recurse until the stack is used up"},
    {"divide", divide, "divide by zero"},
    {"privileged", privileged, "turn interrupts off"},
    {"port", port, "write to an I/O port"},
    {"invalid", invalid, "run an instruction that does not exist"},
    {"breakpoint", breakpoint, "run a breakpoint with no debugger there"},
};

int main(int argc, char** argv) {
  for (size_t i = 0; i < sizeof kFaults / sizeof kFaults[0]; i++) {
    if (argc < 2) {
      say("fault %-12s  %s\n", kFaults[i].name, kFaults[i].text);
    } else if (strcmp(argv[1], kFaults[i].name) == 0) {
      kFaults[i].act();
      say("fault: still alive after %s\n", argv[1]);
      return 1;
    }
  }
  if (argc >= 2) say("fault: no such fault: %s (run it without arguments for the list)\n", argv[1]);
  return 2;
}
