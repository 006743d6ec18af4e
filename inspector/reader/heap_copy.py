"""Copies many pieces of a process at once, into a buffer that is kept.

A fresh buffer costs a page fault for each of its pages while it is filled, which takes
longer than all the rest of a pause.
"""

from __future__ import annotations

import threading
from array import array
from contextlib import suppress
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_links import Words
from inspector.process.c_functions import process_vm_readv
from inspector.process.memory import ProcessMemory
from inspector.process.vectors import ADDRESS_END, WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = ["Buffer", "Copy"]

PART: Final = 256
"""Ranges of one system call: at most ``IOV_MAX``, and few enough to be shared out evenly."""

WORTH_A_THREAD: Final = 8 << 20
"""Bytes that take as long to copy as several starts of a thread."""

ROOM: Final = 1 << 20
"""Least number of bytes by which the buffer grows."""


class Copy:
    """The pieces of one copy; valid until the buffer is filled again."""

    def __init__(
        self, words: array[int], ranges: Sequence[Range], others: dict[int, bytes | None]
    ) -> None:
        self._words = words
        self._others = others
        self._starts = list(accumulate((size // WORD for _, size in ranges), initial=0))

    def words(self, number: int) -> Words | None:
        """Return the words of a range; None if it could not be read."""
        if number in self._others:
            piece = self._others[number]
            return None if piece is None else Words.of(piece)
        start = self._starts[number]
        return Words(self._words, start, self._starts[number + 1] - start)

    def piece(self, number: int) -> bytes | None:
        """Return the bytes of a range; None if it could not be read."""
        if number in self._others:
            return self._others[number]
        return self._words[self._starts[number] : self._starts[number + 1]].tobytes()


class Buffer:
    """The reader's buffer for copies."""

    def __init__(self) -> None:
        self._words = array("Q")

    def reserve(self, size: int) -> None:
        """Make room for ``size`` bytes, and touch every page of it."""
        if len(self._words) * WORD < size:
            # Freed first, so that the two buffers do not exist at once.
            self._words = array("Q")
            self._words = array("Q", [0]) * ((size + ROOM) // WORD)

    def copy(self, memory: Memory, ranges: Sequence[Range]) -> Copy:
        """Copy ranges of whole words, many of them in one system call."""
        others: dict[int, bytes | None] = {}
        if not isinstance(memory, ProcessMemory):
            return Copy(self._words, ranges, dict(enumerate(memory.read_many(ranges))))
        self.reserve(sum(size for _, size in ranges))
        remote = array("Q", [min(each, ADDRESS_END) for each in chain.from_iterable(ranges)])
        place, theirs = self._words.buffer_info()[0], remote.buffer_info()[0]
        calls = []
        for start in range(0, len(ranges), PART):
            part = ranges[start : start + PART]
            size = sum(size for _, size in part)
            calls.append(_Call(start, len(part), theirs + 2 * WORD * start, place, size))
            place += size
        for failed in _make_calls(memory.pid, calls, self._words):
            # A page of a range was unmapped, or this system refuses the call.
            part = ranges[failed.start : failed.start + failed.number]
            others.update(enumerate(memory.read_many(part), failed.start))
        return Copy(self._words, ranges, others)


class _Call(NamedTuple):
    """A system call that copies some ranges to one place."""

    start: int
    """Index of the first range."""
    number: int
    remote: int
    """Address of their ``struct iovec``."""
    place: int
    size: int


def _make_calls(pid: int, calls: Sequence[_Call], words: array[int]) -> list[_Call]:
    """Copy with two threads where that is worth it; return the calls that failed.

    A process that stands still for it leaves at least one processor idle.
    """
    if sum(call.size for call in calls) < WORTH_A_THREAD or len(calls) == 1:
        return _make_calls_in_turn(pid, calls)
    failed = list(calls[1::2])

    def help_copying(_: array[int]) -> None:
        # What an audit hook forbids is refused once more where the caller sees it.
        with suppress(Exception):
            failed[:] = _make_calls_in_turn(pid, calls[1::2])

    # It has the buffer, too: that must outlive an interrupted caller.
    helper = threading.Thread(target=help_copying, args=(words,), name="copy")
    try:
        helper.start()
    except RuntimeError:
        # No thread can be started.
        return _make_calls_in_turn(pid, calls)
    try:
        others = _make_calls_in_turn(pid, calls[::2])
    finally:
        helper.join()
    return failed + others


def _make_calls_in_turn(pid: int, calls: Sequence[_Call]) -> list[_Call]:
    """Copy; return the calls that failed."""
    local = array("Q", [0, 0])
    ours = local.buffer_info()[0]
    failed = []
    for call in calls:
        local[0], local[1] = call.place, call.size
        if process_vm_readv(pid, ours, 1, call.remote, call.number, 0) != call.size:
            failed.append(call)
    return failed
