"""One reading, printed; it needs no typer, whose import takes longer than all of this."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import inspector
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.streams import standard_output
from inspector.screen.text import format_duration
from inspector.screen.view import write_snapshot
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from inspector.screen.selection import View

__all__ = ["ReadOptions", "print_pool", "print_snapshot"]


class ReadOptions(NamedTuple):
    """What the options for a reading say."""

    blocking: bool = False
    interpreter: int | None = None
    retries: int = RETRIES
    pause_limit: float = PAUSE_LIMIT
    """Seconds."""
    kinds: tuple[str, ...] = ("type",)
    """Of :data:`inspector.snapshots.snapshot.KINDS`."""


def print_snapshot(pid: int | None, view: View, read_options: ReadOptions) -> None:
    """Read a process, by default this one, and write it to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=read_options.pause_limit)
        snapshot = target.snapshot(**read_options._asdict())
    with standard_output() as stream:
        write_snapshot(snapshot, view, stream, make_remarks(target.discovery_pause_ns))


def print_pool(pid: int | None, view: View, read_options: ReadOptions) -> None:
    """Read a process and write its pools and its threads' arrays to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=read_options.pause_limit)
        snapshot = target.snapshot(**read_options._asdict())
    with standard_output() as stream:
        if view.json:
            document = snapshot.as_dict()
            del document["objects"]
            stream.write(json.dumps(document) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.pool import pool_view
        from inspector.screen.tables import write_heading

        console_for(stream).print(write_heading(snapshot), "", pool_view(snapshot), sep="\n")


def make_remarks(discovery_pause_ns: int | None) -> tuple[str, ...]:
    """Return what a user should know beside the table."""
    if discovery_pause_ns is None:
        return ()
    return (
        f"the process was stopped for {format_duration(discovery_pause_ns)} to find its layout",
    )
