"""The loop of a recorder: read, write, wait; and a program that is recorded from its start."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import inspector
from inspector.errors import (
    AccessDenied,
    InspectorError,
    LayoutError,
    MemoryFault,
    NoSuchTarget,
    TargetChanged,
    TargetError,
    Unsettled,
)
from inspector.launch.program import (
    check_program,
    find_interpreter_options,
    split_interpreter,
)
from inspector.snapshots.recording import RecordingWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from inspector.reader.target import Target
    from inspector.snapshots.snapshot import Snapshot

__all__ = [
    "Schedule",
    "Tally",
    "end_with_reader",
    "hold_interrupts",
    "record_readings",
    "start_program",
]

START_LIMIT: Final = 10.0
"""Seconds in which a program that was started has to become a Python that can be read."""

START_WAIT: Final = 0.01


class Schedule(NamedTuple):
    """When to read, and when to stop."""

    interval: float
    """Seconds from one reading to the next."""
    duration: float | None
    """Seconds; None for as long as the process lives."""
    force: bool = False
    """Overwrite the file."""


class Tally(NamedTuple):
    """How far a recording is."""

    readings: int
    failed: int
    """Readings that the process moved too fast for."""
    size: int
    """Bytes of the file."""
    seconds: float


def record_readings(
    target: Target,
    read: Callable[[], Snapshot],
    path: str,
    schedule: Schedule,
    tell: Callable[[Tally], None],
) -> Tally:
    """Write readings to a file until the time is up, the process ends, or Ctrl-C.

    What the tally counts is in the file, whole: Ctrl-C waits for the end of a line.

    Raises what keeps the first reading from being taken, and :class:`FileError`.
    """
    layout = {"evidence": [offset._asdict() for offset in target.layout.offsets]}
    snapshot = read()
    begin = due = time.monotonic()
    failed = 0
    with RecordingWriter(path, layout, force=schedule.force) as writer:
        try:
            with hold_interrupts():
                writer.add(snapshot)
            while True:
                tell(Tally(writer.count, failed, writer.size, time.monotonic() - begin))
                due = max(due + schedule.interval, time.monotonic())
                if schedule.duration is not None and due > begin + schedule.duration:
                    break
                time.sleep(due - time.monotonic() if due > time.monotonic() else 0)
                try:
                    snapshot = read()
                    with hold_interrupts():
                        writer.add(snapshot)
                except (Unsettled, MemoryFault):
                    failed += 1
                except (NoSuchTarget, TargetChanged):
                    break
        except KeyboardInterrupt:
            pass  # the way to end a recording that has no end of its own
    return Tally(writer.count, failed, writer.size, time.monotonic() - begin)


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Delay Ctrl-C until the block ends; a second Ctrl-C interrupts at once."""
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            signal.default_int_handler(number, frame)
        held.append(number)

    handler = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held:
        signal.raise_signal(signal.SIGINT)


def start_program(
    words: Sequence[str], pause_limit: float
) -> tuple[subprocess.Popen[bytes], Target]:
    """Start Python with a program, and attach to it as soon as it can be read.

    The words may begin with the Python that is to run it: ``python app.py``.

    Raises :class:`ProgramError`, and what keeps it from being attached to.
    """
    python, program = split_interpreter(words)
    check_program(program)
    command = [python, *program]
    if not python:
        inspector.attach()  # what keeps this Python from being read keeps the other one, too
        command = [sys.executable, *find_interpreter_options(sys.orig_argv), *program]
    child = subprocess.Popen(command)  # noqa: S603 - the user's own program
    limit = time.monotonic() + START_LIMIT
    while True:
        try:
            target = inspector.attach(child.pid, pause_limit=pause_limit)
            target.snapshot()
        except (TargetError, LayoutError, MemoryFault, Unsettled) as error:
            # Until Python has made its interpreter, and once it is gone, there is nothing.
            refused = isinstance(error, AccessDenied)
            if refused or child.poll() is not None or time.monotonic() > limit:
                raise _make_ended_error(child, error) from None
        except BaseException:
            child.terminate()
            child.wait()
            raise
        else:
            return child, target
        time.sleep(START_WAIT)


@contextmanager
def end_with_reader(child: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """End a program that was started, if what reads it fails, and say so if it ended first."""
    try:
        yield
    except (NoSuchTarget, TargetChanged) as error:
        if child is not None:
            raise _make_ended_error(child, error) from None
        raise
    except BaseException:
        if child is not None:
            child.terminate()
            child.wait()
        raise


def _make_ended_error(child: subprocess.Popen[bytes], error: InspectorError) -> InspectorError:
    """Return why a program could not be attached to."""
    if child.poll() is None:
        child.terminate()
        child.wait()
        return error
    return NoSuchTarget(
        f"the program ended with status {child.returncode} before it was read",
        pid=child.pid,
        hint="record what runs for longer",
    )
