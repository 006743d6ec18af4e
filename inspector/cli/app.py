"""The command line's grammar: the verbs, and what `inspector` itself takes.

A verb's module is imported when it is asked for, and all of them for the help.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
from typer.main import get_command

import inspector
from inspector.cli.codes import EXIT_CODES
from inspector.cli.command import FINDINGS, Command, Group, drop_colours, join_lines
from inspector.cli.options import is_pid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Work = Callable[[], int | None]
    """What a verb does once the command line is parsed; it may return an exit status."""

__all__ = ["build_app", "parse_words"]


def _print_version(wanted: bool) -> None:
    """Print the version and be done."""
    if wanted:
        major, minor, micro, *_ = sys.version_info
        python = f"{major}.{minor}.{micro}" + ("t" if "t" in sys.abiflags else "")
        typer.echo(f"inspector {inspector.__version__} (Python {python})")
        raise typer.Exit


def _take_options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color", callback=drop_colours, help="Use no colours, as NO_COLOR=1 says."
        ),
    ] = False,
) -> None:
    """Say what grows in a free-threaded CPython process, and what keeps its threads apart.

    `inspector PID` answers both; each of the commands below tells one thing in full.

    The references to a type are counted in its header and in one array per thread;
    sys.getrefcount reads the header only. inspector adds them up.
    """


EPILOG = "Exit status: " + "; ".join(f"{code} {text}" for code, text in EXIT_CODES.items()) + "."


class Verb(NamedTuple):
    """Where a verb is: a module of this room, its function, and a command class of its own."""

    module: str
    function: str
    example: str
    """A command line, without the name of the program: its help begins with it."""
    command: str = ""
    hidden: bool = False


VERBS: Final = {
    FINDINGS: Verb("findings", "findings", "4242", "FindingsCommand", hidden=True),
    "dump": Verb("dump", "dump", "dump 4242 --limit 10"),
    "run": Verb("run", "run", "run --verdicts app.py", "RunCommand"),
    "type": Verb("type_", "type_", "type app.Order 4242"),
    "attach": Verb("attach", "attach", "attach 4242 --sort growth"),
    "histo": Verb("histo", "histo", "histo 4242 --limit 10"),
    "heap": Verb("heap", "heap", "heap 4242"),
    "leaks": Verb("leaks", "leaks", "leaks 4242 --blocking"),
    "holders": Verb("holders", "holders", "holders app.Order 4242"),
    "hot": Verb("hot", "hot", "hot 4242 --duration 2"),
    "why": Verb("why", "why", "why 4242", "WhyCommand"),
    "ps": Verb("ps", "ps", "ps"),
    "doctor": Verb("doctor", "doctor", "doctor 4242"),
    "record": Verb("record", "record_", "record -o day.jsonl.gz 4242", "RecordCommand"),
    "replay": Verb("replay", "replay", "replay day.jsonl.gz"),
    "diff": Verb("diff", "diff", "diff before.jsonl.gz after.jsonl.gz", "DiffCommand"),
    "audit": Verb("audit", "audit_", "audit --fail-on leaking multidict"),
    "scale": Verb("scale", "scale_", "scale 'object()' --threads 1,2"),
    "explain": Verb("explain", "explain", "explain plain-decref"),
}
"""In the order of the help."""

NUMBER_NAMES: Final = {
    "int": "whole number",
    "integer": "whole number",
    "int range": "whole number",
    "float": "number",
    "float range": "number",
    "process_id": "number",
}
"""What help and errors call a type, by the name that typer gives it."""


def build_app(words: Sequence[str]) -> typer.Typer:
    """Return the application for a command line: the one verb, or all of them."""
    app = typer.Typer(
        cls=Group,
        callback=_take_options,
        help=join_lines(inspect.cleandoc(_take_options.__doc__ or "")),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=EPILOG,
    )
    for name in words[:1] if words[:1] and words[0] in VERBS else VERBS:
        verb = VERBS[name]
        module = import_module(f"inspector.cli.{verb.module}")
        command = getattr(module, verb.command) if verb.command else Command
        function = getattr(module, verb.function)
        text = inspect.cleandoc(function.__doc__ or "")
        app.command(
            name,
            cls=command,
            help=f"Example: inspector {verb.example}\n\n{text}",
            short_help=join_lines(text.partition("\n\n")[0]),
            hidden=verb.hidden,
        )(function)
    return app


def _name_numbers(group: Any) -> None:  # noqa: ANN401 - typer's own or click's
    """Call numbers so in help and errors, not "int range"."""
    for command in group.commands.values():
        for parameter in command.params:
            kind = parameter.type
            kind.name = NUMBER_NAMES.get(kind.name, kind.name)


def _find_verb(words: Sequence[str]) -> list[str]:
    """Return a command line with its verb in front.

    ``help VERB`` asks for the help of one; a PID without a verb for what deserves attention.
    """
    first, *rest = words or [""]
    if first == "help":
        return [*rest[:1], "--help"]
    for word in words:
        if word in VERBS:
            break
        if is_pid(word):
            return [FINDINGS, *words]
    return list(words)


def parse_words(words: Sequence[str]) -> Work | int:
    """Return what a command line asks for, or the exit status if that is done already."""
    work: list[Work] = []
    words = _find_verb(words)
    try:
        command = get_command(build_app(words))
        _name_numbers(command)
        command.main(args=list(words), prog_name="inspector", obj=work)
    except SystemExit as end:
        if end.code or not work:
            return end.code if isinstance(end.code, int) else 0
    return work.pop()
