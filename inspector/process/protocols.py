"""What bytes can be read from, and what may be asked of it; types, and nothing that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from inspector.process.vectors import Range

__all__ = ["LinkedList", "Memory", "Node", "RepeatableMemory", "StillMemory"]

LinkedList = tuple[int, int, int]
"""A linked list to follow: where the pointer to its first node stands (0 for no list
at all), bytes to read of each node, and the most nodes that are followed.  The
second word of a node points to the next; NULL ends the list."""

Node = tuple[int, bytes]
"""A node of a chain: its address, and its bytes, fewer where its memory ended."""


class Memory(Protocol):
    """Anything that yields bytes for addresses: a process, a pause, a test's image."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is unreadable."""
        ...

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable."""
        ...


class RepeatableMemory(Memory, Protocol):
    """A memory of which the same ranges are read again and again."""

    def read_again(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Do what :meth:`read_many` does, for many ranges that are read again and again.

        What reads as it did is the very object of the time before.
        """
        ...


class StillMemory(Memory, Protocol):
    """A memory whose reads are one instant of the threads that it concerns."""

    pause_ns: int
    """Nanoseconds that those threads stood still."""

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Read ranges and others, and follow chains, at one and the same instant.

        ``ranges`` may well be read again, ``others`` not.
        See :func:`inspector.process.linked_lists.follow_lists` for what is returned of chains.
        """
        ...

    def ready(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of ``before``; make the pause of a :meth:`read_all` of ranges shorter.

        Neither is one instant.
        """
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Make all reads in the context one instant, where that is possible."""
        ...
