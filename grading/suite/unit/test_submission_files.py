"""Which files are taken from a submission, and which are refused."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from grading.course.lab import Lab
from grading.grader.submission import FILES_LIMIT, SIZE_LIMIT, Refused, fingerprint, take_files


@pytest.fixture
def lab() -> Lab:
    return Lab("a", Path("labs/a-paging"), "Paging", "h.md", ("walk.cc", "tests/isolation_*.c"), (), 500, 60)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The lab's folder of a good submission in tmp_path."""
    folder = tmp_path / "labs" / "a-paging"
    (folder / "tests").mkdir(parents=True)
    (folder / "walk.cc").write_text("walk")
    (folder / "tests" / "isolation_one.c").write_text("one")
    return folder


def test_only_the_listed_files(files: Path, tmp_path: Path, lab: Lab) -> None:
    for name in ("extra.cc", "lab.toml", "tests/other.c", "tests/isolation_x.h"):
        (files / name).write_text("no")
    (tmp_path / "Makefile").write_text("all:\n\trm -rf /")
    assert take_files(tmp_path, lab) == ({"walk.cc": b"walk", "tests/isolation_one.c": b"one"}, [])


def test_the_lab_folder_itself_will_do(files: Path, lab: Lab) -> None:
    assert take_files(files, lab)[0]["walk.cc"] == b"walk"


def test_a_link_to_the_submission_is_the_graders_own(files: Path, tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert "walk.cc" in take_files(tmp_path / "link", lab)[0]


def test_globs_may_match_nothing(files: Path, tmp_path: Path, lab: Lab) -> None:
    (files / "tests" / "isolation_one.c").unlink()
    assert list(take_files(tmp_path, lab)[0]) == ["walk.cc"]
    (files / "tests").rmdir()
    assert list(take_files(tmp_path, lab)[0]) == ["walk.cc"]


def refused(folder: Path, lab: Lab) -> str:
    with pytest.raises(Refused) as caught:
        take_files(folder, lab)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_files_are_told_all_at_once(files: Path, tmp_path: Path, lab: Lab) -> None:
    three = replace(lab, files=("walk.cc", "map.cc", "answers.toml", "tests/isolation_*.c"))
    found, missing = take_files(tmp_path, three)
    assert sorted(found) == ["tests/isolation_one.c", "walk.cc"] and missing == ["map.cc", "answers.toml"]
    (files / "walk.cc").unlink()
    for wrong in (tmp_path, files, files / "tests"):
        line = refused(wrong, three)
        assert "(walk.cc, map.cc, answers.toml)" in line and "the folder that has labs/a-paging in it" in line


def test_a_tree_in_a_folder_is_found(files: Path, tmp_path: Path, lab: Lab) -> None:
    """As archives hold them; and labs/ or the lab's folder alone."""
    expected = take_files(tmp_path, lab)
    for folder in (tmp_path / "labs", files):
        assert take_files(folder, lab) == expected
    (tmp_path / "upload").mkdir()
    (tmp_path / "labs").rename(tmp_path / "upload" / "work-labs")
    tree = tmp_path / "upload" / "handed-in"
    tree.mkdir()
    (tmp_path / "upload" / "work-labs").rename(tree / "labs")
    assert take_files(tmp_path / "upload", lab) == expected
    (tmp_path / "upload" / "again" / "labs" / "a-paging").mkdir(parents=True)
    assert "several trees with labs/a-paging in them (again, handed-in)" in refused(tmp_path / "upload", lab)
    shutil.rmtree(tmp_path / "upload" / "again")
    (tree / "labs").rename(tmp_path / "elsewhere")
    (tree / "labs").symlink_to(tmp_path / "elsewhere")
    assert "none of lab a's files" in refused(tmp_path / "upload", lab)  # links are not followed


def test_the_fingerprint_is_of_names_and_contents() -> None:
    one = fingerprint({"a": b"1", "b": b"2"})
    assert fingerprint({"b": b"2", "a": b"1"}) == one
    assert len({one, fingerprint({"a": b"12", "b": b""}), fingerprint({"a": b"1", "c": b"2"}), fingerprint({})}) == 4


def test_no_folder(tmp_path: Path, lab: Lab) -> None:
    assert "SUBMISSION must be a folder" in refused(tmp_path / "nothing", lab)
    (tmp_path / "file").write_text("")
    assert "SUBMISSION must be a folder" in refused(tmp_path / "file", lab)


@pytest.mark.parametrize("target", ["/etc/passwd", "tests/isolation_one.c", "nowhere", "walk.cc"])
def test_links(files: Path, tmp_path: Path, lab: Lab, target: str) -> None:
    (files / "walk.cc").unlink()
    (files / "walk.cc").symlink_to(target)
    assert "labs/a-paging/walk.cc is a link" in refused(tmp_path, lab)


@pytest.mark.parametrize("link", ["labs", "labs/a-paging", "labs/a-paging/tests"])
def test_links_on_the_way(files: Path, tmp_path: Path, lab: Lab, link: str) -> None:
    (tmp_path / link).rename(tmp_path / "moved")
    (tmp_path / link).symlink_to(tmp_path / "moved")
    assert "is a link or a file" in refused(tmp_path, lab)


def test_special_files(files: Path, tmp_path: Path, lab: Lab) -> None:
    path = files / "walk.cc"
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in refused(tmp_path, lab)
    path.unlink()
    path.mkdir()
    assert "not a regular file" in refused(tmp_path, lab)
    path.rmdir()
    os.chdir(files)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("walk.cc")
        assert "walk.cc" in refused(tmp_path, lab)


def test_large_files(files: Path, tmp_path: Path, lab: Lab) -> None:
    (files / "walk.cc").write_bytes(b" " * SIZE_LIMIT)
    assert len(take_files(tmp_path, lab)[0]["walk.cc"]) == SIZE_LIMIT
    with open(files / "walk.cc", "ab") as file:
        file.truncate(1 << 40)
    assert "larger than 1024 KiB" in refused(tmp_path, lab)


def test_many_files(files: Path, tmp_path: Path, lab: Lab) -> None:
    for number in range(FILES_LIMIT):
        (files / "tests" / f"isolation_{number}.c").write_text("")
    assert "more than 32 files" in refused(tmp_path, lab)


@pytest.mark.parametrize(
    "name",
    ["isolation_ .c", "isolation_$(touch x).c", "isolation_\n.c", "isolation_:.c", "isolation_%.c", "isolation_é.c"],
)
def test_names_that_make_would_stumble_over(files: Path, tmp_path: Path, lab: Lab, name: str) -> None:
    (files / "tests" / name).write_text("")
    assert "rename it" in refused(tmp_path, lab)
