"""Parts of the kernel as programs of the host (grading/fuzz), under AddressSanitizer and UBSan. ELF: files that libFuzzer makes
up. ext2: disks that it makes up, random operations beside a model of what files should be, and the power going after any write of
theirs; threads that change the same few files at once.
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grading.judge import ext2_judge
from grading.suite.disks import mke2fs
from grading.suite.rubric_runs import one_at_a_time
from grading.suite.samples import (ALL_FUZZED_DISKS, ALL_FUZZED_ELF_FILES, ALL_THREAD_ROUNDS, FUZZED_DISKS, FUZZED_ELF_FILES,
                                   STRESS_CUTS, THREAD_ROUNDS)
from grading.tests.c.elf_files import Program, exit_with, small, with_programs
from grading.tests.c.hostile import Hostile, all_hostile

DISK = 256 * 1024  # bytes; as large as the target's
ELF_FILE = 8192  # bytes at most
OPERATIONS = 4000  # of the stress program
INPUT_S = 120  # by the clock, and other tests keep the machine busy: an input that takes longer is a finding
BACKSTOP_S = 600  # a program that takes longer is stuck
SECTOR = 512
BLOCK_SIZES = (1024, 2048, 4096)


@pytest.fixture(scope="module")
def programs(root: Path) -> Path:
    """The folder with the programs, built."""
    with one_at_a_time(root, "fuzz"):
        done = subprocess.run(["make", "-C", "grading/fuzz", f"-j{os.cpu_count()}"], cwd=root, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, env={**os.environ, "MAKEFLAGS": ""})
    assert done.returncode == 0, done.stdout[-3000:]
    return root / "build" / "fuzz"


def make_disk(path: Path, size: int, block_size: int, tree: Path | None = None) -> Path:
    filled = ["-d", tree] if tree else []
    return mke2fs(path, size, "-b", str(block_size), "-m", "0", "-N", str(size // 4096), *filled)


def run(command: Sequence[object], folder: Path, backstop_s: float = BACKSTOP_S) -> str:
    """What it says; the test fails with its last words if it ends otherwise than well, or not in time."""
    try:
        done = subprocess.run([str(word) for word in command], cwd=folder, text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=backstop_s)
    except subprocess.TimeoutExpired as stuck:
        said = (stuck.output or b"").decode(errors="replace")
        pytest.fail(f"{command[0]} didn't end within {backstop_s:.0f} s and was ended. It said at last: {said[-2000:] or 'nothing'}")
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_elf_files_that_libfuzzer_makes_up(programs: Path, seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A finding leaves the file in the test's folder, as crash-…, and its report here. It begins with the wrong files of lab C's rubric."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    sections = small(sections=[(b".text", 1, 0, 64), (b".bss", 8, 64, 64)]).to_bytes()
    most = with_programs([Program(0, type=0)] * 72, exit_with(0)).to_bytes() + bytes(500)
    for file in [*all_hostile(), Hostile("sections", sections), Hostile("most-headers", most)]:
        if len(file.content) <= ELF_FILE:
            (corpus / file.name).write_bytes(file.content)
    count = ALL_FUZZED_ELF_FILES if request.config.getoption("--all") else FUZZED_ELF_FILES
    said = run([programs / "fuzz_elf", f"-max_len={ELF_FILE}", f"-timeout={INPUT_S}", f"-seed={seed}", f"-runs={count}", corpus], tmp_path)
    assert f"Done {count} runs" in said, said[-1000:]


def test_disks_that_libfuzzer_makes_up(programs: Path, seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A finding leaves the disk in the test's folder, as crash-…, and its report here."""
    tree, corpus = tmp_path / "tree", tmp_path / "corpus"
    (tree / "folder" / "deeper").mkdir(parents=True)
    (tree / "folder" / "file").write_bytes(bytes(range(256)) * 80)
    (tree / "link").symlink_to("folder/file")
    (tree / "long").symlink_to("t" * 100)
    corpus.mkdir()
    for block_size in BLOCK_SIZES:
        make_disk(corpus / f"{block_size}", DISK, block_size, tree)
    count = ALL_FUZZED_DISKS if request.config.getoption("--all") else FUZZED_DISKS
    said = run([programs / "fuzz_ext2", f"-max_len={DISK}", f"-timeout={INPUT_S}", f"-seed={seed}", f"-runs={count}", corpus], tmp_path,
               BACKSTOP_S * count / FUZZED_DISKS)
    assert f"Done {count} runs" in said, said[-1000:]


@pytest.mark.parametrize(("block_size", "size", "offset"), [(1024, 8 << 20, 0), (2048, 8 << 20, 1 << 20), (4096, 8 << 20, 0),
                                                            (1024, 1 << 20, 0), (4096, 4 << 20, 0)],
                         ids=["1k", "2k", "4k", "1k-full", "4k-full"])
def test_random_operations_and_cuts(programs: Path, seed: int, tmp_path: Path, block_size: int, size: int, offset: int,
                                    sample: Callable[[Sequence[int], int], list[int]]) -> None:
    """Where the disk gets full, the journal is as short as can be, and operations wait for room in it."""
    disk, log, cut = make_disk(tmp_path / "disk", size, block_size), tmp_path / "log", tmp_path / "cut"
    said = run(["env", "CAIRN_LOG=1", programs / "stress_ext2", disk, seed, OPERATIONS, log], tmp_path)
    assert "journal" not in said, f"a commit went without one: {said[:1000]}"
    ext2_judge.check_clean(disk)
    writes = read_log(log)
    state, done = bytearray(writes[0][1]), 1
    for count in sample(range(1, len(writes) + 1), STRESS_CUTS):
        for position, data in writes[done:count]:
            state[position : position + len(data)] = data
        done = max(done, count)
        cut.write_bytes(bytes(offset) + state)
        assert ext2_judge.repair(cut, offset) == []
        ext2_judge.check_clean(cut, offset)


@pytest.mark.parametrize("block_size", [1024, 4096])
def test_threads_at_once(programs: Path, seed: int, tmp_path: Path, block_size: int, request: pytest.FixtureRequest) -> None:
    """Some order of their calls explains what the threads saw. The same seed switches between them at the same places."""
    disks = [make_disk(tmp_path / name, 32 << 20, block_size) for name in ("first", "second")]
    rounds = ALL_THREAD_ROUNDS if request.config.getoption("--all") else THREAD_ROUNDS
    said = run([programs / "stress_threads", *disks, seed, rounds], tmp_path, BACKSTOP_S * rounds / THREAD_ROUNDS)
    assert said.endswith(f"{rounds} rounds\n"), said[-1000:]
    for disk in disks:
        ext2_judge.check_clean(disk)


def read_log(path: Path) -> list[tuple[int, bytes]]:
    """(offset, bytes) of what the disk held at first, and of each write (grading/fuzz/host.h)."""
    content, writes, position = path.read_bytes(), [], 0
    while position < len(content):
        first, size = struct.unpack_from("<QQ", content, position)
        position += 16
        writes.append((first * SECTOR, content[position : position + size]))
        position += size
    return writes
