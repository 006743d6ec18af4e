"""How a process is read, on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from inspector.census.snapshot import KINDS
from inspector.census.target import PAUSE_LIMIT, RETRIES

__all__ = [
    "BlockingOption",
    "InterpreterOption",
    "KindOption",
    "Manner",
    "PauseLimitOption",
    "RetriesOption",
    "kinds_of",
]

BlockingOption = Annotated[
    bool,
    typer.Option(
        "--blocking",
        help="Stop the process for the moment of the reading: exact, with what is on its stacks.",
    ),
]
InterpreterOption = Annotated[
    int | None,
    typer.Option(
        "--interpreter", metavar="ID", min=0, help="Only this interpreter; by default all."
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        metavar="N",
        min=0,
        help="Look up to N times more at what moved while it was read.",
    ),
]
PauseLimitOption = Annotated[
    float,
    typer.Option(
        "--pause-limit", metavar="SECONDS", min=0.001, help="Never stop the process for longer."
    ),
]


COUNTED = ("type", "code", "dict")
"""Kinds of objects that have a count."""


def _known_kind(kind: str) -> str:
    """Refuse what there are no rows of."""
    if kind not in (*KINDS, "all"):
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}, all")
    return kind


KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KIND",
        callback=_known_kind,
        autocompletion=lambda: [*KINDS, "all"],
        help="What is listed: type, code (objects, by file and line), dict (of modules), "
        "all of these, or static (types, which nobody counts).",
    ),
]


@dataclass(frozen=True)
class Manner:
    """What the options for a reading say."""

    blocking: bool = False
    interpreter: int | None = None
    retries: int = RETRIES
    pause_limit: float = PAUSE_LIMIT
    """Seconds."""
    kinds: tuple[str, ...] = ("type",)
    """Of :data:`inspector.census.snapshot.KINDS`."""


def kinds_of(kind: str) -> tuple[str, ...]:
    """Return what `--kind` stands for; everything that is counted for ``all``."""
    return COUNTED if kind == "all" else (kind,)
