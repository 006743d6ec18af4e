"""A process that ends, or ended, while it was read: said as such, whatever failed by it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from inspector.cpython.runtime_lists import read_pointer
from inspector.errors import (
    LayoutError,
    MemoryFault,
    NotFreeThreaded,
    NotPython,
    TargetChanged,
    Unsettled,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.cpython.published import Published
    from inspector.process.other import OtherProcess
    from inspector.process.own import OwnProcess

__all__ = ["finalizing_error", "refuse_finalizing", "report_end"]

FAILURES = (
    LayoutError,
    MemoryFault,
    NotFreeThreaded,
    NotPython,
    Unsettled,
    UnsupportedVersion,
)
"""What memory that is being taken apart, or is another program's, can look like."""


@contextmanager
def report_end(
    process: OwnProcess | OtherProcess, published: Published | None = None
) -> Iterator[None]:
    """Turn what fails in the context into the end of the process, if that is the reason.

    Raises :class:`NoSuchTarget` or :class:`TargetChanged` then, else what failed.
    That it is finalizing can be told once its published offsets are known.
    """
    try:
        yield
    except FAILURES:
        if published:
            # A process whose memory has just gone has ended, which is looked for next.
            with suppress(MemoryFault):
                refuse_finalizing(process, published)
        process.check()
        raise


def refuse_finalizing(process: OwnProcess | OtherProcess, published: Published) -> None:
    """Raise :class:`TargetChanged` when ``_PyRuntime`` is being torn down."""
    at = process.runtime + published["runtime_state.finalizing"]
    if read_pointer(process.memory, at):
        raise finalizing_error(process.pid)


def finalizing_error(pid: int) -> TargetChanged:
    """Return the error for an interpreter that is being torn down."""
    return TargetChanged(
        f"the interpreter of process {pid} is finalizing",
        pid=pid,
        hint="its counts are being torn down; read it before the program ends",
    )
