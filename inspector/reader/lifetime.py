"""Turns the errors of reading a process that is ending into the error that says so."""

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
"""What reading raises in memory that is being torn down, or is another program's by now."""


@contextmanager
def report_end(
    process: OwnProcess | OtherProcess, published: Published | None = None
) -> Iterator[None]:
    """Replace an error in the context by that of the process's end, if that is the cause.

    Raises :class:`NoSuchTarget` or :class:`TargetChanged` then, and otherwise the error
    itself.  A process that is finalizing is recognised once its published offsets are known.
    """
    try:
        yield
    except FAILURES:
        if published:
            # If this memory is gone, too, the process has ended: check() raises that.
            with suppress(MemoryFault):
                refuse_finalizing(process, published)
        process.check()
        raise


def refuse_finalizing(process: OwnProcess | OtherProcess, published: Published) -> None:
    """Raise :class:`TargetChanged` if the interpreter is being torn down."""
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
