"""`inspector audit`: every heap type of modules made and freed, and what its count did."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

import inspector
from inspector.cli import options
from inspector.cli.completion import complete_words
from inspector.errors import FaultFound
from inspector.screen.streams import standard_output
from inspector.screen.text import escape_text, format_plural, list_names
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from inspector.audit.result import Audit
    from inspector.audit.supervisor import AuditPlan

__all__ = ["audit_"]

UNEXERCISED: Final = "unexercised"

FAULTS: Final = {
    "leak": Verdict.LEAKING,
    "leaking": Verdict.LEAKING,
    "over-decref": Verdict.OVER_DECREF,
    "growing": Verdict.GROWING,
    "kept": Verdict.KEPT,
    "plain-decref": Verdict.PLAIN_DECREF,
    "hot-header": Verdict.HOT_HEADER,
    "no-unique-id": Verdict.NO_UNIQUE_ID,
    UNEXERCISED: None,
}
"""What ``--fail-on`` may name."""


TargetArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET",
        help="A module, a package with all of its submodules, or MODULE:TYPE.",
    ),
]
StandardOption = Annotated[bool, typer.Option("--stdlib", help="Audit the whole standard library.")]
MakeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--make",
        metavar="NAME=EXPR",
        help="Create instances of the type NAME with EXPR, for example "
        "pkg.Node='pkg.Node(1)'; may be repeated. Without a TARGET only these types are audited.",
    ),
]
FactoriesOption = Annotated[
    str | None,
    typer.Option(
        "--factories",
        metavar="FILE",
        help='Read expressions from a TOML file: a table make with "pkg.Node" = "pkg.Node(1)", '
        "and a table skip with names and reasons.",
    ),
]
CallsOption = Annotated[
    int,
    typer.Option(
        "--calls", metavar="N", min=1, max=10_000, help="Instances that each run creates and frees."
    ),
]
ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=256,
        help="Threads of the run after the one in a single thread.",
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.1,
        max=options.DAY,
        callback=options.refuse_nan,
        help="Longest time for one type.",
    ),
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")]
FailOption = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="WORD[,WORD]",
        callback=options.words_among(FAULTS),
        autocompletion=complete_words(FAULTS),
        help=f"End with status 9 if any type has such a verdict: {', '.join(FAULTS)} (for a "
        "type that could not be instantiated).",
    ),
]


def audit_(
    context: typer.Context,
    targets: TargetArgument = None,
    *,
    stdlib: StandardOption = False,
    make: MakeOption = None,
    factories: FactoriesOption = None,
    calls: CallsOption = 100,
    threads: ThreadsOption = 2,
    timeout: TimeoutOption = 10.0,
    as_json: options.JsonOption = False,
    as_markdown: MarkdownOption = False,
    fail_on: FailOption = None,
) -> None:
    """Create and free instances of every heap type of a module, and report leaks.

    Types are exercised in copies of a process, in one thread and in several. A type that
    blocks, exits or crashes affects its own line only. Types that cannot be instantiated are
    listed with the reason. LOST and HEADER are references per call; HEAT is the share of
    samples in which the header had moved while several threads used the type.
    """
    if not (targets or stdlib or make):
        raise typer.BadParameter("a TARGET is missing, or --stdlib, or --make NAME=EXPR")
    if targets and stdlib:
        raise typer.BadParameter("either TARGETs or --stdlib")
    if as_json and as_markdown:
        raise typer.BadParameter("either --json or --markdown")
    made = [_split_assignment(assignment) for assignment in make or ()]
    faults = options.split_words(fail_on)
    planned = partial(
        _make_plan,
        targets or (),
        made,
        factories,
        stdlib,
        calls=calls,
        threads=threads,
        timeout=timeout,
    )
    form = "json" if as_json else "markdown" if as_markdown else "table"
    context.obj.append(partial(run_audit, planned, form, faults))


def _split_assignment(text: str) -> tuple[str, str]:
    """Return name and expression."""
    name, _, expression = text.partition("=")
    if not (name.strip() and expression.strip()):
        raise typer.BadParameter(f"--make {text!r} is not NAME=EXPR")
    return name.strip(), expression.strip()


def _make_plan(
    targets: Sequence[str],
    made: Sequence[tuple[str, str]],
    path: str | None,
    standard: bool,
    *,
    calls: int,
    threads: int,
    timeout: float,
) -> AuditPlan:
    """Return what the options say; raise for a file or an expression that is none."""
    from inspector.audit import factories as tables
    from inspector.audit.expressions import parse_expression
    from inspector.audit.supervisor import AuditPlan

    make: dict[str, str] = {}
    for name, expression in made:
        parse_expression(expression)
        make[tables.plain_name(name)] = expression
    given = tables.Factories(make)
    alone = tuple(given.make)
    if path is not None:
        given = given.over(tables.read_factories(path))
    named = tuple(given.make)
    return AuditPlan(
        # A name that has an expression needs no module of its own.
        tuple([target for target in targets if ":" in target or target not in alone]),
        standard,
        given.over(tables.read_standard_library()),
        alone,
        named,
        calls,
        threads,
        timeout,
    )


def run_audit(planned: partial[AuditPlan], form: str, faults: Sequence[str]) -> None:
    """Audit, and write what was found to standard output."""
    inspector.attach()  # says why where nothing can be read
    from inspector.audit.auditing import audit_targets
    from inspector.screen.progress import show_steps

    plan = planned()
    with show_steps("auditing") as tell:
        found = audit_targets(plan, tell)
    with standard_output() as stream:
        _write_audit(stream, found, form)
    if faults:
        _raise_on_faults(found, faults)


def _write_audit(stream: IO[str], found: Audit, form: str) -> None:
    if form == "json":
        stream.write(json.dumps(found.as_dict()) + "\n")
        return
    if form == "markdown":
        from inspector.screen.audit_document import audit_markdown

        stream.write(audit_markdown(found))
        return
    from inspector.screen.audits import audit_view
    from inspector.screen.console import console_for

    console = console_for(stream)
    console.print(audit_view(found, console.width))


def _raise_on_faults(found: Audit, faults: Sequence[str]) -> None:
    """Raise if the audit found any of the faults, or could find none."""
    verdicts = []
    for fault in faults:
        if verdict := FAULTS[fault]:
            verdicts.append(verdict)
    if bad := found.with_any(verdicts):
        names = list_names([f"{escape_text(row.type, 80)} ({row.verdict})" for row in bad])
        raise FaultFound(f"{format_plural(len(bad), 'type')} failed: {names}")
    missing = [row for row in found.left_out() if not row.skipped]
    nothing = bool(missing) and not found.exercised()
    if nothing or (missing and UNEXERCISED in faults):
        from inspector.screen.audits import count_exercised

        names = list_names([escape_text(row.type, 80) for row in missing])
        raise FaultFound(
            f"{count_exercised(found)}: the audit proves nothing about {names}",
            hint="--make NAME=EXPR or --factories FILE say how to create an instance",
        )
