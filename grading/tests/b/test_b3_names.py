"""B3: what names mean, while they change: paths, and the directory-entry cache."""

from __future__ import annotations

import errno
import os
import random
import stat

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.machine.call_count import CallCount
from grading.tests.b.guest import PROCESS, Boot, Guest, on_tmpfs
from grading.tests.b.process import Process
from grading.tests.b.test_b1_data import CREATE
from grading.tests.b.test_b1_opening import draw_name

pytestmark = stands_on(PROCESS)

LOOKUP = "_ZN5cairn8TmpInode6lookupESt17basic_string_viewIcSt11char_traitsIcEE"  # TmpInode::lookup()
FORGET = "who makes, removes or renames an entry tells the cache, under the directory's lock"
SMALL_FACTOR, SMALL_EXTRA = 3, 3000  # with many names in the cache one costs at most so many times what it cost before, and instructions
IN_USE = 64  # entries that may be there again right after all were dropped
SHORTAGES, SHORTAGE_NAMES = 40, 15  # rounds in which an allocation fails, and names made in each
ENTRY_LIMIT = 576  # bytes of memory for a cached name of 230 bytes, nearly twice what it takes


@item("B3", points=2)
def test_paths(process: Process, rng: random.Random) -> None:
    """Slashes, dots, symbolic links, long names: every path leads where POSIX says, or to its error."""
    one, two, three, file = (draw_name(rng) + str(i) for i in range(4))
    for folder in (f"/{one}", f"/{one}/{two}", f"/{one}/{two}/{three}"):
        process.mkdir(folder)
    fd = process.open(f"/{one}/{two}/{file}", CREATE)
    inode = process.fstat(fd).inode
    process.symlink(f"../{two}/./{file}", f"/{one}/{two}/link")
    process.symlink(f"/{one}//{two}", f"/{one}/{two}/{three}/up")
    process.chdir(f"/{one}/{two}/{three}")
    for path in (f"../{file}", f".././{three}/../{file}", f"up/{file}", f"up/{three}/up/link", f"///{one}/{two}//{file}",
                 f"/../../{one}/{two}/{file}", f"/{one}/{two}/link", f"../../{two}/{three}/./../link"):
        check(expected=inode, seen=process.stat(path).inode, what=f'the inode that stat("{path}") finds')
    check(expected=f"/{one}/{two}/{three}".encode(), seen=process.getcwd(), what="getcwd()")
    check(expected=process.stat("/").inode, seen=process.stat("../../../../..").inode, what="the inode of .. above the root")
    missing = draw_name(rng) + "?"
    for path, error in ((missing, "ENOENT"), (f"{missing}/{one}", "ENOENT"), (f"../{file}/{one}", "ENOTDIR"), ("", "ENOENT"),
                        (f"../{file}/", "ENOTDIR"), (f"../{file}/.", "ENOTDIR"), (f"../link/{one}", "ENOTDIR"), ("../link/", "ENOTDIR"),
                        ("n" * 256, "ENAMETOOLONG"), (f"{missing}/" + "n" * 256, "ENOENT"), ("./" * 2048 + "x", "ENAMETOOLONG"),
                        (f"{'m' * 255}", "ENOENT")):
        process.fails(error).stat(path)
    check(expected=sorted([file, "link", three]), seen=process.names(".."), what='the names in ".."')
    process.mkdir("slash/")
    process.fails("EEXIST").mkdir("slash")
    process.rename("slash/", "slashed")
    process.fails("ENOTDIR").unlink(f"../{file}/")
    process.rmdir("slashed/")
    process.fails("EINVAL").rmdir(".")
    process.fails("ENOTEMPTY").rmdir("..")
    process.fails("ENOTDIR").chdir(f"../{file}")
    links = [f"/{one}/l{i}" for i in range(42)]
    process.symlink(f"{two}/{file}", links[0])
    for before, link in zip(links, links[1:]):
        process.symlink(before.rpartition("/")[2] if rng.random() < 0.5 else before, link)
    check(expected=inode, seen=process.stat(links[39]).inode, what="the file behind 40 symbolic links")
    process.fails("ELOOP").stat(links[40])
    check(expected="symlink", seen=process.lstat(links[41]).kind, what="what lstat() says of the last of 42 symbolic links")
    longest = ("./" * 2047 + draw_name(rng))[:4095]
    check(expected=-errno.ENOENT, seen=process.attempt().stat(longest),
          what="stat() of a path of 4,095 bytes to a name that is free")


class Names:
    """What should be in a few directories, while names come and go; every object has its inode."""

    def __init__(self, process: Process, rng: random.Random) -> None:
        self.process, self.rng = process, rng
        self.folders = [f"/{draw_name(rng)}{i}" for i in range(3)]
        for folder in self.folders:
            process.mkdir(folder)
        words = [draw_name(rng, 12) for _ in range(4)]
        self.words = [*words, words[0] + "a", words[0] + "b", words[1][:-1], "x" * 254 + "y"]
        self.known: dict[str, tuple[str, int]] = {}  # path -> kind, inode

    def draw(self) -> str:
        return f"{self.rng.choice(self.folders)}/{self.rng.choice(self.words)}"

    def make(self) -> str:
        """Makes something at a random name, or sees that it is there already."""
        path, kind = self.draw(), self.rng.choice(("file", "directory", "symlink", "fifo", "link"))
        files = sorted(path for path, (kind, _) in self.known.items() if kind == "file")
        process = self.process.fails("EEXIST") if path in self.known else self.process
        if kind == "file":
            fd = process.open(path, CREATE | os.O_EXCL)
            if path not in self.known:
                process.close(fd)
        elif kind == "directory":
            process.mkdir(path)
        elif kind == "symlink":
            process.symlink("nowhere", path)
        elif kind == "fifo":
            process.mknod(path, stat.S_IFIFO | 0o600)
        elif files:
            process.link(source := self.rng.choice(files), path)
            self.known.setdefault(path, self.known[source])
        if path not in self.known and (kind != "link" or files):
            seen = self.process.lstat(path)
            check(expected=kind, seen=seen.kind, what=f'what lstat("{path[:40]}") finds after that was made', hint=FORGET)
            self.known[path] = (kind, seen.inode)
        return f"making a {kind}"

    def remove(self) -> str:
        """Removes a random name, which may not be there."""
        path = self.draw()
        kind = self.known.get(path, ("", 0))[0]
        process = self.process if kind else self.process.fails("ENOENT")
        if kind == "directory":
            self.process.fails("EISDIR").unlink(path)
            process.rmdir(path)
        else:
            process.unlink(path)
        self.known.pop(path, None)
        return "removing"

    def rename(self) -> str:
        """Renames to a random name, maybe over what is there."""
        old, new = self.draw(), self.draw()
        one, other = self.known.get(old), self.known.get(new)
        error = None
        if one is None:
            error = "ENOENT"
        elif other and one != other and (one[0] == "directory") != (other[0] == "directory"):
            error = "EISDIR" if other[0] == "directory" else "ENOTDIR"
        (self.process.fails(error) if error else self.process).rename(old, new)
        if one and not error and one != other:
            self.known[new] = self.known.pop(old)
        return "rename()"

    def check(self, path: str, after: str) -> None:
        seen = self.process.attempt().lstat(path)
        found = None if isinstance(seen, int) else (seen.kind, seen.inode)
        if isinstance(seen, int):
            check(expected=-errno.ENOENT, seen=seen, what=f'the error of lstat("{path[:40]}") after {after}')
        check(expected=self.known.get(path, "nothing"), seen=found or "nothing", hint=FORGET,
              what=f'kind and inode that lstat("{path[:40]}") finds after {after}')


@item("B3", points=4)
def test_names_that_change(process: Process, rng: random.Random) -> None:
    """Whatever is made, linked, renamed and removed, each name means at once what it should, or nothing."""
    names = Names(process, rng)
    for step in range(90):
        after = rng.choice((names.make, names.make, names.remove, names.rename))()
        for _ in range(2):
            names.check(names.draw(), after)
        if step % 30 == 29:
            for folder in names.folders:
                there = sorted(path.rpartition("/")[2] for path in names.known if path.startswith(folder + "/"))
                check(expected=there, seen=process.names(folder), what="the names in a directory, as getdents64() gives them")
    for folder in names.folders:
        for word in names.words:
            names.check(f"{folder}/{word}", "all that")


@item("B3", points=3)
def test_directories_that_come_again(process: Process, rng: random.Random) -> None:
    """A new directory has nothing of an earlier one: not by name, not by inode number."""
    names = [draw_name(rng) + str(i) for i in range(6)]
    top = "/" + draw_name(rng)
    process.mkdir(top)
    for turn in range(6):
        folder = f"{top}/{rng.choice(names[:2])}"
        process.mkdir(folder)
        here = rng.sample(names, 3)
        for name in names:
            check(expected=False, seen=process.exists(f"{folder}/{name}"),
                  what=f'whether "{name}" is in a new directory, number {turn + 1}',
                  hint="the cache knows directories by Inode::serial, which no other inode in memory ever had")
        for name in here:
            process.close(process.open(f"{folder}/{name}", CREATE | os.O_EXCL))
        moved = f"{top}/{draw_name(rng)}-moved"
        process.rename(folder, moved)
        for name in names:
            check(expected=False, seen=process.exists(f"{folder}/{name}"),
                  what=f'whether "{name}" is where the directory was before rename()')
            check(expected=name in here, seen=process.exists(f"{moved}/{name}"),
                  what=f'whether "{name}" is in the renamed directory')
        for name in here:
            process.unlink(f"{moved}/{name}")
        fd = process.open(moved, os.O_RDONLY | os.O_DIRECTORY)
        process.rmdir(moved)
        process.fails("ENOENT").openat(fd, names[0], os.O_RDONLY)
        process.fails("ENOENT").openat(fd, names[0], CREATE)
        process.close(fd)
    check(expected=[], seen=process.names(top), what="the names left at the end")


@item("B3", points=3)
def test_known_names_are_not_looked_up_again(guest: Guest, rng: random.Random) -> None:
    """Once a name was looked up, found or not, the file system isn't asked again."""
    process = guest.process()
    folder = f"/{draw_name(rng)}"
    process.mkdir(folder)
    here, gone = ([f"{folder}/{draw_name(rng)}{kind}{number}" for number in range(20)] for kind in "hg")
    for path in here:
        process.close(process.open(path, CREATE))

    for paths, there, what in ((here, True, "names that are there"), (gone, False, "names that aren't there")):
        for turn in range(3):
            with guest.machine.calls_of(LOOKUP) as count:
                for path in rng.sample(paths, len(paths)):
                    check(expected=there, seen=process.exists(path), what=f"whether there is {path}")
            if count and turn > 0:
                check_remembered(count, f"{what}, each looked up before")
            elif count and not there:  # else a count that never grows would prove something
                check_that(count.calls > 0, expected="some", seen=count.calls, what=f"Inode::lookup() calls for {what}, none looked up before",
                           hint="dentry_cache_find() knows nothing of a name before dentry_cache_add() was told")


def check_remembered(count: CallCount, what: str) -> None:
    check(expected=0, seen=count.calls, what=f"Inode::lookup() calls for {what}",
          hint="dentry_cache_add() remembers what the lookup found, also that there is nothing")


@item("B3", points=3)
def test_cached_names_are_cheap(boot: Boot, rng: random.Random) -> None:
    """With 6,000 names in the cache a lookup costs hardly more instructions than with a few, found or not."""
    guest = on_tmpfs(boot, icount=0)
    process = guest.process()
    small, large = (f"/{draw_name(rng)}{number}" for number in range(2))
    process.mkdir(small)
    process.mkdir(large)
    process.close(process.open(f"{small}/here", CREATE))

    def cost(path: str, error: int = 0) -> int:
        """Instructions of the cheapest of three lookups after the first."""
        ticks = []
        for _ in range(4):
            answer = process.puppets.ask(process.pid, "call", 21, "'" + path, 0)  # access(path, F_OK)
            check(expected=error, seen=answer.errno or 0, what=f'the error of access("{path[:60]}")')
            ticks.append(answer.number("ticks"))
        return min(ticks[1:])

    found, missing = f"{small}/here", f"{small}/gone"
    limits = {0: SMALL_FACTOR * cost(found) + SMALL_EXTRA, errno.ENOENT: SMALL_FACTOR * cost(missing, errno.ENOENT) + SMALL_EXTRA}
    prefix, count = draw_name(rng), 6000
    process.each(0, count, ("mknod", f"'{large}/{prefix}#", stat.S_IFREG | 0o644))
    process.tally(0, count, ("access", f"'{large}/{prefix}-#", 0))
    entries = guest.machine.channel.command("cache").number("dentries")
    check_that(entries >= count, expected=f"at least {count}", seen=entries,
               what=f"entries that dentry_cache_usage() reports after {count} names were made and as many looked for in vain",
               hint="dentry_cache_add() remembers what the lookup found, also that there is nothing")
    for there, error, paths in (("names", 0, [found, *(f"{large}/{prefix}{rng.randrange(count)}" for _ in range(4))]),
                                ("names that aren't there", errno.ENOENT,
                                 [missing, *(f"{large}/{prefix}-{rng.randrange(count)}" for _ in range(4))])):
        costs = [cost(path, error) for path in paths]
        with guest.machine.calls_of(LOOKUP) as calls:
            for path in paths:
                cost(path, error)
        if calls:
            check_remembered(calls, f"{there}, with {entries} names in the cache, each looked up before")
        check_that(max(costs) <= limits[error], seen=sorted(costs),
                   expected=f"at most {limits[error]}: {SMALL_FACTOR} times what it was before, and {SMALL_EXTRA}",
                   what=f"instructions of lookups of {there} with {2 * count} names in the cache, each looked up before",
                   hint="dentry_cache_find() hashes directory and name, and looks at those entries alone that share the hash's bucket")


@item("B3", points=3)
def test_the_cache_is_bounded(guest: Guest, rng: random.Random) -> None:
    """40,000 different names cost no more memory than max_dentries() entries, and those used all along stay right."""
    process = guest.process()
    folder, tail = "/" + draw_name(rng), "n" * 100
    process.mkdir(folder)
    process.close(process.open(f"{folder}/kept", CREATE))
    inode = process.stat(f"{folder}/kept").inode
    process.chdir(folder)
    before = guest.frames()[1]
    for start in range(0, 40_000, 10_000):
        good, error = process.tally(start, 10_000, ("chdir", f"'{tail}#{tail}"))
        check(expected=(0, errno.ENOENT), seen=(good, error), what="chdir() calls to missing names that succeeded, and the error")
        with guest.machine.calls_of(LOOKUP) as count:
            check(expected=inode, seen=process.stat("kept").inode,
                  what="the inode of a name that is there, after thousands of others")
        if count:
            check(expected=0, seen=count.calls, what=f"Inode::lookup() calls for a name that was used {10_000} others ago",
                  hint="when the cache is full, the entries that were unused for longest go")
    grown = guest.frames()[1] - before
    most = guest.machine.channel.command("cache").number("most_dentries")
    limit = most * ENTRY_LIMIT // 4096
    check_that(grown < limit, expected=f"fewer than {limit}", seen=grown,
               what="frames by which the kernel's heap grew over lookups of 40,000 names of 200 bytes",
               hint=f"the cache holds at most max_dentries() ({most}) entries; then the ones unused for longest go")
    entries = guest.machine.channel.command("cache").number("dentries")
    check_that(entries <= most, expected=f"at most {most}", seen=entries,
               what="entries that dentry_cache_usage() reports")
    dropped = guest.machine.channel.command("cache drop").number("dentries")
    left = guest.machine.channel.command("cache").number("dentries")
    hint = "dentry_cache_shrink() forgets as many as are wanted, and says how many"
    check_that(left <= IN_USE, expected=f"at most {IN_USE}, of what is in use", seen=left,
               what="entries that dentry_cache_usage() reports after `cache drop`", hint=hint)
    check_that(abs(dropped + left - entries) <= IN_USE, expected=f"about {entries - left}", seen=dropped,
               what=f"entries that dentry_cache_shrink() forgot, as it says, where there were {entries} and {left} are left", hint=hint)
    check(expected=inode, seen=process.stat("kept").inode, what="the inode of a name after the caches were emptied")
    process.fails("ENOENT").stat(f"{tail}1{tail}")
    process.close(process.open(f"{tail}1{tail}", CREATE))
    check(expected=["kept", f"{tail}1{tail}"], seen=process.names("."), what="the names in the directory")


@item("B3", points=2)
def test_names_without_memory(guest: Guest, rng: random.Random) -> None:
    """Where memory runs out, a name that was made is there and one that wasn't isn't: the cache goes on knowing nothing that is old."""
    process, command = guest.process(), guest.machine.channel.command
    folder, tail, all_made = "/" + draw_name(rng), "n" * 150, 0
    process.mkdir(folder)
    for first in range(0, SHORTAGES * SHORTAGE_NAMES, SHORTAGE_NAMES):
        path = f"'{folder}/#{tail}"
        check(expected=(0, errno.ENOENT), seen=process.tally(first, SHORTAGE_NAMES, ("access", path, 0)), what="names found before any was made, and the error")
        command("fail allocation 1")
        made, error = process.tally(first, SHORTAGE_NAMES, ("mknod", path, stat.S_IFREG | 0o644))
        command("fail allocation 0")
        check(expected=errno.ENOMEM if made < SHORTAGE_NAMES else 0, seen=error, what="the error of mknod() where an allocation fails")
        found, _ = process.tally(first, SHORTAGE_NAMES, ("access", path, 0))
        check(expected=made, seen=found, what=f"names that are there, of {made} that were made while an allocation failed",
              hint="out of memory dentry_cache_add() remembers nothing, not what it knew before either")
        all_made += made
    check(expected=all_made, seen=len(process.names(folder)), what="names in the directory at the end")
