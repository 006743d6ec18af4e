"""The memory of the own process, read while all other threads of the interpreter are stopped.

No Python code may run between ``_PyEval_StopTheWorld`` and ``_PyEval_StartTheWorld``
(Python/pystate.c, 3.14 and 3.15).  Bytecode could suspend *this* thread under its own stop,
when another thread asked for a stop at the same time.  An audit hook could wait for a lock
that a stopped thread holds.  Either is a deadlock.  The stop, the reads and the start are
therefore steps of machine code, run by one foreign call
(:mod:`inspector.process.machine_code`).  Where such code cannot run, nothing is stopped.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from inspector.errors import AccessDenied, MemoryFault
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

__all__ = ["CannotStop", "OwnWorld"]

PASSES_BEFORE: Final = 2
"""Passes over all bytes before a pause.  From the second pass on, most bytes come from a
cache of the processor.  A third pass did not make the pause shorter."""

MONOTONIC: Final = 1
"""``CLOCK_MONOTONIC`` (include/uapi/linux/time.h)."""

SECOND: Final = 10**9
"""Nanoseconds."""


class CannotStop(AccessDenied):
    """A system call for a pause is refused from now on: the process has to be read as it runs."""


class OwnWorld:
    """The own process, read at one instant of the calling thread's interpreter.

    A :class:`~inspector.process.protocols.StillMemory`: ``read_many`` and ``read_all`` stop
    the threads of this interpreter, and of no other one.  ``read`` stops nothing.  If
    ``refusal`` is not empty, ``read`` is the only one of them that may be called.

    A program may install a filter of system calls (seccomp(2)) at any time.  The first
    reading that meets it sets ``refusal`` and raises :class:`CannotStop`.
    """

    def __init__(self, hook: Hook = NO_HOOK) -> None:
        self._hook = hook
        self._memory = ProcessMemory(hook=hook)
        self._cache = RangesCache(DoubleBufferedRanges, steady=True)
        # Through CDLL the caller would be detached, parked by its own stop, and hang.
        library = ctypes.PyDLL(None)
        current = library.PyInterpreterState_Get
        current.argtypes, current.restype = [], ctypes.c_void_p
        self.interpreter: int = current()
        self._caller, refusal = find_caller()
        self._stop = find_address(library["_PyEval_StopTheWorld"])
        self._start = find_address(library["_PyEval_StartTheWorld"])
        self._clock = find_address(library.clock_gettime)
        self._readv = find_address(library.process_vm_readv)
        self._gather = find_address(library.process_vm_writev)
        self._times = array("q", bytes(32))
        """Two ``struct timespec``: before the request to stop, and after the start."""
        self.refusal = refusal or self._test_calls()
        """Why this process cannot be stopped for a reading; empty if it can be."""
        self.pause_ns = 0
        """Nanoseconds of the last pause, from the request until all threads ran again."""

    def _test_calls(self) -> str:
        """Return which of the system calls for a pause a sandbox forbids; empty for none."""
        at = self._times.buffer_info()[0]
        place = array("Q", (at, WORD))
        one = place.buffer_info()[0]
        words = (os.getpid(), one, 1, one, 1, 0)
        moved = self._call([(self._readv, *words), (self._gather, *words)])
        calls = ("process_vm_readv", "process_vm_writev")
        names = [name for name, size in zip(calls, moved, strict=True) if size != WORD]
        return f"this system refuses {' and '.join(names)}" if names else ""

    def _refuse_if_forbidden(self) -> None:
        """Raise :class:`CannotStop` if the system calls for a pause are refused by now."""
        self.refusal = self._test_calls()
        if self.refusal:
            raise CannotStop(
                self.refusal,
                pid=os.getpid(),
                hint="read again: the process is then read while its threads run",
            )

    def close(self) -> None:
        """Close the files that reads without a pause opened."""
        self._memory.close()

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes, not in a pause; raise :class:`MemoryFault`."""
        return self._memory.read(address, size)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range at one instant, None for an unreadable range."""
        return self.read_all(ranges, (), ())[0]

    def read_all(
        self, ranges: Sequence[Range], others: Sequence[Range], chains: Sequence[LinkedList]
    ) -> tuple[list[bytes | None], list[bytes | None], list[list[Node] | None]]:
        """Read ranges and others, and follow linked lists, all at one instant.

        Returns the bytes of ``ranges``, the bytes of ``others``, and the nodes of each list
        as :func:`inspector.process.linked_lists.follow_lists` does.
        """
        walks = [KernelWalk(chain) if chain[0] else None for chain in chains]
        calls = [call for walk in walks if walk for call in walk.calls]
        pieces, others_pieces, moved = self._read(ranges, others, calls)
        start = 0
        found: list[list[Node] | None] = []
        for walk in walks:
            end = start + (len(walk.calls) if walk else 0)
            if walk and moved[start] != WORD:
                self._refuse_if_forbidden()
            found.append(walk.nodes(moved[start:end]) if walk else [])
            start = end
        return pieces, others_pieces, found

    def prepare(self, ranges: Sequence[Range], before: Sequence[Range]) -> list[bytes | None]:
        """Read ``before`` and return its bytes; read ``ranges`` to make the next pause shorter.

        Nothing is stopped.  Reading brings pages back that were swapped out, and bytes into
        the caches of the processor.
        """
        pieces = self._memory.read_again(before)
        self._call(PASSES_BEFORE * self._make_gather_steps(self._cache.find_or_make(ranges).next))
        return pieces

    def _make_gather_steps(self, vectors: Vectors) -> list[Step]:
        """Return the steps that copy scattered ranges of the own process into a buffer.

        ``process_vm_writev`` "writes" the ranges into the buffer, which is the remote side:
        the kernel looks up the pages of the buffer only, and copies the ranges directly.
        With ``process_vm_readv`` the kernel looks up the page of every range, which costs
        more than copying a page of bytes.
        """
        pid = os.getpid()
        return [(self._gather, pid, *call, 0) for call in vectors.gather_calls]

    def hold(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: no Python code may run during the own pause."""
        return nullcontext()

    def _read(
        self, ranges: Sequence[Range], others: Sequence[Range], more: Sequence[Call]
    ) -> tuple[list[bytes | None], list[bytes | None], list[int]]:
        """Read ranges and others and make more calls; return the bytes, and what each moved."""
        kept, loose = self._cache.find_or_make(ranges), Vectors(others, apart=True)
        pid = os.getpid()
        walk = [(self._readv, pid, *call, 0) for call in more]
        gather = self._make_gather_steps(kept.next) + self._make_gather_steps(loose)
        moved = self._run([*gather, *walk])
        if moved[: len(gather)] == [*kept.next.lengths, *loose.lengths]:
            return kept.pieces(), [*loose.pieces()], moved[len(gather) :]
        self._refuse_if_forbidden()
        # A range was unmapped after the reading was planned.  Leave it out, and read the
        # others at a new instant.
        both = [*ranges, *others]
        alive = [piece is not None for piece in self._memory.read_many(both)]
        vectors = Vectors([one for one, readable in zip(both, alive, strict=True) if readable])
        pages = [(self._readv, pid, *call, 0) for call in vectors.calls]
        moved = self._run([*pages, *walk])
        if moved[: len(pages)] != vectors.lengths:
            raise MemoryFault(*both[0])
        there = iter(vectors.pieces())
        pieces = [next(there) if readable else None for readable in alive]
        return pieces[: len(ranges)], pieces[len(ranges) :], moved[len(pages) :]

    def _run(self, calls: Sequence[Step]) -> list[int]:
        """Stop the threads, make every call, start them; return the bytes that each call moved."""
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
        """Make all calls; return the result of each."""
        if self._caller is None:
            raise RuntimeError(self.refusal)
        return self._caller.call(steps)
