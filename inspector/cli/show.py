"""One reading, printed; it needs no typer, whose import takes longer than all of this."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NamedTuple

import inspector
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.selection import HEAP_SORTS
from inspector.screen.streams import standard_output
from inspector.screen.text import format_duration
from inspector.screen.view import write_snapshot
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from inspector.reader.target import Target
    from inspector.screen.selection import View
    from inspector.snapshots.snapshot import Snapshot

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
    instances: bool | None = None
    """Whether the heap is read, too; None for what is usual where it is shown."""

    def read_counts(self, target: Target) -> Snapshot:
        """Read a process without its heap."""
        settings = self._asdict()
        del settings["instances"]
        return target.snapshot(**settings)

    def read(self, target: Target, *, instances: bool) -> Snapshot:
        """Read a process, with its heap if that is asked for, or is usual: ``instances``."""
        snapshot = self.read_counts(target)
        wanted = instances if self.instances is None else self.instances
        if not wanted:
            return snapshot
        return target.add_heap(snapshot, blocking=self.blocking, pause_limit=self.pause_limit)


def print_snapshot(pid: int | None, view: View, read_options: ReadOptions) -> None:
    """Read a process, by default this one, and write it to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=read_options.pause_limit)
        # A person waits for a tenth of a second more, and a script for what it asks for.
        in_heap = view.selection.sort in HEAP_SORTS
        by_default = in_heap or (not view.json and sys.stdout.isatty())
        snapshot = read_options.read(target, instances=by_default)
    with standard_output() as stream:
        write_snapshot(snapshot, view, stream, make_remarks(target.discovery_pause_ns))


def print_pool(pid: int | None, view: View, read_options: ReadOptions) -> None:
    """Read a process and write its pools and its threads' arrays to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=read_options.pause_limit)
        snapshot = read_options.read_counts(target)
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
