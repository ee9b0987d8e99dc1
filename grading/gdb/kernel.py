"""The kernel under the debugger: is it there, and what do its variables and types say.

Values are decoded by their DWARF types. `scalar()` sees through the wrappers that hold one thing
(Number, std::atomic, RefPtr), so a field may change between them without a change here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import gdb

DIRECT_MAP = 0xFFFF_8000_0000_0000  # kDirectMapStart, arch/layout.h
USER_END = 0x7FFF_FFFF_F000  # kUserEnd
CHUNK = 1 << 20  # bytes a read
LONGEST = 1 << 20  # elements of a list, beyond which it is taken for damaged


class Trouble(Exception):
    """A command can't do its work; the message is one line with what to do."""


def one_line(error: BaseException) -> str:
    """An error's text without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


# Is it there?


def require() -> None:
    """Raises Trouble unless the kernel with our symbols is in the machine's memory, and that stands still."""
    thread = gdb.selected_thread()
    if thread is None or not thread.is_valid():
        raise Trouble("no machine is attached: leave GDB, `make qemu-gdb LAB=a` in another terminal, then `make gdb`")
    if thread.is_running():
        raise Trouble("the machine is running: stop it with Ctrl-C or `interrupt`")
    try:
        start, end = address_of("image_text_start"), address_of("image_text_end")
    except gdb.error:
        raise Trouble("no symbols of a kernel: start GDB with `make gdb`, or: file build/a/kernel.elf") from None
    try:
        same = read(start, end - start) == _text_in_file(start, end - start)
    except gdb.MemoryError:
        raise Trouble("the kernel isn't loaded yet: `break kernel_main`, then `continue`") from None
    if not same:
        name = gdb.current_progspace().filename
        raise Trouble(f"the machine runs another kernel than {name}: leave QEMU and GDB and start both again")


def _text_in_file(start: int, size: int) -> bytes:
    """The kernel's code as its ELF has it."""
    gdb.execute("set trust-readonly-sections on")
    try:
        return read(start, size)
    finally:
        gdb.execute("set trust-readonly-sections off")


@contextlib.contextmanager
def selection_kept() -> Iterator[None]:
    """Selects the same CPU and stack frame after the block as before."""
    thread, frame = gdb.selected_thread(), None
    with contextlib.suppress(gdb.error):
        frame = gdb.selected_frame()
    level = frame.level() if frame else 0
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            with contextlib.suppress(gdb.error):
                thread.switch()
                at: gdb.Frame | None = gdb.newest_frame()
                while level and at is not None:
                    at, level = at.older(), level - 1
                if at is not None:
                    at.select()


# Memory


def read(address: int, size: int) -> bytes:
    """Bytes of virtual memory, under the loaded page table. Raises gdb.MemoryError."""
    inferior = gdb.selected_inferior()
    return b"".join(bytes(inferior.read_memory(at, min(CHUNK, address + size - at))) for at in range(address, address + size, CHUNK))


class DirectMap:
    """Physical memory, as grading/judge/page_walk.py wants it."""

    def stopped(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # GDB has stopped the machine

    def read_phys(self, address: int, size: int) -> bytes:
        return read(DIRECT_MAP + address, size)

    def is_ram(self, address: int, size: int = 1) -> bool:
        """The direct map shows RAM and nothing else."""
        try:
            read(DIRECT_MAP + address, 1)
            read(DIRECT_MAP + address + size - 1, 1)
        except (gdb.MemoryError, OverflowError):
            return False
        return True


# Variables, types, values


def address_of(symbol: str) -> int:
    """The address of a symbol of assembly or of the linker script. Raises gdb.error."""
    return int(gdb.parse_and_eval(f"(unsigned long)&::{symbol}"))


def variable(name: str) -> gdb.Value:
    """A variable of namespace cairn, global or private to a file. Raises Trouble."""
    for full in (f"cairn::{name}", f"cairn::(anonymous namespace)::{name}"):
        symbols = [gdb.lookup_global_symbol(full), *gdb.lookup_static_symbols(full)]
        for symbol in symbols:
            if symbol is not None:
                return symbol.value()
    raise Trouble(f"the kernel has no variable {name}: build it again (make kernel)")


def pointer(address: int, type_name: str) -> gdb.Value:
    """`address` as a pointer to cairn::`type_name`."""
    return gdb.Value(address).cast(gdb.lookup_type(f"cairn::{type_name}").pointer())


def scalar(value: gdb.Value) -> gdb.Value:
    """The one thing inside a Number, std::atomic, RefPtr or anything else that holds one thing."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        fields = [field for field in value.type.strip_typedefs().fields() if hasattr(field, "bitpos")]  # not the static ones
        if len(fields) != 1:
            raise Trouble(f"{value.type} holds more than one thing")
        value = value[fields[0]]
    return value


def number(value: gdb.Value) -> int:
    """scalar() as an int."""
    return int(scalar(value))


def unsigned(value: gdb.Value) -> int:
    """A register as a number of 64 bits; GDB takes some of them for signed."""
    return int(value) & (1 << 64) - 1


def text(value: gdb.Value) -> str:
    """A char array or pointer, safe to print."""
    raw = value.string("latin-1", "replace")
    return "".join(character if character.isprintable() else "?" for character in raw)


def enumerators(type_name: str) -> dict[int, str]:
    """The values of an enumeration of namespace cairn: `page-table` for FrameUse::kPageTable."""
    return {int(field.enumval): _words(str(field.name)) for field in gdb.lookup_type(f"cairn::{type_name}").fields()}


def enumerator(value: gdb.Value) -> str:
    """The name of a value as enumerators() has it; a number that has no name as such."""
    value = scalar(value)
    names = {int(field.enumval): str(field.name) for field in value.type.strip_typedefs().fields()}
    return _words(names[int(value)]) if int(value) in names else str(int(value))


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name.rpartition("::")[2].removeprefix("k")).lower()


def offset(type_name: str, field: str) -> int:
    """Bytes from the start of a cairn::`type_name` to its `field`."""
    return int(gdb.lookup_type(f"cairn::{type_name}")[field].bitpos) // 8


def elements(head: gdb.Value, type_name: str, link: str) -> Iterator[gdb.Value]:
    """What a List<T, &T::link> holds. Raises Trouble when it doesn't end."""
    first = int(head["head_"].address)
    at = int(head["head_"]["next"])
    for _ in range(LONGEST):
        if at in (0, first):
            return
        yield pointer(at - offset(type_name, link), type_name).dereference()
        at = int(pointer(at, "ListLink")["next"])
    raise Trouble("a list doesn't end: it is damaged")
