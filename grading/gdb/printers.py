"""How GDB's `print` shows the kernel's small types: numbers, references, results, atomics."""

from __future__ import annotations

import gdb
import gdb.printing

from grading.gdb import kernel


class NumberPrinter:
    """Number<PidTag>: 3; addresses and frame numbers in hexadecimal."""

    def __init__(self, value: gdb.Value) -> None:
        self.value = value

    def to_string(self) -> str:
        number = int(self.value["value"])
        plain = any(tag in str(self.value.type.strip_typedefs()) for tag in ("PidTag", "CpuIdTag"))
        return str(number) if plain else hex(number)


class WrapperPrinter:
    """RefPtr, std::atomic, RunState: what is inside."""

    def __init__(self, value: gdb.Value) -> None:
        self.value = value

    def to_string(self) -> str:
        return str(kernel.scalar(self.value))


class ResultPrinter:
    """Result<T>: the value or the error."""

    def __init__(self, value: gdb.Value) -> None:
        self.value = value

    def to_string(self) -> str:
        error = self.value["error_"]
        if int(error):
            return str(error).rpartition("::")[2].removeprefix("k")
        has_value = any(field.name == "value_" or field.name is None for field in self.value.type.strip_typedefs().fields())
        return f"ok: {self.value['value_']}" if has_value else "ok"


def register() -> None:
    """For every file that GDB loads."""
    printers = gdb.printing.RegexpCollectionPrettyPrinter("cairn")
    printers.add_printer("Number", r"^cairn::Number<.*>$", NumberPrinter)
    printers.add_printer("RefPtr", r"^cairn::RefPtr<.*>$", WrapperPrinter)
    printers.add_printer("atomic", r"^std::atomic<.*>$", WrapperPrinter)
    printers.add_printer("RunState", r"^cairn::RunState$", WrapperPrinter)
    printers.add_printer("Result", r"^cairn::Result<.*>$", ResultPrinter)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
