"""Starters: the generator on a made-up course, then the real ones: no leak, no warning, 0 points."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from grading.course import folders, given, markers, starter
from grading.course.lab import LabError, all_labs, load_lab
from grading.grader.build import folder_of
from grading.machine.machine import Machine
from grading.suite import secrets
from grading.suite.made_up import course
from grading.suite.rubric_runs import Graded, grade, one_at_a_time, run_make, submission


def test_students_get_the_course_without_its_secrets(tree) -> None:
    entries = starter.manifest("a", tree(course()))
    assert sorted(entries) == [
        ".gdbinit", "Makefile", "README.md", "grading/grade", "grading/tests/a/test_walk.py",
        "kernel/memory/walk.h", "labs/a-paging/answers.toml", "labs/a-paging/lab.toml",
        "labs/a-paging/walk.cc"]
    assert entries["README.md"].data == b"the students' own\n"
    assert b"secret" not in b"".join(entry.data for entry in entries.values())
    assert b'return not_implemented("A1");' in entries["labs/a-paging/walk.cc"].data
    assert entries["labs/a-paging/answers.toml"].data == b"# The measured numbers.\n# A5: yours to write.\nwalk = 0\n"


def test_a_later_starter_has_the_earlier_labs_with_their_holes(tree) -> None:
    top = tree(course())
    first, second = starter.manifest("a", top), starter.manifest("b", top)
    assert set(second) - set(first) == {
        "grading/tests/b/test_open.py", "labs/b-files/lab.toml", "labs/b-files/open.cc"}
    assert all(second[path] == first[path] for path in first)


def students_tree(tree, tmp_path: Path) -> Path:
    """A student's tree of the made-up course, with what finds edits in it."""
    top = tree(course())
    (top / "labs/a-paging/lab.toml").write_text((top / "labs/a-paging/lab.toml").read_text().replace(
        "files = []", 'files = ["walk.cc", "tests/mine_*.c"]'))
    (top / "grading/course/given.py").parent.mkdir(exist_ok=True, parents=True)
    (top / "grading/course/given.py").touch()
    starter.write(starter.manifest("a", top), tmp_path / "student")
    return tmp_path / "student"


def test_edits_that_the_grader_does_not_take_are_named(tree, tmp_path: Path) -> None:
    student = students_tree(tree, tmp_path)
    (student / "labs/a-paging/walk.cc").write_text("int walk() { return 1; }\n")
    (student / "labs/a-paging/tests").mkdir()
    (student / "labs/a-paging/tests/mine_one.c").write_text("int main() { return 0; }\n")
    (student / "README.md").write_text("my notes\n")
    (student / "build").mkdir()
    assert given.changed(student) == []
    (student / "kernel/memory/walk.h").write_text("int walk(int);\n")
    (student / "kernel/memory/mine.cc").write_text("int mine;\n")
    (student / "labs/a-paging/mine.h").write_text("int mine;\n")
    (student / "grading/grade").unlink()
    names = ["grading/grade", "kernel/memory/mine.cc", "kernel/memory/walk.h", "labs/a-paging/mine.h"]
    assert given.changed(student) == names
    text = given.warning(names)
    assert all(name in text for name in names) and "git checkout" in text
    assert "and 42 more" in given.warning([f"kernel/{number}.h" for number in range(50)])


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


# The real starters.

LETTERS = [lab.letter for lab in all_labs()]


@pytest.mark.parametrize("letter", LETTERS)
def test_no_solution_leaks(letter: str, root: Path) -> None:
    """No line that only the solution has stands anywhere in the starter."""
    given = starter.manifest(letter)
    secret, both = secrets.of_labs(root, given)
    assert secret
    for path, entry in given.items():
        if path.startswith("labs/"):
            text = entry.data.decode()
            assert [line for line in secret if line in text] == [], path
    assert len(both) <= (len(secret) + len(both)) // 20, f"solution in given files: {sorted(both)}"


@pytest.mark.parametrize("letter", LETTERS)
def test_links_in_its_documents_lead_somewhere(letter: str) -> None:
    given = starter.manifest(letter)
    folders_of = {parent.as_posix() for path in given for parent in PurePosixPath(path).parents}
    broken = []
    for path, entry in given.items():
        if not path.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", entry.data.decode()):
            leads_to = os.path.normpath(os.path.join(os.path.dirname(path), target))
            if not re.match(r"[a-z]+:", target) and leads_to not in given and leads_to not in folders_of:
                broken.append(f"{path}: {target}")
    assert broken == []


@pytest.mark.parametrize("letter", LETTERS)
def test_nothing_of_the_course_is_named_in_a_starter(letter: str) -> None:
    for path, entry in starter.manifest(letter).items():
        assert not path.startswith(starter.COURSE_ONLY), path
        text = entry.data.decode(errors="replace")
        if path.startswith("labs/"):
            assert "SOLUTION" not in text and "STARTER" not in text, path


@pytest.fixture(scope="module", params=LETTERS)
def written(request: pytest.FixtureRequest, root: Path) -> tuple[str, Path]:
    """A starter written by make and built in place, with the earlier labs' objects where nothing of it can be begun
    without them: its lab and its folder. Workers share it."""
    letter = request.param
    target = root / "build" / "starters" / f"lab-{letter}"
    with one_at_a_time(root, "starters"):
        log = target / "build" / "suite.log"
        if not log.exists() or not all(
                (target / path).is_file() and (target / path).read_bytes() == entry.data
                for path, entry in starter.manifest(letter).items()):
            run_make(root, "starter", f"LAB={letter}")
            said = run_make(target, "image", f"LAB={letter}", f"REFERENCE={','.join(NEEDS.get(letter, ()))}")
            log.write_text(said)
    return letter, target


# Earlier labs without which a lab can't be begun.
NEEDS = {"c": ("a", "b")}
# A command that needs the lab's first functions; lab d's are stand-ins until they are written.
FIRST_WORK = {"a": "run hello", "b": "mount vda1 /", "c": "elf /boot/cairn/kernel.elf"}


def test_it_builds_without_a_warning(written: tuple[str, Path]) -> None:
    said = (written[1] / "build" / "suite.log").read_text()
    assert "kernel.elf" in said and "warning" not in said.lower()


def test_its_layout_is_as_make_lint_wants_it(written: tuple[str, Path]) -> None:
    sources = [path for room in ("kernel", "labs", "user") for path in sorted((written[1] / room).rglob("*.*")) if path.suffix in (".cc", ".h", ".c")]
    assert len(sources) > 100
    subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], cwd=written[1], check=True)


def test_it_boots_to_the_prompt(written: tuple[str, Path]) -> None:
    letter, folder = written
    stage = folder_of(letter, NEEDS.get(letter, ()))
    with Machine(boot="grub", disk=folder / "build" / stage / "disk.img", options="") as machine:
        machine.console.wait_for("cairn> $")
        machine.console.send("help\n")
        machine.console.wait_for("^halt ")
        if letter in FIRST_WORK:
            machine.console.send(FIRST_WORK[letter] + "\n")
            machine.console.wait_for(rf"{letter.upper()}\d .*handouts/{letter}-")
            machine.console.wait_for("cairn> $")


def test_it_gets_nothing_and_says_why(written: tuple[str, Path], tmp_path: Path) -> None:
    letter, folder = written
    references = [word for earlier in NEEDS.get(letter, ()) for word in ("--reference", earlier)]
    check_nothing(letter, grade(letter, tmp_path / "out", *references, root=folder))


@pytest.mark.parametrize("letter", LETTERS)
def test_as_a_submission_it_gets_nothing(letter: str, built: Path, tmp_path: Path) -> None:
    folder = submission(letter, tmp_path / "starter", None, solved=False)
    check_nothing(letter, grade(letter, tmp_path / "out", "--submission", folder))


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("letter", "earlier"), [(letter, earlier) for letter in LETTERS for earlier in LETTERS if earlier < letter])
def test_who_solved_an_earlier_lab_keeps_its_points(letter: str, earlier: str, tmp_path: Path) -> None:
    entries, folder = starter.manifest(letter), f"labs/{load_lab(earlier).folder.name}/"
    solved = {path: entry for path, entry in starter.manifest(earlier, solved=True).items() if path.startswith(folder)}
    starter.write(entries | solved, tmp_path / "tree")
    objects = [word for before in LETTERS if before < earlier for word in ("--reference", before)]  # unsolved in this tree
    graded = grade(earlier, tmp_path / "out", *objects, root=tmp_path / "tree")
    assert graded.last_line == f"lab {earlier}: 100/100", f"{graded.lost}\n{graded.output[-6000:]}"


def check_nothing(letter: str, graded: Graded) -> None:
    """0 points, and each test of an item whose stubs say so says first that it isn't implemented, with the handout's section."""
    assert graded.last_line == f"lab {letter}: 0/100", graded.output[-3000:]
    assert graded.status == 1
    lab = load_lab(letter)
    in_kernel = {run.item for path in lab.student_files() if path.suffix == ".cc"
                 for run in markers.runs((lab.folder / path).read_text(), path.name)}
    stubs = "".join(entry.data.decode() for path, entry in starter.manifest(letter).items() if path.startswith(f"labs/{lab.folder.name}/"))
    told = {item for item in lab.items if f'not_implemented("{item}")' in stubs}
    for item in lab.items.values():
        said = f"{item.id} is not implemented yet: see {lab.section(item.id)}"
        if item.id not in told and item.id in in_kernel:
            continue  # its stubs do as the stand-in
        assert said in graded.output, graded.output[-3000:]
        if item.id in in_kernel:
            unsaid = [test for test in graded.results["tests"] if test["tags"][0] == item.id and not test["output"].lstrip().startswith(said)]
            assert not unsaid, unsaid
    for word in ("hung", "panic", "Traceback"):
        assert word not in graded.output, graded.output[-3000:]
