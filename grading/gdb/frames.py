"""`cairn frames`: who has the physical memory, counted in the frame table itself."""

from __future__ import annotations

from collections import Counter

from grading.gdb import kernel
from grading.gdb.command import Command, parse_number
from grading.gdb.kernel import DirectMap, Trouble, enumerator, number, offset
from grading.gdb.processes import Process, processes
from grading.judge import page_walk

FRAME = 4096  # bytes
SHAREABLE = ("user", "program")  # uses whose frames more than one may map
MOST_SHARED = 5  # frames listed


class FrameTable:
    """The kernel's table of frames, read at once. Raises Trouble before there is one."""

    def __init__(self) -> None:
        self.table = kernel.variable("frame_table")
        self.limit = int(kernel.variable("frame_limit"))
        if not int(self.table) or not self.limit:
            raise Trouble("the frame allocator hasn't started: `continue` until the prompt `cairn> `")
        size = self.table.dereference().type.sizeof
        data = kernel.read(int(self.table), self.limit * size)
        self.uses = data[offset("Frame", "use") :: size]
        words = memoryview(data).cast("I")
        self.references = words[offset("Frame", "references") // 4 :: size // 4]
        self.names = {value: name for value, name in kernel.enumerators("FrameUse").items() if name != "count"}

    def by_use(self) -> dict[str, int]:
        """Frames, by use; all uses, in the kernel's order."""
        counted = Counter(self.uses)
        known = {name: counted.pop(value, 0) for value, name in self.names.items()}
        return known | {f"use {value}?": count for value, count in counted.items()}  # a damaged table

    def shared(self) -> list[tuple[int, int]]:
        """(references, frame number) of the frames that more than one holds."""
        shareable = {value for value, name in self.names.items() if name in SHAREABLE}
        return [(self.references[i], i) for i, use in enumerate(self.uses) if use in shareable and self.references[i] > 1]


def describe_frame(physical: int) -> str:
    """What the frame table says of the frame at a physical address."""
    frame = physical // FRAME
    if frame >= int(kernel.variable("frame_limit")):
        return "not in the frame table"
    info = kernel.variable("frame_table")[frame]
    return f"frame use {enumerator(info['use'])}, references {number(info['references'])}"


def users_of(physical: int) -> list[tuple[Process, page_walk.Mapping]]:
    """Which processes map the frame at `physical`, and where."""
    found = []
    for process in processes():
        if process.root is not None:
            pages = page_walk.walk(DirectMap(), process.root).values()
            found += [(process, page) for page in pages if page.physical <= physical < page.physical + page.size]
    return found


class Frames(Command):
    """physical memory: totals, by use, shared; with ADDRESS (physical) that frame and who maps it"""

    name = "frames"
    arguments = "[ADDRESS]"

    def run(self, words: list[str]) -> None:
        self.check_count(words, 0, 1)
        if words:
            print_frame(parse_number(words[0], "physical address"))
        else:
            print_totals(FrameTable())


def print_totals(table: FrameTable) -> None:
    """What `cairn frames` prints."""
    by_use = table.by_use()
    reserved = by_use.pop("reserved")
    rows = {"total": table.limit - reserved} | by_use
    for name, count in rows.items():
        print(f"{name:12} {count:9} frames {count * FRAME / (1 << 20):10.2f} MiB")
    shared = sorted(table.shared(), reverse=True)
    print(f"{'shared':12} {len(shared):9} frames of user and program memory have more than one reference")
    for references, frame in shared[:MOST_SHARED]:
        print(f"  {frame * FRAME:#012x} references {references}")
    if shared:
        print(f"  `cairn frames {shared[0][1] * FRAME:#x}` tells who maps it")


def print_frame(physical: int) -> None:
    """A frame and the pages that show it."""
    frame = physical & -FRAME
    print(f"{frame:#x}: {describe_frame(frame)}")
    for process, page in users_of(frame):
        print(f"  pid {process.pid} ({process.name}) at {page.virtual + frame - page.physical:#x} {page.flags}")


def register() -> None:
    Frames()
