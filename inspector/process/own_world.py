"""The own interpreter stopped for one reading, in one foreign call.

Knows: how to stop every other thread of the own interpreter, read, and start
them again without deadlock.  Does not know what is read.

Between ``_PyEval_StopTheWorld`` and ``_PyEval_StartTheWorld`` (Python/pystate.c, 3.14
and 3.15) no Python code may run, nobody's: neither bytecode, at the end of whose calls
*this* thread may be suspended under its own stop when another thread asked for one at the
same time, nor an audit hook, which may wait for a lock that a stopped thread holds.  So the
stop, the reads and the start are steps of machine code, one foreign call in all
(:mod:`inspector.process.machine_code`).  Where that cannot be had nothing is stopped.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from contextlib import nullcontext
from itertools import compress
from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault
from inspector.process.hook import NO_HOOK, Hook
from inspector.process.linked_lists import KernelWalk
from inspector.process.machine_code import find_address, find_caller
from inspector.process.memory import ProcessMemory
from inspector.process.repeated_ranges import DoubleBufferedRanges, RangesCache
from inspector.process.vectors import WORD, Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from inspector.process.machine_code import Step
    from inspector.process.protocols import LinkedList, Node
    from inspector.process.vectors import Call, Range

__all__ = ["OwnWorld"]

PASSES_BEFORE: Final = 2
"""Passes over all bytes before a pause.  From the second one on, most of them come from a
cache of the processor; a third one changes nothing."""

MONOTONIC: Final = 1
"""``CLOCK_MONOTONIC`` (include/uapi/linux/time.h)."""

SECOND: Final = 10**9
"""Nanoseconds."""


class OwnWorld:
    """Reads of the own process at one instant of the calling thread's interpreter.

    A :class:`~inspector.process.protocols.Memory` whose ``read_many`` is one instant
    as far as this interpreter's threads go: they are stopped for it.  ``read``
    does not stop anything.  Where ``refusal`` says why nothing can be stopped, only
    ``read`` can be called.
    """

    def __init__(self, hook: Hook = NO_HOOK) -> None:
        self._hook = hook
        self._memory = ProcessMemory(hook=hook)
        self._latest = RangesCache(DoubleBufferedRanges, steady=True)
        # Through CDLL the caller would be detached, parked by its own stop, and hang.
        library = ctypes.PyDLL(None)
        current = library.PyInterpreterState_Get
        current.argtypes, current.restype = [], ctypes.c_void_p
        self.interpreter: int = current()
        self._caller, refusal = find_caller()
        self._stop = find_address(library._PyEval_StopTheWorld)  # noqa: SLF001 - CPython's name
        self._start = find_address(library._PyEval_StartTheWorld)  # noqa: SLF001 - CPython's name
        self._clock = find_address(library.clock_gettime)
        self._readv = find_address(library.process_vm_readv)
        self._gather = find_address(library.process_vm_writev)
        self._times = array("q", bytes(32))
        """Two ``struct timespec``: when the stop was asked for, and when all ran again."""
        self.refusal = refusal or self._refused()
        """Why nothing can be read in a pause; empty where it can be."""
        self.pause_ns = 0
        """Nanoseconds of the last pause, from the request until all ran again."""

    def _refused(self) -> str:
        """Return why nothing could be read in a pause: a sandbox may forbid the calls for it."""
        at = self._times.buffer_info()[0]
        place = array("Q", (at, WORD))
        one = place.buffer_info()[0]
        words = (os.getpid(), one, 1, one, 1, 0)
        moved = self._call([(self._readv, *words), (self._gather, *words)])
        calls = ("process_vm_readv", "process_vm_writev")
        names = [name for name, size in zip(calls, moved, strict=True) if size != WORD]
        return f"this system refuses {' and '.join(names)}" if names else ""

    def close(self) -> None:
        """Close what reading without a pause opened."""
        self._memory.close()

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes without a pause; raise :class:`MemoryFault`."""
        return self._memory.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of all ranges at one instant, or None where unreadable."""
        return self.read_all(ranges, (), ())[0]

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Read ranges and others, and follow chains, at one and the same instant.

        See :func:`inspector.process.linked_lists.follow_lists` for what is returned of chains.
        """
        chases = [KernelWalk(chain) if chain[0] else None for chain in chains]
        calls = [call for chase in chases if chase for call in chase.calls]
        pieces, others_pieces, moved = self._read(ranges, others, calls)
        start = 0
        found: list[list[Node] | None] = []
        for chase in chases:
            end = start + (len(chase.calls) if chase else 0)
            found.append(chase.hops(moved[start:end]) if chase else [])
            start = end
        return pieces, others_pieces, found

    def ready(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of ``before``, and go through those of ranges, all without a pause.

        The next pause is shorter for it: pages that were swapped out are back, and the
        bytes in the processor's caches.
        """
        pieces = self._memory.read_again(before)
        self._call(PASSES_BEFORE * self._gathering(self._latest.of(ranges).next))
        return pieces

    def _gathering(self, vectors: Vectors) -> list[Step]:
        """Return the calls that fill a buffer of the own process from all over it.

        The buffer is the remote side of ``process_vm_writev``: its pages are looked up,
        and the pieces are copied as those of any system call.  The other way round each
        piece costs the kernel more than a page of bytes.
        """
        pid = os.getpid()
        return [(self._gather, pid, *call, 0) for call in vectors.gathering]

    def hold(self) -> AbstractContextManager[None]:
        """Hold nothing: no Python code may run while the own world is stopped."""
        return nullcontext()

    def _read(
        self, ranges: Sequence[Range], others: Sequence[Range], more: Sequence[Call]
    ) -> tuple[list[bytes | None], list[bytes | None], list[int]]:
        """Read ranges and others, and make more calls; return the bytes, and what those moved."""
        kept, loose = self._latest.of(ranges), Vectors(others, apart=True)
        pid = os.getpid()
        chase = [(self._readv, pid, *call, 0) for call in more]
        gather = self._gathering(kept.next) + self._gathering(loose)
        moved = self._run([*gather, *chase])
        if moved[: len(gather)] == [*kept.next.lengths, *loose.lengths]:
            return kept.pieces(), [*loose.pieces()], moved[len(gather) :]
        # A range went away after it was planned.  Leave out what cannot be read
        # now, and take the rest at a new instant.
        both = [*ranges, *others]
        alive = [piece is not None for piece in self._memory.read_many(both)]
        vectors = Vectors(list(compress(both, alive)))
        pages = [(self._readv, pid, *call, 0) for call in vectors.calls]
        moved = self._run([*pages, *chase])
        if moved[: len(pages)] != vectors.lengths:
            raise MemoryFault(*both[0])
        there = iter(vectors.pieces())
        pieces = [next(there) if readable else None for readable in alive]
        return pieces[: len(ranges)], pieces[len(ranges) :], moved[len(pages) :]

    def _run(self, calls: Sequence[Step]) -> list[int]:
        """Stop, make every call, start; return the bytes that each call moved."""
        nothing = (0, 0, 0, 0, 0)
        began = self._times.buffer_info()[0]
        ended = began + 16
        steps = [
            (self._clock, MONOTONIC, began, 0, 0, 0, 0),
            (self._stop, self.interpreter, *nothing),
            *calls,
            (self._start, self.interpreter, *nothing),
            (self._clock, MONOTONIC, ended, 0, 0, 0, 0),
        ]
        results = self._call(steps)
        seconds, nanoseconds, seconds_then, nanoseconds_then = self._times
        self.pause_ns = (seconds_then - seconds) * SECOND + nanoseconds_then - nanoseconds
        moved = results[2:-2]
        for size in moved:
            self._hook.note_call(size)
        return moved

    def _call(self, steps: Sequence[Step]) -> list[int]:
        """Make calls one after the other; return what each returned."""
        if self._caller is None:
            raise RuntimeError(self.refusal)
        return self._caller.call(steps)
