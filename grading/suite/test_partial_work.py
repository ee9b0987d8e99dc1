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


@pytest.mark.parametrize(("letter", "count"), STEPS)
def test_the_first_items_get_their_points(letter: str, count: int, built: Path, seed: int, tmp_path: Path) -> None:
    lab = load_lab(letter)
    items = list(lab.items)
    done = items[:count]
    folder = submission(letter, tmp_path / "partial", None, solved=False)
    for path in lab.student_files():
        if path.suffix == ".cc":
            text = markers.starter_text((lab.folder / path).read_text(), path.name, done)
            (folder / "labs" / lab.folder.name / path).write_text(text)
    graded = grade(letter, tmp_path / "out", "--submission", folder, "--seed", seed)
    assert graded.status == 1, graded.output[-3000:]
    scores = {item: [0.0, 0.0] for item in items}
    for test in graded.results["tests"]:
        item = test["tags"][0]
        scores[item][0] += test["score"]
        scores[item][1] += test["max_score"]
    for item, (score, possible) in scores.items():
        if item in done:
            assert score == pytest.approx(possible), f"{item}: lost {graded.lost}"
        elif item != items[-1] or count < len(items) - 1:
            assert score == 0, f"{item}: {score} points for what isn't written"
