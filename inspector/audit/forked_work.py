"""Work in a forked copy of this process, of which only its answers remain.

What a constructor sets in its process (recursion limit, audit hooks, trace functions,
signal handlers, directory, environment, limits, patched modules, closed files, threads)
ends with the copy.  A new process would have to import everything again.  Processes that
the work starts are killed with it.

A fork takes milliseconds of the system's time, and as much again for the pages that the copy
writes to: more than most types take to exercise.  A copy therefore works on, until the work
changes what can be compared (:mod:`inspector.audit.process_state`).

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

from inspector.audit.process_state import is_unchanged, read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Answer = dict[str, Any]

__all__ = ["PIECE", "ForkedCopy", "describe_status", "die_with_parent", "keep_orphans"]

PIECE: Final = 1 << 16
"""Bytes of one read."""

LONGEST: Final = 1 << 24
"""Bytes of an answer, at most."""

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


class ForkedCopy:
    """A copy of this process that does work until it ends, is late or has changed.

    ``private`` are file descriptors that the copy closes.
    """

    def __init__(
        self, work: Callable[[Answer], Iterator[Answer]], private: Collection[int]
    ) -> None:
        mine = os.getpid()
        self._others = _list_children()
        self._reading, theirs = os.pipe()
        requests, self._writing = os.pipe()
        # Import of a module may have started threads: of them there are none in the copy.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if not self._pid:
            pipes = (self._reading, self._writing)
            _work_and_exit(work, requests, theirs, mine, (*pipes, *private))
        os.close(theirs)
        os.close(requests)
        self._ending = os.pidfd_open(self._pid)
        self.asked = 0
        """How often it was asked."""
        self.ended = False

    def ask(self, request: Answer, seconds: float) -> Iterator[Answer]:
        """Yield the answers of the work on a request.

        If the copy ends early, or does not answer within ``seconds``, the last answer is
        ``{"ended": why}``.  It is ended then, and when its state has changed.
        """
        self.asked += 1
        usable = False
        token = os.urandom(8).hex()
        try:
            with suppress(BrokenPipeError):  # it ended: there are no answers either
                os.write(self._writing, json.dumps([token, request]).encode() + b"\n")
            for answer in self._read_answers(token, seconds):
                usable = not (answer.pop("changed", False) or "ended" in answer)
                yield answer
        finally:
            if not usable or _list_children() - self._others != {self._pid}:
                self.end()

    def end(self) -> None:
        """Kill the copy and what it has started."""
        if self.ended:
            return
        self.ended = True
        for each in (self._reading, self._writing, self._ending):
            os.close(each)
        _kill_child(self._pid)
        while orphans := _list_children() - self._others:
            for orphan in orphans:
                _kill_child(orphan)

    def _read_answers(self, token: str, seconds: float) -> Iterator[Answer]:
        """Yield what the copy writes, and how it ended if that was before the last answer."""
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        poll.register(self._ending, select.POLLIN)
        rest = b""
        while True:
            ready = [number for number, _ in poll.poll(seconds * 1000)]
            if not ready:
                missing = len(sys._current_frames()) > 1  # noqa: SLF001 - documented
                doubt = ": there are none of the threads that imports started" if missing else ""
                yield {"ended": f"no answer within {seconds:g} s{doubt}"}
                return
            if self._reading in ready:
                piece = os.read(self._reading, PIECE)
                if not piece:  # it closed its files, and may be alive
                    poll.unregister(self._reading)
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > LONGEST:
                    lines = [b""]
                for line in lines:
                    answer = _parse_answer(line, token)
                    yield answer
                    if "verdict" not in answer:
                        return
            else:
                status = os.waitid(os.P_PIDFD, self._ending, os.WEXITED | os.WNOWAIT)
                ended = status is not None and status.si_code == os.CLD_EXITED
                number = 0 if status is None else status.si_status
                yield {"ended": describe_status(number if ended else -number)}
                return


def _parse_answer(line: bytes, token: str) -> Answer:
    """Return an answer, which begins with the token of its request.

    The work may write to any file of its process, this pipe included.
    """
    try:
        said, answer = json.loads(line)
    except (RecursionError, TypeError, ValueError):
        said = ""
    if said != token or not isinstance(answer, dict):
        return {"ended": "wrote to a pipe of the audit"}
    return answer


def _work_and_exit(
    work: Callable[[Answer], Iterator[Answer]],
    reading: int,
    writing: int,
    parent: int,
    private: Collection[int],
) -> NoReturn:
    """Answer requests, in the copy, and end it."""
    status = 1
    try:
        die_with_parent()
        for each in private:
            os.close(each)
        if os.getppid() == parent:
            _answer_requests(work, reading, writing)
            status = 0
    finally:
        os._exit(status)


def _answer_requests(
    work: Callable[[Answer], Iterator[Answer]], reading: int, writing: int
) -> None:
    """Answer until nobody asks any more or the state of this process has changed."""
    me = os.getpid()
    before = read_state()
    changed = False
    while not changed and (request := _read_line(reading)):
        token, asked = json.loads(request)
        for answer in work(asked):
            if "verdict" not in answer:
                changed = answer["changed"] = not is_unchanged(before)
            os.write(writing, json.dumps([token, answer]).encode() + b"\n")
            if os.getpid() != me:  # the work has forked, and this is the other one
                os.kill(me, signal.SIGKILL)
                return


def _read_line(reading: int) -> bytes:
    """Return the next request, which is asked alone; empty if nobody asks any more."""
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(reading, PIECE)):
        line += piece
    return line


def _list_children() -> set[int]:
    """Return the children of this process, as far as the kernel tells."""
    found: set[int] = set()
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            found.update(int(child) for child in children.read_text().split())
    return found


def _kill_child(pid: int) -> None:
    """Kill a child, if it has not ended yet, and take note of its end."""
    with suppress(OSError):  # somebody else, a module that is imported, has waited for it
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
