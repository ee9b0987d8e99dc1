"""The student's answers.toml: what was found out about the kernel, by table and key."""

from __future__ import annotations

import tomllib
from pathlib import Path

from grading.judge.check import fail
from grading.machine.failures import NotImplementedInLab

Answers = dict[str, int]


def read_answers(folder: Path, table: str, questions: tuple[str, ...]) -> Answers:
    """The numbers that answers.toml gives to `questions` in [table].

    Numbers may stand as integers or as strings such as "0xffff800000000000". Raises
    NotImplementedInLab while all are 0, as they are in the starter, CheckFailed if one is missing.
    """
    path = folder / "answers.toml"
    try:
        given = tomllib.loads(path.read_text()).get(table, {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail("answers.toml", expected="a TOML file", seen=str(error))
    answers: Answers = {}
    for question in questions:
        try:
            value = given[question]
            answers[question] = int(value, 0) if isinstance(value, str) else int(value)
        except (KeyError, TypeError, ValueError):
            fail(f"[{table}] {question} in answers.toml", expected="a number", seen=given.get(question, "nothing"))
    if not any(answers.values()):
        raise NotImplementedInLab("A5")
    return answers
