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

__all__ = ["IOV_MAX", "WORD", "Memory", "ProcessMemory", "Range", "Vectors"]

WORD: Final = 8
"""Bytes of a pointer and of ``Py_ssize_t``: only LP64 targets are read."""

IOV_MAX: Final = 1024
"""Pieces that Linux moves in one call (``UIO_MAXIOV``, include/uapi/linux/uio.h)."""

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


def _sane(item: Range) -> Range:
    """Turn an address that no process can have into NULL, which faults."""
    address, size = item
    return item if 0 <= address < 1 << 64 else (0, size)


class Vectors:
    """The two iovec arrays and the buffer of one scattered read.

    Built from ``array`` and not from ctypes arrays: every length of a ctypes
    array is a new heap type, and a tool that counts types must not create any.
    ``calls`` holds one tuple (local, local count, remote, remote count) per
    system call; the arrays live as long as this object does.
    """

    def __init__(self, ranges: Sequence[Range]) -> None:
        self.ranges = ranges
        size = sum(length for _, length in ranges)
        if size > MAX_BYTES:
            address, length = max(ranges, key=lambda item: item[1])
            raise MemoryFault(address, length)
        self.buffer = array("B", bytes(size))
        self._remote = array("Q", [word for item in ranges for word in _sane(item)])
        base = self.buffer.buffer_info()[0]
        self._local = array("Q")
        self.calls: list[tuple[int, int, int, int]] = []
        remote = self._remote.buffer_info()[0]
        offset = 0
        for start in range(0, len(ranges), IOV_MAX):
            part = ranges[start : start + IOV_MAX]
            length = sum(size for _, size in part)
            self._local.extend((base + offset, length))
            offset += length
        local = self._local.buffer_info()[0]
        for number, start in enumerate(range(0, len(ranges), IOV_MAX)):
            count = min(IOV_MAX, len(ranges) - start)
            self.calls.append((local + number * 16, 1, remote + start * 16, count))

    def lengths(self) -> list[int]:
        """Return the bytes that each of ``calls`` is to move."""
        return [self._local[2 * number + 1] for number in range(len(self.calls))]

    def tail(self, number: int, index: int) -> tuple[int, int, int, int]:
        """Return call ``number`` cut down to what begins with range ``index``.

        The local iovec of that call is changed in place: the head is done.
        """
        first = number * IOV_MAX
        local, local_count, remote, count = self.calls[number]
        rest = sum(size for _, size in self.ranges[index : first + count])
        end = self._local[2 * number] + self._local[2 * number + 1]
        self._local[2 * number] = end - rest
        self._local[2 * number + 1] = rest
        return local, local_count, remote + (index - first) * 16, count - (index - first)

    def pieces(self) -> list[bytes]:
        """Return the bytes of each range once every call has moved all of its part."""
        data = self.buffer.tobytes()
        result = []
        offset = 0
        for _, size in self.ranges:
            result.append(data[offset : offset + size])
            offset += size
        return result


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

        One system call moves up to :data:`IOV_MAX` ranges; an unreadable range
        costs one call more.
        """
        if self._file >= 0:
            return [self._pread(address, size) for address, size in ranges]
        vectors = Vectors(ranges)
        bad: set[int] = set()
        for number, expected in enumerate(vectors.lengths()):
            moved = self._call(*vectors.calls[number])
            if moved is None:
                return self.read_many(ranges)
            if moved != expected:
                bad.update(self._resume(vectors, number, moved))
        pieces = vectors.pieces()
        return [None if index in bad else piece for index, piece in enumerate(pieces)]

    def _call(self, local: int, local_count: int, remote: int, count: int) -> int | None:
        """Return the bytes moved (0 on a fault), None after switching to the file."""
        moved = _process_vm_readv(self.pid, local, local_count, remote, count, 0)
        if moved >= 0:
            return moved
        code = ctypes.get_errno()
        if code == errno.EFAULT:
            return 0
        if code in (errno.ENOSYS, errno.EPERM) and self._open():
            return None
        raise process_error(code, self.pid)

    def _resume(self, vectors: Vectors, number: int, moved: int) -> list[int]:
        """Read what follows each fault of call ``number``; return the unreadable ranges."""
        first = number * IOV_MAX
        last = min(first + IOV_MAX, len(vectors.ranges))
        bad = []
        index, done = first, moved
        while True:
            while index < last and vectors.ranges[index][1] <= done:
                done -= vectors.ranges[index][1]
                index += 1
            if index == last:
                return bad
            bad.append(index)
            index += 1
            if index == last:
                return bad
            done = self._call(*vectors.tail(number, index)) or 0

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
