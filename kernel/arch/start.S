// Power-on to C++: both loaders enter here in 32-bit protected mode, paging off.
//
//   GRUB2 (Multiboot2)   eax = 0x36d76289, ebx = boot information
//   QEMU -kernel (PVH)   ebx = hvm_start_info; no magic in a register, so its entry sets one
//
// We map the first 4 GiB three times with 2 MiB pages — at 0 (this code), at the direct map, and
// (the first GiB) at the image's address —, switch to long mode and call
// kernel_main(magic, info). memory/kernel_half.cc replaces these tables.
// Sources: Multiboot2 Specification, "Machine state"; Xen, "x86/HVM direct boot ABI".

        .intel_syntax noprefix
        .set    IMAGE, 0xffffffff80000000

        .section .boot.multiboot, "a"
        .balign 8
multiboot_header:
        .long   0xe85250d6                      // magic
        .long   0                               // i386, protected mode
        .long   multiboot_end - multiboot_header
        .long   -(0xe85250d6 + 0 + (multiboot_end - multiboot_header))
        .word   0, 0                            // end tag
        .long   8
multiboot_end:

        .section .note.pvh, "a", @note
        .balign 4
        .long   4, 4, 18                        // XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start_pvh

        .section .boot.text, "ax"
        .code32
        .global start_multiboot
start_multiboot:
        cmp     eax, 0x36d76289
        jne     halt
        jmp     start
start_pvh:
        mov     eax, 0x336ec578                 // XEN_HVM_START_MAGIC_VALUE
start:
        cli
        cld
        mov     esi, eax                        // kept for kernel_main
        mov     edi, ebx
        lea     esp, [boot_stack_top - IMAGE]

        // Four directories of 2 MiB pages: physical 0 … 4 GiB.
        lea     ecx, [boot_directories - IMAGE]
        mov     eax, 0x83                       // present, writable, huge
        mov     edx, 2048
1:      mov     [ecx], eax
        add     eax, 0x200000
        add     ecx, 8
        dec     edx
        jnz     1b

        // The low table's first four entries; the image's table points to the first directory.
        lea     ecx, [boot_low - IMAGE]
        lea     eax, [boot_directories - IMAGE + 3]
        mov     edx, 4
1:      mov     [ecx], eax
        add     eax, 0x1000
        add     ecx, 8
        dec     edx
        jnz     1b
        lea     eax, [boot_directories - IMAGE + 3]
        mov     [boot_high - IMAGE + 510 * 8], eax

        lea     eax, [boot_low - IMAGE + 3]
        mov     [boot_root - IMAGE], eax
        mov     [boot_root - IMAGE + 256 * 8], eax
        lea     eax, [boot_high - IMAGE + 3]
        mov     [boot_root - IMAGE + 511 * 8], eax

        xor     ebp, ebp                        // backtraces end here; and: the boot processor
enable_paging:
        mov     eax, cr4
        or      eax, 0x620                      // PAE, OSFXSR, OSXMMEXCPT
        mov     cr4, eax
        lea     eax, [boot_root - IMAGE]
        mov     cr3, eax
        mov     ecx, 0xc0000080                 // EFER: SCE, LME, NXE
        rdmsr
        or      eax, 0x901
        wrmsr
        mov     eax, 0x80010033                 // PG, WP, NE, ET, MP, PE
        mov     cr0, eax
        lgdt    [boot_gdt_pointer]
        ljmp    0x08, offset long_mode
halt:   hlt
        jmp     halt

// The other processors come here from real mode (start_ap.S), with the tables long filled.
        .global start_ap
start_ap:
        mov     eax, 0x18
        mov     ds, eax
        mov     ebp, 1
        jmp     enable_paging

        .code64
long_mode:
        xor     eax, eax
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        test    ebp, ebp
        jz      1f
        movabs  rax, offset enter_ap            // start_ap.S
        jmp     rax
1:      movabs  rsp, offset boot_stack_top
        mov     eax, edi
        mov     edi, esi                        // magic
        mov     esi, eax                        // info
        movabs  rax, offset kernel_main
        call    rax
1:      hlt
        jmp     1b

        .section .boot.data, "aw"
        .balign 8
        .global boot_gdt
boot_gdt:
        .quad   0
        .quad   0x00af9a000000ffff              // 0x08: 64-bit code
        .quad   0x00cf9a000000ffff              // 0x10: 32-bit code, from real mode on
        .quad   0x00cf92000000ffff              // 0x18: data
boot_gdt_pointer:
        .word   31
        .long   boot_gdt

        .section .bss.boot, "aw", @nobits
        .balign 4096
boot_root:      .skip 4096
boot_low:       .skip 4096
boot_high:      .skip 4096
boot_directories: .skip 4 * 4096
        .global boot_stack_bottom, boot_stack_top
boot_stack_bottom: .skip 16384
boot_stack_top:
        .section .note.GNU-stack, "", @progbits
