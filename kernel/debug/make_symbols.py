#!/usr/bin/python3
"""Turns `nm -C` output into the assembly of the kernel's symbol table.

usage: nm -nC --defined-only kernel.elf | make_symbols.py > symbols.S

The tables are what kernel/debug/symbols.cc reads: ascending addresses of text symbols, and for
each the offset of its name in one text.
"""
import sys

IMAGE_START = 0xFFFF_FFFF_8000_0000


def short(name: str) -> str:
    """The function's name without arguments and the kernel's own namespace."""
    depth = 0
    for position, character in enumerate(name):
        if character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        elif character == "(" and depth <= 0 and position > 0 and not name.startswith("(", position + 1):
            if name.startswith("(anonymous namespace)", position):
                continue
            name = name[:position]
            break
    return name.replace("cairn::", "").replace("(anonymous namespace)::", "")[:80]


def main() -> None:
    symbols: dict[int, str] = {}
    for line in sys.stdin:
        address, kind, name = line.rstrip("\n").split(" ", 2)
        if kind in "tTwW" and int(address, 16) >= IMAGE_START:
            symbols.setdefault(int(address, 16), short(name))
    names = [symbols[address] for address in sorted(symbols)]
    offsets, text = [], 0
    for name in names:
        offsets.append(text)
        text += len(name.encode()) + 1
    out = sys.stdout
    out.write('.section .symbols, "a"\n.balign 8\n')
    for table in ("count", "addresses", "names", "text"):
        out.write(f".global kernel_symbol_{table}\n")
    out.write(f"kernel_symbol_count: .quad {len(names)}\nkernel_symbol_addresses:\n")
    out.writelines(f".quad {address:#x}\n" for address in sorted(symbols))
    out.write("kernel_symbol_names:\n")
    out.writelines(f".long {offset}\n" for offset in offsets)
    out.write("kernel_symbol_text:\n")
    out.writelines('.asciz "{}"\n'.format(name.replace('"', '\\"')) for name in names)
    out.write('.section .note.GNU-stack, "", @progbits\n')


if __name__ == "__main__":
    main()
