"""Programs that nobody made for Cairn run on it as they do on the host: C libraries' start-up code, busybox's shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading import ROOT
from grading.machine.machine import Machine
from grading.suite.conftest import run_make
from grading.tests.c.guest import Files, make_disk

BUSYBOX = Path("/bin/busybox")
APPLETS = ("awk", "cat", "cp", "cut", "echo", "expr", "false", "grep", "head", "ls", "md5sum", "mkdir", "mkfifo", "mv", "printf", "rm", "sed", "seq", "sh", "sort",
           "tail", "test", "touch", "tr", "true", "uniq", "wc", "xargs")
COMPILERS = {
    "musl-static": ["musl-gcc", "-static"],
    "glibc-static": ["gcc", "-static"],
    "glibc-static-pie": ["gcc", "-static-pie"],
    "glibc-dynamic": ["gcc"],
}
LIBRARIES = ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6")
WORDS = ["one", "two words", "", "-x"]
SCRIPTS = {
    "words": "echo hello world; printf '%s-%d\\n' a 7; echo \"a  b\" 'c  d'",
    "pipes": "echo a | cat; seq 1 20 | grep 1 | wc -l; seq 5 | sort -r | head -n 2 | tr '\\n' ' '; echo",
    "many-pipes": "seq 1 3000 | cat | cat | cat | tail -n 1; seq 100 | sort -n | uniq | wc -l",
    "loops": "for i in 1 2 3; do echo $i; done; i=0; while [ $i -lt 5 ]; do i=$((i + 1)); done; echo $i",
    "functions": "f() { echo \"got $#: $*\"; return 3; }; f a 'b c'; echo $?; g() { local x=1; echo $x; }; g",
    "substitution": "x=$(echo inner; echo more); echo \"$x\"; echo `expr 6 \\* 7`; echo ${x#inner}",
    "here": "cat <<END | sed 's/a/b/'\nbanana $((1 + 1))\nlast\nEND\ntr a-z A-Z <<'END'\nplain $x\nEND",
    "files": "cd /tmp; mkdir d; echo 1 >d/one; echo 2 >>d/one; cat d/one; mv d/one d/two; ls d; wc -c <d/two; rm -r d; ls d 2>/dev/null || echo gone",
    "globs": "cd /tmp; mkdir g; touch g/a1 g/a2 g/b1; echo g/a* g/?1 g/[ab]2; for f in g/*; do echo $f; done; rm -r g",
    "status": "true && echo yes; false || echo no; ! true; echo $?; (exit 7); echo $?; sh -c 'exit 5'; echo $?; none 2>/dev/null; echo $?",
    "case": "case file.txt in *.c) echo c;; *.txt) echo text;; *) echo other;; esac; set -- a b c; shift; echo $1 $#",
    "awk": "seq 1 10 | awk '{ sum += $1 } END { print sum, NR }'; echo 'a:b:c' | cut -d: -f2; echo abc | md5sum",
    "subshells": "x=1; (x=2; echo $x); echo $x; { echo in; echo braces; } | cat; exec 3>/dev/null; echo three >&3; echo done",
    "background": "sleep_less() { :; }; (echo first) & wait; (exit 4) & wait $!; echo $?",
    "fifos": "cd /tmp; mkfifo p; for i in $(seq 20); do cat p & echo $i >p; wait; done; for i in $(seq 20); do echo $i >p & cat p; wait; done; rm p",
    "busy": "exec 2>/dev/null; cd /tmp; cp /bin/busybox cat; exec 3>>cat; echo text | ./cat; echo $?; exec 3>&-; echo text | ./cat; mkfifo p; ./cat p & "
            "exec 3>p; echo x >>cat; echo $?; echo end >&3; exec 3>&-; wait; echo x >>cat; echo $?; rm cat p",
    "limits": "exec 2>/dev/null; cd /tmp; ulimit -n 20; ulimit -v 90000; ulimit -S -s 1024; ulimit -n; sh -c 'ulimit -n; ulimit -v; ulimit -s'; ulimit -n 30; "
              "(ulimit -n 3; echo x >f); echo $?; (ulimit -f 2; seq 3000 >f); echo $?; wc -c <f; rm f; "
              "(ulimit -v 100; ls) || echo no memory",
    "exec": "(exec echo replaced; echo never); exec sh -c 'echo $0 $1' name argument",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What is on the disk."""
    folder = tmp_path_factory.mktemp("programs")
    found: dict[str, bytes | tuple[bytes, int] | str] = {"/bin/busybox": BUSYBOX.read_bytes()}
    found |= {f"/bin/{applet}": "busybox" for applet in APPLETS}
    found |= {f"/s/{name}": script.encode() + b"\n" for name, script in SCRIPTS.items()}
    found |= {path: Path(path).read_bytes() for path in LIBRARIES}
    for name, command in COMPILERS.items():
        target = folder / name
        subprocess.run([*command, "-O2", "-I", ROOT / "user/include", ROOT / "user/programs/args.c", "-o", target], check=True)
        found[f"/p/{name}"] = target.read_bytes()
    return found


@pytest.fixture(scope="module")
def machine(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The complete kernel with that disk as its root."""
    run_make(ROOT, "kernel", "programs")
    disk = make_disk(tmp_path_factory.mktemp("disk"), files)
    with Machine(ROOT / "build/all/kernel.elf", initrd=ROOT / "build/user/programs.cpio", options="channel root=vda", disks=[disk]) as running:
        yield running


def run(machine: Machine, command: str) -> tuple[str, str]:
    """What a program prints, and how it ends."""
    before = len(machine.console.text)
    ending = machine.channel.command(f"run {command}").lines[-1].partition(" ")[2]
    machine.channel.command("ps")
    return machine.console.text[before:].replace("\r\n", "\n"), ending


@pytest.mark.parametrize("name", COMPILERS)
def test_what_c_libraries_find_at_their_start(name: str, machine: Machine, files: Files, tmp_path: Path) -> None:
    program = tmp_path / name
    program.write_bytes(files[f"/p/{name}"])  # type: ignore[arg-type]
    program.chmod(0o755)
    linux = subprocess.run([f"/p/{name}", *WORDS], executable=program, env={}, capture_output=True, text=True, check=True)
    said, ending = run(machine, " ".join([f"/p/{name}", *(f"'{word}'" for word in WORDS)]))
    assert linux.stdout.startswith("argv[0]=/p/") and ending == "exited status=0"
    assert said == linux.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_shell_does_as_on_linux(name: str, machine: Machine, files: Files, tmp_path: Path) -> None:
    room = tmp_path / "bin"
    room.mkdir()
    shutil.copy(BUSYBOX, room / "busybox")
    for applet in APPLETS:
        (room / applet).symlink_to("busybox")
    (tmp_path / "tmp").mkdir()
    script = SCRIPTS[name].replace("/tmp", str(tmp_path / "tmp"))
    (tmp_path / "script").write_text(script + "\n")
    linux = subprocess.run([room / "sh", tmp_path / "script"], env={"PATH": str(room)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said, ending = run(machine, f"/bin/sh /s/{name}")
    assert linux.stdout and said == linux.stdout.replace(str(tmp_path / "tmp"), "/tmp")
    assert ending == f"exited status={linux.returncode}"


def test_a_program_by_its_name(machine: Machine) -> None:
    """`run NAME` looks in /bin; what isn't there is a flat image."""
    assert run(machine, "echo 'hi  there'") == ("hi  there\n", "exited status=0")
    said, ending = run(machine, "hello")
    assert re.fullmatch(r"Hello from process \d+, child of 1.\n", said) and ending == "exited status=0"


def test_the_table_of_hostile_files_is_what_linux_says() -> None:
    done = subprocess.run([sys.executable, "-m", "grading.tests.c.linux_errors", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
