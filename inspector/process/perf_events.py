"""Samples of the processor: which instruction each thread runs, by the kernel's own clock.

``perf_event_open`` (include/uapi/linux/perf_event.h, perf_event_open(2)): one software event
``cpu-clock`` per thread, whose samples the kernel writes into a ring buffer that is mapped
here.  Nothing is stopped or written in the other process.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["REFUSED", "ProcessorSample", "ProcessorSampler", "drain_ring"]

REFUSED: Final = "sysctl kernel.perf_event_paranoid=2, or run inspector with CAP_PERFMON"
"""What allows it where the kernel refuses."""

SOFTWARE: Final = 1
CPU_CLOCK: Final = 0
SAMPLE_IP, SAMPLE_TID, SAMPLE_REGISTERS = 1, 1 << 1, 1 << 12
DISABLED, EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR, BY_FREQUENCY = 1, 1 << 5, 1 << 6, 1 << 10
ATTRIBUTES: Final = 112
"""``PERF_ATTR_SIZE_VER5``."""
CLOSE_ON_EXEC: Final = 1 << 3
RECORD_SAMPLE: Final = 9

FREQUENCY: Final = 499
"""Samples per second of a thread that runs; prime, so that it beats with nothing."""

PAGES: Final = 8
"""Of a ring buffer: more are refused to many threads of a user (``RLIMIT_MEMLOCK``)."""

MOST_THREADS: Final = 32

RECORD_HEAD: Final = 8
"""``struct perf_event_header`` {type u32, misc u16, size u16}."""
SAMPLE_HEAD: Final = 32
"""The same, and {ip u64, pid u32, tid u32, abi u64}; the registers follow."""

HEAD, TAIL = 1024, 1032
"""``offsetof(struct perf_event_mmap_page, data_head)`` and ``data_tail``."""


class _Machine(NamedTuple):
    """What differs between processors."""

    call: int
    """Number of the system call."""
    registers: int
    """``sample_regs_user``: the general registers that may hold an address."""


_MACHINES: Final = {
    # arch/x86/include/uapi/asm/perf_regs.h: ax, bx, cx, dx, si, di, bp, and r8 to r15.
    "x86_64": _Machine(298, 0x7F | 0xFF << 16),
    # arch/arm64/include/uapi/asm/perf_regs.h: x0 to x28.
    "aarch64": _Machine(241, (1 << 29) - 1),
}


class ProcessorSample(NamedTuple):
    """One instruction that a thread was about to run in user mode."""

    native_id: int
    instruction: int
    registers: tuple[int, ...]


class _Event(NamedTuple):
    descriptor: int
    ring: mmap.mmap


class ProcessorSampler:
    """Samples some threads of another process; a context manager.

    ``reason`` says why nothing is sampled; None where it is.
    """

    def __init__(self, native_ids: Iterable[int]) -> None:
        self.reason: str | None = None
        self._machine = _MACHINES.get(platform.machine())
        self._events: dict[int, _Event] = {}
        if self._machine is None:
            self.reason = f"not known how to on {platform.machine()}"
            return
        self._library = ctypes.CDLL(None, use_errno=True)
        self.add_threads(native_ids)

    def add_threads(self, native_ids: Iterable[int]) -> None:
        """Sample more threads, as far as the kernel allows."""
        for native in native_ids:
            if len(self._events) >= MOST_THREADS or self.reason is not None:
                return
            if native not in self._events:
                self._open(native)

    def _open(self, native: int) -> None:
        """Open the event of one thread; one that has ended is left out."""
        assert self._machine is not None  # noqa: S101 - for the type checker
        attributes = bytearray(ATTRIBUTES)
        kinds = SAMPLE_IP | SAMPLE_TID | SAMPLE_REGISTERS
        flags = EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR | BY_FREQUENCY
        struct.pack_into(
            "=IIQQQQQ", attributes, 0, SOFTWARE, ATTRIBUTES, CPU_CLOCK, FREQUENCY, kinds, 0, flags
        )
        struct.pack_into("=Q", attributes, 80, self._machine.registers)
        raw = (ctypes.c_char * ATTRIBUTES).from_buffer(attributes)
        descriptor = self._library.syscall(
            ctypes.c_long(self._machine.call),
            ctypes.byref(raw),
            ctypes.c_int(native),
            ctypes.c_int(-1),
            ctypes.c_int(-1),
            ctypes.c_ulong(CLOSE_ON_EXEC),
        )
        if descriptor < 0:
            number = ctypes.get_errno()
            if number != errno.ESRCH:
                self.reason = self.reason or os.strerror(number)
            return
        try:
            ring = mmap.mmap(descriptor, (1 + PAGES) * mmap.PAGESIZE)
        except OSError as failure:
            os.close(descriptor)
            if not self._events:
                self.reason = os.strerror(failure.errno or 0)
            return
        self._events[native] = _Event(descriptor, ring)

    def read(self) -> list[ProcessorSample]:
        """Return the samples since the last call; those that found no room are lost."""
        found: list[ProcessorSample] = []
        for event in self._events.values():
            found += drain_ring(event.ring)
        return found

    def close(self) -> None:
        """End sampling."""
        for event in self._events.values():
            event.ring.close()
            os.close(event.descriptor)
        self._events.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def drain_ring(ring: mmap.mmap | bytearray) -> list[ProcessorSample]:
    """Take the records out of a ring buffer."""
    head, tail = struct.unpack_from("=QQ", ring, HEAD)
    size = PAGES * mmap.PAGESIZE
    if head - tail > size or head < tail:
        tail = head  # nonsense: begin anew
    data = bytearray()
    first = tail % size
    length = head - tail
    begin = mmap.PAGESIZE + first
    data += ring[begin : begin + min(length, size - first)]
    data += ring[mmap.PAGESIZE : mmap.PAGESIZE + max(0, length - (size - first))]
    struct.pack_into("=Q", ring, TAIL, head)
    found = []
    place = 0
    while place + RECORD_HEAD <= len(data):
        kind, _, record = struct.unpack_from("=IHH", data, place)
        if record < RECORD_HEAD or place + record > len(data):
            break
        if kind == RECORD_SAMPLE and record >= SAMPLE_HEAD:
            instruction, _, native, abi = struct.unpack_from("=QIIQ", data, place + RECORD_HEAD)
            words = (record - SAMPLE_HEAD) // 8 if abi else 0
            registers = struct.unpack_from(f"={words}Q", data, place + SAMPLE_HEAD)
            found.append(ProcessorSample(native, instruction, registers))
        place += record
    return found
