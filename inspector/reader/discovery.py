"""The layout of a process, found without a pause where that is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.layout_discovery import discover_layout
from inspector.cpython.published import make_newer_version_error, read_published
from inspector.errors import LayoutError, MemoryFault
from inspector.process.own import OwnProcess
from inspector.process.own_world import CannotStop
from inspector.reader.lifetime import refuse_finalizing, report_end
from inspector.reader.retries import wait_before_retry

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.cpython.published import Published
    from inspector.process.other import OtherProcess

__all__ = ["find_layout"]

TRIES: Final = 12


def find_layout(
    process: OwnProcess | OtherProcess, pause_limit: float
) -> tuple[Layout, int | None]:
    """Return the layout, and for how many nanoseconds another process was stopped to find it.

    The nanoseconds are None if it was not stopped.  A process whose structures change too fast
    is stopped for at most ``pause_limit`` seconds at a time, and never for 0.  An unknown
    version of CPython is tried, and refused if its layout does not validate.  Raises what
    :func:`~inspector.cpython.published.read_published` and
    :func:`~inspector.cpython.layout_discovery.discover_layout` raise.
    """
    with report_end(process):
        with process.hook.phase("published"):
            published = read_published(process.memory, process.runtime, process.pid)
        refuse_finalizing(process, published)
    try:
        with report_end(process, published), process.hook.phase("discovery"):
            return _discover_layout(process, published, pause_limit)
    except (LayoutError, MemoryFault) as failure:
        if published.known:
            raise
        raise make_newer_version_error(published, process.pid, failure) from failure


def _discover_layout(
    process: OwnProcess | OtherProcess, published: Published, pause_limit: float
) -> tuple[Layout, int | None]:
    """Discover the layout, in a pause if it is not found without one."""
    own = isinstance(process, OwnProcess)
    stops = isinstance(process, OwnProcess) and not process.world.refusal
    memory = process.world if isinstance(process, OwnProcess) and stops else process.memory
    for left in reversed(range(TRIES if own else TRIES // 3)):
        last = not left and (own or not pause_limit)
        try:
            try:
                layout = discover_layout(memory, published, process.runtime)
            except CannotStop:
                memory, stops = process.memory, False
                layout = discover_layout(memory, published, process.runtime)
        except (LayoutError, MemoryFault):
            if last:
                raise
            if own and not stops:
                wait_before_retry(TRIES - left)
        else:
            # An offset that changes have hidden may be found at the next try.
            if last or layout.c_stack_refs is not None:
                return layout, None
    assert not isinstance(process, OwnProcess)  # noqa: S101 - returned or raised above
    world = process.stopped(pause_limit)
    for number in range(TRIES):
        try:
            with world.hold():
                return discover_layout(process.memory, published, process.runtime), world.pause_ns
        except (LayoutError, MemoryFault):
            # It was stopped during a garbage collection, or its layout is unknown.
            wait_before_retry(number)
    with world.hold():
        return discover_layout(process.memory, published, process.runtime), world.pause_ns
