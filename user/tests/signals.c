// Handlers: what they are told, the stack they run on, what is blocked meanwhile, and the way back. The suite runs
// the same program on Linux and on Cairn and compares every line (grading/suite/test_calls.py).
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <time.h>

#include "cairn.h"

static volatile int count, last_signal, last_code, last_value;
static volatile uintptr_t last_address, stack_in_handler;
static siginfo_t last_info;
static sigset_t mask_in_handler;

static void note(int signal, siginfo_t* info, void* context) {
  (void)context;
  count++;
  last_signal = signal;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  last_address = (uintptr_t)info->si_addr;
  last_info = *info;
  stack_in_handler = (uintptr_t)__builtin_frame_address(0);
  sigprocmask(SIG_SETMASK, NULL, &mask_in_handler);
}

static void catch (int signal, int flags, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {.sa_flags = flags | SA_SIGINFO};
  action.sa_sigaction = handler;
  if (sigaction(signal, &action, NULL) != 0) die("sigaction");
}
static void reset(int signal_number) { signal(signal_number, SIG_DFL); }

static unsigned long mask_bits(const sigset_t* set) {
  unsigned long bits = 0;
  for (int s = 1; s <= 64; s++) {
    if (sigismember(set, s) == 1) bits |= 1ul << (s - 1);
  }
  return bits;
}
static unsigned long blocked(void) {
  unsigned long mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
  return mask;
}
static void block(int how, int signal) {
  unsigned long mask = 1ul << (signal - 1);
  syscall(SYS_rt_sigprocmask, how, &mask, NULL, 8);
}
static unsigned long pending(void) {
  unsigned long set = 0;
  syscall(SYS_rt_sigpending, &set, 8);
  return set;
}

static void told(const char* what) {
  say("calls: %s: %d times, signal %d, code %d\n", what, count, last_signal, last_code);
  count = 0;
}

static void senders(void) {
  catch (SIGUSR1, 0, note);
  kill(getpid(), SIGUSR1);
  told("kill");
  say("calls: by me %d, user %d\n", last_info.si_pid == getpid(), last_info.si_uid);
  raise(SIGUSR1);
  told("raise");
  say("calls: by me %d\n", last_info.si_pid == getpid());
  syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
  told("tgkill");
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77});
  told("sigqueue");
  say("calls: by me %d, value %d\n", last_info.si_pid == getpid(), last_value);
  alarm(1);
  catch (SIGALRM, 0, note);
  pause();
  told("alarm");
  pid_t child = fork();
  if (child == 0) {
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  told("another process");
  say("calls: by the child %d\n", last_info.si_pid == child);
  reset(SIGUSR1);
  reset(SIGALRM);
}

static void flags(void) {
  catch (SIGUSR1, 0, note);
  raise(SIGUSR1);
  say("calls: blocked in its handler: %#lx, after it: %#lx\n", mask_bits(&mask_in_handler),
      blocked());
  catch (SIGUSR1, SA_NODEFER, note);
  raise(SIGUSR1);
  say("calls: SA_NODEFER: %#lx\n", mask_bits(&mask_in_handler));
  struct sigaction action = {.sa_flags = SA_SIGINFO}, now;
  action.sa_sigaction = note;
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaddset(&action.sa_mask, SIGKILL);
  sigaddset(&action.sa_mask, SIGSTOP);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  say("calls: sa_mask: %#lx, after it: %#lx\n", mask_bits(&mask_in_handler), blocked());
  sigaction(SIGUSR1, NULL, &now);
  say("calls: it is %d, with %#lx\n", now.sa_sigaction == note, mask_bits(&now.sa_mask));
  catch (SIGUSR1, SA_RESETHAND, note);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &now);
  say("calls: SA_RESETHAND: default %d, flags %#x\n", now.sa_handler == SIG_DFL,
      (unsigned)now.sa_flags);
  catch (SIGUSR1, 0x400 | 0x10000000, note);
  sigaction(SIGUSR1, NULL, &now);
  say("calls: flags %#x\n", (unsigned)now.sa_flags);
  reset(SIGUSR1);
  count = 0;
}

// Red zone: a leaf function's variables below its stack pointer are as they were.
static int red_zone(void) {
  unsigned long changed;
  __asm__ volatile(
      "lea -128(%%rsp), %%rdi\n mov $16, %%ecx\n mov $0x1234567, %%eax\n rep stosq\n"
      "mov %1, %%eax\n mov %2, %%edi\n mov %3, %%esi\n syscall\n"
      "lea -128(%%rsp), %%rdi\n mov $16, %%ecx\n mov $0x1234567, %%eax\n repe scasq\n"
      "setne %%al\n movzbl %%al, %%eax"
      : "=&a"(changed)
      : "i"(SYS_kill), "r"((int)getpid()), "i"(SIGUSR1)
      : "rcx", "r11", "rdi", "rsi", "memory", "cc");
  return changed == 0;
}

static ucontext_t seen_context;
static void change_context(int signal, siginfo_t* info, void* argument) {
  (void)signal, (void)info;
  ucontext_t* context = argument;
  seen_context = *context;
  context->uc_mcontext.gregs[REG_RBX] = 0x5555;
  context->uc_mcontext.gregs[REG_RAX] = 0x77;
  // The word that begins the mask.
  *(unsigned long*)&context->uc_sigmask |= 1ul << (SIGUSR2 - 1);
}

static void contexts(void) {
  catch (SIGUSR1, 0, note);
  say("calls: red zone kept: %d\n", red_zone());
  catch (SIGUSR1, 0, change_context);
  long rax = SYS_kill, rbx = 0x1111, r12 = 0x2222;
  register long r12_register __asm__("r12") = r12;
  __asm__ volatile("syscall"
                   : "+a"(rax), "+b"(rbx), "+r"(r12_register)
                   : "D"((long)getpid()), "S"((long)SIGUSR1)
                   : "rcx", "r11", "memory");
  gregset_t* registers = &seen_context.uc_mcontext.gregs;
  say("calls: in the context rax %lld rbx %#llx r12 %#llx\n", (*registers)[REG_RAX],
      (*registers)[REG_RBX], (*registers)[REG_R12]);
  say("calls: after it rax %#lx rbx %#lx r12 %#lx\n", rax, rbx, r12_register);
  say("calls: mask in the context %#lx, now %#lx\n", *(unsigned long*)&seen_context.uc_sigmask,
      blocked());
  block(SIG_UNBLOCK, SIGUSR2);
  reset(SIGUSR1);
}

// All registers come back, whatever the handler does, also where no call was: a timer interrupts a loop.
static void spoil(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  count++;
  __asm__ volatile(
      "xor %%ecx, %%ecx\n xor %%r11d, %%r11d\n xor %%r8d, %%r8d\n xor %%r9d, %%r9d\n xor %%r10d, "
      "%%r10d\n"
      "pxor %%xmm0, %%xmm0\n pxor %%xmm15, %%xmm15\n fninit\n std\n cld"
      :
      :
      : "rcx", "r11", "r8", "r9", "r10", "xmm0", "xmm15", "memory");
}
static void registers(void) {
  catch (SIGALRM, 0, spoil);
  struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &every, NULL);
  long wrong = 0;
  double top = 1234.5, back = 0;
  while (count < 20) {
    long rounds = 20000, bad = 0;
    __asm__ volatile(
        "movq %2, %%xmm0\n movq %2, %%xmm15\n fldl %4\n"
        "mov $0x11, %%rcx\n mov $0x22, %%r11\n mov $0x33, %%r8\n mov $0x44, %%r9\n mov $0x55, "
        "%%r10\n"
        "1: cmp $0x11, %%rcx\n jne 2f\n cmp $0x22, %%r11\n jne 2f\n cmp $0x33, %%r8\n jne 2f\n"
        "cmp $0x44, %%r9\n jne 2f\n cmp $0x55, %%r10\n jne 2f\n"
        "movq %%xmm0, %%rdx\n cmp %2, %%rdx\n jne 2f\n movq %%xmm15, %%rdx\n cmp %2, %%rdx\n jne "
        "2f\n"
        "dec %0\n jnz 1b\n jmp 3f\n 2: mov $1, %1\n 3: fstpl %3"
        : "+r"(rounds), "+r"(bad)
        : "r"(0x123456789abcl), "m"(back), "m"(top)
        : "rcx", "r11", "r8", "r9", "r10", "rdx", "xmm0", "xmm15", "cc", "memory");
    wrong += bad;
    if (back != top) wrong++;
  }
  setitimer(ITIMER_REAL, &off, NULL);
  say("calls: registers that a handler changed: %ld\n", wrong);
  count = 0;
  reset(SIGALRM);
}

static unsigned mxcsr_in_handler, control_in_handler;
static void note_fpu(int signal, siginfo_t* info, void* argument) {
  (void)signal, (void)info;
  ucontext_t* context = argument;
  unsigned mxcsr;
  unsigned short control;
  __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(mxcsr), "=m"(control));
  mxcsr_in_handler = mxcsr;
  control_in_handler = control;
  say("calls: in the frame mxcsr %#x, control word %#x\n", context->uc_mcontext.fpregs->mxcsr,
      context->uc_mcontext.fpregs->cwd);
  context->uc_mcontext.fpregs->mxcsr |= 0x8000;
}
static void fpu(void) {
  catch (SIGUSR1, 0, note_fpu);
  unsigned mxcsr = 0x1f80 | 0x6000, after, usual = 0x1f80;
  unsigned short control = 0x0f7f, control_after, usual_control = 0x037f;
  __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(mxcsr), "m"(control));
  raise(SIGUSR1);
  __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(after), "=m"(control_after));
  __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(usual), "m"(usual_control));
  say("calls: in the handler mxcsr %#x, control word %#x; after it %#x, %#x\n", mxcsr_in_handler,
      control_in_handler, after, control_after);
  reset(SIGUSR1);
}

static char first_stack[16384], second_stack[16384];
static uintptr_t outer, inner;
static stack_t stack_in_context, stack_told;
static void inner_handler(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info, (void)context;
  inner = (uintptr_t)__builtin_frame_address(0);
}
static void outer_handler(int signal, siginfo_t* info, void* argument) {
  (void)signal, (void)info;
  stack_in_context = ((ucontext_t*)argument)->uc_stack;
  outer = (uintptr_t)__builtin_frame_address(0);
  sigaltstack(NULL, &stack_told);
  raise(SIGUSR2);
  stack_t other = {.ss_sp = second_stack, .ss_size = sizeof(second_stack)};
  say("calls: another stack while on it: %s\n",
      sigaltstack(&other, NULL) == 0 ? "yes" : strerror(errno));
}
static int on(const char* stack, uintptr_t address) {
  return address >= (uintptr_t)stack && address < (uintptr_t)stack + sizeof(first_stack);
}

static void stack_report(const char* what, long result) {
  stack_t now;
  int error = errno;
  sigaltstack(NULL, &now);
  say("calls: %s: %s; size %zu flags %#x\n", what, result == 0 ? "yes" : strerror(error),
      now.ss_size, (unsigned)now.ss_flags);
}
static void stacks(void) {
  stack_t stack = {.ss_sp = first_stack, .ss_size = sizeof(first_stack)};
  stack_report("no stack yet", 0);
  stack.ss_flags = 4;
  stack_report("unknown flags", syscall(SYS_sigaltstack, &stack, NULL));
  stack.ss_flags = 0;
  stack.ss_size = 2047;
  stack_report("too small", syscall(SYS_sigaltstack, &stack, NULL));
  stack_report("a bad address", syscall(SYS_sigaltstack, (void*)8, NULL));
  stack.ss_size = sizeof(first_stack);
  stack_report("a stack", syscall(SYS_sigaltstack, &stack, NULL));
  catch (SIGUSR1, SA_ONSTACK, outer_handler);
  catch (SIGUSR2, SA_ONSTACK, inner_handler);
  raise(SIGUSR1);
  say("calls: on it %d, nested on it %d, below %d\n", on(first_stack, outer),
      on(first_stack, inner), inner < outer);
  say("calls: told flags %#x, in the context %#x size %zu\n", (unsigned)stack_told.ss_flags,
      (unsigned)stack_in_context.ss_flags, stack_in_context.ss_size);
  catch (SIGUSR2, 0, inner_handler);
  raise(SIGUSR1);
  say("calls: a handler without SA_ONSTACK stays on it %d\n", on(first_stack, inner));
  raise(SIGUSR2);
  say("calls: and off it %d\n", on(first_stack, inner));
  pid_t child = fork();
  if (child == 0) {
    stack_report("a forked child's", 0);
    _exit(0);
  }
  wait_for(child);
  stack.ss_flags = (int)(1u << 31);  // SS_AUTODISARM
  stack_report("auto-disarm", syscall(SYS_sigaltstack, &stack, NULL));
  raise(SIGUSR1);
  say("calls: told flags %#x, in the context %#x size %zu\n", (unsigned)stack_told.ss_flags,
      (unsigned)stack_in_context.ss_flags, stack_in_context.ss_size);
  stack_report("after the handler", 0);
  stack.ss_flags = SS_DISABLE;
  stack_report("none", syscall(SYS_sigaltstack, &stack, NULL));
  raise(SIGUSR1);
  say("calls: without one: on it %d\n", on(first_stack, outer));
  reset(SIGUSR1);
  reset(SIGUSR2);
}

// Two that wait: the lower one's handler is entered first, the next before its first instruction.
static char order[8];
static void in_order(int signal, siginfo_t* info, void* context) {
  (void)info, (void)context;
  order[strlen(order)] = (char)(signal == SIGUSR1 ? '1' : signal == SIGUSR2 ? '2' : 'h');
}
static void masks(void) {
  catch (SIGUSR1, 0, in_order);
  catch (SIGUSR2, 0, in_order);
  catch (SIGHUP, 0, in_order);
  unsigned long all = ~0ul, none = 0, old = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
  say("calls: all that can be blocked: %#lx\n", blocked());
  kill(getpid(), SIGUSR2);
  kill(getpid(), SIGUSR1);
  raise(SIGHUP);
  kill(getpid(), SIGUSR2);
  kill(getpid(), SIGCHLD);
  say("calls: pending %#lx\n", pending());
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, &old, 8);
  say("calls: in order %s, pending %#lx\n", order, pending());
  block(SIG_BLOCK, SIGUSR1);
  kill(getpid(), SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  say("calls: pending and then ignored %#lx\n", pending());
  kill(getpid(), SIGUSR1);
  say("calls: ignored and blocked %#lx\n", pending());
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR1, SIG_IGN);
  block(SIG_UNBLOCK, SIGUSR1);
  block(SIG_BLOCK, SIGUSR2);
  pid_t child = fork();
  if (child == 0) _exit(pending() == 0 && blocked() == 1ul << (SIGUSR2 - 1) ? 0 : 1);
  kill(getpid(), SIGUSR2);
  say("calls: a child's mask and pending ones: %d\n", wait_for(child));
  child = fork();
  if (child == 0) _exit(pending() == 0 ? 0 : 1);
  say("calls: pending ones aren't inherited: %d\n", wait_for(child));
  block(SIG_UNBLOCK, SIGUSR2);
  say("calls: in order %s\n", order);
  reset(SIGUSR1);
  reset(SIGUSR2);
  reset(SIGHUP);
}

static void suspends(void) {
  catch (SIGUSR1, 0, note);
  count = 0;
  block(SIG_BLOCK, SIGUSR1);
  block(SIG_BLOCK, SIGUSR2);
  kill(getpid(), SIGUSR1);
  unsigned long mask = 1ul << (SIGUSR2 - 1);
  long result = syscall(SYS_rt_sigsuspend, &mask, 8);
  say("calls: sigsuspend %ld %s; blocked in the handler %#lx, after it %#lx\n", result,
      strerror(errno), mask_bits(&mask_in_handler), blocked());
  told("sigsuspend");
  syscall(SYS_rt_sigsuspend, &mask, 4);
  say("calls: a mask of four bytes: %s\n", strerror(errno));
  syscall(SYS_rt_sigsuspend, (void*)8, 8);
  say("calls: a bad address: %s\n", strerror(errno));
  // A signal that is ignored doesn't end it, nor one that stops and goes on.
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(50);
    kill(getppid(), SIGWINCH);
    sleep_ms(50);
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  syscall(SYS_rt_sigsuspend, &mask, 8);
  told("sigsuspend beside what is ignored");
  wait_for(child);
  block(SIG_UNBLOCK, SIGUSR1);
  block(SIG_UNBLOCK, SIGUSR2);
  reset(SIGUSR1);
}

static void actions(void) {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } action = {0}, old;
#define ACTION(...)                    \
  say("calls: " #__VA_ARGS__ ": %s\n", \
      syscall(SYS_rt_sigaction, __VA_ARGS__) == 0 ? "yes" : strerror(errno))
  ACTION(0, NULL, &old, 8);
  ACTION(65, NULL, &old, 8);
  ACTION(64, NULL, &old, 8);
  ACTION(32, NULL, &old, 8);
  ACTION(33, &action, &old, 8);
  ACTION(SIGKILL, NULL, &old, 8);
  ACTION(SIGKILL, &action, NULL, 8);
  ACTION(SIGSTOP, &action, NULL, 8);
  ACTION(SIGUSR1, &action, NULL, 4);
  ACTION(SIGUSR1, 8, NULL, 8);
  ACTION(0, 8, NULL, 8);
  ACTION(SIGUSR1, NULL, 8, 8);
#define MASK(...)                      \
  say("calls: " #__VA_ARGS__ ": %s\n", \
      syscall(SYS_rt_sigprocmask, __VA_ARGS__) == 0 ? "yes" : strerror(errno))
  MASK(7, &action, NULL, 8);
  MASK(7, NULL, NULL, 8);
  MASK(SIG_SETMASK, &action, NULL, 4);
  MASK(SIG_SETMASK, 8, NULL, 8);
  MASK(SIG_SETMASK, NULL, 8, 8);
  say("calls: sigpending of nine bytes %ld, of none %ld, at 8 %ld\n",
      syscall(SYS_rt_sigpending, &old, 9), syscall(SYS_rt_sigpending, NULL, 0),
      syscall(SYS_rt_sigpending, 8, 8));
}

// What each signal does where nobody says otherwise.
static void defaults(void) {
  setpgid(0, 0);  // its parent is outside: stops of the terminal stop it
  for (int signal = 1; signal <= 64; signal++) {
    pid_t child = fork();
    if (child == 0) {
      kill(getpid(), signal);
      _exit(99);
    }
    int status = 0;
    waitpid(child, &status, WUNTRACED);
    say("calls: signal %d: %#x\n", signal, status);
    if (!WIFSTOPPED(status)) continue;
    kill(child, SIGKILL);
    wait_for(child);
  }
}

int main(void) {
  default_signals();
  senders();
  flags();
  contexts();
  registers();
  fpu();
  stacks();
  masks();
  suspends();
  actions();
  pid_t child = fork();
  if (child == 0) {
    defaults();
    _exit(0);
  }
  wait_for(child);
  say("calls: done\n");
  return 0;
}
