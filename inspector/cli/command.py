"""What every verb takes beside its own options: ``--pid``, ``--format``, ``-o``, short names.

These are the conventions of py-spy, memray and CPython's ``profiling.sampling``.  They are
added here once, so that a verb has them as soon as it has the option that they stand for.
"""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from inspector.cli.choose import choose_process
from inspector.cli.completion import complete_pids
from inspector.cli.options import process_id
from inspector.screen.streams import open_output

if TYPE_CHECKING:
    from collections.abc import Callable

    Own = Any
    """A class of typer, which keeps those of its parser to itself."""

__all__ = ["FINDINGS", "Command", "Group", "drop_colours", "join_lines"]

ALIASES: Final = {
    "--limit": ("-l",),
    "--duration": ("-d",),
    "--interval": ("-i",),
    "--rate": ("-r",),
    "--export": ("--output", "-o"),
}
"""Further names of an option, unless another option of the verb has them."""

FINDINGS: Final = "findings"
"""The verb of a command line that begins with a PID."""

PID, FORMAT, OUTPUT, COLOURS = "named_pid", "format", "output_file", "no_color"
"""Parameters that are added here; a verb's function never sees them."""

FORMATS: Final = {"json": "as_json", "markdown": "as_markdown"}
"""What ``--format`` may say beside ``table`` -> the parameter that says the same."""

SUFFIXES: Final = {".json": "json", ".md": "markdown"}


class Command(TyperCommand):
    """A verb: its own options, and those that every verb has.

    It refuses an empty word, as an unset variable of a shell leaves it.
    """

    free: ClassVar[tuple[str, ...]] = ()
    """Parameters that may have empty words."""
    subject: ClassVar[str] = "pid"
    """The parameter that ``--pid`` stands for."""
    asks: ClassVar[bool] = True
    """Without a PID, somebody at a terminal is asked for one."""

    def __init__(self, *arguments: Own, **settings: Own) -> None:
        super().__init__(*arguments, **settings)
        self.help = join_lines(self.help or "")
        self._needs_pid = False
        self._add_aliases()
        self.params += self._make_options()

    def _find(self, name: str, kind: str = "") -> Own:
        """Return the parameter of a name, if it is of a kind; None if there is none."""
        for parameter in self.params:
            if parameter.name == name and kind in ("", parameter.param_type_name):
                return parameter
        return None

    def _add_aliases(self) -> None:
        """Give options their further names."""
        taken = {name for parameter in self.params for name in parameter.opts}
        for parameter in self.params:
            for name in ALIASES.get(max(parameter.opts, key=len), ()):
                if name not in taken:
                    parameter.opts.append(name)
                    taken.add(name)

    def _make_options(self) -> list[TyperOption]:
        """Return the options that this verb has because of those that it has itself."""
        made = []
        subject = self._find(self.subject, "argument")
        if subject is not None:
            self._needs_pid, subject.required = subject.required, False
            made.append(
                TyperOption(
                    param_decls=[PID, "--pid", "-p"],
                    metavar="PID",
                    help="The process, as the word PID.",
                    autocompletion=lambda _, __, word: complete_pids(word),
                )
            )
        if self._find("as_json"):
            names = [name for name, option in FORMATS.items() if self._find(option)]
            made.append(
                TyperOption(
                    param_decls=[FORMAT, "--format"],
                    metavar="FORMAT",
                    help=f"Print as {' or '.join(['table', *names])}.",
                    autocompletion=lambda *_: ["table", *names],
                )
            )
            if not self._find("export") and not self._find("output"):
                made.append(
                    TyperOption(
                        param_decls=[OUTPUT, "--output", "-o"],
                        metavar="FILE",
                        help="Write to a file, as JSON if its name ends in .json.",
                    )
                )
        made.append(
            TyperOption(
                param_decls=[COLOURS, "--no-color"],
                is_flag=True,
                default=False,
                help="Use no colours, as NO_COLOR=1 says.",
            )
        )
        return made

    def parse_args(self, ctx: Own, args: list[str]) -> list[str]:
        """Parse a command line."""
        rest = super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            given = ctx.params.get(parameter.name)
            words = given if isinstance(given, list | tuple) else (given,)
            if "" in words and parameter.name not in self.free:
                raise typer.BadParameter("it is empty", ctx, parameter)
        drop_colours(ctx.params.pop(COLOURS))
        self._take_output(ctx)
        self._take_format(ctx)
        if not ctx.resilient_parsing:
            self._take_pid(ctx)
        return rest

    def _take_pid(self, ctx: Own) -> None:
        """Let ``--pid`` say which process; ask for one where nothing says it."""
        argument = self._find(self.subject, "argument")
        if argument is None:
            return
        named = ctx.params.pop(PID)
        if named is not None:
            if ctx.params[self.subject]:
                raise typer.BadParameter("give either PID or --pid PID", ctx)
            ctx.params[self.subject] = self.convert_pid(process_id(named))
        if self.asks and not ctx.params[self.subject]:
            pid = choose_process(own=not self._needs_pid)
            if pid is None and self._needs_pid:
                raise typer.BadParameter("it is missing", ctx, argument)
            ctx.params[self.subject] = None if pid is None else self.convert_pid(pid)

    def convert_pid(self, pid: int) -> object:
        """Return what the verb's function gets for a process."""
        return pid

    def _take_output(self, ctx: Own) -> None:
        """Remember the file that is written, whose name may tell the format."""
        path = ctx.params.pop(OUTPUT, None)
        ctx.meta[OUTPUT] = path
        word = SUFFIXES.get(Path(path or "").suffix.lower())
        if word is not None and ctx.params[FORMAT] is None and self._find(FORMATS[word]):
            ctx.params[FORMAT] = word

    def _take_format(self, ctx: Own) -> None:
        """Let ``--format`` say what ``--json`` and its like say."""
        word = ctx.params.pop(FORMAT, None)
        if word is None:
            return
        names = ["table", *(name for name, option in FORMATS.items() if self._find(option))]
        if word not in names:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(names)}", ctx)
        for name in names[1:]:
            if ctx.params[FORMATS[name]] and name != word:
                raise typer.BadParameter(f"give either --{name} or --format {word}", ctx)
            ctx.params[FORMATS[name]] = name == word

    def invoke(self, ctx: Own) -> Own:
        """Call the verb's function, and let what it is to do write to the file, if any."""
        done = super().invoke(ctx)
        if ctx.meta[OUTPUT] is not None:
            ctx.obj.append(partial(_write_to_file, ctx.obj.pop(), ctx.meta[OUTPUT]))
        return done


class Group(TyperGroup):
    """The command line as a whole: a verb, or a PID without one."""

    def shell_complete(self, ctx: Own, incomplete: str) -> list[Own]:
        """Return the verbs and the processes that a word may become."""
        found = super().shell_complete(ctx, incomplete)
        pid = self.commands.get(FINDINGS)
        if pid is not None and incomplete.isdecimal():
            (argument,) = (param for param in pid.params if param.name == "pid")
            found += argument.shell_complete(ctx, incomplete)
        return found


def _write_to_file(work: Callable[[], int | None], path: str) -> int | None:
    """Do what a verb does, and write to a file what it would write to standard output.

    Raises :class:`~inspector.errors.FileError` before it is done for a file that cannot be
    written.  A file that is there keeps what it holds if nothing is printed.
    """
    with open_output(path, "a"):
        pass
    text = StringIO()
    try:
        with redirect_stdout(text):
            return work()
    finally:
        if text.tell():
            with open_output(path, "w") as stream:
                stream.write(text.getvalue())


def drop_colours(wanted: bool) -> None:
    """Do without colours from now on, here and in a program that is run, if that is wanted."""
    if wanted:
        os.environ["NO_COLOR"] = "1"


def join_lines(text: str) -> str:
    """Return paragraphs of one line each: what is broken once is not broken again for a screen."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
