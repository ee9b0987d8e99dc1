// Entry and exit of exceptions and interrupts.
//
// The stack on arrival at `trap_common` (it grows down; the processor aligned it to 16):
//
//       ss  rsp  rflags  cs  rip            pushed by the processor
//       error code                          by the processor or, where it has none, by the stub
//       vector                              by the stub
//       rdi rsi rdx rcx rax r8 … r15        by trap_common: now a TrapFrame (arch/trap_frame.h)
//
// GS belongs to the kernel while it runs: SWAPGS when we come from or return to user mode.

        .intel_syntax noprefix
        .text

        .macro  PUSH_REGISTERS
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    rax
        push    r8
        push    r9
        push    r10
        push    r11
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        .endm

        .macro  POP_REGISTERS
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rax
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        .endm

        .macro  CALL_DISPATCH function
        cmp     byte ptr [cpu_has_smap], 0      // user memory is closed while the kernel runs
        je      2f
        clac
2:      mov     rdi, rsp
        push    qword ptr [rsp + 17*8]          // a link of the frame-pointer chain, so that
        push    qword ptr [rsp + 5*8]           // backtraces go on: the interrupted rip, rbp
        mov     rbp, rsp
        call    \function
        add     rsp, 16
        .endm

trap_common:
        cld
        PUSH_REGISTERS
        test    byte ptr [rsp + 18*8], 3        // cs: from user mode?
        jz      .Lfrom_kernel
        swapgs
.Lkernel_gs:
        CALL_DISPATCH trap_dispatch
        mov     rdi, rsp

        .global return_to_user
return_to_user:
        mov     rsp, rdi
        test    byte ptr [rsp + 18*8], 3
        jz      1f
        swapgs
1:      POP_REGISTERS
        add     rsp, 16                         // vector, error code
        .global return_instruction
return_instruction:
        iretq

// From the kernel. The one instruction that it runs with the user's GS, and that may fault, is IRETQ to a frame
// with bad selectors or a bad rip: trap_dispatch() finds the kernel's GS and ends the process.
.Lfrom_kernel:
        cmp     qword ptr [rsp + 17*8], offset return_instruction
        jne     .Lkernel_gs
        swapgs
        jmp     .Lkernel_gs

// NMI, double fault, machine check: at any instruction, with either GS, on stacks of their own. GS is the kernel's
// if it points to the upper half; user code can't make its own point there, since it has no means to set it. The
// way back runs nothing that may switch threads: it restores what was.
paranoid_common:
        cld
        PUSH_REGISTERS
        xor     ebx, ebx                        // whether GS was the user's
        mov     ecx, 0xc0000101                 // msr::kGsBase
        rdmsr
        test    edx, edx
        js      1f
        swapgs
        inc     ebx
1:      CALL_DISPATCH paranoid_dispatch
        test    ebx, ebx
        jz      1f
        swapgs
1:      POP_REGISTERS
        add     rsp, 16
        iretq

// 256 stubs of 16 bytes each; the IDT points at them. The processor pushes an error code itself for
// vectors 8, 10–14, 17, 21, 29 and 30.
        .balign 16
        .global trap_stubs
trap_stubs:
        .set    number, 0
        .rept   256
        .balign 16
        .if     !(number == 8 || (number >= 10 && number <= 14) || number == 17 || number == 21 || number == 29 || number == 30)
        push    0
        .endif
        push    number
        .if     number == 2 || number == 8 || number == 18
        jmp     paranoid_common
        .else
        jmp     trap_common
        .endif
        .set    number, number + 1
        .endr

// SYSCALL arrives here: rcx = return address, r11 = rflags, rax = number, arguments in rdi rsi rdx
// r10 r8 r9; interrupts off (SFMASK), still on the user's stack. We build a whole TrapFrame, so that
// fork copies and signals edit the same thing whatever way a process came in.
// Source: Intel SDM 2B, "SYSCALL" and "SYSRET".
        .set    CPU_USER_RSP, 8                 // arch/percpu.h proves these offsets
        .set    CPU_KERNEL_RSP, 16

        .balign 16
        .global syscall_entry
syscall_entry:
        swapgs
        mov     gs:[CPU_USER_RSP], rsp
        mov     rsp, gs:[CPU_KERNEL_RSP]
        push    0x1b                            // ss: kUserDataSelector
        push    qword ptr gs:[CPU_USER_RSP]
        push    r11
        push    0x23                            // cs: kUserCodeSelector
        push    rcx
        push    rax                             // "error code": the call's number
        push    256                             // kSyscallVector
        PUSH_REGISTERS
        mov     rdi, rsp
        xor     ebp, ebp                        // backtraces end at the kernel's entry
        call    syscall_dispatch                // doesn't return if the frame may have been changed
        POP_REGISTERS
        add     rsp, 16
        mov     rcx, [rsp]
        mov     r11, [rsp + 16]
        mov     rsp, [rsp + 24]
        swapgs
        sysretq

// void switch_stacks(uint64_t* save, uint64_t load): the other half of a context switch. Callee-saved
// registers go on the old stack, its pointer to *save; the new stack holds the same layout.
//
//       [load]: r15 r14 r13 r12 rbx rbp  return address
        .global switch_stacks
switch_stacks:
        push    rbp
        push    rbx
        push    r12
        push    r13
        push    r14
        push    r15
        mov     [rdi], rsp
        mov     rsp, rsi
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbx
        pop     rbp
        ret

// Where a new thread's first switch returns to (sched/thread.cc lays out its stack):
// rbx = function, r12 = its argument.
        .global thread_trampoline
thread_trampoline:
        call    finish_first_switch
        mov     rdi, r12
        call    rbx
        ud2

// size_t raw_copy_user(void* to, const void* from, size_t count): copies with one side in user
// memory; returns how many bytes could not be copied. A fault that can't be resolved continues at
// the address that user_access_table names (arch/user_access.h). raw_copy_present is the same code at
// another address, by which the fault handler knows that it must resolve none of its faults (present_only_start).
        .macro  copy_user name
        .global \name
\name:
        mov     rcx, rdx
        shr     rcx, 3
        and     edx, 7
1:      rep movsq
        mov     ecx, edx
2:      rep movsb
        xor     eax, eax
        ret
3:      lea     rcx, [rdx + rcx*8]      // bytes missing
        // A word that reaches into another page may begin with good bytes: up to that page's start.
        mov     eax, esi
        neg     eax
        and     eax, 4095
        lea     r9d, [rax - 1]
        cmp     r9d, 7
        jb      6f
        mov     eax, edi
        neg     eax
        and     eax, 4095
        lea     r9d, [rax - 1]
        cmp     r9d, 7
        jae     4f
6:      mov     r9, rcx
        sub     r9, rax                 // bytes missing after them
        mov     ecx, eax
5:      rep movsb
        mov     rax, r9
        ret
7:      lea     rax, [r9 + rcx]
        ret
4:      mov     rax, rcx
        ret

        .pushsection .user_access_table, "a"
        .quad   1b, 3b
        .quad   2b, 4b
        .quad   5b, 7b
        .popsection
        .endm

// bool raw_exchange_user(uint32_t* word, uint32_t* expected, uint32_t desired): compare and exchange, in one
// step, of a word of user memory. False: a fault that can't be resolved.
        .macro  exchange_user name
        .global \name
\name:
        mov     eax, [rsi]
1:      lock cmpxchg [rdi], edx
        mov     [rsi], eax              // what was there
        mov     eax, 1
        ret
2:      xor     eax, eax
        ret
        .pushsection .user_access_table, "a"
        .quad   1b, 2b
        .popsection
        .endm

        copy_user raw_copy_user
        exchange_user raw_exchange_user

        .global present_only_start
present_only_start:
        copy_user raw_copy_present
        exchange_user raw_exchange_present

// bool raw_load_present(uint32_t* to, const uint32_t* from)
        .global raw_load_present
raw_load_present:
1:      mov     eax, [rsi]
        mov     [rdi], eax
        mov     eax, 1
        ret
2:      xor     eax, eax
        ret
        .pushsection .user_access_table, "a"
        .quad   1b, 2b
        .popsection

        .global present_only_end
present_only_end:
        .section .note.GNU-stack, "", @progbits
