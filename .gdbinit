# GDB settings for Cairn, and its commands: `cairn help` lists them. `make gdb` reads this file; by
# hand it is, in the repository's top folder: gdb -x .gdbinit build/a/kernel.elf
set architecture i386:x86-64
set disassembly-flavor intel
set confirm off
set pagination off
set backtrace past-main on
set print asm-demangle on
set print pretty on
set print static-members off

python
import os, sys
sys.path.insert(0, os.getcwd())
import grading.gdb
grading.gdb.load()
end
