"""How long the phases of attaching to a process and of reading it take.

A hook is called at the begin and the end of each phase of ordinary readings.  The time of a
phase does not include that of a phase inside it.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from inspector.process.hook import Hook
from inspector.process.other import OtherProcess
from inspector.process.own import OwnProcess
from inspector.reader.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PHASES", "Phase", "Timing", "measure_phases"]

PHASES: Final = (
    "identity",
    "runtime",
    "published",
    "discovery",
    "plan",
    "read",
    "stacks",
    "names",
    "threads",
    "rows",
)
"""Names that :class:`~inspector.process.hook.Hook` is called with, in the order of display."""

WHOLE: Final = "discovery"
REST: Final = "the rest"

READINGS: Final = 7
"""Readings after the first; the one that takes the median time is shown."""


@dataclass
class Phase:
    """The cost of one phase."""

    name: str
    ns: int = 0
    """Nanoseconds, without phases inside this one."""
    calls: int = 0
    """System calls that read memory (``process_vm_readv``)."""
    bytes: int = 0
    """Bytes that these calls copied."""


@dataclass(frozen=True)
class Timing:
    """The phases of an attachment, of its first reading, and of a later reading."""

    attach: tuple[Phase, ...]
    first: tuple[Phase, ...]
    next: tuple[Phase, ...]
    """The later reading that takes the median time."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class _Clock(Hook):
    """Adds up time and system calls by phase."""

    def __init__(self) -> None:
        self._phases = {name: Phase(name) for name in (*PHASES, REST)}
        self._stack = [REST]
        self._since = time.perf_counter_ns()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of the context to a phase, and not to the phase that it is inside of.

        Phases inside of discovery count as discovery.
        """
        if self._stack[-1] == WHOLE:
            yield
            return
        self._add_time()
        self._stack.append(name)
        try:
            yield
        finally:
            self._add_time()
            self._stack.pop()

    def note_call(self, moved: int) -> None:
        """Add a system call that copied so many bytes to the current phase."""
        phase = self._phases[self._stack[-1]]
        phase.calls += 1
        phase.bytes += max(0, moved)

    def lap(self) -> list[Phase]:
        """Return the phases since the last lap, and begin a new lap."""
        self._add_time()
        done = []
        for name, phase in self._phases.items():
            if phase.ns or phase.calls:
                done.append(phase)
            self._phases[name] = Phase(name)
        return done

    def _add_time(self) -> None:
        now = time.perf_counter_ns()
        self._phases[self._stack[-1]].ns += now - self._since
        self._since = now


def measure_phases(pid: int | None, pause_limit: float) -> Timing:
    """Attach to a process, read it several times, and return how long each phase took.

    None is the own process.  Raises what attaching and reading raise.
    """
    clock = _Clock()
    own = pid is None or pid == os.getpid()
    target = Target(OwnProcess(clock) if own else OtherProcess(pid or 0, clock), pause_limit)
    attach = clock.lap()
    laps = []
    for _ in range(1 + READINGS):
        target.snapshot()
        laps.append(clock.lap())
    first, *others = laps
    others.sort(key=lambda phases: sum(phase.ns for phase in phases))
    return Timing(tuple(attach), tuple(first), tuple(others[READINGS // 2]))
