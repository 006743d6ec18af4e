"""Work in a forked copy of this process, of which only its answers remain.

What a constructor sets in its process (recursion limit, audit hooks, trace functions,
signal handlers, directory, environment, limits, patched modules, closed files, threads)
ends with the copy.  A fork takes milliseconds; a new process would have to import
everything again.  Processes that the work starts are killed with it.

What the work does outside of its process, to files for example, remains.  Threads that
imports have started are not copied: work that waits for one of them blocks.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Answer = dict[str, Any]

__all__ = ["PIECE", "describe_status", "die_with_parent", "keep_orphans", "run_in_fork"]

PIECE: Final = 1 << 16
"""Bytes of one read."""

PR_SET_PDEATHSIG: Final = 1
"""``prctl(2)``: a signal when the parent ends (include/uapi/linux/prctl.h)."""

PR_SET_CHILD_SUBREAPER: Final = 36
"""``prctl(2)``: descendants whose parents ended become children of this process."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def keep_orphans() -> None:
    """Become the parent of processes that the work starts and does not wait for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def describe_status(status: int) -> str:
    """Say how a process ended, given its status as Popen tells it."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"crashed: {name}"


def run_in_fork(
    work: Callable[[], Iterator[Answer]], seconds: float, private: Collection[int]
) -> Iterator[Answer]:
    """Yield the answers of ``work``, called in a copy of this process.

    ``private`` are file descriptors that the copy closes.  If the copy ends early, or does
    not answer within ``seconds``, the last answer is ``{"ended": why}``.
    """
    mine = os.getpid()
    children = _list_children()
    reading, writing = os.pipe()
    # Import of a module may have started threads: of them there are none in the copy.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        copy = os.fork()
    if not copy:
        _answer_and_exit(work, writing, mine, (reading, *private))
    os.close(writing)
    try:
        yield from _read_answers(copy, reading, seconds)
    finally:
        os.close(reading)
        _kill_child(copy)
        while orphans := _list_children() - children:
            for each in orphans:
                _kill_child(each)


def _answer_and_exit(
    work: Callable[[], Iterator[Answer]], writing: int, parent: int, private: Collection[int]
) -> NoReturn:
    """Write the answers, in the copy, and end it."""
    status = 1
    try:
        die_with_parent()
        for each in private:
            os.close(each)
        me = os.getpid()
        if os.getppid() == parent:
            for answer in work():
                os.write(writing, json.dumps(answer).encode() + b"\n")
                if os.getpid() != me:  # the work has forked, and this is the other one
                    os.kill(me, signal.SIGKILL)
                    break
            status = 0
    finally:
        os._exit(status)


def _read_answers(copy: int, reading: int, seconds: float) -> Iterator[Answer]:
    """Yield what the copy writes, and how it ended if that was before the last answer."""
    ending = os.pidfd_open(copy)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.register(ending, select.POLLIN)
    rest = b""
    try:
        while True:
            ready = [number for number, _ in poll.poll(seconds * 1000)]
            if not ready:
                missing = len(sys._current_frames()) > 1  # noqa: SLF001 - documented
                doubt = ": there are none of the threads that imports started" if missing else ""
                yield {"ended": f"no answer within {seconds:g} s{doubt}"}
                return
            if reading in ready:
                piece = os.read(reading, PIECE)
                if not piece:  # it closed its files, and may be alive
                    poll.unregister(reading)
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    answer = json.loads(line)
                    yield answer
                    if "verdict" not in answer:
                        return
            else:
                status = os.waitid(os.P_PIDFD, ending, os.WEXITED | os.WNOWAIT)
                ended = status is not None and status.si_code == os.CLD_EXITED
                number = 0 if status is None else status.si_status
                yield {"ended": describe_status(number if ended else -number)}
                return
    finally:
        os.close(ending)


def _list_children() -> set[int]:
    """Return the children of this process, as far as the kernel tells."""
    found: set[int] = set()
    for each in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            found.update(map(int, each.read_text().split()))
    return found


def _kill_child(pid: int) -> None:
    """Kill a child, if it has not ended yet, and take note of its end."""
    with suppress(OSError):  # somebody else, a module that is imported, has waited for it
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
