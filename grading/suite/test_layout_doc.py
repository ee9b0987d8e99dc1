"""handouts/memory-layout.md agrees with the kernel's constants, compiled from kernel/arch/layout.h."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
NUMBER = re.compile(r"0x[0-9a-f_'’]+|\b\d+ (?:[KMGT]iB)\b|\b\d[\d,]*\b", re.IGNORECASE)


def constants(root: Path, tmp_path: Path) -> dict[str, int]:
    """Every constant of layout.h with its value, as the compiler sees it."""
    text = (root / "kernel/arch/layout.h").read_text()
    names = re.findall(r"^inline constexpr (?:VirtAddr|uint64_t) (k\w+)", text, re.MULTILINE)
    lines = "".join(f'  show("{name}", {name});\n' for name in names)
    program = tmp_path / "show.cc"
    program.write_text('#include "arch/layout.h"\n#include <cstdio>\n'
                       "using namespace cairn;\n"
                       'void show(const char* n, uint64_t v) { std::printf("%s %lu\\n", n, v); }\n'
                       "void show(const char* n, VirtAddr v) { show(n, v.value); }\n"
                       f"int main() {{\n{lines}}}\n")
    binary = tmp_path / "show"
    subprocess.run(["g++", "-std=c++20", "-I", root / "kernel", program, "-o", binary], check=True)
    printed = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    return {name: int(value) for name, value in map(str.split, printed.splitlines())}


def values_in(line: str) -> set[int]:
    """The numbers a line of the document names: hexadecimal, sizes with a unit, decimal."""
    values = set()
    for word in NUMBER.findall(line):
        if word.lower().startswith("0x"):
            values.add(int(re.sub("[_'’]", "", word), 16))
        elif " " in word:
            count, unit = word.split()
            values.add(int(count) << UNITS[unit])
        else:
            values.add(int(word.replace(",", "")))
    return values


def test_the_document_has_every_constant_with_its_value(root: Path, tmp_path: Path) -> None:
    document = (root / "handouts/memory-layout.md").read_text().splitlines()
    wrong = []
    for name, value in constants(root, tmp_path).items():
        lines = [line for line in document if re.search(rf"`{name}`", line)]
        if not any(value in values_in(line) for line in lines):
            wrong.append(f"{name} = {value:#x}: " + (f"found in {lines}" if lines else "not named"))
    assert wrong == []


def test_the_document_names_no_constant_that_is_gone(root: Path, tmp_path: Path) -> None:
    document = (root / "handouts/memory-layout.md").read_text()
    sources = "".join(path.read_text() for path in (root / "kernel").rglob("*.h"))
    gone = [name for name in set(re.findall(r"`(k[A-Z]\w+)`", document)) if not re.search(rf"\b{name}\b", sources)]
    assert gone == []


@pytest.mark.parametrize(("line", "values"), [
    ("`kUserEnd` 0x0000'7fff'ffff'f000", {0x7FFFFFFFF000}),
    ("`kStackSize`: 16 KiB of stack", {16384}),
    ("0xffff_8000_0000_0000 … 512 GiB", {0xFFFF800000000000, 512 << 30}),
    ("4,096 bytes", {4096}),
])
def test_numbers_are_read_as_documents_write_them(line: str, values: set[int]) -> None:
    assert values <= values_in(line)
