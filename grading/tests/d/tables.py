"""Tables that list processors, as firmware writes them: ACPI's MADT, and the MP configuration table."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

MADT, MP = "madt", "mp"
ENABLED = 1
CHECKSUM = {MADT: 9, MP: 7}  # offset of the byte that makes the sum 0


@dataclass
class Table:
    """A table by its entries, and the processors that it lists as usable. damage: what is done to it before the checksum."""

    kind: str
    entries: list[bytes] = field(default_factory=list)
    usable: list[int] = field(default_factory=list)
    length_off: int = 0
    count_off: int = 0
    signature: bytes | None = None
    sum_off: int = 0

    def data(self) -> bytes:
        """The bytes, checksum and all."""
        body = b"".join(self.entries)
        if self.kind == MADT:
            header = struct.pack("<4sIBB6s8sIIIII", self.signature or b"APIC", 44 + len(body) + self.length_off, 4, 0, b"CAIRN ",
                                 b"TABLES  ", 1, 0, 0, 0xFEE00000, 1)
        else:
            header = struct.pack("<4sHBB8s12sIHHIHBB", self.signature or b"PCMP", 44 + len(body) + self.length_off, 4, 0,
                                 b"CAIRN   ", b"TABLES      ", 0, 0, len(self.entries) + self.count_off, 0xFEE00000, 0, 0, 0)
        data = bytearray(header + body)
        data[CHECKSUM[self.kind]] = (-sum(data) + self.sum_off) & 0xFF
        return bytes(data)

    def add(self, entry: bytes, apic_id: int | None = None) -> None:
        """An entry, and the processor that it makes usable."""
        self.entries.append(entry)
        if apic_id is not None and apic_id not in self.usable:
            self.usable.append(apic_id)


def local_apic(apic_id: int, flags: int = ENABLED, uid: int = 0) -> bytes:
    return struct.pack("<BBBBI", 0, 8, uid & 255, apic_id, flags)


def local_x2apic(apic_id: int, flags: int = ENABLED) -> bytes:
    return struct.pack("<BBHIII", 9, 16, 0, apic_id, flags, 7)


def mp_processor(apic_id: int, flags: int = ENABLED) -> bytes:
    return struct.pack("<BBBBIIII", 0, apic_id, 0x14, flags, 0x600, 0x201, 0, 0)


def draw(kind: str, rng: random.Random, most: int = 12) -> Table:
    """A right table with up to `most` processors among other entries, some of them disabled, some there twice."""
    table = Table(kind)
    ids = rng.sample(range(255), rng.randint(1, most))
    for apic_id in ids:
        for other in range(rng.randrange(3)):
            table.add(_other(kind, rng, other))
        flags = rng.choice([ENABLED, ENABLED, ENABLED | 2, 0, 2])
        if kind == MP:
            table.add(mp_processor(apic_id, flags & 3), apic_id if flags & ENABLED else None)
        elif rng.random() < 0.3:
            apic_id += rng.choice([0, 256, 70_000])
            table.add(local_x2apic(apic_id, flags), apic_id if flags & ENABLED else None)
        else:
            table.add(local_apic(apic_id, flags, rng.randrange(256)), apic_id if flags & ENABLED else None)
    if table.usable:
        again = rng.choice(table.usable)
        table.add(mp_processor(again) if kind == MP else local_x2apic(again))
    return table


def _other(kind: str, rng: random.Random, number: int) -> bytes:
    if kind == MP:
        return bytes([rng.randint(1, 4)]) + rng.randbytes(7)
    kind_of_entry = rng.choice([1, 2, 3, 4, 5, 10, 0x7F, 0x80 + number])
    length = {1: 12, 2: 10, 3: 8, 4: 6, 5: 12}.get(kind_of_entry, rng.randint(2, 40))
    return bytes([kind_of_entry, length]) + rng.randbytes(length - 2)


Damage = Callable[[Table, random.Random], None]


def damages(kind: str) -> Sequence[tuple[str, Damage]]:
    """What makes a table one that can't be believed, in words, and the damage."""

    def cut_last(table: Table, rng: random.Random) -> None:
        table.add(mp_processor(3)[:-1] if kind == MP else local_apic(3)[:-1])

    def short_entry(table: Table, rng: random.Random) -> None:
        table.entries.insert(0, bytes([9, 12]) + bytes(10))

    def unknown_entry(table: Table, rng: random.Random) -> None:
        table.entries.insert(0, bytes([rng.randint(5, 255)]) + bytes(7))

    common: list[tuple[str, Damage]] = [
        ("a wrong checksum", lambda table, rng: setattr(table, "sum_off", rng.randint(1, 255))),
        ("another table's signature", lambda table, rng: setattr(table, "signature", b"APID" if kind == MADT else b"PCMQ")),
        ("a length beyond what there is", lambda table, rng: setattr(table, "length_off", rng.randint(1, 300))),
        ("a last entry that goes beyond the end", cut_last),
    ]
    if kind == MP:
        return [*common, ("an entry of an unknown type", unknown_entry),
                ("more entries in its header than there are", lambda table, rng: setattr(table, "count_off", rng.randint(1, 9)))]
    return [*common, ("an entry without a length", lambda table, rng: table.entries.insert(0, bytes(2))),
            ("an x2APIC's entry that is too short", short_entry)]
