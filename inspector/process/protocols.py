"""The types that readers of memory share.  Nothing in here runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from inspector.process.vectors import Range

__all__ = ["LinkedList", "Memory", "Node", "RepeatableMemory", "StillMemory"]

LinkedList = tuple[int, int, int]
"""A linked list in the target: (address of the pointer to its first node, bytes to read of
each node, most nodes).  An address of 0 means an empty list.  The second word of a node
points to the next one; NULL ends the list."""

Node = tuple[int, bytes]
"""A node of a linked list: (address, bytes).  Fewer bytes where its mapping ends."""


class Memory(Protocol):
    """Bytes by address: of a process, of a stopped process, or of an image made by a test."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is unreadable."""
        ...

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable."""
        ...


class RepeatableMemory(Memory, Protocol):
    """A memory that reads the same ranges again and again at low cost."""

    def read_again(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return what :meth:`read_many` returns, for many ranges that are read repeatedly.

        A range whose bytes did not change is the same object as in the last reading.
        """
        ...


class StillMemory(Memory, Protocol):
    """A memory that stops threads for a reading, so that it shows one instant of them."""

    pause_ns: int
    """Nanoseconds that the threads were stopped."""

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Read ranges and others, and follow linked lists, all at one instant.

        ``ranges`` are expected to be read again, ``others`` are not.  Returns the bytes of
        both, and the nodes of each list as
        :func:`inspector.process.linked_lists.follow_lists` does.
        """
        ...

    def prepare(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:
        """Read ``before`` and return its bytes; make the next ``read_all(ranges, ...)`` shorter.

        Nothing is stopped, so the bytes are not of one instant.
        """
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Return a context in which all reads show one instant, where that is possible."""
        ...
