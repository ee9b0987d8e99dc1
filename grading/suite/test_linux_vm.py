"""Linux in Cairn's machine, and the counter of instructions. One short boot of Debian's kernel."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from grading.bench import instruction_count, linux_vm
from grading.bench.instruction_count import Mark, between
from grading.judge import ext2_images, ext2_judge
from grading.judge.ext2_images import Entry
from grading.machine.failures import HarnessFault

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


LISTING = """
#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "cairn.h"
static long long ns(struct timespec time) { return time.tv_sec * 1000000000LL + time.tv_nsec; }
static int see(const char* path, const struct stat* s, int type, struct FTW* where) {
  char target[5000] = "";
  if (S_ISLNK(s->st_mode) && readlink(path, target, sizeof target - 1) < 0) die(path);
  printf("%o %u %u %lld %lu %lu %lld %lld %lld %lld %u %u %s|%s\\n", s->st_mode, s->st_uid, s->st_gid, (long long)s->st_size,
         s->st_nlink, s->st_ino, (long long)s->st_blocks, ns(s->st_atim), ns(s->st_mtim), ns(s->st_ctim), major(s->st_rdev),
         minor(s->st_rdev), path + strlen("/mnt"), target);
  return 0;
}
int main(void) { return nftw("/mnt", see, 50, FTW_PHYS); }
"""
KINDS = {1: "fifo", 2: "char", 4: "directory", 6: "block", 8: "file", 10: "symlink", 12: "socket"}
LISTED = ("plain", "plain-2048-256", "plain-4096-128", "htree", "triple", "large-file", "symlinks", "deep", "attributes",
          "hard-links", "revision-0", "ext3", "unclean", "unknown-ro-compat", "huge-directory")


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


def test_linux_sees_what_the_manifest_says(kernel: linux_vm.Kernel, root: Path, tmp_path: Path,
                                           sample: Callable[[Sequence[str], int], list[str]]) -> None:
    """Every field of stat, on images of the recipes; `sectors` and `inode` included."""
    program = compiled(root, tmp_path, LISTING)
    for recipe in sample(LISTED, 1):
        made = ext2_images.image(recipe)
        run = linux_vm.run_on_linux(program, disk=made.path, mount="ro")
        assert run.status == 0
        seen = {}
        for line in run.output.splitlines():
            words, _, target = line.partition("|")
            *numbers, path = words.split(" ", 12)
            mode, (owner, group, size, links, inode, sectors, *times) = int(numbers[0], 8), map(int, numbers[1:10])
            kind = KINDS[mode >> 12]
            device = (int(numbers[10]), int(numbers[11])) if kind in ("char", "block") else None
            seen[path or "/"] = Entry(kind, mode & 0o7777, owner, group, size, links, inode, sectors, *times, target=target, device=device)
        expected = {path: replace(entry, digest="", pieces=[]) for path, entry in made.manifest.items()}
        assert seen == expected, recipe


def test_linux_refuses_what_is_to_be_refused(kernel: linux_vm.Kernel, root: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessFault, match="mount: Invalid argument"):
        linux_vm.run_on_linux(compiled(root, tmp_path, LISTING), disk=ext2_images.image("unknown-incompat").path)


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
