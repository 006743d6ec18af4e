"""`inspector attach`: a process watched live, or as tables where there is no terminal."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import inspector
from inspector.cli import options
from inspector.cli.show import ReadOptions
from inspector.reader.target import PAUSE_LIMIT, RETRIES
from inspector.screen.dashboard.state import State
from inspector.screen.dashboard.watch_options import WatchOptions
from inspector.screen.selection import kinds_of
from inspector.screen.waiting import announce_wait

if TYPE_CHECKING:
    from inspector.reader.anatomy import Anatomy
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["attach"]


InstancesOption = Annotated[
    bool,
    typer.Option(
        "--instances/--no-instances",
        help="Read instances and bytes, too: the heap, every two seconds at most, and for a "
        "twentieth of a processor.",
    ),
]


def attach(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    interval: options.IntervalOption = 1.0,
    duration: options.DurationOption = None,
    once: options.OnceOption = False,
    sort: options.BoardSortOption = "total",
    filters: options.FilterOption = None,
    limit: options.LimitOption = None,
    threads: options.ThreadsOption = False,
    as_json: options.JsonOption = False,
    export: options.ExportOption = None,
    kind: options.KindOption = "type",
    instances: InstancesOption = True,
    blocking: options.BlockingOption = False,
    interpreter: options.InterpreterOption = None,
    retries: options.RetriesOption = RETRIES,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Watch a process live; h shows the keys, q quits.

    Begins with what deserves attention; F shows the types, as do options of their table.
    Without a terminal, prints a table per interval. When the process ends, the last view
    stays on the screen.
    """
    state = State(
        sort=sort,
        patterns=tuple(filters or ()),
        limit=limit,
        threads=threads,
        interval=interval,
        kind=kind,
    )
    read_options = ReadOptions(blocking, interpreter, retries, pause_limit, instances=instances)
    context.obj.append(
        partial(
            start_dashboard,
            pid,
            read_options,
            state,
            WatchOptions(once, duration, export or "", as_json),
        )
    )


def start_dashboard(
    pid: int | None, read_options: ReadOptions, state: State, watch_options: WatchOptions
) -> None:
    """Show the dashboard."""
    from inspector.reader.background_sampler import Background
    from inspector.reader.heap_pace import LEAST_SECONDS, SMALL_SHARE, HeapPace
    from inspector.screen.dashboard.background_look import BackgroundLook
    from inspector.screen.dashboard.show import is_drawn, show_source
    from inspector.screen.dashboard.sources import Live

    with announce_wait("attaching to", pid):
        target = inspector.attach(pid, pause_limit=read_options.pause_limit)
    pace = HeapPace(
        target,
        blocking=read_options.blocking,
        pause_limit=read_options.pause_limit,
        least=LEAST_SECONDS,
        share=SMALL_SHARE,
    )

    def read(kind: str) -> Snapshot:
        snapshot = read_options._replace(kinds=kinds_of(kind)).read_counts(target)
        return pace.add_heap(snapshot) if read_options.instances else snapshot

    def look(address: int) -> Anatomy:
        return target.anatomy(
            address, blocking=read_options.blocking, pause_limit=read_options.pause_limit
        )

    with ExitStack() as stack:
        background = looks = None
        if not target.is_own and not watch_options.once:
            background = stack.enter_context(closing(Background(target.sampler)))
        if not target.is_own and is_drawn(watch_options):
            # Another target: two threads do not read with the same one.
            attach_again = partial(inspector.attach, target.pid)
            looks = stack.enter_context(closing(BackgroundLook(attach_again)))
            mode = "table" if asks_for_table(state) else "findings"
            state = replace(state, is_looking=True, mode=mode)
        show_source(state, Live(read, look, background, looks), watch_options)


def asks_for_table(state: State) -> bool:
    """Whether an option was given that only concerns the table."""
    options = (state.sort, state.patterns, state.limit, state.threads, state.kind)
    return options != ("total", (), None, False, "type")
