"""A snapshot written out, for a person or for a program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from inspector.screen.selection import Selection, select

if TYPE_CHECKING:
    from inspector.census.snapshot import Snapshot

__all__ = ["View", "write"]


@dataclass(frozen=True)
class View:
    """How a snapshot is shown."""

    selection: Selection = field(default_factory=Selection)
    threads: bool = False
    """A column per thread."""
    json: bool = False
    """The document of :meth:`Snapshot.as_dict` on one line, instead of a table."""


def write(snapshot: Snapshot, view: View, stream: IO[str], remarks: tuple[str, ...] = ()) -> None:
    """Write a snapshot to a stream; JSON without a limit has every row.

    ``remarks`` are sentences that a table ends with.
    """
    if view.json:
        chosen = select(snapshot, view.selection).snapshot
        stream.write(json.dumps(chosen.as_dict()) + "\n")
        return
    # Rich is not for JSON, nor for a program before it was read.
    from inspector.screen.console import print_table  # noqa: PLC0415

    print_table(snapshot, view, stream, remarks)
