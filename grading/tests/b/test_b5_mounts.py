"""B5: mount points: what covers what, who keeps a mount busy, and what is left when it goes."""

from __future__ import annotations

import os
import random

from grading.grader.foundations import stands_on
from grading.grader.rubric import item
from grading.judge.check import check, check_that
from grading.tests.b.conftest import MakeImage
from grading.tests.b.guest import PROCESS, Boot, Guest, judge, on_tmpfs
from grading.tests.b.test_b1_data import CREATE
from grading.tests.b.test_b1_opening import draw_name, draw_text

pytestmark = stands_on(PROCESS)

MANY = 100  # mounts at once: more than a table may have buckets
BUSY_HINT = "a mount is busy exactly when somebody but the table refers to it"


def table(guest: Guest) -> list[tuple[str, str]]:
    """The mount table without the root and /dev: (where, type) in order."""
    return [(where, kind) for _, where, kind, _ in guest.mounts() if where not in ("/", "/dev")]


@item("B5", points=3)
def test_mounts_cover_and_uncover(guest: Guest, rng: random.Random) -> None:
    """A mount hides what its directory holds; umount() brings that back and takes the other away. The table keeps the order."""
    process = guest.process()
    folders = ["/" + draw_name(rng) + str(i) for i in range(4)]
    texts: dict[str, bytes] = {}
    for folder in folders:
        process.mkdir(folder)
        texts[f"{folder}/below"] = draw_text(rng)
        process.write(process.open(f"{folder}/below", CREATE), texts[f"{folder}/below"])
    mounted: list[str] = []
    for _ in range(16):
        folder = rng.choice(folders)
        if folder in mounted:
            process.umount(folder)
            mounted.remove(folder)
        else:
            process.mount("none", folder, "tmpfs")
            mounted.append(folder)
            process.close(process.open(f"{folder}/{draw_name(rng)}-inside", CREATE))
        check(expected=[(where, "tmpfs") for where in mounted], seen=table(guest), what="the mount table, in order of mounting")
        for path in folders:
            names = process.names(path)
            if path in mounted:
                check_that(len(names) == 1 and names[0].endswith("-inside"), expected="the one file made since it was mounted",
                           seen=names,
                           what=f"the names in {path}, which is a mount point")
                process.fails("ENOENT").stat(f"{path}/below")
            else:
                check(expected=["below"], seen=names, what=f"the names in {path}, on which nothing is mounted")
    for folder in mounted:
        process.umount(folder)
    for path, text in texts.items():
        check(expected=text, seen=process.read(process.open(path), 100),
              what=f"the content of {path} after everything was unmounted")


@item("B5", points=3)
def test_nested_mounts(guest: Guest, rng: random.Random) -> None:
    """Mounts within mounts: paths cross them down and up, `..` leaves each by the directory that it covers."""
    process = guest.process()
    names = [draw_name(rng) + str(i) for i in range(4)]
    path, inodes = "", []
    for name in names:
        path += f"/{name}"
        process.mkdir(path)
        process.mount("none", path, "tmpfs")
        process.mkdir(f"{path}/plain")
        inodes.append(process.stat(f"{path}/plain").inode)
        process.close(process.open(f"{path}/plain/{name}", CREATE))
    paths = ["/" + "/".join(names[: i + 1]) for i in range(len(names))]
    check(expected=[(where, "tmpfs") for where in paths], seen=table(guest), what="the mount table")
    process.chdir(f"{path}/plain")
    check(expected=os.fsencode(f"{path}/plain"), seen=process.getcwd(), what="getcwd() within four mounts")
    for up in range(len(names)):
        where = "../" * (up + 1) + "plain"
        name = names[len(names) - 1 - up]
        check(expected=[name], seen=process.names(where), what=f"the names in {where}, seen from {path}/plain",
              hint="step_up() goes from a mount's root to the parent of what it covers")
    check(expected=process.stat("/").inode, seen=process.stat("../" * 12).inode, what="the inode of .. above the root")
    process.chdir("/")
    devices = {process.stat(where).device for where in ["/", *paths]}
    check(expected=len(paths) + 1, seen=len(devices), what="different st_dev of the root and four mounts")
    for where in paths[:-1]:
        process.fails("EBUSY").umount(where)
    for where in reversed(paths):
        process.fails("EBUSY").rmdir(where)
        process.umount(where)
        check(expected=[], seen=process.names(where), what=f"the names in {where} after umount()")
        process.rmdir(where)
    check(expected=[], seen=table(guest), what="the mount table at the end")


@item("B5", points=3)
def test_mounts_on_mounts(guest: Guest, rng: random.Random) -> None:
    """The newest mount on a place wins until it goes; then the one before is there again, with all it had."""
    process = guest.process()
    folder = "/" + draw_name(rng)
    process.mkdir(folder)
    stack: list[str] = []
    for _ in range(14):
        if stack and rng.random() < 0.4:
            process.umount(folder)
            stack.pop()
        else:
            process.mount("none", folder, "tmpfs")
            stack.append(draw_name(rng) + str(len(stack)))
            process.close(process.open(f"{folder}/{stack[-1]}", CREATE))
        check(expected=stack[-1:], seen=process.names(folder), what=f"the names in {folder} with {len(stack)} mounts on it")
        check(expected=len(stack), seen=len(table(guest)), what="mounts in the table")
        check(expected=process.stat("/").inode, seen=process.stat(f"{folder}/..").inode, what=f"the inode of {folder}/..")
    for _ in stack:
        process.umount(folder)
    process.fails("EINVAL").umount(folder)
    process.rmdir(folder)


@item("B5", points=3)
def test_a_hundred_mounts(guest: Guest, rng: random.Random) -> None:
    """A hundred mounts at once, taken away in random order: those that are left stay where they are."""
    process = guest.process()
    top = "/" + draw_name(rng)
    process.mkdir(top)
    process.each(0, MANY, ("mkdir", f"'{top}/#", 0o755), ("mount", "'none", f"'{top}/#", "'tmpfs", 0, 0),
                 ("mkdir", f"'{top}/#/inside", 0o755))
    left = list(range(MANY))
    while left:
        gone = rng.sample(left, min(len(left), rng.randint(5, 15)))
        for number in gone:
            process.umount(f"{top}/{number}")
        left = [number for number in left if number not in gone]
        check(expected=[f"{top}/{number}" for number in left], seen=[where for where, _ in table(guest)],
              what=f"where something is mounted after {gone} went")
        good, _ = process.tally(0, MANY, ("access", f"'{top}/#/inside", 0))
        if good != len(left):
            for number in range(MANY):
                check(expected=["inside"] if number in left else [], seen=process.names(f"{top}/{number}"),
                      what=f"the names in {top}/{number}, where {'still' if number in left else 'no longer'} something is mounted",
                      hint="taking one mount out of the table leaves those beside it")
        check(expected=len(left), seen=good, what=f"directories of {MANY} that show what is mounted on them")


@item("B5", points=3)
def test_who_keeps_a_mount_busy(guest: Guest, rng: random.Random) -> None:
    """Open files, current directories and mounts inside make umount() say EBUSY and change nothing; without them it works."""
    process = guest.process()
    folder, name, text = "/" + draw_name(rng), draw_name(rng), draw_text(rng)
    process.mkdir(folder)
    process.mount("none", folder, "tmpfs")
    process.mkdir(f"{folder}/{name}")
    fd = process.open(f"{folder}/file", CREATE)
    process.write(fd, text)

    def busy(why: str) -> None:
        process.fails("EBUSY").umount(folder)
        check(expected=[(folder, "tmpfs")], seen=table(guest)[:1],
              what=f"the mount table after umount() failed because of {why}", hint=BUSY_HINT)
        check(expected=sorted([name, "file"]), seen=process.names(folder),
              what=f"the names in {folder} after umount() failed because of {why}")

    busy("an open file")
    twin = process.dup(fd)
    process.close(fd)
    busy("a duplicate of an open file")
    child = process.fork()
    process.close(twin)
    busy("a file that a child has open")
    child.close(twin)
    for kind in rng.sample(("directory", "path", "current", "child's", "mount", "unlinked"), 6):
        if kind in ("directory", "path"):
            fd = process.open(f"{folder}/{name}", os.O_DIRECTORY | (os.O_PATH if kind == "path" else 0))
            busy("an open directory")
            process.close(fd)
        elif kind == "current":
            process.chdir(rng.choice((folder, f"{folder}/{name}")))
            busy("a current directory")
            process.chdir("/")
        elif kind == "child's":
            child.chdir(f"{folder}/{name}")
            busy("a child's current directory")
            child.exit()
            process.reap(child)
        elif kind == "mount":
            process.mount("none", f"{folder}/{name}", "tmpfs")
            busy("a mount inside")
            process.umount(f"{folder}/{name}")
        else:
            fd = process.open(f"{folder}/gone", CREATE)
            process.unlink(f"{folder}/gone")
            busy("a file that is open and has no name")
            process.close(fd)
    for path in (f"{folder}/{name}", f"{folder}/file", f"{folder}/nothing"):  # names that the cache knows keep nobody busy
        process.exists(path)
    guest.machine.channel.command(f"ls {folder}")  # nor does a directory that was opened and closed
    process.umount(folder)
    check(expected=[], seen=process.names(folder), what=f"the names in {folder} after umount()")


@item("B5", points=3)
def test_errors_of_mounting(boot: Boot, make_image: MakeImage, rng: random.Random) -> None:
    """What isn't a directory, a device, a type or a mount point gets its error, and the table stays as it was."""
    image = make_image("plain")
    guest = on_tmpfs(boot, [image.path])
    process = guest.process()
    folder, file, missing = ("/" + draw_name(rng) + end for end in ("d", "f", "m"))
    process.mkdir(folder)
    process.close(process.open(file, CREATE))
    before = guest.mounts()
    process.fails("ENODEV").mount("/dev/vda", folder, draw_name(rng) + "fs")
    process.fails("ENOTBLK").mount(file, folder)
    process.fails("ENOTBLK").mount("/dev/null", folder)
    process.fails("ENOENT").mount(f"/dev/{draw_name(rng)}", folder)
    process.fails("ENOENT").mount("/dev/vda", missing)
    process.fails("ENOTDIR").mount("/dev/vda", file)
    process.fails("ENOTDIR").mount("none", file, "tmpfs")
    process.fails("EINVAL").umount(folder)
    process.fails("EINVAL").umount(file)
    process.fails("ENOENT").umount(missing)
    process.fails("EBUSY").umount("/")
    check(expected=before, seen=guest.mounts(), what="the mount table after calls that failed")
    process.mount("/dev/vda", folder)
    process.fails("EBUSY").mount("/dev/vda", folder)
    process.fails("EINVAL").umount(f"{folder}/lost+found")
    process.fails("EXDEV").rename(file, f"{folder}/moved")
    process.fails("EXDEV").link(file, f"{folder}/linked")
    process.fails("EBUSY").rename(folder, f"{missing}-new")
    process.fails("EBUSY").rmdir(folder)
    process.umount(folder)
    process.chdir(folder)
    process.mount("none", folder, "tmpfs")
    process.fails("EBUSY").mount("none", ".", "tmpfs")  # the directory below
    process.umount(folder)
    process.rmdir(folder)
    process.fails("ENOENT").mount("none", ".", "tmpfs")
    process.fails("ENOENT").mount("/dev/vda", ".")
    check(expected=before, seen=guest.mounts(), what="the mount table at the end")
    guest.machine.channel.command("sync")
    with guest.machine.stopped():
        judge(image.path, image.manifest)
