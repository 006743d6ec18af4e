"""A memory made by hand: segments of bytes at addresses, with nothing between them.

Knows how to answer as a process does.  Does not know what the bytes mean: CPython's
structures are laid into it by :mod:`tests.heap` and :mod:`tests.runtime`.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault
from inspector.process.linked_lists import follow_lists

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from inspector.process.protocols import LinkedList, Node
    from inspector.process.vectors import Range

PAGE: Final = 4096
ARENA: Final = 1 << 16
"""Bytes that are mapped at a time; small objects share them, as in a real heap."""

FIRST: Final = 0x7F3A_0000_0000
MASK: Final = (1 << 64) - 1


class TooMuchRead(AssertionError):
    """A reader did not stop where it had to."""


class Image:
    """A :class:`~inspector.process.protocols.StillMemory` over segments of bytes."""

    pause_ns = 0

    def __init__(self) -> None:
        self.segments: dict[int, bytearray] = {}
        self._starts: list[int] = []
        self._next = self._end = FIRST
        self._handed: tuple[int, int, int] | None = None
        self.reads = 0
        """Ranges that were asked for, readable or not."""
        self.bytes_read = 0
        self.most_reads = 1 << 62
        self.before_read: Callable[[int], None] | None = None
        """Called with the number of the ``read_many`` that follows, so that a test can
        change the memory between two readings, as a target that runs does."""
        self.calls = 0

    def copy(self) -> Image:
        """Return an image with the same bytes, which can be changed apart."""
        twin = Image()
        twin.segments = {start: bytearray(data) for start, data in self.segments.items()}
        twin._starts = list(self._starts)
        twin._next, twin._end = self._next, self._end
        return twin

    def new(self, size: int, *, alone: bool = False) -> int:
        """Return the address of ``size`` new bytes, all 0.

        Those that stand ``alone`` have nothing mapped before and behind them.
        """
        size = (size + 15) // 16 * 16
        if self._handed:
            address, room, after = self._handed
            self._handed = (address, room, after - 1) if after else None
            if not after:
                assert size <= room
                return address
        if alone or self._next + size > self._end:
            # The page before is not mapped, and the segment ends with its last page.
            length = size if alone else max(ARENA, size)
            start = (self._end + length + 2 * PAGE - 1) // PAGE * PAGE + PAGE - length
            self.segments[start] = bytearray(length)
            self._starts.append(start)
            self._next, self._end = start, start + length
        address = self._next
        self._next += size
        return address

    def place(self, address: int, size: int) -> None:
        """Map ``size`` bytes, all 0, at an address of which nothing is mapped."""
        self.segments[address] = bytearray(size)
        insort(self._starts, address)

    def hand_out(self, address: int, size: int, after: int = 0) -> None:
        """Let :meth:`new` return this address, which is mapped, next or ``after`` some others."""
        self._handed = address, size, after

    def write(self, address: int, data: bytes) -> None:
        """Change bytes; they must be mapped."""
        start = self._starts[bisect_right(self._starts, address) - 1]
        place = address - start
        assert place + len(data) <= len(self.segments[start])
        self.segments[start][place : place + len(data)] = data

    def put(self, address: int, *words: int) -> None:
        """Change 64-bit words, given as signed or unsigned numbers."""
        self.write(address, b"".join((word & MASK).to_bytes(8, "little") for word in words))

    def word(self, address: int) -> int:
        """Return one 64-bit word, without counting it as read."""
        data = self._piece(address, 8)
        assert data is not None
        return int.from_bytes(data, "little")

    def add(self, address: int, change: int) -> None:
        """Change one 64-bit word by a number."""
        self.put(address, self.word(address) + change)

    def unmap(self, address: int) -> None:
        """Take the segment of an address away."""
        start = self._starts[bisect_right(self._starts, address) - 1]
        self._starts.remove(start)
        del self.segments[start]

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is not mapped."""
        self._count(1)
        piece = self._piece(address, size)
        if piece is None:
            raise MemoryFault(address, size)
        return piece

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is not mapped."""
        if self.before_read is not None:
            self.before_read(self.calls)
        self.calls += 1
        self._count(len(ranges))
        return [self._piece(address, size) for address, size in ranges]

    def read_again(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Do what :meth:`read_many` does."""
        return self.read_many(ranges)

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Read ranges and follow chains; nothing moves meanwhile."""
        pieces = self.read_many([*ranges, *others])
        return pieces[: len(ranges)], pieces[len(ranges) :], follow_lists(self, chains)

    def prepare(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:  # noqa: ARG002 - no pause to be shorter
        """Return the bytes of ``before``."""
        return self.read_many(before)

    def hold(self) -> AbstractContextManager[None]:
        """Hold nothing: an image does not move by itself."""
        return nullcontext()

    def _count(self, ranges: int) -> None:
        """Take note of a read; refuse what is more than a reader may ask for."""
        self.reads += ranges
        if self.reads > self.most_reads:
            raise TooMuchRead(f"{self.reads} ranges, {self.bytes_read} bytes")

    def _piece(self, address: int, size: int) -> bytes | None:
        """Return bytes of one segment, None where they are not all in it."""
        if size < 0:
            raise ValueError(f"{size} bytes asked for")
        if size == 0:
            return b""
        number = bisect_right(self._starts, address) - 1
        if number < 0:
            return None
        start = self._starts[number]
        data = self.segments[start]
        place = address - start
        if place + size > len(data):
            return None
        self.bytes_read += size
        return bytes(data[place : place + size])
