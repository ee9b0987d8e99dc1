"""Starters: the generator on a made-up course, then the real ones: no leak, no warning, 0 points."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grading import folders, starter
from grading.lab import LabError
from grading.suite.made_up import course


def test_students_get_the_course_without_its_secrets(tree) -> None:
    entries = starter.manifest("a", tree(course()))
    assert sorted(entries) == [
        ".gdbinit", "Makefile", "README.md", "grading/grade", "grading/tests/a/test_walk.py",
        "kernel/memory/walk.h", "labs/a-paging/answers.toml", "labs/a-paging/lab.toml",
        "labs/a-paging/walk.cc"]
    assert entries["README.md"].data == b"the students' own\n"
    assert b"secret" not in b"".join(entry.data for entry in entries.values())
    assert b'return not_implemented("A1");' in entries["labs/a-paging/walk.cc"].data
    assert entries["labs/a-paging/answers.toml"].data == b"# The measured numbers.\nwalk = 0\n"


def test_a_later_starter_has_the_earlier_labs_with_their_holes(tree) -> None:
    top = tree(course())
    first, second = starter.manifest("a", top), starter.manifest("b", top)
    assert set(second) - set(first) == {
        "grading/tests/b/test_open.py", "labs/b-files/lab.toml", "labs/b-files/open.cc"}
    assert all(second[path] == first[path] for path in first)


def test_files_that_git_does_not_track_stay_out(tree) -> None:
    top = tree(course())
    subprocess.run(["git", "init", "--quiet", top], check=True)
    subprocess.run(["git", "-C", top, "add", "-A"], check=True)
    (top / "labs/a-paging/walk.cc.orig").write_text("int secret_of_a;\n")
    assert "labs/a-paging/walk.cc.orig" not in starter.manifest("a", top)


def test_a_starter_is_written_whole_and_twice_the_same(tree, tmp_path: Path) -> None:
    top = tree(course())
    (top / "grading/grade").chmod(0o755)
    target = tmp_path / "out" / "lab-a"
    seen = []
    for _ in range(2):
        starter.write(starter.manifest("a", top), target)
        seen.append({path.relative_to(target).as_posix(): (path.read_bytes(), path.stat().st_mode)
                     for path in target.rglob("*") if path.is_file()})
    assert seen[0] == seen[1]
    assert (target / "grading/grade").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in target.parent.iterdir()] == ["lab-a"]


def test_something_else_is_never_replaced(tree, tmp_path: Path) -> None:
    entries = starter.manifest("a", tree(course()))
    target = tmp_path / "home"
    target.mkdir()
    (target / "thesis").write_text("precious")
    with pytest.raises(starter.StarterError, match="holds something that isn't a starter"):
        starter.write(entries, target)
    assert (target / "thesis").read_text() == "precious"


def test_an_error_half_way_leaves_the_earlier_starter(tree, tmp_path: Path) -> None:
    entries = starter.manifest("a", tree(course()))
    target = tmp_path / "lab-a"
    starter.write(entries, target)
    before = sorted(target.rglob("*"))
    with pytest.raises(folders.FolderError):
        starter.write(entries | {"Makefile/below-a-file": entries["Makefile"]}, target)
    assert sorted(target.rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab-a", "tree"]


def test_leftovers_of_a_killed_run_are_removed(tree, tmp_path: Path) -> None:
    entries = starter.manifest("a", tree(course()))
    dead = subprocess.Popen(["true"])
    dead.wait()
    target = tmp_path / "lab-a"
    old = tmp_path / f".lab-a.{dead.pid}" / "old"
    old.mkdir(parents=True)
    starter.write(entries, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab-a", "tree"]


def test_an_unknown_lab_and_a_link_are_one_line_errors(tree) -> None:
    top = tree(course())
    with pytest.raises(LabError, match="no lab 'x'; labs in this tree: a, b"):
        starter.manifest("x", top)
    (top / "labs/a-paging/link.cc").symlink_to("/etc/passwd")
    with pytest.raises(starter.StarterError, match="symbolic link"):
        starter.manifest("a", top)
