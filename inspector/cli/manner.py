"""How a process is read, on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from inspector.census.target import PAUSE_LIMIT, RETRIES

__all__ = [
    "BlockingOption",
    "InterpreterOption",
    "Manner",
    "PauseLimitOption",
    "RetriesOption",
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


@dataclass(frozen=True)
class Manner:
    """What the options for a reading say."""

    blocking: bool = False
    interpreter: int | None = None
    retries: int = RETRIES
    pause_limit: float = PAUSE_LIMIT
    """Seconds."""
