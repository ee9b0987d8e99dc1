# Where a flat program begins. The kernel hands over one register and a stack (user/README.md):
#
#   RDI = address of the command line, NUL-terminated, on the stack above RSP
#   RSP = 16-byte aligned; everything below it is free; all other registers are 0
#
# musl's _start wants what a Linux kernel leaves on the stack (System V ABI AMD64, "Initial Stack
# and Register State"), so the block is built here, in user mode, and left at RSP:
#
#            | command line        |  from the kernel, cut into words in place
#            | auxv pairs, AT_NULL |
#            | NULL                |  end of the (empty) environment
#            | NULL                |  end of argv
#            | argv[0] … argv[n-1] |
#   RSP  ->  | argc                |
#
# A kernel that loads the ELF file itself leaves that block and RDI = 0: then there is nothing to do,
# so the same program runs on Linux.

    .text
    .globl cairn_start
    .type cairn_start, @function
cairn_start:
    test %rdi, %rdi
    jz _start
    mov %rdi, %rbx
    call cairn_start_size           # RAX = bytes the block takes, a multiple of 16
    sub %rax, %rsp
    mov %rsp, %rdi
    mov %rbx, %rsi
    call cairn_start_fill           # (block, command line)
    xor %edx, %edx                  # no function to run at exit
    xor %ebp, %ebp
    jmp _start
    .size cairn_start, . - cairn_start

    .section .note.GNU-stack, "", @progbits
