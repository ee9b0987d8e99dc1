"""The disk of `make qemu`: a new kernel gets onto it, and people's files stay. e2fsprogs play the people."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path

import pexpect
import pytest

from grading.judge import disk_image, ext2_judge
from grading.suite.conftest import run_make
from grading.suite.disks import debugfs

OFFSET = 1 << 20  # bytes before the partition
BACKSTOP_S = 600


class Disk:
    """A disk and what it is made from."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.image = root, folder, folder / "kept-disk.img"
        for name, size in (("core", 40000), ("kernel", 900_000), ("programs", 200_000)):
            self.write(name, size, 1)

    def write(self, name: str, size: int, version: int) -> bytes:
        """Gives a part new content."""
        data = bytes([version]) * size
        (self.folder / name).write_bytes(data)
        return data

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        parts = [word for name in ("core", "kernel", "programs") for word in (f"--{name}", self.folder / name)]
        command = [self.root / "fs-images/make_disk.py", self.image, *parts, "--keep", "--words", "LAB=b", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def debugfs(self, *lines: str) -> None:
        debugfs(self.image, *lines, offset=OFFSET)

    def read(self, path: str) -> bytes:
        return ext2_judge.read_file(self.image, path, OFFSET)


@pytest.fixture
def disk(root: Path, tmp_path: Path) -> Disk:
    made = Disk(root, tmp_path)
    done = made.make()
    assert done.returncode == 0, done.stderr
    return made


def test_a_new_disk_is_a_root(disk: Disk) -> None:
    tree = ext2_judge.read_tree(disk.image, OFFSET)
    assert {"/boot", "/dev", "/etc/motd", "/home", "/mnt", "/tmp", "/boot/cairn/kernel.elf", "/boot/grub/grub.cfg"} <= tree.keys()
    assert tree["/tmp"].mode == 0o1777 and all(entry.owner == entry.group == 0 for entry in tree.values())
    assert disk_image.root_partition(disk.image).size == 64 << 20 and disk.image.stat().st_blocks * 512 < 8 << 20
    ext2_judge.check_clean(disk.image, OFFSET)


def test_people_s_files_stay(disk: Disk) -> None:
    (disk.folder / "mine").write_bytes(b"mine" * 5000)
    disk.debugfs(f"write {disk.folder}/mine home/mine", "cd /home", f"write {disk.folder}/mine mine", "symlink /etc/link mine",
                 "mkdir /boot/cairn/deep", "rm /etc/motd")
    disk.debugfs("ssv mtime now", "ssv wtime now")  # as a kernel does that mounts
    before = ext2_judge.read_tree(disk.image, OFFSET)
    boot = disk.image.read_bytes()[:512]
    kernel, programs, core = disk.write("kernel", 950_000, 2), disk.write("programs", 10, 2), disk.write("core", 41_000, 2)
    done = disk.make("--options", "log=debug")
    assert done.returncode == 0 and done.stdout == done.stderr == "", done.stderr
    assert disk.read("/boot/cairn/kernel.elf") == kernel and disk.read("/boot/cairn/programs.cpio") == programs
    assert b"kernel.elf log=debug" in disk.read("/boot/grub/grub.cfg")
    content = disk.image.read_bytes()
    assert content[512 : 512 + len(core)] == core and content[:512] == boot
    after = ext2_judge.read_tree(disk.image, OFFSET)
    changed = {"/boot/cairn", "/boot/grub", "/boot/cairn/kernel.elf", "/boot/cairn/programs.cpio", "/boot/grub/grub.cfg",
               "/boot/cairn/reserve", "/boot/grub/i386-pc", *(path for path in before if path.startswith("/boot/grub/i386-pc/"))}
    assert before.keys() == after.keys() and "/etc/motd" not in after
    ext2_judge.compare(before, after, (*ext2_judge.FIELDS, "ctime", "inode"), ignore=changed)
    ext2_judge.check_clean(disk.image, OFFSET)


def test_a_boot_folder_that_people_removed_comes_back(disk: Disk) -> None:
    before = ext2_judge.read_tree(disk.image, OFFSET)
    inside = sorted((path for path in before if path.startswith("/boot")), reverse=True)
    disk.debugfs(*(f"{'rmdir' if before[path].kind == 'directory' else 'rm'} {path}" for path in inside))
    assert disk.make().returncode == 0
    assert before.keys() == ext2_judge.read_tree(disk.image, OFFSET).keys()
    assert len(disk.read("/boot/cairn/kernel.elf")) == 900_000
    ext2_judge.check_clean(disk.image, OFFSET)


def fill(disk: Disk) -> None:
    """Leaves no free block."""
    (disk.folder / "big").write_bytes(b"x" * (80 << 20))
    disk.debugfs(f"write {disk.folder}/big home/big", "cd /home", f"write {disk.folder}/big big")
    (disk.folder / "big").unlink()
    partition = f"{disk.image}?offset={OFFSET}"
    subprocess.run(["e2fsck", "-fy", partition], env=ext2_judge.ENVIRONMENT, capture_output=True, check=False)


def test_a_full_disk_has_room_for_a_larger_kernel(disk: Disk) -> None:
    fill(disk)
    kernel = disk.write("kernel", 3_000_000, 2)
    done = disk.make()
    assert done.returncode == 0 and "a larger kernel may not fit" in done.stderr, done.stderr
    assert disk.read("/boot/cairn/kernel.elf") == kernel
    ext2_judge.check_clean(disk.image, OFFSET)


def test_a_kernel_that_does_not_fit_changes_nothing(disk: Disk) -> None:
    fill(disk)
    before = disk.image.read_bytes()
    disk.write("kernel", 9_000_000, 2)
    done = disk.make()
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "is full: delete files in Cairn, or start anew, without your files: make fresh-disk LAB=b" in done.stderr
    assert disk.image.read_bytes() == before and {path.name for path in disk.folder.iterdir()} == {"core", "kernel", "programs", "kept-disk.img"}


def test_what_a_cut_left_is_repaired_and_told(disk: Disk) -> None:
    disk.debugfs("ssv state 0")
    assert disk.make().stdout == f"{disk.image} was not unmounted; e2fsck found nothing else to repair\n"
    assert disk.make().stdout == ""
    disk.debugfs("sif /etc/motd links_count 3")
    done = disk.make()
    assert done.returncode == 0 and done.stdout.startswith(f"{disk.image} is damaged; e2fsck repaired:\n")
    assert "ref count is 3" in done.stdout and str(disk.folder / ".disk") not in done.stdout and "files (" not in done.stdout
    ext2_judge.check_clean(disk.image, OFFSET)


def show_journal(image: Path) -> None:
    """Leaves what a cut in the middle of a commit leaves (kernel/ext2/journal.h); its transaction changes nothing."""
    disk = bytearray(image.read_bytes()[OFFSET:])
    block_size = 1024 << struct.unpack_from("<I", disk, 1024 + 24)[0]
    count, inode_size = struct.unpack_from("<I", disk, 1024 + 4)[0], struct.unpack_from("<H", disk, 1024 + 88)[0]
    superblock = 1024 // block_size
    table = struct.unpack_from("<I", disk, (superblock + 1) * block_size + 8)[0] + 7 * inode_size // block_size
    first, logged = count - 8, (table, superblock)
    magic, pointers = 0xC03B3998, block_size // 4
    blocks = [struct.pack(">8I", magic, 4, 0, block_size, 1024, 1, 1, 1),
              struct.pack(">3I", magic, 1, 1) + b"".join(struct.pack(">IHH", block, 0, 2 | 8 * (block == superblock)) for block in logged),
              *(bytes(disk[block * block_size : (block + 1) * block_size]) for block in logged),
              struct.pack(">3I", magic, 2, 1),
              struct.pack("<I", first + 4) * pointers, struct.pack("<I", first + 5) * pointers]
    for number, block in enumerate(blocks, first):
        disk[number * block_size : (number + 1) * block_size] = block.ljust(block_size, b"\0")
    for place, flag in ((92, 4), (96, 4)):  # has_journal, needs_recovery
        struct.pack_into("<I", disk, 1024 + place, struct.unpack_from("<I", disk, 1024 + place)[0] | flag)
    struct.pack_into("<I", disk, 1024 + 224, 8)
    disk[1024 + 253] = 1
    direct = [min(first + number, first + 4) for number in range(12)]
    struct.pack_into("<17I", disk, 1024 + 268, *direct, first + 5, first + 6, 0, 0, 1024 * block_size)
    with image.open("r+b") as file:
        file.seek(OFFSET)
        file.write(disk)


def test_a_journal_that_a_cut_left_is_replayed(disk: Disk) -> None:
    disk.debugfs("ssv state 0")
    show_journal(disk.image)
    done = disk.make()
    assert done.returncode == 0 and done.stdout.startswith(f"{disk.image} was not unmounted"), done.stderr
    ext2_judge.check_clean(disk.image, OFFSET)


def test_what_e2fsck_cannot_repair_is_left_alone(disk: Disk) -> None:
    disk.debugfs("sif /etc/motd block[0] 1")
    before = disk.image.read_bytes()
    done = disk.make()
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "damaged beyond" in done.stderr and "make fresh-disk LAB=b" in done.stderr
    assert disk.image.read_bytes() == before


def test_programs_get_onto_it_too(disk: Disk) -> None:
    """Those of the last build, whatever became of them; all else of what people log in to stays."""
    for word in ("one", "two"):
        (disk.folder / "hello.elf").write_text(word)
        done = disk.make("--minimal", str(disk.folder / "hello.elf"))
        assert done.returncode == 0, done.stderr
        assert disk.read("/usr/bin/hello") == word.encode()
        entry = ext2_judge.read_tree(disk.image, OFFSET)["/usr/bin/hello"]
        assert (entry.mode, entry.owner, entry.group) == (0o755, 0, 0)
        assert b" init=/sbin/init\n" in disk.read("/boot/grub/grub.cfg")
        disk.debugfs("sif /usr/bin/hello mode 0100400", "sif /usr/bin/hello uid 1000")
    ext2_judge.check_clean(disk.image, OFFSET)


def test_a_disk_in_use_is_left_alone(disk: Disk) -> None:
    with disk.image.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_SH, 1, 200)  # as QEMU locks it
        done = disk.make()
    assert done.returncode == 1 and "in use by a running QEMU: leave that first" in done.stderr
    assert disk.make().returncode == 0


def test_a_machine_that_was_left_can_write_next_time(root: Path) -> None:
    """As people do it: nobody types `halt` before Ctrl-A x, so the disk is never unmounted."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name} | {"TERM": "dumb"}
    run_make(root, "image", "LAB=b")
    for attempt in (1, 2):
        with pexpect.spawn("make qemu LAB=b", cwd=root, env=environment, encoding="utf-8", timeout=BACKSTOP_S) as machine:
            if machine.expect_exact(["cairn> ", "in use by a running QEMU"]) == 1:
                pytest.skip("another machine runs from build/b/kept-disk.img: leave it first")
            machine.sendline(f"write /tmp/left-{attempt} text")
            machine.expect_exact("cairn> ")
            assert "read-only" not in machine.before
            machine.sendline(f"rm /tmp/left-{attempt}")
            machine.expect_exact("cairn> ")
            machine.send("\x01x")
            machine.expect(pexpect.EOF)
