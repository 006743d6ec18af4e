"""`inspector heap`: what a process's allocator holds, by thread and heap."""

from __future__ import annotations

import json
from functools import partial

import typer

import inspector
from inspector.cli import options
from inspector.reader.target import PAUSE_LIMIT
from inspector.screen.streams import standard_output
from inspector.screen.waiting import announce_wait

__all__ = ["heap"]


def heap(
    context: typer.Context,
    pid: options.PidArgument = None,
    *,
    as_json: options.JsonOption = False,
    pause_limit: options.PauseLimitOption = PAUSE_LIMIT,
) -> None:
    """Print the memory of each thread's heaps, and the RSS of the process.

    LIVE is blocks in use, FREE the rest of their pages. ABANDONED is pages left by threads
    that ended, QSBR empty pages that are kept because other threads may still read them,
    WAITING freed blocks that are kept for the same reason, FULL free blocks in pages that
    their owner believes to be full.
    """
    context.obj.append(partial(print_heap, pid, as_json, pause_limit))


def print_heap(pid: int | None, as_json: bool, pause_limit: float) -> None:
    """Read a process and write what its allocator holds to standard output."""
    with announce_wait("reading", pid):
        target = inspector.attach(pid, pause_limit=pause_limit)
        allocator = target.allocator(pause_limit=pause_limit)
    with standard_output() as stream:
        if as_json:
            stream.write(json.dumps(allocator.as_dict()) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.histogram import allocator_view

        console_for(stream).print(allocator_view(allocator))
