"""The students' repository and the solutions': who finds what in them, same ids every time, merges that end
in main's text, and what make does after a merge."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from grading.course import branches, given, markers, starter
from grading.course.lab import all_labs
from grading.suite import secrets
from grading.suite.made_up import course

STUDENT = {"GIT_AUTHOR_NAME": "Student", "GIT_AUTHOR_EMAIL": "student@localhost",
           "GIT_COMMITTER_NAME": "Student", "GIT_COMMITTER_EMAIL": "student@localhost",
           "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
MARKER_LINES = re.compile(r"^[ \t]*(?://|#) (?:(?:BEGIN|END) SOLUTION|STARTER:).*\n", re.MULTILINE)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **STUDENT},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def all_objects(repository: Path) -> bytes:
    """The content of everything in a repository, whatever refers to it."""
    command = ["git", "cat-file", "--batch-all-objects", "--unordered", "--batch"]
    return subprocess.run(command, cwd=repository, capture_output=True, check=True).stdout


def lines_of(content: bytes) -> set[str]:
    return {line.strip() for line in content.decode(errors="replace").splitlines()}


def files_of(folder: Path) -> dict[str, bytes]:
    names = git(folder, "ls-files", "-z").split("\0")
    return {name: (folder / name).read_bytes() for name in names if name}


def work_through_all_labs(folder: Path, root: Path, work: Path) -> dict[str, bytes]:
    """Does what a student does, lab after lab; returns the files at the end.

    Starter, own edits that replace each stub, next starter merged, and so on; at the end the
    official solution is merged too, which must change nothing. `folder` has both repositories.
    """
    labs = all_labs(root)
    git(work.parent, "clone", "--quiet", str(folder / branches.STUDENTS), work.name)
    for number, lab in enumerate(labs):
        if number == 0:
            git(work, "checkout", "--quiet", "-b", "work", f"origin/lab-{lab.letter}")
        else:
            git(work, "merge", "--quiet", "--no-edit", f"origin/lab-{lab.letter}")
        for path, entry in starter.manifest(lab.letter, root, solved=True).items():
            if path.startswith(f"labs/{lab.folder.name}/"):
                (work / path).write_bytes(entry.data)
        git(work, "commit", "--quiet", "-a", "-m", f"my lab {lab.letter}")
    before = files_of(work)
    git(work, "remote", "add", "solutions", str(folder / branches.SOLUTIONS))
    git(work, "fetch", "--quiet", "solutions")
    git(work, "merge", "--quiet", "--no-edit", f"solutions/lab-{lab.letter}-solution")
    assert files_of(work) == before
    return before


def expected_files(root: Path) -> dict[str, bytes]:
    """What main has of the students' files, markers removed by a rule of one line."""
    last = all_labs(root)[-1].letter
    expected = {}
    for path, entry in starter.manifest(last, root).items():
        if path.startswith("reference/") or path == given.LIST:  # made from what main has
            expected[path] = entry.data
            continue
        data = (root / starter.MOVED.get(path, path)).read_bytes()
        if path.startswith("labs/") and markers.can_hold_solutions(path):
            data = MARKER_LINES.sub("", data.decode()).encode()
        expected[path] = data
    return expected


def test_the_branches_of_a_made_up_course(tree, tmp_path: Path) -> None:
    top = tree(course())
    heads = branches.build(tmp_path, top)
    assert sorted(heads) == ["lab-a", "lab-a-solution", "lab-b", "lab-b-solution"]
    students, solutions = tmp_path / branches.STUDENTS, tmp_path / branches.SOLUTIONS
    for name in ("lab-a", "lab-b"):
        assert git(students, "rev-parse", name) == git(solutions, "rev-parse", name) == heads[name] + "\n"
    assert git(students, "branch", "--format=%(refname:short)").split() == ["lab-a", "lab-b"]
    assert git(students, "symbolic-ref", "HEAD") == "refs/heads/lab-a\n"
    assert b"secret" not in all_objects(students)
    assert "secret_of_b" in git(solutions, "show", "lab-b-solution:labs/b-files/open.cc")


def test_the_same_tree_gives_the_same_commit_ids(tree, tmp_path: Path) -> None:
    top = tree(course())
    first = branches.build(tmp_path / "one", top)
    (top / "kernel/memory/walk.h").touch()
    assert branches.build(tmp_path / "two", top) == first
    assert branches.build(tmp_path / "two", top) == first


def test_merging_through_made_up_labs_ends_in_mains_text(tree, tmp_path: Path) -> None:
    top = tree(course())
    branches.build(tmp_path, top)
    assert work_through_all_labs(tmp_path, top, tmp_path / "work") == expected_files(top)


def test_something_else_is_never_replaced(tree, tmp_path: Path) -> None:
    target = tmp_path / branches.STUDENTS
    target.mkdir()
    (target / "thesis").write_text("precious")
    with pytest.raises(starter.StarterError, match="isn't a bare repository"):
        branches.build(tmp_path, tree(course()))


@pytest.fixture(scope="module")
def repositories(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    branches.build(folder)
    return folder


def test_no_object_that_students_get_tells_of_a_solution(repositories: Path, root: Path) -> None:
    """Whatever branch, tag or history it belongs to, and if nothing names it any more."""
    secret, _ = secrets.of_labs(root, starter.manifest(all_labs()[-1].letter))
    students, solutions = (all_objects(repositories / name) for name in (branches.STUDENTS, branches.SOLUTIONS))
    assert secret & lines_of(students) == set()
    assert secret <= lines_of(solutions)
    assert b".debug_info" not in students  # of the reference objects


def test_after_a_merge_the_new_lab_is_built(repositories: Path, tmp_path: Path) -> None:
    """Clone, build lab a, merge lab b, build it: make's list of labs is from before the merge then."""
    git(tmp_path, "clone", "--quiet", "--branch", "lab-a", str(repositories / branches.STUDENTS), "work")
    assert make(tmp_path / "work", "build/a/obj/labs/a-paging/tlb.cc.o", "LAB=a") == ""
    assert "there is no lab b" in make(tmp_path / "work", "kernel", "LAB=b")
    git(tmp_path / "work", "merge", "--quiet", "--no-edit", "origin/lab-b")
    assert make(tmp_path / "work", "build/b/obj/labs/b-files/mount.cc.o", "edits", "LAB=b") == ""
    git(tmp_path / "work", "checkout", "--quiet", "lab-a")
    git(tmp_path / "work", "reset", "--quiet", "--hard", "origin/lab-a")
    assert "there is no lab b" in make(tmp_path / "work", "kernel", "LAB=b")


def make(folder: Path, *arguments: str) -> str:
    """What make complains of there, without what a make above us passes on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "WERROR"))}
    done = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stderr == ""), done.stdout + done.stderr
    return done.stderr


def test_merging_through_the_labs_ends_in_mains_text(repositories: Path, root: Path,
                                                     tmp_path: Path) -> None:
    files = work_through_all_labs(repositories, root, tmp_path / "work")
    expected = expected_files(root)
    assert sorted(files) == sorted(expected)
    assert [path for path in files if files[path] != expected[path]] == []


def test_real_commit_ids_are_reproducible(repositories: Path, tmp_path: Path) -> None:
    again = branches.build(tmp_path)
    for branch, commit in again.items():
        assert git(repositories / branches.SOLUTIONS, "rev-parse", branch).strip() == commit
