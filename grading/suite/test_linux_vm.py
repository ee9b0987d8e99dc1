"""Linux in Cairn's machine, and the counter of instructions. One short boot of Debian's kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grading import ext2_images, ext2_judge, instruction_count, linux_vm
from grading.failures import HarnessFault
from grading.instruction_count import Mark, between

PROGRAM = """
#include <sys/stat.h>
#include <fcntl.h>
#include "cairn.h"
int main(int count, char** arguments) {
  mark(1);
  for (int i = 0; i < 1000; i++) __asm__ volatile("nop; nop");
  mark(2);
  usleep(200000);
  mark(3);
  say("%d %s\\n", count, arguments[1]);
  int file = open("written", O_WRONLY | O_CREAT, 0600);
  if (file < 0 || write(file, "by Linux", 8) != 8) die("written");
  return 3;
}
"""


@pytest.fixture(scope="module")
def kernel() -> linux_vm.Kernel:
    """Debian's kernel; without Debian's mirror there is nothing to test."""
    try:
        return linux_vm.fetch()
    except HarnessFault as fault:
        pytest.skip(f"Debian's kernel can't be had: {fault}")


def compiled(root: Path, folder: Path, source: str) -> Path:
    (folder / "program.c").write_text(source)
    subprocess.run(["musl-gcc", "-static", "-O2", "-D_GNU_SOURCE", f"-I{root}/user/include", folder / "program.c", "-o",
                    folder / "program.elf"], check=True)
    return folder / "program.elf"


def test_a_program_runs_on_linux_and_is_counted(kernel: linux_vm.Kernel, root: Path, tmp_path: Path) -> None:
    disk = ext2_images.image("writable").copy(tmp_path / "disk.img")
    run = linux_vm.run_on_linux(compiled(root, tmp_path, PROGRAM), ["one=1"], disk=disk, keep=True, marks=True)
    assert (run.output, run.status) == ("2 one=1\n", 3)
    assert [mark.number for mark in run.marks] == [linux_vm.START_MARK, 1, 2, 3, linux_vm.END_MARK]
    loop = between(run.marks, 1, 2)
    assert 4000 <= loop < 100_000  # the rest are interrupts
    assert between(run.marks, 2, 3) < 10_000_000 and run.marks[3].host_ns - run.marks[2].host_ns >= 150_000_000  # a wait costs time only
    assert loop < run.instructions < 20_000_000
    assert ext2_judge.read_file(disk, "/written") == b"by Linux"
    ext2_judge.check_clean(disk)


def test_the_drivers_come_after_what_they_need(kernel: linux_vm.Kernel) -> None:
    names = [module.stem for module in kernel.modules]
    assert names.index("virtio_ring") < names.index("virtio_pci") and names[-1] == "virtio_blk" and len(set(names)) == len(names)


@pytest.mark.parametrize(("text", "said"), [
    ("[    0.5] Kernel panic - not syncing", "without running the program; it said last: .*panic"),
    ("\n@linux failed mount: Invalid argument\n", "could not run the program: mount: Invalid argument"),
    ("\n@linux run /bin/x\nhello\n", "without running"),
])
def test_a_linux_that_fails_is_the_harnesss_fault(text: str, said: str) -> None:
    with pytest.raises(HarnessFault, match=said):
        linux_vm._parse(text, 1.0, [])


def test_how_a_program_ended() -> None:
    def status(words: str) -> int:
        return linux_vm._parse(f"\n@linux run /bin/x\nout\n\n@linux exited {words} ticks=5 ns=6\n", 1.0, []).status

    assert status("status=7 signal=0") == 7 and status("status=0 signal=11") == 139


def test_counts_lie_between_marks(tmp_path: Path) -> None:
    marks = [Mark(number, 100 * place, 0) for place, number in enumerate((9, 1, 2, 1, 2))]
    assert between(marks, 1, 2) == 100 and between(marks, 9, 2) == 200
    for first, last in ((3, 2), (2, 9)):
        with pytest.raises(HarnessFault, match="did not pass the mark"):
            between(marks, first, last)
    (tmp_path / "marks").write_bytes(b"".join(instruction_count.RECORD.pack(mark.number, mark.instructions, 0) for mark in marks) + b"half")
    assert instruction_count.read_marks(tmp_path / "marks") == marks
