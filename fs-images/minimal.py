"""The root file system that a kernel boots from once it executes ELF files: Debian's busybox under all its
names, the files of `minimal/`, and a home for the user `student`.

busybox's init is the first program, `getty` and `login` are its doings, all as minimal/etc/inittab says.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from e2fsprogs import ToolError

BUSYBOX = Path("/bin/busybox")
INIT = "/sbin/init"
PROGRAMS = "/usr/bin"  # where the course's own are
GIVEN = Path(__file__).resolve().parent / "minimal"
FOLDERS = {"bin": 0o755, "etc": 0o755, "home": 0o755, "home/student": 0o755, "proc": 0o755, "root": 0o700, "run": 0o755, "sbin": 0o755,
           "usr": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "var": 0o755, "var/log": 0o755}
LINKS = {"var/run": "/run", "var/tmp": "/tmp"}
PRIVATE = {"etc/shadow"}
OWNERS = {"/home/student": 1000}  # user and group, by path; all else is root's
PT_INTERP = 3  # the program header of those that need shared libraries


def needs_libraries(program: bytes) -> bool:
    """Whether an ELF file for x86-64 does."""
    (start,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    return any(struct.unpack_from("<I", program, start + i * size)[0] == PT_INTERP for i in range(count))


def applets() -> list[str]:
    """The paths, without their first slash, under which busybox is to be found. Raises ToolError."""
    if needs_libraries(BUSYBOX.read_bytes()):
        raise ToolError(f"{BUSYBOX} needs shared libraries: install the package busybox-static in its place")
    run = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ToolError(f"{BUSYBOX} --list-full failed: {run.stderr.strip()[-200:]}")
    return [name for name in run.stdout.split() if "/" in name]  # the other is for initrds


def lay_out(tree: Path) -> None:
    """Puts everything but the course's programs into `tree`. Raises ToolError, OSError."""
    for folder, mode in FOLDERS.items():
        (tree / folder).mkdir(exist_ok=True)
        (tree / folder).chmod(mode)
    for path in sorted(GIVEN.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(GIVEN))
            shutil.copyfile(path, tree / name)
            (tree / name).chmod(0o600 if name in PRIVATE else 0o644)
    for name, target in [*LINKS.items(), *((name, str(BUSYBOX)) for name in applets())]:
        (tree / name).symlink_to(target)
    busybox = tree / BUSYBOX.relative_to("/")
    busybox.unlink(missing_ok=True)  # one of its own names
    shutil.copyfile(BUSYBOX, busybox)
    busybox.chmod(0o755)
