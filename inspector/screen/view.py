"""A snapshot written out, for a person or for a program."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, TypeAlias

from inspector.screen.selection import select_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.screen.selection import View
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["Writer", "choose_writer", "write_snapshot"]


Writer: TypeAlias = "Callable[[Snapshot, View, IO[str], Sequence[str]], None]"


def choose_writer(view: View) -> Writer:
    """Return what writes a snapshot for a view to a stream, with remarks after a table.

    What it needs is loaded now: JSON does without Rich.
    """
    if view.json:
        return _write_json
    from inspector.screen.console import print_table

    return print_table


def write_snapshot(
    snapshot: Snapshot, view: View, stream: IO[str], remarks: Sequence[str] = ()
) -> None:
    """Write a snapshot to a stream; JSON without a limit has every row."""
    choose_writer(view)(snapshot, view, stream, remarks)


def _write_json(snapshot: Snapshot, view: View, stream: IO[str], _: Sequence[str]) -> None:
    chosen = select_rows(snapshot, view.selection).snapshot
    stream.write(json.dumps(chosen.as_dict()) + "\n")
