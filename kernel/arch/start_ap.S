// Where the processors start that the boot processor wakes (sched/processors.cc): in real mode, at the first byte of
// the page that the startup interrupt names, to which ap_trampoline is copied. It runs wherever it lies. On the way
// are start_ap in start.S, which switches to long mode under the boot map, and enter_ap below, under the kernel's.
//
//   real mode, page kApStartPage     ap_trampoline   a GDT, protected mode
//   32 bits, the image's own place   start_ap        paging, long mode
//   64 bits, the image's address     enter_ap        the kernel's tables, a stack, ap_main(cpu)
//
// A processor may come when nobody waits for it any more, and another one's start is under way: it goes on only if the
// offer (struct ApStart) is for it, and takes the offer in one atomic step.
// Source: Intel SDM 3A, "Multiple-Processor (MP) Initialization".

        .intel_syntax noprefix
        .set    APIC_ID, 0                      // offsets in struct ApStart (sched/processors.cc)
        .set    STATE, 4
        .set    ROOT, 8
        .set    STACK, 16
        .set    CPU, 24
        .set    OFFERED, 1
        .set    TAKEN, 2

        .section .rodata, "a"
        .code16
        .global ap_trampoline_start, ap_trampoline_end
ap_trampoline_start:
        cli
        cld
        mov     ax, cs
        mov     ds, ax
        data32 lgdt [ap_gdt_pointer - ap_trampoline_start]
        mov     eax, cr0
        or      al, 1                           // PE
        mov     cr0, eax
        .byte   0x66, 0xea                      // ljmp 0x10:start_ap, with a 32-bit offset
        .long   start_ap
        .word   0x10
ap_gdt_pointer:
        .word   31
        .long   boot_gdt
ap_trampoline_end:

        .text
        .code64
        .global enter_ap
enter_ap:
        mov     eax, 1
        cpuid
        shr     ebx, 24                         // this processor's APIC number
        cmp     ebx, [rip + ap_start + APIC_ID]
        jne     2f
        mov     eax, OFFERED
        mov     ecx, TAKEN
        lock cmpxchg [rip + ap_start + STATE], ecx
        jne     2f
        mov     rax, [rip + ap_start + ROOT]
        mov     cr3, rax
        mov     rsp, [rip + ap_start + STACK]
        mov     rdi, [rip + ap_start + CPU]
        xor     ebp, ebp                        // backtraces end here
        call    ap_main
2:      cli                                     // nobody waits for this one
        hlt
        jmp     2b
        .section .note.GNU-stack, "", @progbits
