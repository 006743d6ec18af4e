"""The memory of another process, read while all of its threads are stopped."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from inspector.process.linked_lists import follow_lists
from inspector.process.pause import pause_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.process.memory import ProcessMemory
    from inspector.process.protocols import LinkedList, Node
    from inspector.process.vectors import Range

__all__ = ["StoppedWorld"]


class StoppedWorld:
    """Another process, read at one instant of all of its threads.

    A :class:`~inspector.process.protocols.StillMemory`: each ``read_many`` and ``read_all``
    stops the target, reads, and lets it run again.  Inside of :meth:`hold`, the target stays
    stopped between them.  ``limit`` is the longest pause, in seconds.
    """

    def __init__(self, memory: ProcessMemory, limit: float) -> None:
        self._memory = memory
        self._limit = limit
        self._held = False
        self.pause_ns = 0
        """Nanoseconds that the target was stopped, summed over all pauses."""
        self.registers: bytes | None = None
        """The registers of all threads in the last pause that was to have them."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes, not in a pause; raise :class:`MemoryFault`."""
        return self._memory.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range at one instant, None for an unreadable range."""
        return self.read_all(ranges, (), ())[0]

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Return the bytes of two groups of ranges and the nodes of lists, of one instant."""
        if not self._held:
            with self.hold():
                return self.read_all(ranges, others, chains)
        memory = self._memory
        return memory.read_again(ranges), memory.read_many(others), follow_lists(memory, chains)

    def prepare(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:
        """Read ``before`` and return its bytes; read ``ranges`` to make the next pause shorter.

        Nothing is stopped.  In the pause only the ranges that changed since are copied.
        """
        self._memory.read_again(ranges)
        return self._memory.read_many(before)

    @contextmanager
    def hold(self, *, registers: bool = False) -> Iterator[None]:
        """Keep the target stopped across several reads; ``registers``: read them, too.

        Raises what :func:`inspector.process.pause.pause_process` raises.
        """
        pause = pause_process(self._memory.pid, self._limit, registers=registers)
        try:
            with pause:
                self._held = True
                self.registers = pause.registers
                yield
        finally:
            self._held = False
            self.pause_ns += pause.ns
