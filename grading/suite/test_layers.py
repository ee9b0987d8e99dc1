"""The kernel's subsystems and the harness's packages: each check on made-up trees, then on the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.course import layers, package_layers

SUBSYSTEMS = "# lowest first\nlib\narch\nmemory  # frames\nvfs\nboot\n"


def violations(tree, files: dict[str, str]) -> list[str]:
    return layers.check(tree({"kernel/layers.txt": SUBSYSTEMS, layers.FREESTANDING: "cstdint\n"} | files))


def test_a_subsystem_may_include_its_own_headers_and_lower_ones(tree) -> None:
    assert violations(tree, {
        "kernel/lib/result.h": "#pragma once\n#include <cstdint>\n",
        "kernel/memory/frame.h": '#include "lib/result.h"\n',
        "kernel/memory/frame.cc": '#include "memory/frame.h"\n#include "lib/result.h"\n',
        "labs/a-paging/frame.cc": '#include "memory/frame.h"\n',
    }) == []


def test_including_upwards_names_line_and_fix(tree) -> None:
    [text] = violations(tree, {
        "kernel/vfs/path.h": "",
        "kernel/memory/frame.cc": '// frames\n#include "vfs/path.h"\n',
    })
    assert text.startswith("kernel/memory/frame.cc:2: includes vfs/path.h")
    assert "kernel/layers.txt" in text


def test_a_lab_file_lives_in_its_headers_room(tree) -> None:
    files = {
        "kernel/vfs/path.h": "",
        "kernel/memory/frame.h": "",
        "labs/a-paging/frame.cc": '#include "vfs/path.h"\n',
    }
    assert len(violations(tree, files)) == 1
    # Without a header of its name, the first kernel header counts.
    files |= {"labs/a-paging/frame.cc": "",
              "labs/a-paging/other.cc": '#include "memory/frame.h"\n#include "vfs/path.h"\n'}
    assert len(violations(tree, files)) == 1


@pytest.mark.parametrize(("files", "expected"), [
    ({"kernel/new/a.h": ""}, "kernel/new/: not in kernel/layers.txt"),
    ({"kernel/loose.h": ""}, "stands in no subsystem"),
    ({"kernel/lib/a.h": '#include "lib/absent.h"\n'}, "isn't in the tree"),
    ({"kernel/lib/a.h": "#include <vector>\n"}, "hosted library"),
    ({"kernel/lib/a.S": "nop\n"}, "assembly; move it to kernel/arch or kernel/boot"),
    ({"kernel/lib/a.cc": 'void f() { asm volatile("nop"); }\n'}, "inline assembly"),
    ({"labs/a-paging/a.cc": ""}, "belongs to no subsystem"),
    ({"kernel/lib/a.h": '#include "lib/b.h"\n', "kernel/lib/b.h": '#include "lib/a.h"\n'},
     "includes itself"),
])
def test_each_kind_of_violation_is_found(tree, files: dict[str, str], expected: str) -> None:
    found = violations(tree, files)
    assert len(found) == 1
    assert expected in found[0]


def test_the_word_asm_in_comments_and_strings_is_no_assembly(tree) -> None:
    assert violations(tree, {
        "kernel/lib/a.cc": '// asm\n/* asm\n asm */ const char* s = "asm";\n',
        "kernel/arch/b.cc": 'void f() { asm volatile("nop"); }\n',
        "kernel/boot/c.S": "nop\n",
    }) == []


def test_a_header_that_needs_another_is_found(tree) -> None:
    top = tree({"kernel/lib/good.h": "#pragma once\nusing Word = unsigned;\n",
                "kernel/lib/bad.h": "#pragma once\nstruct S { Word word; };\n"})
    [text] = layers.check_headers(top)
    assert text.startswith("kernel/lib/bad.h: doesn't compile alone")


def test_the_kernel_keeps_its_layers(root: Path) -> None:
    assert layers.check(root) == []


# The harness's packages.

PACKAGES = "# lowest first\ncourse:\nmachine:\njudge: course machine\n"


def package_violations(tree, files: dict[str, str]) -> list[str]:
    return package_layers.check(tree({"grading/layers.txt": PACKAGES} | files))


def test_a_package_imports_what_its_line_names(tree) -> None:
    assert package_violations(tree, {
        "grading/__init__.py": "ROOT = 1\n", "grading/course/__init__.py": "", "grading/machine/qemu.py": "from grading import ROOT\n",
        "grading/course/lab.py": "import os\nfrom grading.course import markers\n", "grading/course/markers.py": "",
        "grading/judge/ext2.py": "from grading.course.lab import Lab\nfrom grading.machine import qemu\n"}) == []


@pytest.mark.parametrize("text", ["from grading.machine import qemu\n", "from grading.machine.qemu import X\n", "import grading.machine.qemu\n",
                                  "def late():\n    from grading.machine import qemu\n"])
def test_any_import_of_another_package_is_found(tree, text: str) -> None:
    [found] = package_violations(tree, {"grading/course/lab.py": text, "grading/machine/qemu.py": ""})
    assert found.startswith(f"grading/course/lab.py:{text.count(chr(10))}: imports grading/machine/qemu.py") and "grading/layers.txt" in found


def test_modules_that_import_each_other_are_found(tree) -> None:
    [found] = package_violations(tree, {"grading/course/lab.py": "from grading.course import markers\n",
                                        "grading/course/markers.py": "def late():\n    from grading.course.lab import Lab\n"})
    assert "imports itself through grading/course/lab.py -> grading/course/markers.py -> grading/course/lab.py" in found


def test_a_package_without_a_line_is_found(tree) -> None:
    [found] = package_violations(tree, {"grading/new/a.py": ""})
    assert found.startswith("grading/new/: not in grading/layers.txt")


def test_lines_out_of_order_are_found(tree) -> None:
    [upward] = package_layers.check(tree({"grading/layers.txt": "judge: machine\nmachine:\n"}))
    assert "judge names machine, which has no line above" in upward


def test_an_arrow_that_nobody_needs_is_found(tree) -> None:
    top = tree({"grading/layers.txt": PACKAGES, "grading/machine/qemu.py": "", "grading/judge/ext2.py": "from grading.machine import qemu\n"})
    [found] = package_layers.unused(top)
    assert "judge imports nothing from course" in found


def test_the_harness_keeps_its_order(root: Path) -> None:
    assert package_layers.check(root) + package_layers.unused(root) == []
