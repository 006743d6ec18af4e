"""The command line's grammar: the verbs, and what `inspector` itself takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

import inspector
from inspector.cli.attach import attach
from inspector.cli.audit import audit_
from inspector.cli.codes import EXIT_CODES
from inspector.cli.diff import diff
from inspector.cli.doctor import doctor
from inspector.cli.dump import dump
from inspector.cli.ps import ps
from inspector.cli.record import RecordCommand, record_
from inspector.cli.replay import replay
from inspector.cli.run import RunCommand, run
from inspector.cli.type_ import type_

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Work = Callable[[], int | None]
    """What a verb does once the command line is parsed; it may return an exit status."""

__all__ = ["parse"]


def _version(wanted: bool) -> None:  # noqa: FBT001 - an option as typer hands it over
    """Print the version and be done."""
    if wanted:
        python = ".".join(map(str, sys.version_info[:3])) + ("t" if "t" in sys.abiflags else "")
        typer.echo(f"inspector {inspector.__version__} (Python {python})")
        raise typer.Exit


def _main(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Show true reference counts of types in free-threaded CPython (3.14t, 3.15t).

    The references to a type are spread over its header and one array per thread:
    sys.getrefcount does not tell how many there are. inspector adds them up.
    """


EPILOG = "Exit status: " + "; ".join(f"{code} {text}" for code, text in EXIT_CODES.items()) + "."

app = typer.Typer(
    callback=_main,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
app.command()(dump)
app.command(cls=RunCommand)(run)
app.command("type")(type_)
app.command()(attach)
app.command()(ps)
app.command()(doctor)
app.command("record", cls=RecordCommand)(record_)
app.command()(replay)
app.command()(diff)
app.command("audit")(audit_)


def parse(words: Sequence[str]) -> Work | int:
    """Return what a command line asks for, or the exit status if that is done already."""
    work: list[Work] = []
    try:
        get_command(app).main(args=list(words), prog_name="inspector", obj=work)
    except SystemExit as end:
        if end.code or not work:
            return end.code if isinstance(end.code, int) else 0
    return work.pop()
