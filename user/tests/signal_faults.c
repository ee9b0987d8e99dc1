// Faults that are caught, frames that can't be written, and frames that a handler spoils before it returns. The
// suite runs the same program on Linux and on Cairn and compares every line (grading/suite/test_calls.py).
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>

#include "cairn.h"

typedef void (*Handler)(int, siginfo_t*, void*);

static void catch (int signal, int flags, Handler handler) {
  struct sigaction action = {.sa_flags = flags | SA_SIGINFO};
  action.sa_sigaction = handler;
  if (sigaction(signal, &action, NULL) != 0) die("sigaction");
}

static char* pages;  // [0] read-only, [1] without access, [2] unmapped, [3] writable
static sigjmp_buf back;

static void report(int signal, siginfo_t* info, void* argument) {
  ucontext_t* context = argument;
  gregset_t* registers = &context->uc_mcontext.gregs;
  uintptr_t address = (uintptr_t)info->si_addr;
  const char* where = address == (uintptr_t)(*registers)[REG_RIP] ? "the instruction" : "elsewhere";
  if (address == 0) where = "0";
  if (pages != NULL && address >= (uintptr_t)pages && address < (uintptr_t)pages + 8 * kPageSize)
    where = address % kPageSize == 8 ? "the page" : "beside";
  // Bit 0 says whether the page table has an entry for the page, which is the kernel's own affair.
  say("calls: signal %d, code %d, at %s; exception %lld, error %#llx\n", signal, info->si_code,
      where, (*registers)[REG_TRAPNO], (*registers)[REG_ERR] & ~1);
  siglongjmp(back, 1);
}

static void fault(const char* what, void (*run)(void)) {
  say("calls: %s\n", what);
  if (sigsetjmp(back, 1) == 0) {
    run();
    say("calls: nothing happened\n");
  }
}

static void read_nowhere(void) { (void)*(volatile char*)(pages + 2 * kPageSize + 8); }
static void write_nowhere(void) { *(volatile char*)(pages + 2 * kPageSize + 8) = 1; }
static void write_read_only(void) { *(volatile char*)(pages + 8) = 1; }
static void read_forbidden(void) { (void)*(volatile char*)(pages + kPageSize + 8); }
static void run_data(void) { ((void (*)(void))(uintptr_t)(pages + 3 * kPageSize + 8))(); }
static void read_kernel(void) { (void)*(volatile char*)0xffff800000000000; }
static void read_non_canonical(void) { (void)*(volatile char*)0x0000900000000000; }
static void divide(void) {
  __asm__ volatile("xor %%edx, %%edx\n mov $1, %%eax\n xor %%ecx, %%ecx\n div %%ecx"
                   :
                   :
                   : "eax", "ecx", "edx");
}
static void undefined(void) { __asm__ volatile("ud2"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void single_step(void) {
  __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n nop" : : : "cc", "memory");
}
static void x87_divide(void) {
  unsigned short control = 0x037b;
  __asm__ volatile("fldcw %0\n fld1\n fldz\n fdivrp\n fwait" : : "m"(control));
}
static void x87_invalid(void) {
  unsigned short control = 0x037e;
  __asm__ volatile("fldcw %0\n fldz\n fldz\n fdivrp\n fwait" : : "m"(control));
}

static void faults(void) {
  int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) catch (all[i], 0, report);
  fault("a read where nothing is", read_nowhere);
  fault("a write where nothing is", write_nowhere);
  fault("a write to what may be read", write_read_only);
  fault("a read of what may not be", read_forbidden);
  fault("running what may not be run", run_data);
  fault("a read of the kernel", read_kernel);
  fault("a read of no address", read_non_canonical);
  fault("a division by zero", divide);
  fault("ud2", undefined);
  fault("hlt", privileged);
  fault("int3", breakpoint);
  fault("a single step", single_step);
  fault("x87", x87_divide);
  __asm__ volatile("fninit");
  fault("x87, zero by zero", x87_invalid);
  __asm__ volatile("fninit");
}

// How a child ends; it is to report nothing itself.
static void end(const char* what, void (*run)(void)) {
  pid_t child = fork();
  if (child == 0) {
    run();
    _exit(0);
  }
  say("calls: %s: %#x\n", what, wait_for(child));
}

static void leave(int signal, siginfo_t* info, void* context) {
  (void)info, (void)context;
  _exit(signal);
}
static void come_back(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
}

static void segv_blocked(void) {
  catch (SIGSEGV, 0, leave);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  sigprocmask(SIG_BLOCK, &set, NULL);
  read_nowhere();
}
static void segv_ignored(void) {
  signal(SIGSEGV, SIG_IGN);
  read_nowhere();
}
static void segv_in_its_handler(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  read_nowhere();
}
static void segv_twice(void) {
  catch (SIGSEGV, 0, segv_in_its_handler);
  read_nowhere();
}
static void sent_segv(void) {
  catch (SIGSEGV, 0, leave);
  kill(getpid(), SIGSEGV);
}

static void with_stack(char* stack, void (*run)(void)) {
  __asm__ volatile("mov %%rsp, %%rbx\n mov %0, %%rsp\n call *%1\n mov %%rbx, %%rsp"
                   :
                   : "r"(stack), "r"(run)
                   : "rbx", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}
static void raise_usr1(void) { syscall(SYS_kill, getpid(), SIGUSR1); }
static char spare_stack[32768];
// A stack of one page, below which nothing is.
static char* short_stack(void) {
  char* at = mmap(NULL, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(at, kPageSize);
  return at + kPageSize + 512;
}
static void no_room(void) {
  catch (SIGUSR1, 0, leave);
  with_stack(short_stack(), raise_usr1);
}
static void no_room_but_for_segv(void) {
  stack_t stack = {.ss_sp = spare_stack, .ss_size = sizeof(spare_stack)};
  sigaltstack(&stack, NULL);
  catch (SIGUSR1, 0, leave);
  catch (SIGSEGV, SA_ONSTACK, leave);
  with_stack(short_stack(), raise_usr1);
}
static void no_room_for_segv(void) {
  catch (SIGUSR1, 0, leave);
  catch (SIGSEGV, 0, leave);
  with_stack(short_stack(), raise_usr1);
}
static void alternate_overflows(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  raise(SIGUSR1);
}
static void overflow_of_alternate(void) {
  stack_t stack = {.ss_sp = spare_stack + 16384, .ss_size = 8192};
  sigaltstack(&stack, NULL);
  catch (SIGUSR1, SA_ONSTACK | SA_NODEFER, alternate_overflows);
  raise(SIGUSR1);
}
static void no_restorer(void) {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } action = {(void*)leave, SA_SIGINFO, NULL, 0};
  syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
  raise(SIGUSR1);
}
static void handler_nowhere(void) {
  struct sigaction action = {0};
  action.sa_handler = (void (*)(int))(uintptr_t)(pages + 2 * kPageSize + 8);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
}

static void deaths(void) {
  end("blocked", segv_blocked);
  end("ignored", segv_ignored);
  end("in its own handler", segv_twice);
  end("SIGSEGV from kill()", sent_segv);
  end("no room for a frame", no_room);
  end("no room, but SIGSEGV has its own", no_room_but_for_segv);
  end("no room for SIGSEGV's either", no_room_for_segv);
  end("the alternate stack is full", overflow_of_alternate);
  end("no restorer", no_restorer);
  end("a handler that isn't there", handler_nowhere);
}

// What a handler does to its frame.
static int spoiled;
enum {
  kSpoilRip,
  kSpoilKernelRip,
  kSpoilCs,
  kSpoilKernelCs,
  kSpoilSs,
  kSpoilFlags,
  kSpoilMxcsr,
  kSpoilFpu,
  kSpoilNoFpu,
  kSpoilRsp,
  kSpoilMask,
  kSpoils
};
static void spoil(int signal, siginfo_t* info, void* argument) {
  (void)signal, (void)info;
  ucontext_t* context = argument;
  greg_t* registers = context->uc_mcontext.gregs;
  switch (spoiled) {
    case kSpoilRip: registers[REG_RIP] = 0x0000900000000000; break;
    case kSpoilKernelRip: registers[REG_RIP] = (greg_t)0xffff800000000000; break;
    case kSpoilCs: *(short*)&registers[REG_CSGSFS] = 0x43; break;
    case kSpoilKernelCs: *(short*)&registers[REG_CSGSFS] = 8; break;
    case kSpoilSs: ((short*)&registers[REG_CSGSFS])[3] = 0x7b; break;
    case kSpoilFlags: registers[REG_EFL] = -1 & ~0x100l; break;
    case kSpoilMxcsr: context->uc_mcontext.fpregs->mxcsr = 0xffffffff; break;
    case kSpoilFpu: context->uc_mcontext.fpregs = (void*)8; break;
    case kSpoilNoFpu: context->uc_mcontext.fpregs = NULL; break;
    case kSpoilRsp: registers[REG_RSP] = 8; break;
    case kSpoilMask: memset(&context->uc_sigmask, 0xff, 8); break;
    default: break;
  }
}
static void run_spoiled(void) {
  catch (SIGUSR1, 0, spoil);
  raise(SIGUSR1);
  unsigned long mask = 0, flags;
  __asm__ volatile("pushfq\n popq %0\n pushq $0x202\n popfq" : "=r"(flags));
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
  _exit(mask == 0 ? 1 : mask == ~(1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1)) ? 2 : 3);
}
static void run_spoiled_caught(void) {
  stack_t stack = {.ss_sp = spare_stack, .ss_size = sizeof(spare_stack)};
  sigaltstack(&stack, NULL);
  catch (SIGSEGV, SA_ONSTACK, leave);
  run_spoiled();
}
// The flags that user mode can't change stay: interrupts on, the I/O privilege level 0.
static void flags_of_user(void) {
  spoiled = kSpoilFlags;
  catch (SIGUSR1, 0, spoil);
  unsigned long flags, pid = (unsigned long)getpid();
  __asm__ volatile("syscall\n pushfq\n popq %0\n pushq $0x202\n popfq"
                   : "=a"(flags)
                   : "0"((long)SYS_kill), "D"(pid), "S"((long)SIGUSR1)
                   : "rcx", "r11", "memory", "cc");
  say("calls: flags %#lx\n", flags & ~0x10202ul);
}
static void return_without_frame(void) { syscall(SYS_rt_sigreturn); }
static void return_from_nowhere(void) {
  __asm__ volatile("mov $16, %%rsp\n mov %0, %%eax\n syscall" : : "i"(SYS_rt_sigreturn) : "memory");
}
// The result of a call that a signal cut short, made up in a frame, has no call begin again.
static void fake(int signal, siginfo_t* info, void* argument) {
  (void)signal, (void)info;
  ((ucontext_t*)argument)->uc_mcontext.gregs[REG_RAX] = -EINTR;
}
static void made_up_interruption(void) {
  catch (SIGUSR1, 0, fake);
  long result = SYS_kill;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"((long)getpid()), "S"((long)SIGUSR1)
                   : "rcx", "r11", "memory");
  say("calls: a made-up result: %ld\n", result);
}

static void frames(void) {
  const char* names[] = {"rip",          "rip of the kernel",
                         "cs",           "cs of the kernel",
                         "ss",           "flags",
                         "mxcsr",        "FPU state nowhere",
                         "no FPU state", "rsp",
                         "mask"};
  for (spoiled = 0; spoiled < kSpoils; spoiled++) {
    if (spoiled == kSpoilFlags) continue;
    char what[64];
    snprintf(what, sizeof(what), "spoiled %s", names[spoiled]);
    end(what, run_spoiled);
    snprintf(what, sizeof(what), "spoiled %s, caught", names[spoiled]);
    end(what, run_spoiled_caught);
  }
  flags_of_user();
  end("sigreturn without a frame", return_without_frame);
  end("sigreturn from nowhere", return_from_nowhere);
  made_up_interruption();
  spoiled = kSpoils;
  catch (SIGUSR1, 0, come_back);
}

int main(void) {
  pages = mmap(NULL, 8 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pages[0] = pages[kPageSize] = pages[3 * kPageSize] = 1;
  mprotect(pages, kPageSize, PROT_READ);
  mprotect(pages + kPageSize, kPageSize, PROT_NONE);
  munmap(pages + 2 * kPageSize, kPageSize);
  faults();
  int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) signal(all[i], SIG_DFL);
  deaths();
  frames();
  say("calls: done\n");
  return 0;
}
