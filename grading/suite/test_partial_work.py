"""Who solved the first items gets exactly their points: no item depends on a later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading import markers
from grading.lab import all_labs, load_lab
from grading.suite.rubric_runs import grade, submission

# All but the last item of each lab, which judges the whole.
STEPS = [pytest.param(lab.letter, count, id=f"{lab.letter}-first-{count}")
         for lab in all_labs() for count in range(1, len(lab.items))]
# A process reaches files by descriptors alone: without B2 only the monitor can tell that B1 is there.
HALF_SEEN = {("b", 1)}


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
