# PVH start of the made-up guest: 32-bit, flat segments, no stack yet.

.section .note.Xen, "a", @note
  .long 4, 4, 18          # XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long start

.text
.globl start
start:
  cli
  mov $stack_top, %esp
  call guest_main
1:
  hlt
  jmp 1b

.bss
.balign 16
.skip 16384
stack_top:

.section .note.GNU-stack, "", @progbits
