"""The Makefile and grading/tools.sh, on a kernel of three lines: what is rebuilt, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

LINKER_SCRIPT = "ENTRY(entry)\nSECTIONS { . = 0x100000; .text : { *(.text*) } .rodata : { *(.rodata*) *(.symbols) } .data : { *(.data*) *(.bss*) } }\n"
ENTRY = '.globl entry\nentry: hlt\n.section .note.GNU-stack, "", @progbits\n'
HEADER = "#pragma once\nnamespace cairn { inline constexpr int kOne = 1; }\n"
SOURCE = '#include "lib/one.h"\nnamespace cairn { int %s(int x) { return x + kOne; } }\n'
ISOLATION_TEST = '#include "cairn.h"\nint main(void) { say("isolated\\n"); return 0; }\n'
FROM_HERE = ("Makefile", "user", "fs-images", "grading/__init__.py", "grading/__main__.py", "grading/course/__init__.py",
             "grading/course/lab.py", "grading/tools.sh", "grading/tools.txt",
             "kernel/debug/make_symbols.py", "kernel/lib/precompiled.h", "kernel/lib/freestanding.txt", "kernel/syscalls/missing.h", "labs/a-paging/lab.toml")
WRITTEN = b"what people wrote"
LAB_FILES = ("page_table", "tlb", "frame_refs", "copy_on_write")


@pytest.fixture
def small(tree, root: Path) -> Path:
    """A tree with the real Makefile and programs and a kernel of next to nothing."""
    files = {"kernel/boot/kernel.ld": LINKER_SCRIPT, "kernel/boot/entry.S": ENTRY, "kernel/lib/one.h": HEADER,
             "kernel/lib/alone.cc": "namespace cairn { int alone() { return 1; } }\n",
             "labs/a-paging/tests/isolation_mine.c": ISOLATION_TEST}
    top = tree(files | {f"labs/a-paging/{name}.cc": SOURCE % name for name in LAB_FILES})
    for name in FROM_HERE:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        copy(root / name, top / name)
    return top


def make(top: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs make there, without what a make above us passes on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "WERROR"))}
    return subprocess.run(["make", *arguments], cwd=top, env=environment, capture_output=True, text=True, check=False)


def built(run: subprocess.CompletedProcess[str]) -> list[str]:
    """The names in the lines that say what was done; fails where make failed."""
    assert run.returncode == 0, run.stdout + run.stderr
    return sorted(line.split()[-1] for line in run.stdout.splitlines() if line.startswith("  "))


def error(run: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused command prints."""
    assert run.returncode != 0 and run.stdout == ""
    (line,) = run.stderr.splitlines()
    return line


def test_only_what_changed_is_built_again(small: Path) -> None:
    everything = built(make(small, "image", "LAB=a"))
    assert {"kernel/boot/entry.S", "labs/a-paging/tlb.cc", "build/a/disk.img"} <= set(everything)
    assert built(make(small, "image", "LAB=a")) == []
    (small / "labs/a-paging/tlb.cc").write_text(SOURCE % "other")
    assert built(make(small, "image", "LAB=a")) == ["build/a/disk.img", "build/a/kernel.elf", "labs/a-paging/tlb.cc"]
    (small / "kernel/lib/one.h").write_text(HEADER.replace("1", "2"))
    assert built(make(small, "kernel", "LAB=a")) == ["build/a/kernel.elf", *sorted(f"labs/a-paging/{name}.cc" for name in LAB_FILES)]


def test_the_disk_of_make_qemu_is_kept(small: Path) -> None:
    """QEMU makes the image newer than the kernel; what counts is when it last got a kernel."""
    image, goals = small / "build/a/kept-disk.img", ("build/a/kept-disk.stamp", "LAB=a")
    assert "build/a/kept-disk.img" in built(make(small, *goals)) and built(make(small, *goals)) == []
    fresh = image.read_bytes()
    with image.open("r+b") as disk:
        disk.seek(60 << 20)
        disk.write(WRITTEN)  # in a block that nothing uses
    assert built(make(small, *goals)) == []
    (small / "labs/a-paging/tlb.cc").write_text(SOURCE % "other")
    os.utime(image, (1 << 32, 1 << 32))
    assert "build/a/kept-disk.img" in built(make(small, *goals))
    assert WRITTEN in image.read_bytes()
    assert "build/a/kept-disk.img" in built(make(small, "fresh-disk", "LAB=a")) and built(make(small, *goals)) == []
    assert WRITTEN not in image.read_bytes() and len(image.read_bytes()) == len(fresh)
    image.unlink()
    assert built(make(small, *goals)) == ["build/a/kept-disk.img"]


def test_a_changed_flag_builds_again_what_it_touches(small: Path) -> None:
    built(make(small, "kernel", "programs", "LAB=a"))
    again = built(make(small, "kernel", "programs", "LAB=a", "DEBUG=1"))
    assert "kernel/lib/alone.cc" in again and not any("user" in name for name in again)


def test_the_librarys_headers_are_precompiled(small: Path) -> None:
    """GCC takes them: it is silent, and warns where what is there in their place is none."""
    goals, source = ("kernel", "LAB=a", "CCACHE="), small / "labs/a-paging/tlb.cc"
    first = make(small, *goals)
    assert "labs/a-paging/tlb.cc" in built(first) and first.stderr == ""
    precompiled = small / "build/a/obj/kernel/lib/precompiled.h.gch"
    precompiled.write_bytes(b"none")
    source.write_text(SOURCE % "other")
    assert "precompiled.h.gch" in make(small, *goals).stderr
    (small / "kernel/lib/precompiled.h").write_text("inline constexpr int kBefore = 1;\n")
    source.write_text("int other() { return kBefore; }\n")
    assert {"kernel/lib/alone.cc", "labs/a-paging/tlb.cc"} <= set(built(make(small, *goals)))


def test_warnings_as_errors_build_nothing_again(small: Path) -> None:
    goals = ("kernel", "programs", "LAB=a")
    built(make(small, *goals))
    assert built(make(small, *goals, "WERROR=1")) == []
    (small / "labs/a-paging/tlb.cc").write_text(SOURCE % "other" + "static int nobody_reads;\n")
    strict = make(small, *goals, "WERROR=1")
    assert strict.returncode != 0 and "nobody_reads" in strict.stderr
    assert "labs/a-paging/tlb.cc" in built(make(small, *goals))


def test_under_gdb_the_labs_files_are_compiled_for_it(small: Path) -> None:
    built(make(small, "kernel", "LAB=a"))
    commands = make(small, "-n", "qemu-gdb", "LAB=a", "V=1").stdout.replace("\\\n", "").splitlines()
    compiled = {line.split(" -c ")[1].split()[0]: "-Og" in line.split() for line in commands if "g++" in line and " -c " in line}
    assert compiled == {f"labs/a-paging/{name}.cc": True for name in LAB_FILES}
    assert built(make(small, "kernel", "LAB=a", "V=")) == ["build/a/kernel.elf", *sorted(f"labs/a-paging/{name}.cc" for name in LAB_FILES)]
    assert built(make(small, "kernel", "LAB=a")) == []


def test_a_file_added_or_taken_away_is_noticed(small: Path) -> None:
    built(make(small, "kernel", "LAB=a"))
    (small / "kernel/lib/alone.cc").unlink()
    assert built(make(small, "kernel", "LAB=a")) == ["build/a/kernel.elf"]
    assert b"alone" not in (small / "build/a/kernel.elf").read_bytes()


def test_every_c_file_of_a_labs_tests_becomes_a_program(small: Path) -> None:
    built(make(small, "programs"))
    run = subprocess.run([small / "build/user/isolation_mine.elf"], capture_output=True, check=True)
    assert run.stdout == b"isolated\n"
    assert b"isolation_mine\0" in (small / "build/user/programs.cpio").read_bytes()


def test_a_disk_has_the_programs_for_people(small: Path) -> None:
    """GRUB's time goes by the bytes that it loads; the suite's programs come from the other archive."""
    built(make(small, "programs"))
    everything, for_people = ((small / f"build/user/{name}programs.cpio").read_bytes() for name in ("", "disk-"))
    for name, wanted in (("hello", True), ("isolation_mine", True), ("puppet", False), ("file_open", False)):
        assert name.encode() + b"\0" in everything and (name.encode() + b"\0" in for_people) == wanted
    assert len(for_people) < len(everything) / 3


@pytest.mark.parametrize("lab", ["q", "aa", "A", "*"])
def test_an_unknown_lab_is_refused(small: Path, lab: str) -> None:
    assert f"there is no lab {lab}: LAB can be one of: a" in error(make(small, "kernel", f"LAB={lab}"))
    assert not (small / "build" / lab).exists()


def test_only_one_lab_is_built_at_a_time(small: Path) -> None:
    assert 'not "a b"' in error(make(small, "kernel", "LAB=a b"))


def test_two_makes_at_once_do_not_meet(small: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: make(small, "image", "programs", "LAB=a", "CCACHE="), range(2)))
    assert [run.returncode for run in runs] == [0, 0], runs
    assert built(make(small, "image", "programs", "LAB=a", "CCACHE=")) == []
    assert not list(small.rglob("*.part*"))


def test_all_missing_lab_files_are_named(small: Path) -> None:
    built(make(small, "kernel", "LAB=a"))
    missing = ["labs/a-paging/frame_refs.cc", "labs/a-paging/tlb.cc"]
    for name in missing:
        (small / name).unlink()
    said = error(make(small, "kernel", "LAB=a"))
    assert "missing" in said and said.endswith(f"git checkout {' '.join(missing)}.  Stop.")


def test_a_header_of_the_hosted_library_is_refused_with_its_line(small: Path) -> None:
    (small / "labs/a-paging/tlb.cc").write_text('#include <algorithm>\n#include "lib/one.h"\n  # include  <vector> // of pages\n')
    run = make(small, "kernel", "LAB=a")
    assert run.returncode != 0
    assert "\nlabs/a-paging/tlb.cc:3: error: <vector> needs a hosted C++ library" in f"\n{run.stderr}"


def test_a_build_folder_that_cannot_be_written_is_named(small: Path) -> None:
    (small / "build").write_text("in the way")
    assert "cannot write to build/" in error(make(small, "kernel", "LAB=a"))


def test_a_failed_compilation_leaves_nothing_behind(small: Path) -> None:
    built(make(small, "kernel", "LAB=a"))
    before = (small / "build/a/kernel.elf").read_bytes()
    (small / "labs/a-paging/tlb.cc").write_text("wrong")
    assert make(small, "kernel", "LAB=a").returncode != 0
    assert (small / "build/a/kernel.elf").read_bytes() == before
    (small / "labs/a-paging/tlb.cc").write_text(SOURCE % "tlb")
    assert "build/a/kernel.elf" in built(make(small, "kernel", "LAB=a"))


def test_help_has_a_line_for_each_target_and_needs_nothing(small: Path) -> None:
    run = make(small, "help")
    targets = [line.split()[0] for line in run.stdout.splitlines() if line.startswith("  ")]
    assert {"qemu", "qemu-gdb", "gdb", "grade", "bench", "clean", "help"} <= set(targets)
    assert not {"starter", "branches", "test", "test-all", "soak"} & set(targets)  # a student's tree can't
    assert error(make(small, "test")).endswith("make test works only in the course's own tree.  Stop.")
    (small / "grading" / "suite").mkdir()
    assert all(f"\n  {target} " in make(small, "help").stdout for target in ("starter", "branches", "test", "test-all", "soak"))
    assert not (small / "build").exists()


# tools.sh

ESSENTIAL = ("sh", "dirname", "id", "find", "grep", "head", "sort", "ls", "env", "touch")


def tools(folder: Path, root: Path, wanted: str, apt: str | None) -> subprocess.CompletedProcess[str]:
    """Runs tools.sh with one wanted tool, few commands on the PATH and the given apt-get."""
    (folder / "bin").mkdir(parents=True)
    for name in ESSENTIAL:
        (folder / "bin" / name).symlink_to(shutil.which(name))
    if apt is not None:
        (folder / "bin/apt-get").write_text(f"#!/bin/sh\n{apt}\n")
        (folder / "bin/apt-get").chmod(0o755)
        (folder / "bin/sudo").symlink_to("env")
    shutil.copy(root / "grading/tools.sh", folder)
    (folder / "tools.txt").write_text(f"build some-package {wanted} makes this test pass\nother not-asked-for absent never\n")
    return subprocess.run([folder / "tools.sh", "build"], env={"PATH": str(folder / "bin")}, capture_output=True, text=True, check=False)


def test_a_missing_tool_is_installed(tmp_path: Path, root: Path) -> None:
    tool = tmp_path / "wanted-tool"
    run = tools(tmp_path, root, str(tool), f"case \"$*\" in *'install -y --no-install-recommends some-package') touch {tool};; esac")
    assert run.returncode == 0, run.stderr
    assert "some-package" in run.stderr and "makes this test pass" in run.stderr and "not-asked-for" not in run.stderr


@pytest.mark.parametrize("apt", [None, "exit 100", "exit 0"])
def test_a_tool_that_cannot_be_installed_stops_with_the_list(tmp_path: Path, root: Path, apt: str | None) -> None:
    run = tools(tmp_path, root, "wanted-tool", apt)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith("apt-get install --no-install-recommends some-package")


def test_an_old_tool_is_named_with_both_versions(tmp_path: Path, root: Path) -> None:
    run = tools(tmp_path, root, "grep>=999", None)
    assert run.returncode == 1
    assert "grep is " in run.stderr and "999 or newer is needed (package some-package)" in run.stderr


def test_an_optional_tool_stops_nothing(tmp_path: Path, root: Path) -> None:
    run = tools(tmp_path, root, "?wanted-tool", "exit 100")
    assert (run.returncode, run.stderr) == (0, "")
