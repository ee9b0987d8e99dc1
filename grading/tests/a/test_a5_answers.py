"""A5: answers.toml. The layout is compared with the running machine, costs with a measurement."""

from __future__ import annotations

import random
from collections.abc import Callable

from grading.bench.command import measure
from grading.grader.rubric import item
from grading.grader.run import Run
from grading.judge.check import check, check_that
from grading.machine.machine import Machine
from grading.tests.a import outside
from grading.tests.a.answers import read_answers
from grading.tests.a.layout import Page, tables_needed
from grading.tests.a.pattern import PAGE
from grading.tests.a.puppets import Puppets
from grading.tests.a.tables import index, use_kernel_table

LAYOUT = ("direct_map_start", "kernel_image_entry", "stack_top", "stack_limit", "tables_for_three_pages")
COSTS = ("map", "demand_zero", "cow_copy", "fork_exit_wait")
TOLERANCE = 0.25  # of what the grader measures on the same kernel
STACK_GAP = 16 * PAGE  # below the stack's limit, at most: a guard


@item("A5", points=3)
def test_answers_on_the_layout(cairn_run: Run, machine: Machine, rng: random.Random) -> None:
    """[layout] in answers.toml agrees with what the running machine shows."""
    answers = read_answers(cairn_run.student_files, "layout", LAYOUT)
    kernel = use_kernel_table(machine)
    start = answers["direct_map_start"]
    for offset in (0, *(rng.randrange(16 << 20, machine.memory_mib << 20, PAGE) for _ in range(4))):
        page = outside.page_of(machine, kernel, start + offset)
        check(expected=offset, seen=page.physical + (start + offset - page.virtual) if page else "not mapped",
              what=f"the physical memory at direct_map_start + {offset:#x}, with your direct_map_start = {start:#x}")
    image = [mapping.virtual for mapping in outside.kernel_half(machine, kernel).values() if mapping.executable]
    check(expected={index(address, 4) for address in image}, seen={answers["kernel_image_entry"]},
          what="kernel_image_entry: the root's entry under which the kernel's code lies")

    puppets = Puppets(machine)
    pid = puppets.start()
    where = puppets.ask(pid, "where").number("stack")
    top = next((addresses.stop for addresses, _, _ in puppets.regions(pid) if where in addresses), None)
    check(expected=top, seen=answers["stack_top"], what="stack_top: the first address above a process's stack")
    limit = answers["stack_limit"]
    check_that(0 < limit < 1 << 40 and limit % PAGE == 0, expected="bytes, a multiple of 4096", seen=limit, what="stack_limit")
    lowest = answers["stack_top"] - limit
    check(expected=0, seen=puppets.do(pid, "peek", lowest), what=f"a read from {lowest:#x}, the lowest address of a stack of stack_limit")
    child = puppets.start()
    said = puppets.crash(child, "poke", lowest - 8, 1)
    check_that("SIGSEGV" in said, expected="SIGSEGV", seen=said, what=f"a write just below a stack of stack_limit, to {lowest - 8:#x}")

    pages = {0x40_0000: Page(0, "rxu"), 0x60_0000: Page(0, "rwu"), answers["stack_top"] - PAGE: Page(0, "rwu")}
    check(expected=1 + tables_needed(pages), seen=answers["tables_for_three_pages"],
          what="tables_for_three_pages: tables, root included, that map one page at 0x400000, 0x600000 and below stack_top each")


@item("A5", points=4)
def test_answers_on_costs(cairn_run: Run, boot: Callable[..., Machine]) -> None:
    """[costs] in answers.toml is within a quarter of what the grader measures on this kernel."""
    answers = read_answers(cairn_run.student_files, "costs", COSTS)
    costs = {operation.name: operation.instructions for operation in measure(boot(icount=0))}
    for question in COSTS:
        measured = costs.get(question, 0)
        check_that(measured > 0 and abs(answers[question] - measured) <= TOLERANCE * measured,
                   expected=f"{measured} instructions, give or take a quarter", seen=answers[question],
                   what=f"[costs] {question} in answers.toml", hint="measure with: make bench LAB=a")
