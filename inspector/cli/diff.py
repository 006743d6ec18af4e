"""`inspector diff`: what changed between two readings."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import inspector
from inspector.analysis.change import elapsed_seconds, find_changes, is_same_process, judge_changes
from inspector.analysis.pace import Stretch, compare_paces
from inspector.cli import options
from inspector.cli.command import Command
from inspector.errors import FileError, GrowthFound
from inspector.screen.selection import make_matcher
from inspector.screen.streams import standard_output
from inspector.screen.text import escape_text, format_plural, list_names
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from inspector.analysis.change import Change
    from inspector.analysis.pace import PaceChange
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["DiffCommand", "diff"]


class DiffCommand(Command):
    """The command whose second reading may be of a process, named by ``--pid``."""

    subject = "after"
    asks = False

    def convert_pid(self, pid: int) -> str:
        """Return the word that names a process."""
        return str(pid)


BeforeArgument = Annotated[
    str, typer.Argument(metavar="A", help="A recording, a document of dump --json, or a PID.")
]
AfterArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[B]",
        help="Likewise. Without it, the first and the last reading of A are compared.",
    ),
]
FailOption = Annotated[
    int | None,
    typer.Option(
        "--fail-on",
        metavar="GROWTH",
        min=1,
        help="End with status 9 if references or instances of any type shown grew by at least "
        "this much.",
    ),
]


def diff(
    context: typer.Context,
    before: BeforeArgument,
    after: AfterArgument = None,
    *,
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    as_json: options.JsonOption = False,
    fail_on: FailOption = None,
    blocking: options.BlockingOption = False,
) -> None:
    """Compare the last readings of two files, or of a file with a process as it is now.

    Objects of one process are matched by address, those of two processes by name. Totals do
    not change when a collection moves counts from threads to headers. Where both readings have
    the heap (record, dump --instances), instances, bytes and RSS are compared, too, also of
    types whose references are not counted: dict, list, str.

    Two processes may be of different ages: recordings of several readings are also compared
    by how much there is more per second.
    """
    context.obj.append(
        partial(print_diff, before, after, filters, limit, as_json, fail_on, blocking)
    )


def print_diff(
    before: str,
    after: str | None,
    filters: Sequence[str] | None,
    limit: int | None,
    as_json: bool,
    fail_on: int | None,
    blocking: bool,
) -> None:
    """Compare, and write what differs to standard output."""
    kind: str | None = None
    old = _read_snapshot(before, kind, blocking=blocking, last=after is not None)
    kind = next(iter(old)).kind if len(old) else None
    new = _read_snapshot(after or before, kind, blocking=blocking, instances=old.heap is not None)
    matches = make_matcher(tuple(filters or ()))
    found = [change for change in find_changes(old, new) if matches(change.name)]
    if after is None:
        found = _judge_changes(before, found)
    paces = None if is_same_process(old, new) else _compare_recordings(before, after or before)
    if paces is not None:
        paces = [pace for pace in paces if matches(pace.name)]
    with standard_output() as stream:
        if as_json:
            _write_json(stream, old, new, found[: limit or None], paces)
        else:
            _write_table(stream, old, new, found, limit)
            if paces is not None:
                _write_paces(stream, paces, limit)
    if fail_on is not None:
        grown = [change for change in found if change.largest_growth >= fail_on]
        if grown:
            raise _growth_error(grown, fail_on)


def _read_snapshot(
    name: str,
    kind: str | None,
    *,
    blocking: bool,
    last: bool = True,
    instances: bool = True,
) -> Snapshot:
    """Return the reading that a file or a process stands for."""
    if options.is_pid(name) and not Path(name).exists():
        kinds = (kind or "type",)
        with announce_wait("reading", int(name)):
            target = inspector.attach(int(name))
            snapshot = target.snapshot(kinds=kinds, blocking=blocking)
            return target.add_heap(snapshot, blocking=blocking) if instances else snapshot
    from inspector.snapshots.recording import (
        RecordingReader,
        is_recording,
        read_document,
    )

    if is_recording(name):
        with RecordingReader(name) as reader:
            if last or len(reader) > 1:
                return reader.read(len(reader) - 1 if last else 0)
    else:
        document = read_document(name)
        if last:
            return document
    raise FileError(
        f"{name} holds a single reading: there is nothing to compare it with",
        path=name,
        hint="give a second file, or a PID",
    )


def _judge_changes(path: str, changes: Sequence[Change]) -> list[Change]:
    """Return the changes over a recording with the verdicts that its readings bear."""
    from inspector.analysis.history import MAX_READINGS, History
    from inspector.snapshots.recording import RecordingReader

    with RecordingReader(path) as reader:
        last = len(reader) - 1
        steps = min(last, MAX_READINGS - 1)
        history = History.begin(reader.read(0))
        for step in range(1, steps + 1):
            history = history.add(reader.read(last * step // steps))
    return judge_changes(changes, history)


def _compare_recordings(before: str, after: str) -> list[PaceChange] | None:
    """Return how fast two recorded processes grow; None where one has a single reading."""
    from inspector.snapshots.recording import RecordingReader, is_recording

    stretches = []
    for name in (before, after):
        if not Path(name).exists() or not is_recording(name):
            return None
        with RecordingReader(name) as reader:
            stretch = Stretch(reader.read(0), reader.read(len(reader) - 1))
        if stretch.seconds <= 0:
            return None
        stretches.append(stretch)
    return compare_paces(*stretches)


def _write_json(
    stream: IO[str],
    old: Snapshot,
    new: Snapshot,
    found: Sequence[Change],
    paces: Sequence[PaceChange] | None,
) -> None:
    document = {
        "before": _describe_reading(old),
        "after": _describe_reading(new),
        "same_process": is_same_process(old, new),
        "seconds": elapsed_seconds(old, new),
        "changes": [change.as_dict() for change in found],
        "paces": None if paces is None else [pace.as_dict() for pace in paces],
    }
    stream.write(json.dumps(document) + "\n")


def _describe_reading(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the JSON document says of one of the two readings."""
    heap = snapshot.heap
    return {
        "pid": snapshot.target.pid,
        "taken_ns": snapshot.taken_ns,
        "exact": snapshot.exact,
        "rss": None if heap is None else heap.rss,
        "instances": None if heap is None else heap.instances,
        "bytes": None if heap is None else heap.bytes,
    }


def _write_table(
    stream: IO[str], old: Snapshot, new: Snapshot, found: Sequence[Change], limit: int | None
) -> None:
    from inspector.screen.console import console_for
    from inspector.screen.differences import difference_view

    console = console_for(stream)
    console.print(difference_view(old, new, found, console.width, limit))


def _write_paces(stream: IO[str], paces: Sequence[PaceChange], limit: int | None) -> None:
    from inspector.screen.console import console_for
    from inspector.screen.differences import pace_view

    console = console_for(stream)
    console.print("", pace_view(paces, console.width, limit), sep="\n")


def _growth_error(grown: Sequence[Change], least: int) -> GrowthFound:
    names = list_names(
        [f"{escape_text(change.name, 80)} +{change.largest_growth:,}" for change in grown]
    )
    return GrowthFound(f"{format_plural(len(grown), 'object')} grew by {least:,} or more: {names}")
