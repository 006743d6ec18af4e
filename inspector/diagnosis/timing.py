"""Where the time of an attachment and of a reading goes.

What is measured is what users run: a hook hears of each phase as it begins and ends.
A phase's time does not include that of a phase inside it.
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

__all__ = ["PHASES", "Phase", "Timing", "measure"]

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
"""What :class:`~inspector.process.hook.Hook` hears of, in the order in which it is shown."""

WHOLE: Final = "discovery"
REST: Final = "the rest"

READINGS: Final = 7
"""Readings after the first, of which the median counts."""


@dataclass
class Phase:
    """What one phase took."""

    name: str
    ns: int = 0
    """Nanoseconds."""
    calls: int = 0
    """System calls that read memory (``process_vm_readv``)."""
    bytes: int = 0
    """Bytes that those moved."""


@dataclass(frozen=True)
class Timing:
    """The phases of an attachment, of its first reading, and of the ones after that."""

    attach: tuple[Phase, ...]
    first: tuple[Phase, ...]
    next: tuple[Phase, ...]
    """Of the reading whose time is the median."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class _Clock(Hook):
    """The phases of one measurement, and which of them is under way."""

    def __init__(self) -> None:
        self._phases = {name: Phase(name) for name in (*PHASES, REST)}
        self._stack = [REST]
        self._since = time.perf_counter_ns()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time of the context to a phase; the one it is inside of waits.

        Whatever discovery does is discovery.
        """
        if self._stack[-1] == WHOLE:
            yield
            return
        self._book()
        self._stack.append(name)
        try:
            yield
        finally:
            self._book()
            self._stack.pop()

    def note_call(self, moved: int) -> None:
        """Book a system call that read memory to the phase that is under way."""
        phase = self._phases[self._stack[-1]]
        phase.calls += 1
        phase.bytes += max(0, moved)

    def lap(self) -> list[Phase]:
        """Return the phases that there were since the last lap, and begin a new one."""
        self._book()
        done = [each for each in self._phases.values() if each.ns or each.calls]
        self._phases = {name: Phase(name) for name in self._phases}
        return done

    def _book(self) -> None:
        now = time.perf_counter_ns()
        self._phases[self._stack[-1]].ns += now - self._since
        self._since = now


def measure(pid: int | None, pause_limit: float) -> Timing:
    """Attach to a process, by default the own one, and read it several times.

    Raises what attaching and reading raise.
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
    others.sort(key=lambda phases: sum(each.ns for each in phases))
    return Timing(tuple(attach), tuple(first), tuple(others[READINGS // 2]))
