"""`inspector run`: runs a program and reports the refcounts of its types."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import inspector
from inspector.cli import options
from inspector.cli.command import Command
from inspector.launch.board_options import BoardOptions
from inspector.launch.program import LIVE, VERDICTS, check_program, drop_interpreter, run_program
from inspector.launch.report_options import ReportOptions
from inspector.screen.dashboard.watch_options import SORTS_OVER_TIME
from inspector.screen.streams import has_terminal
from inspector.screen.streams import open_output as opened

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from inspector.screen.selection import View

__all__ = ["RunCommand", "run", "split_program"]

ProgramArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PROGRAM",
        help="SCRIPT, -m MODULE or -c CODE, as for python. All words after it belong to it.",
    ),
]
AtOption = Annotated[
    list[float] | None,
    typer.Option(
        "--at",
        metavar="SECONDS",
        min=0,
        max=options.LONGEST,
        callback=options.refuse_nan,
        help="Report this long after the start instead of at the end; may be repeated. Reports "
        "that are still due when the program ends are made once, at its end.",
    ),
]
LiveOption = Annotated[
    bool,
    typer.Option(
        "--live", help="Show a dashboard while the program runs; ignored without a terminal."
    ),
]
VerdictsOption = Annotated[
    bool,
    typer.Option(
        "--verdicts",
        help="At the end give a verdict for each type used, from the whole run. "
        "Slows down calls of types.",
    ),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the report to a file instead of standard error; with --live, write the "
        "program's output there.",
    ),
]


class RunCommand(Command):
    """The command whose options end where the program's begin."""

    free = ("program", "subject")  # python takes -c '', too

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own or click's
        """Parse up to the program; hand on the rest as it is."""
        own, program = self.divided(ctx, args)
        return super().parse_args(ctx, [*own, "--", *program])

    def divided(self, ctx: Any, args: list[str]) -> tuple[list[str], list[str]]:  # noqa: ANN401 - likewise
        """Return the words that are ours, and the program with all that is its own."""
        valued: set[str] = set()
        for option in self.get_params(ctx):
            if not getattr(option, "is_flag", True):
                valued.update(option.opts)
        return split_program(args, valued)


def split_program(words: Sequence[str], valued: Container[str]) -> tuple[list[str], list[str]]:
    """Split a command line into our options and the program with all that belongs to it.

    The program begins at ``-m``, ``-c``, or the first word that is no option and no
    option's value.  ``valued`` are our options that have their value in the next word.
    """
    number = 0
    while number < len(words):
        word = words[number]
        if word == "--":
            return list(words[:number]), list(words[number + 1 :])
        if word == "-" or not word.startswith("-") or word[:2] in {"-m", "-c"}:
            break
        number += 2 if word in valued else 1
    return list(words[:number]), list(words[number:])


WhyOption = Annotated[
    bool,
    typer.Option(
        "--why",
        help="Say at the end why the program's threads did not run side by side, as `inspector "
        "why` does; the program runs as another process.",
    ),
]


def run(
    context: typer.Context,
    program: ProgramArgument,
    *,
    live: LiveOption = False,
    verdicts: VerdictsOption = False,
    why: WhyOption = False,
    at: AtOption = None,
    output: OutputOption = None,
    sort: options.BoardSortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    interval: options.IntervalOption = 1.0,
    export: options.ExportOption = None,
) -> None:
    """Run a program as python does, and report the true refcounts of its types.

    The report goes to standard error when the program ends, the program's own output stays
    as it is. A program that ends by os._exit or a signal is not reported.

    --live shows a dashboard while the program runs and after its end. The program's output
    goes to a pane of it, or with --output to a file; its standard input is empty. Ctrl-C
    interrupts the program, q closes the dashboard and gives the terminal to the program.
    """
    if verdicts and (live or at):
        raise typer.BadParameter(
            "--verdicts reports at the end and cannot be used with --live or --at"
        )
    if why and (live or at or verdicts or output):
        raise typer.BadParameter("--why cannot be used with --live, --verdicts, --at or --output")
    if why:
        from inspector.cli.why_request import WhyRequest, print_findings

        context.obj.append(partial(print_findings, program, WhyRequest(as_json=as_json)))
        return
    if export and not live:
        raise typer.BadParameter("--export writes the last view of --live")
    if live and has_terminal():
        board = BoardOptions(sort, tuple(filters or ()), threads, interval, export or "", limit)
        context.obj.append(partial(start_live_program, program, board, output))
        return  # the report is the dashboard
    if sort in SORTS_OVER_TIME:
        if not live:
            raise typer.BadParameter(f"--sort {sort} takes several readings, as --live has them")
        sort = "total"
    view = options.make_view(sort, filters, limit, threads, as_json)
    when = VERDICTS if verdicts else at or []
    context.obj.append(partial(start_program, program, view, when, output))


def start_live_program(program: Sequence[str], board: BoardOptions, output: str | None) -> None:
    """Become the program, with a dashboard beside it."""
    program = drop_interpreter(program)
    check_program(program)
    inspector.attach()
    if output is not None:
        with opened(output, "w"):
            output = str(Path(output).absolute())
    run_program(program, f"{board.dumps()}\n{output or ''}", LIVE)


def start_program(
    program: Sequence[str], view: View, when: Sequence[float] | str, output: str | None
) -> None:
    """Make sure that there will be a report, and become the program."""
    program = drop_interpreter(program)
    check_program(program)
    inspector.attach()
    if output is not None:
        with opened(output, "w"):
            output = str(Path(output).absolute())  # the program may go elsewhere
    plan = ReportOptions(view, output, module=program[0].startswith("-m"))
    run_program(program, plan.dumps(), when)
