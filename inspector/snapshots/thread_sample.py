"""What the threads of a process were doing at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from inspector.snapshots.heat import HeatSample

__all__ = ["ATTACHED", "CodeLocation", "ParkedOn", "StopRequest", "ThreadSample", "ThreadView"]

ATTACHED: Final = 1
"""``_Py_THREAD_ATTACHED`` (Include/internal/pycore_pystate.h): it may run Python code."""


class CodeLocation(NamedTuple):
    """A place in Python code."""

    file: str
    function: str
    """Its qualified name."""
    line: int | None
    """None for instructions of no line."""


class ParkedOn(NamedTuple):
    """What a thread waits for in CPython's parking lot."""

    address: int
    is_stop: bool
    """A stop of the world: its own state, or the mutex or the event of the stop."""
    owner: int | None
    """Address of the object that has the mutex; None for one that is no object's."""
    owner_type: str
    """Name of that object's type; empty for none."""


class ThreadView(NamedTuple):
    """One thread in one sample."""

    native_id: int
    state: int
    """``PyThreadState.state``: 0 detached, 1 attached, 2 suspended, 3 shutting down."""
    parked: ParkedOn | None
    location: CodeLocation | None
    """Its top frame, for threads that wait or ask for a stop, and for all attached ones in a
    sample in which an object's count changed; None where it moved on."""
    activity: str | None
    """``running``, or the system call that it sleeps in; None where it was not looked at."""


class StopRequest(NamedTuple):
    """A stop of the world that was asked for and not over."""

    requester: int | None
    """Native id; None for a thread that is not attached, and for one that is gone."""
    collecting: bool
    """The garbage collector is at work."""
    of_all: bool
    """It stops every interpreter of the process."""


class ThreadSample(NamedTuple):
    """All threads of a process, at about one moment."""

    threads: tuple[ThreadView, ...]
    stops: tuple[StopRequest, ...]
    gil_enabled: bool
    heat: HeatSample | None = None
    """None where no header was looked at, or counts were being merged."""
