"""Bytes of a live process, read without stopping or changing it.

Knows: how to ask the kernel for many pieces of another address space with few
system calls, and that a bad address is a :class:`~inspector.errors.MemoryFault`
and never a crash, in the own process too.  Does not know what the bytes mean.

``process_vm_readv(2)`` moves each piece separately: the bytes of one call are
not one instant.  A reader that needs one instant stops the threads first
(:mod:`inspector.process.pause`).
"""

from __future__ import annotations

import ctypes
import errno
import os
from array import array
from typing import TYPE_CHECKING, Final, Protocol, cast

from inspector.errors import AccessDenied, InspectorError, MemoryFault, NoSuchTarget, TargetChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["IOV_MAX", "LastVectors", "Memory", "ProcessMemory", "Range", "Vectors"]

IOV_MAX: Final = 1024
"""Pieces that Linux moves in one call (``UIO_MAXIOV``, include/uapi/linux/uio.h)."""

PAGE_BITS: Final = 12
PAGE: Final = 1 << PAGE_BITS
"""The smallest page of any machine that CPython's LP64 layout is read on."""

ADDRESS_END: Final = (1 << 64) - (1 << 40)
"""No process has memory from here on; keeps sums of address and size in 64 bits."""

MAX_BYTES: Final = 1 << 30
"""More than one reading of any real target takes; a lying size ends here."""

Range = tuple[int, int]
"""A piece of memory: (address, size in bytes)."""


class Memory(Protocol):
    """Anything that yields bytes for addresses: a process, a pause, a test's image."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is unreadable."""
        ...

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable."""
        ...


class Vectors:
    """The two iovec arrays and the buffer of one scattered read.

    Whole pages are read, those that follow each other as one segment: a piece of
    its own costs the kernel as much as half a page of bytes.  No page is touched
    that no range needs.

    Built from ``array`` and not from ctypes arrays: every length of a ctypes
    array is a new heap type, and a tool that counts types must not create any.
    ``calls`` holds one tuple (local, local count, remote, remote count) per
    system call, ``lengths`` the bytes each is to move; the arrays live as long as
    this object does, and the calls can be made again.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        if sum(size for _, size in ranges) > MAX_BYTES:
            raise MemoryFault(*max(ranges, key=lambda item: item[1]))
        segments, self._places = _merge(ranges)
        self._buffer = array("B", bytes(sum(segments[1::2])))
        self._remote = array("Q", segments)
        self._local = array("Q")
        offset = self._buffer.buffer_info()[0]
        self.lengths: list[int] = []
        for start in range(0, len(segments), 2 * IOV_MAX):
            length = sum(segments[start + 1 : start + 2 * IOV_MAX : 2])
            self._local.extend((offset, length))
            self.lengths.append(length)
            offset += length
        local, remote = self._local.buffer_info()[0], self._remote.buffer_info()[0]
        self.calls = [
            (
                local + number * 16,
                1,
                remote + number * IOV_MAX * 16,
                min(IOV_MAX, len(segments) // 2 - number * IOV_MAX),
            )
            for number in range(len(self.lengths))
        ]

    def pieces(self) -> list[bytes]:
        """Return the bytes of each range once every call has moved all of its part."""
        data = self._buffer.tobytes()
        return [data[start:end] for start, end in self._places]


class LastVectors:
    """The vectors of the latest ranges: a plan that stays is not taken apart again."""

    def __init__(self) -> None:
        self._ranges: Sequence[Range] = ()
        self._vectors = Vectors(())

    def of(self, ranges: Sequence[Range]) -> Vectors:
        """Return vectors for the ranges, the same ones for the same list object."""
        if ranges is not self._ranges:
            self._vectors = Vectors(ranges)
            self._ranges = ranges
        return self._vectors


def _merge(ranges: Sequence[Range]) -> tuple[list[int], list[Range]]:
    """Return the segments (address, size, address, size, ...) and each range's place.

    A segment is a run of pages that all have a byte of some range.  A place is the
    (start, end) of a range in the bytes of all segments.
    """
    if ranges and max(ranges)[0] >= ADDRESS_END:
        ranges = [(at if at < ADDRESS_END else 0, size) for at, size in ranges]
    pages = {at >> PAGE_BITS for at, size in ranges if size}
    pages |= {(at + size - 1) >> PAGE_BITS for at, size in ranges if size}
    for at, size in ranges:
        if size > PAGE:
            pages.update(range((at >> PAGE_BITS) + 1, (at + size - 1) >> PAGE_BITS))
    segments: list[int] = []
    offsets: dict[int, int] = {}
    previous = -2
    for offset, page in enumerate(sorted(pages)):
        if page == previous + 1:
            segments[-1] += PAGE
        else:
            segments += (page << PAGE_BITS, PAGE)
        offsets[page] = offset << PAGE_BITS
        previous = page
    starts = [offsets[at >> PAGE_BITS] + at % PAGE if size else 0 for at, size in ranges]
    return segments, [(at, at + size) for at, (_, size) in zip(starts, ranges, strict=True)]


def _bind() -> Callable[..., int]:
    """Return ``process_vm_readv`` with its types fixed once."""
    function = ctypes.CDLL(None, use_errno=True).process_vm_readv
    pointer, count = ctypes.c_void_p, ctypes.c_ulong
    function.argtypes = [ctypes.c_int, pointer, count, pointer, count, count]
    function.restype = ctypes.c_ssize_t
    return cast("Callable[..., int]", function)


_process_vm_readv: Final = _bind()


def denied_hint(pid: int) -> str:
    """Say how the right to read process ``pid`` is obtained."""
    return (
        f"reading another process needs the same user and ptrace rights: try sudo, or "
        f"see `inspector doctor {pid}`; in a container add --cap-add=SYS_PTRACE"
    )


def process_error(code: int, pid: int) -> InspectorError:
    """Translate the ``errno`` of a read of process ``pid``; the one place that does."""
    if code in (errno.ESRCH, errno.ENOENT):
        return NoSuchTarget(f"process {pid} does not exist", pid=pid, hint="it may have ended")
    if code in (errno.EPERM, errno.EACCES):
        return AccessDenied(f"not allowed to read process {pid}", pid=pid, hint=denied_hint(pid))
    return TargetChanged(
        f"process {pid} cannot be read: {os.strerror(code)}",
        pid=pid,
        hint="the process may be starting or ending; try again",
    )


class ProcessMemory:
    """The memory of one live process, the own one included; strictly read-only.

    Uses ``process_vm_readv(2)``; where a sandbox refuses that call (``ENOSYS``,
    or ``EPERM`` although ``/proc/PID/mem`` opens), reads ``/proc/PID/mem``.
    Raises :class:`NoSuchTarget` or :class:`AccessDenied` from any read.
    """

    def __init__(self, pid: int | None = None) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._file = -1
        self._vectors = LastVectors()

    def close(self) -> None:
        """Close ``/proc/PID/mem`` if it was needed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; raise :class:`MemoryFault` when any is unreadable."""
        piece = self.read_many([(address, size)])[0]
        if piece is None:
            raise MemoryFault(address, size)
        return piece

    def read_many(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, None where any of its bytes is unreadable.

        One system call moves up to :data:`IOV_MAX` segments of neighbouring ranges.
        Where one of them is unreadable the ranges are read in halves until the bad
        ones stand alone.
        """
        if self._file >= 0:
            return [self._pread(address, size) for address, size in ranges]
        try:
            vectors = self._vectors.of(ranges)
        except MemoryFault:
            if len(ranges) == 1:
                return [None]
            return self._halves(ranges)
        for call, length in zip(vectors.calls, vectors.lengths, strict=True):
            moved = _process_vm_readv(self.pid, *call, 0)
            if moved == length:
                continue
            if moved < 0 and not self._is_fault(ctypes.get_errno()):
                return self.read_many(ranges)
            return [None] if len(ranges) == 1 else self._halves(ranges)
        return list(vectors.pieces())

    def _halves(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Read each half on its own."""
        middle = len(ranges) // 2
        return self.read_many(ranges[:middle]) + self.read_many(ranges[middle:])

    def _is_fault(self, code: int) -> bool:
        """Tell a bad address from a forbidden call; the latter switches to the file."""
        if code == errno.EFAULT:
            return True
        if code in (errno.ENOSYS, errno.EPERM) and self._open():
            return False
        raise process_error(code, self.pid)

    def _open(self) -> bool:
        """Open the memory file; False when that too is refused."""
        try:
            self._file = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    def _pread(self, address: int, size: int) -> bytes | None:
        """Read one range from the memory file; None when any of it is unreadable."""
        if not 0 <= address < 1 << 63 or size > MAX_BYTES:
            return None
        try:
            piece = os.pread(self._file, size, address)
        except OSError as failure:
            if failure.errno in (errno.EIO, errno.EFAULT, errno.EINVAL, errno.EOVERFLOW):
                return None
            raise process_error(failure.errno or 0, self.pid) from failure
        return piece if len(piece) == size else None
