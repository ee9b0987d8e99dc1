"""D1: which processors the tables list, and which run."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grader.rubric import item
from grading.judge.check import check, check_errno, check_that
from grading.machine.machine import Machine
from grading.tests.d import tables

Boot = Callable[..., Machine]
LOOKS = 200  # at all processors, until they have settled
TOPOLOGIES = ("cpus=2", "cpus=3,maxcpus=7", "cpus=4,sockets=2,cores=2", "cpus=5,maxcpus=8", "cpus=6,sockets=1,cores=3,threads=2", "cpus=9")


def count_of(topology: str) -> int:
    return int(topology.split(",")[0].removeprefix("cpus="))


def check_that_all_run(machine: Machine, count: int) -> None:
    """Each vCPU halts in the kernel's address space, on a stack and with an area of its own, which `cpus` names."""
    lines = machine.channel.command("cpus").values()
    check(expected=count, seen=len(lines), what="how many processors run, as `cpus` lists them",
          hint="processors_of_madt() and start_processor(): `log` says which didn't start")
    areas = sorted(int(line["area"], 16) for line in lines)
    for _ in range(LOOKS):
        registers = machine.all_registers()
        if all(each.halted and each.rflags & 1 << 9 for each in registers):
            break
    idle = [cpu for cpu, each in enumerate(registers) if each.halted and each.rflags & 1 << 9]
    check(expected=list(range(count)), seen=idle, what="vCPUs that halt with interrupts on, since there is nothing to do")
    check(expected=areas, seen=sorted(each.gs_base for each in registers), what="where GS points to on each vCPU")
    check(expected=count, seen=len({each.rsp & ~0x7FFF for each in registers}), what="stacks of the vCPUs, each its own")
    check(expected=1, seen=len({each.cr3 for each in registers}), what="page tables that idle vCPUs have loaded")


@item("D1", points=4)
def test_every_processor_runs(boot: Boot, rng: random.Random) -> None:
    """As many processors run as the machine has, whatever its topology; those that could be plugged in later are left out."""
    for topology in rng.sample(TOPOLOGIES, 3):
        machine = boot(smp=topology, icount=rng.randrange(1, 4))
        check_that_all_run(machine, count_of(topology))
        machine.close()


@item("D1", points=2)
def test_without_acpi_the_mp_table_counts(boot: Boot, rng: random.Random) -> None:
    """Where ACPI's tables aren't to be used, the processors are found by the MP table."""
    count = rng.randint(2, 4)
    # QEMU's firmware lists one processor a socket there.
    check_that_all_run(boot(options="channel acpi=off", smp=f"cpus={count},sockets={count}", icount=2), count)


@pytest.mark.parametrize("kind", [tables.MADT, tables.MP])
@item("D1", points=2)
def test_tables_are_read(kind: str, boot: Boot, rng: random.Random) -> None:
    """Usable processors are listed in the table's order, each once; entries of other kinds are passed over."""
    drawn = [tables.draw(kind, rng) for _ in range(6)] + [tables.draw(kind, rng, most=100)]
    with tempfile.TemporaryDirectory(prefix="cairn-tables-") as folder:
        machine = boot(fw_cfg=files(folder, [table.data() + rng.randbytes(rng.randrange(30)) for table in drawn]))
        for number, table in enumerate(drawn):
            lines = machine.channel.command(f"processors {kind} opt/cairn/table{number}").values()
            seen = [int(line["apic"]) for line in lines[1:]]
            check(expected=table.usable[:64], seen=seen, what=f"the processors that a {kind} table lists")
            check(expected=max(len(table.usable) - 64, 0), seen=int(lines[0]["left_out"]), what="how many are left out")


@pytest.mark.parametrize("kind", [tables.MADT, tables.MP])
@item("D1", points=2)
def test_damaged_tables_are_refused(kind: str, boot: Boot, rng: random.Random) -> None:
    """A table that can't be right is refused whole: EINVAL."""
    sound = tables.draw(kind, rng)
    what, made = [], []
    for words, damage in tables.damages(kind):
        table = tables.draw(kind, rng)
        damage(table, rng)
        what.append(words)
        made.append(table.data())
    what += ["less than a header", "no byte at all"]
    made += [tables.draw(kind, rng).data()[: rng.randrange(1, 44)], b""]
    with tempfile.TemporaryDirectory(prefix="cairn-tables-") as folder:
        machine = boot(fw_cfg=files(folder, [*made, sound.data()]))
        reply = machine.channel.command(f"processors {kind} opt/cairn/table{len(made)}")
        check(expected=sound.usable, seen=[int(line["apic"]) for line in reply.values()[1:]],
              what=f"the processors that a {kind} table lists which is right")
        for number, words in enumerate(what):
            reply = machine.channel.try_command(f"processors {kind} opt/cairn/table{number}")
            check_errno(reply, "EINVAL", f"what becomes of a {kind} table with {words}")
    check_that(machine.channel.command("cpus").values(), expected="still running", seen="nothing", what="the machine afterwards")


def files(folder: str, contents: list[bytes]) -> dict[str, Path]:
    """Files for the firmware to give to the guest, by their names there."""
    paths = {f"opt/cairn/table{number}": Path(folder) / f"table{number}" for number in range(len(contents))}
    for path, content in zip(paths.values(), contents):
        path.write_bytes(content)
    return paths
