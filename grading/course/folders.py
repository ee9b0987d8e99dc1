"""Writing a folder whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderError(Exception):
    """The folder can't be written; the message is one line that names the fix."""


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `target` when the block ends without error.

    Until then, and after an error, an existing `target` stays as it was. Leftovers of an
    earlier process that was killed half-way are removed. Raises FolderError.
    """
    scratch = target.parent / f".{target.name}.{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        (scratch / "new").mkdir(parents=True)
        yield scratch / "new"
        if target.exists():
            target.rename(scratch / "old")
        (scratch / "new").rename(target)
    except OSError as error:
        if (scratch / "old").exists() and not target.exists():
            (scratch / "old").rename(target)
        raise FolderError(f"{error.filename or target}: {error.strerror}; make the folder "
                          "writable, with room on its disk, or choose another --out") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove_leftovers(target: Path) -> None:
    for path in target.parent.glob(f".{target.name}.*"):
        owner = path.name.rpartition(".")[2]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            old = path / "old"
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(path, ignore_errors=True)
