"""Runs every hostile file on the host's Linux and writes hostile.tsv, or with --check compares: exit status 1 on a difference.

    python3 -m grading.tests.c.linux_errors [--check]

Any user may run it but root, for whom permissions mean less; it needs an x86-64.
"""

from __future__ import annotations

import argparse
import errno
import os
import platform
import sys
import tempfile
from pathlib import Path

from grading.tests.c.hostile import TABLE, all_hostile, linux_results

NOT_ROOT = 65534


def run(folder: Path, name: str) -> str:
    """How execve of a file in `folder` ends."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            os.close(0)
            os.open("/dev/null", os.O_RDONLY)
            if os.geteuid() == 0:
                os.setgid(NOT_ROOT)
                os.setuid(NOT_ROOT)
            os.execve(name, [name], {})
        except OSError as error:
            os.write(writer, errno.errorcode[error.errno or 0].encode())
        finally:
            os._exit(99)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        return said
    return f"killed {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exited {os.WEXITSTATUS(status)}"


def results() -> dict[str, str]:
    """By name."""
    with tempfile.TemporaryDirectory(prefix="cairn-hostile-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "ld-folder").mkdir()
        for file in all_hostile():
            path = folder / file.name
            path.write_bytes(file.content)
            path.chmod(file.mode)
        return {file.name: run(folder, file.name) for file in all_hostile()}


def main() -> int:
    parser = argparse.ArgumentParser(description="What Linux makes of hostile ELF files and scripts.")
    parser.add_argument("--check", action="store_true", help="compare with hostile.tsv instead of writing it")
    arguments = parser.parse_args()
    found = results()
    if not arguments.check:
        lines = [f"{name}\t{result}\n" for name, result in found.items()]
        TABLE.write_text(f"# What Linux {platform.release()} makes of each file of hostile.py; written by "
                         "`python3 -m grading.tests.c.linux_errors`.\n" + "".join(lines))
        return 0
    known = linux_results()
    wrong = [f"{name}: {found.get(name)}, in the table {known.get(name)}" for name in sorted({*found, *known}) if found.get(name) != known.get(name)]
    print("\n".join(wrong) or "the table is what Linux says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
