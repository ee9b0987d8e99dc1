"""What all `cairn` commands share: arguments, the checks before they run, errors of one line."""

from __future__ import annotations

import shutil
import textwrap

import gdb

from grading.gdb import kernel
from grading.gdb.kernel import Trouble, one_line

_commands: dict[str, Command] = {}


class Command(gdb.Command):
    """A command `cairn NAME`. Its docstring's first line is its line in `cairn help`."""

    name: str
    arguments = ""
    needs_kernel = True

    def __init__(self) -> None:
        super().__init__(f"cairn {self.name}", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)
        self.dont_repeat()
        _commands[self.name] = self

    def run(self, words: list[str]) -> None:
        """Does it. Raises Trouble."""
        raise NotImplementedError

    def invoke(self, text: str, from_tty: bool) -> None:
        """Called by GDB."""
        try:
            if self.needs_kernel:
                kernel.require()
            with kernel.selection_kept():
                self.run(gdb.string_to_argv(text))
        except Trouble as trouble:
            raise gdb.GdbError(f"cairn {self.name}: {trouble}") from None
        except (gdb.error, RecursionError) as error:  # the kernel may be broken: that's why one debugs
            raise gdb.GdbError(f"cairn {self.name}: a structure of the kernel can't be read: {one_line(error)}") from None

    def check_count(self, words: list[str], low: int, high: int) -> None:
        """Raises Trouble with the usage unless low <= len(words) <= high."""
        if not low <= len(words) <= high:
            raise Trouble(f"usage: cairn {self.name} {self.arguments}".rstrip())


def parse_number(word: str, what: str) -> int:
    """A number, or any expression that GDB can evaluate to one, such as $rsp. Raises Trouble."""
    try:
        return int(word, 0)
    except ValueError:
        pass
    try:
        return kernel.unsigned(gdb.parse_and_eval(word))
    except (gdb.error, ValueError, TypeError):
        raise Trouble(f"'{word}' is no {what}: write a number, 0x… or an expression") from None


class Help(gdb.Command):
    """Cairn's commands: processes, threads, page tables, regions, frames, files, signals, calls, backtraces."""

    def __init__(self) -> None:
        super().__init__("cairn", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)
        HelpCommand()

    def invoke(self, text: str, from_tty: bool) -> None:
        """`cairn` alone, or with a word that is no command."""
        if text:
            raise gdb.GdbError(f"cairn: there is no command '{text.split()[0]}'; there are: {' '.join(sorted(_commands))}")
        _commands["help"].run([])


class HelpCommand(Command):
    """list these commands"""

    name = "help"
    needs_kernel = False

    def run(self, words: list[str]) -> None:
        width = max(len(f"{name} {each.arguments}") for name, each in _commands.items())
        for name, each in _commands.items():
            summary = (each.__doc__ or "").splitlines()[0]
            print(f"cairn {f'{name} {each.arguments}':{width}}  {summary}")
        print()
        hints = (
            "`break kernel_main`, then `continue`: stops the machine when GRUB has loaded the kernel. "
            "`cairn user PID`, then `hbreak FUNCTION`: breakpoints and sources in a program. "
            "Ctrl-C stops the machine; `detach` or `quit` lets it go on."
        )
        print(textwrap.fill(hints, min(shutil.get_terminal_size().columns, 100)))
