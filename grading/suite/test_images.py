"""Flat images, the program archive and the boot disk, judged by the host's own tools."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from grading.judge import ext2_judge

PARTITION = 2048 * 512  # bytes before the ext2 partition


@pytest.fixture(scope="module")
def packer(root: Path) -> ModuleType:
    """user/pack_flat.py as a module."""
    spec = importlib.util.spec_from_file_location("pack_flat", root / "user/pack_flat.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["pack_flat"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


def link(folder: Path, source: str, *flags: str) -> bytes:
    """An ELF linked from assembly with the given linker flags."""
    (folder / "a.S").write_text(source + '\n.section .note.GNU-stack, "", @progbits\n')
    subprocess.run(["gcc", "-nostdlib", "-o", folder / "a.elf", folder / "a.S", *flags], check=True, capture_output=True)
    return (folder / "a.elf").read_bytes()


STATIC = ("-static", "-no-pie", "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=4096", "-Wl,--build-id=none")
PROGRAM = ".globl _start\n_start: nop\n.data\nword: .quad 0x1122334455667788\n.bss\n.space 5000\n"


def test_a_flat_image_holds_what_the_elf_maps(packer: ModuleType, tmp_path: Path) -> None:
    image = packer.pack(link(tmp_path, PROGRAM, *STATIC))
    magic, version, checksum, entry, text, text_size, data, data_size, bss = packer.HEADER.unpack_from(image)
    body = image[80:]
    assert (magic, version, checksum) == (b"CAIRNFLT", 1, zlib.crc32(body))
    assert text % 4096 == 0 and data % 4096 == 0 and text + text_size <= data
    assert len(body) == text_size + data_size
    assert body[entry - text] == 0x90
    assert body[-8:] == bytes.fromhex("8877665544332211")
    assert 5000 <= bss < 5000 + 64


def test_a_program_without_data_has_an_empty_data_part(packer: ModuleType, tmp_path: Path) -> None:
    image = packer.pack(link(tmp_path, ".globl _start\n_start: nop", *STATIC))
    *_, text, text_size, data, data_size, bss = packer.HEADER.unpack_from(image)
    assert (data_size, bss) == (0, 0) and data % 4096 == 0 and data >= text + text_size


@pytest.mark.parametrize(("flags", "complaint"), [
    (("-shared",), "static"),
    (("-static-pie",), "static"),
    (("-static", "-no-pie", "-Wl,-z,separate-code"), "noseparate-code"),
    (("-static", "-no-pie", "-Wl,-N"), "writable and executable"),
])
def test_what_is_no_flat_program_is_refused(packer: ModuleType, tmp_path: Path, flags: tuple[str, ...], complaint: str) -> None:
    elf = link(tmp_path, PROGRAM + ".section .rodata\n.quad 1\n", *flags)
    with pytest.raises(packer.Unpackable, match=complaint):
        packer.pack(elf)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(200)])
def test_what_is_no_elf_is_refused_in_one_line(root: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.elf").write_bytes(content)
    run = subprocess.run([root / "user/pack_flat.py", tmp_path / "a.elf", tmp_path / "a.flat"], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1 and "a.elf" in run.stderr
    assert not (tmp_path / "a.flat").exists()


def test_the_archive_is_in_order_and_holds_nothing_of_the_host(root: Path, tmp_path: Path) -> None:
    archives = []
    for order in ("one two", "two one"):
        for name in order.split():
            (tmp_path / f"{name}.flat").write_bytes(name.encode() * 3)
        images = [tmp_path / f"{name}.flat" for name in order.split()]
        subprocess.run([root / "user/pack_programs.py", tmp_path / "programs.cpio", *images], check=True)
        archives.append((tmp_path / "programs.cpio").read_bytes())
    assert archives[0] == archives[1]
    assert archives[0].index(b"one\0") < archives[0].index(b"oneoneone") < archives[0].index(b"two\0")


# The disk

@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A file in the place of GRUB's core image."""
    path = tmp_path_factory.mktemp("core") / "core.img"
    path.write_bytes(b"core" * 10000)
    return path


def make_disk(root: Path, image: Path, core: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [root / "fs-images/make_disk.py", image, "--core", core, "--size", "8", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def debugfs(image: Path, command: str) -> str:
    return subprocess.run(["debugfs", "-R", command, f"{image}?offset={PARTITION}"], env=ext2_judge.ENVIRONMENT, capture_output=True,
                          text=True, check=True).stdout


def test_the_disk_is_reproducible_and_clean(root: Path, core: Path, tmp_path: Path) -> None:
    images = []
    for folder in ("one", "two"):
        (tmp_path / folder / "root/etc").mkdir(parents=True)
        (tmp_path / folder / "root/etc/motd").write_text("hello\n")
        (tmp_path / folder / "kernel").write_bytes(b"kernel" * 5000)
        image = tmp_path / folder / "disk.img"
        run = make_disk(root, image, core, "--kernel", tmp_path / folder / "kernel", "--root", tmp_path / folder / "root", "--options", "log=debug")
        assert run.returncode == 0, run.stderr
        images.append(image)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert images[0].stat().st_blocks * 512 < 5 << 20  # sparse; 4 MiB are the reserve
    assert "multiboot2 /boot/cairn/kernel.elf log=debug\n" in debugfs(images[0], "cat /boot/grub/grub.cfg")
    assert debugfs(images[0], "cat /etc/motd") == "hello\n"
    partition = tmp_path / "partition"
    partition.write_bytes(images[0].read_bytes()[PARTITION:])
    check = subprocess.run(["e2fsck", "-fn", partition], env=ext2_judge.ENVIRONMENT, capture_output=True, text=True, check=False)
    assert check.returncode == 0 and "Fix" not in check.stdout


def test_the_root_of_a_login(root: Path, core: Path, tmp_path: Path) -> None:
    """Twice the same, whatever the umask; owners, permissions and links as a login needs them."""
    (tmp_path / "hello.elf").write_bytes(b"hello")
    images = [tmp_path / "one.img", tmp_path / "two.img"]
    for image, umask in zip(images, (0o077, 0)):
        before = os.umask(umask)
        run = make_disk(root, image, core, "--minimal", tmp_path / "hello.elf", "--options", "log=debug")
        os.umask(before)
        assert run.returncode == 0, run.stderr
    assert images[0].read_bytes() == images[1].read_bytes()
    ext2_judge.check_clean(images[0], PARTITION)
    tree = ext2_judge.read_tree(images[0], PARTITION)
    assert {path: (entry.owner, entry.group) for path, entry in tree.items() if entry.owner or entry.group} == {"/home/student": (1000, 1000)}
    modes = {"/tmp": 0o1777, "/root": 0o700, "/etc/shadow": 0o600, "/etc/passwd": 0o644, "/bin/busybox": 0o755, "/usr/bin/hello": 0o755}
    assert {path: tree[path].mode for path in modes} == modes
    links = {path: entry.target for path, entry in tree.items() if entry.kind == "symlink"}
    assert links.pop("/var/run") == "/run" and links.pop("/var/tmp") == "/tmp" and set(links.values()) == {"/bin/busybox"}
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert {Path(path).name for path in links} == set(applets) - {"busybox", "linuxrc"}
    assert ext2_judge.read_file(images[0], "/bin/busybox", PARTITION) == Path("/bin/busybox").read_bytes()
    assert "kernel.elf init=/sbin/init log=debug\n" in debugfs(images[0], "cat /boot/grub/grub.cfg")


def test_the_disks_first_sectors_are_grubs_and_the_table_ours(root: Path, core: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    assert make_disk(root, image, core).returncode == 0
    start = image.read_bytes()[:PARTITION]
    boot = Path("/usr/lib/grub/i386-pc/boot.img").read_bytes()
    assert start[:446] == boot[:446] and start[510:512] == b"\x55\xaa"
    assert start[446] == 0x80 and start[450] == 0x83 and not any(start[462:510])
    assert int.from_bytes(start[454:458], "little") == 2048
    assert int.from_bytes(start[458:462], "little") * 512 == image.stat().st_size - PARTITION
    assert start[512 : 512 + 40000] == core.read_bytes()


@pytest.mark.parametrize("arguments", [("--kernel", "/nowhere/kernel.elf"), ("--root", "/nowhere"), ("--minimal", "/nowhere/hello.elf"), ("--core", "/nowhere/core.img")])
def test_a_disk_that_cannot_be_built_leaves_nothing(root: Path, core: Path, tmp_path: Path, arguments: tuple[str, str]) -> None:
    run = make_disk(root, tmp_path / "disk.img", core, *arguments)
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1 and "/nowhere" in run.stderr
    assert list(tmp_path.iterdir()) == []
