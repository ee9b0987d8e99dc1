"""Who solved the first items gets exactly their points: no item depends on a later one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grading import ROOT
from grading.course import markers, mutants
from grading.course.lab import all_labs, load_lab
from grading.judge import ext2_judge
from grading.machine.failures import CommandError
from grading.suite import disks
from grading.suite.rubric_runs import grade, submission

# All but the last item of each lab, which judges the whole.
STEPS = [pytest.param(lab.letter, count, id=f"{lab.letter}-first-{count}")
         for lab in all_labs() for count in range(1, len(lab.items))]
# A process reaches files by descriptors alone: without B2 only the monitor can tell that B1 is there.
HALF_SEEN = {("b", 1)}


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("letter", "count"), STEPS)
def test_the_first_items_get_their_points(letter: str, count: int, built: Path, seed: int, tmp_path: Path) -> None:
    lab = load_lab(letter)
    items = list(lab.items)
    done = items[:count]
    folder = submission(letter, tmp_path / "partial", None, solved=False)
    for path in lab.student_files():
        if path.suffix in (".cc", ".c"):
            text = markers.starter_text((lab.folder / path).read_text(), path.name, done)
            (folder / "labs" / lab.folder.name / path).write_text(text)
    graded = grade(letter, tmp_path / "out", "--submission", folder, "--seed", seed)
    assert graded.status == 1, graded.output[-3000:]
    assert " kernel/" not in (tmp_path / "out" / "logs" / "submission-build.log").read_text(), "more than the labs' files was compiled"
    lost: dict[str, list[str]] = {item: [] for item in items}
    paid: dict[str, list[str]] = {item: [] for item in items}
    for test in graded.results["tests"]:
        item, name = test["tags"][0], test["name"]
        if test["score"] < test["max_score"]:
            lost[item].append(name)
        if test["score"] > 0 and "own_tests" not in name:  # those of one item may notice mistakes of others
            paid[item].append(name)
    for item in items:
        if item in done:
            assert paid[item] if (letter, count) in HALF_SEEN else not lost[item], f"{item}: lost {lost[item]}"
        elif item != items[-1] or count < len(items) - 1:
            assert not paid[item], f"{item}: points for what isn't written"


def test_without_a_mount_table_the_root_is_open_once(built: Path, tmp_path: Path) -> None:
    """A second open would read metadata beside what the first has not written yet."""
    file = "labs/b-files/mount.cc"
    text = (ROOT / file).read_text()
    starter = markers.starter_text(text, "mount.cc", ["B1", "B2", "B3", "B4"])
    unwritten = mutants.Mutant(name="no-mount-table", item="B5", description="B5 isn't written", file=file, find=(text,),
                               replace=(starter,), kills=())
    kernel = mutants.kernel(unwritten, "b")
    disk = disks.image(tmp_path, "disk", bytes(disks.SIZE))
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", disk], env=ext2_judge.ENVIRONMENT, capture_output=True, check=True)
    with disks.start(kernel.parent, [disk]) as machine:
        command = machine.channel.command
        command("write /first 1")
        with pytest.raises(CommandError, match="ENOSYS"):
            command("mount vda /lost+found")
        command("write /second 2")
        command("sync")
        assert command("cache drop").number("inodes") > 0
        assert command("cat /first").lines == ["1"] and command("cat /second").lines == ["2"]
    ext2_judge.repair(disk)  # cut off: it only wasn't unmounted
    assert {"/first", "/second"} <= set(ext2_judge.read_tree(disk))
