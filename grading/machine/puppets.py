"""Conversations with puppets (user/tests/puppet.h): processes that do what the host says, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from grading.machine.failures import GuestFailure, GuestSilent
from grading.machine.machine import Machine

# Polls of `ps` through the channel, each a round trip of the guest, before a process counts as stuck.
PATIENCE = 2000
# Lines that puppets may hand back because they were meant for another one.
PASSES = 200
LINE_LIMIT = 250  # characters that the console takes in a line


class PuppetError(GuestFailure):
    """A puppet died, or its operation failed where the test needs it to succeed."""


@dataclass
class Answer:
    """The reply to one line: `result` or `errno`, and whatever other words it had."""

    words: dict[str, str]
    result: int | None = None
    errno: int | None = None

    def number(self, key: str) -> int:
        """The word `key`, as a number."""
        return int(self.words[key], 0)


def read_answer(text: str) -> Answer:
    """The words of an answer's line."""
    words = dict(re.findall(r"(\w+)=(\S*)", text))
    number = {key: int(words[key], 0) if key in words else None for key in ("result", "errno")}
    return Answer(words, **number)


def word_of(argument: int | str) -> str:
    """An argument as it stands in a line: negative numbers as the 64 bits they are."""
    return hex(argument & (1 << 64) - 1) if isinstance(argument, int) else argument


@dataclass
class Puppets:
    """All puppets of one machine. program: the one that start() runs."""

    machine: Machine
    program: str = "puppet"
    sequence: int = field(default=0, init=False)

    # -- processes ---------------------------------------------------------------------------------

    def start(self) -> int:
        """Runs a puppet in the background and waits until it asks for its first line; its pid."""
        pid = self.machine.channel.command(f"run {self.program} &").number("pid")
        self.answer(0, pid, f"run {self.program}")
        self.until_blocked(pid)
        return pid

    def processes(self) -> dict[int, dict[str, str]]:
        """The lines of `ps`, by pid."""
        lines = self.machine.channel.command("ps").values()
        return {int(line["pid"]): line for line in lines if "pid" in line}

    def root(self, pid: int) -> int:
        """The physical address of the process's top-level page table, as the kernel reports it."""
        return int(self.processes()[pid]["root"], 0)

    def until(self, pid: int, *states: str) -> str:
        """Waits until the process is in one of the states ("reading", "gone"); which one."""
        for _ in range(PATIENCE):
            process = self.processes().get(pid)
            state = process["state"] if process else "gone"
            if process and process["wait"] == "input":
                state = "reading"
            if state in states:
                return state
        raise GuestSilent(f"process {pid} to become {' or '.join(states)} (it is {state})")

    def until_blocked(self, pid: int) -> None:
        """Waits until the process is blocked in read(): a puppet that waits for a line."""
        if self.until(pid, "reading", "zombie", "gone") != "reading":
            raise PuppetError(f"process {pid} ended where it should go on:\n{self.last_words(pid)}")

    def last_words(self, pid: int) -> str:
        """What the console says of a process that ended."""
        lines = [line for line in self.machine.console.text.splitlines() if f"pid {pid} " in line]
        return "\n".join(lines[-3:]) or "(no line on the console)"

    # -- lines -------------------------------------------------------------------------------------

    def send(self, pid: int, operation: str, *arguments: int | str) -> int:
        """Sends a line to a puppet that waits for one; the sequence number. Doesn't wait for the answer."""
        self.until_blocked(pid)
        self.sequence += 1
        words = " ".join(map(word_of, arguments))
        line = f"{self.sequence} {pid} {operation} {words}".rstrip()
        if len(line) > LINE_LIMIT:
            raise ValueError(f"the console takes {LINE_LIMIT} characters a line: {line}")
        self.machine.console.send(line + "\n")
        return self.sequence

    def answer(self, sequence: int, pid: int = 0, request: str = "its last line") -> Answer:
        """Waits for the answer to line `sequence`, or until process `pid` dies of a fault instead."""
        death = rf"|pid {pid} \([^)]*\): ([^\r\n]*)\r?\n" if pid else ""
        try:
            match = self.machine.console.wait_for(rf"puppet: seq={sequence} (pid=[^\r\n]*)\r?\n" + death)
        except GuestSilent as silence:
            reason = str(silence).rpartition("but the guest hung: ")[2]
            raise GuestSilent(f"process {pid or ''} did not answer `{request}`, and the guest hung: {reason}") from silence
        if match.group(1) is None:
            raise PuppetError(f"process {pid} was asked `{request}`, and ended: {match.group(2)}")
        return read_answer(match.group(1))

    def ask(self, pid: int, operation: str, *arguments: int | str) -> Answer:
        """One operation of one puppet, whatever becomes of it."""
        shown = " ".join([operation, *map(word_of, arguments)])
        for _ in range(PASSES):
            answer = self.answer(self.send(pid, operation, *arguments), pid, shown)
            if "pass" not in answer.words:
                return answer
        raise GuestSilent(f"process {pid} to read its line (others read it {PASSES} times)")

    def do(self, pid: int, operation: str, *arguments: int | str) -> int:
        """One operation that must succeed; its result."""
        answer = self.ask(pid, operation, *arguments)
        if answer.result is None:
            shown = " ".join([operation, *map(word_of, arguments)])
            raise PuppetError(f"`{shown}` in process {pid} failed: {answer.words}")
        return answer.result

    def do_until(self, pid: int, word: str, operation: str, *arguments: int | str) -> int:
        """Starts an operation that first answers with `word` and then blocks; its sequence number."""
        answer = self.ask(pid, operation, *arguments)
        if word not in answer.words:
            raise PuppetError(f"`{operation}` in process {pid}: {answer.words}")
        return self.sequence

    def set_to_work(self, pid: int, operation: str, *arguments: int | str) -> int:
        """Starts an operation that takes its time and doesn't wait for it; its sequence number, for finished()."""
        return self.do_until(pid, "working", "later", operation, *arguments)

    def finished(self, *sequences: int) -> dict[int, Answer]:
        """Waits for the answers to all of these, in whichever order they come."""
        pattern = r"puppet: seq=(%s) (pid=\d+ (?:result|errno)=[^\r\n]*)\r?\n"
        answers: dict[int, Answer] = {}
        for found in re.finditer(pattern % "|".join(map(str, sequences)), self.machine.console.text):
            answers[int(found.group(1))] = read_answer(found.group(2))  # while others were set to work
        while left := [str(sequence) for sequence in sequences if sequence not in answers]:
            match = self.machine.console.wait_for(pattern % "|".join(left))
            answers[int(match.group(1))] = read_answer(match.group(2))
        return answers

    def ask_or_end(self, pid: int, operation: str, *arguments: int | str) -> Answer | None:
        """One operation that may end the process: None if it did."""
        for _ in range(PASSES):
            sequence = self.send(pid, operation, *arguments)
            answer = self._answered_or_ended(pid, sequence)
            if answer is None or "pass" not in answer.words:
                return answer
        raise GuestSilent(f"process {pid} to read its line (others read it {PASSES} times)")

    def _answered_or_ended(self, pid: int, sequence: int) -> Answer | None:
        for _ in range(PATIENCE):
            ended = self.processes().get(pid, {"state": "gone"})["state"] in ("zombie", "gone")
            if re.search(rf"puppet: seq={sequence} pid=[^\r\n]*\r?\n", self.machine.console.text):
                return self.answer(sequence)
            if ended:
                return None
        raise GuestSilent(f"process {pid} to answer or end")

    # -- what every puppet can do ------------------------------------------------------------------

    def fork(self, pid: int) -> int:
        """Forks; the child's pid. Both wait for their next lines."""
        child = self.do(pid, "fork")
        self.until_blocked(child)
        self.until_blocked(pid)
        return child

    def crash(self, pid: int, operation: str, *arguments: int | str) -> str:
        """An operation that must end the process by a fault; what the console says of it."""
        answer = self.ask_or_end(pid, operation, *arguments)
        if answer is not None:
            raise PuppetError(f"`{operation}` in process {pid} should have ended it; it answered: {answer.words}")
        return self.last_words(pid)

    def leave(self, pid: int, status: int = 0) -> None:
        """Makes a puppet exit, and waits until it is a zombie or gone."""
        self.crash(pid, "exit", status)

    def wait_meanwhile(self, parent: int, child: int) -> int:
        """Lets the parent wait for a child that lives on, so that it reads no lines; the line's number."""
        return self.do_until(parent, "waiting", "await", child)

    def reap(self, parent: int, child: int) -> int:
        """The parent waits for the child, which has exited; its wait status."""
        answer = self.ask(parent, "wait", child)
        if answer.result != child:
            raise PuppetError(f"wait for {child} in process {parent}: {answer.words}")
        return answer.number("status")

    def end(self, *pids: int) -> None:
        """Kills puppets and waits until they are gone; the first was started by the monitor."""
        for pid in pids:
            self.machine.channel.command(f"kill {pid}")
        self.machine.channel.command(f"wait {pids[0]}")
        for pid in pids:
            self.until(pid, "gone")
