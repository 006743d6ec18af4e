"""What threads spend processor time on, from samples: shared counting, locks, one object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["COUNTING", "LOCKING", "ProcessorTally", "ProcessorTime"]

COUNTING: Final = frozenset(
    {
        *("_Py_DecRefShared", "_Py_DecRefSharedDebug", "_Py_MergeZeroLocalRefcount"),
        *("_Py_ExplicitMergeRefcount", "_Py_brc_queue_object", "_PyObject_ThreadIncrefSlow"),
    }
)
"""Functions that change counts which threads share (Objects/object.c, Python/brc.c,
Python/uniqueid.c; 3.14 and 3.15).  Increments are inlined into their callers, and not here."""

LOCKING: Final = frozenset(
    {
        *("PyMutex_Lock", "PyMutex_Unlock", "_PyMutex_LockTimed", "_PyMutex_TryUnlock"),
        *("_PyMutex_LockSlow", "_PyParkingLot_Park", "_PyParkingLot_Unpark", "_PySemaphore_Wait"),
        *("_PyCriticalSection_BeginSlow", "_PyCriticalSection2_BeginSlow"),
        *("_PyRecursiveMutex_Lock", "_PyRecursiveMutex_LockTimed", "_PyRawMutex_LockSlow"),
    }
)
"""Functions of CPython's locks (Python/lock.c, Python/parking_lot.c,
Python/critical_section.c; 3.14 and 3.15)."""

SHARED: Final = 16
"""``offsetof(PyObject, ob_ref_shared)``."""
LOWEST: Final = 1 << 16
"""No object is below."""
ENOUGH: Final = 200
"""Samples from which on an object that none names costs nothing."""


class ProcessorTime(NamedTuple):
    """What processor time went to; shares of the samples of threads in user mode."""

    samples: int
    counting: float | None
    """In shared counting, at least; None without samples."""
    locking: float | None
    reason: str | None
    """Why there are no samples; None where there may be some."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._asdict()


class ProcessorTally:
    """Samples of instructions and registers, summed up."""

    def __init__(
        self, functions: Sequence[tuple[int, int, str]], is_near_atomic: Callable[[int], bool]
    ) -> None:
        """``functions`` are (first address, address behind, name).

        ``is_near_atomic`` says of an instruction whether an atomic operation is near it.
        """
        self._is_near_atomic = is_near_atomic
        self._functions = list(functions)
        self.samples = 0
        self._counting = 0
        self._locking = 0
        self._pointers: Counter[int] = Counter()
        """Objects whose ``ob_ref_shared`` a register pointed at while an atomic operation was
        near, or that a counting function was called for."""

    def add(self, samples: Iterable[tuple[int, Sequence[int]]]) -> None:
        """Add samples of (address of the instruction, registers)."""
        for instruction, registers in samples:
            self.samples += 1
            named: set[int] = set()
            if self._is_near_atomic(instruction):
                named.update(register - SHARED for register in registers if register > LOWEST)
            for start, end, name in self._functions:
                if start <= instruction < end:
                    if name in COUNTING:
                        self._counting += 1
                        named.update(registers)
                        named.update(register - SHARED for register in registers)
                    else:
                        self._locking += 1
                    break
            self._pointers.update(named)

    def share(self, address: int) -> float | None:
        """Return the share of samples that name an object; None after too few to tell."""
        named = self._pointers[address]
        if not self.samples or (not named and self.samples < ENOUGH):
            return None
        return named / self.samples

    def summary(self, reason: str | None) -> ProcessorTime:
        """Return the sums."""
        if not self.samples:
            return ProcessorTime(0, None, None, reason)
        known = bool(self._functions)
        return ProcessorTime(
            self.samples,
            self._counting / self.samples if known else None,
            self._locking / self.samples if known else None,
            reason,
        )
