"""The memory of a live process, read without stopping or changing it.

A bad address is a :class:`~inspector.errors.MemoryFault` and never a crash, in the own
process too.  ``process_vm_readv(2)`` copies each piece separately: the bytes of one call are
not of one instant.  A reader that needs one instant stops the threads first
(:mod:`inspector.process.own_world`, :mod:`inspector.process.stopped_world`).
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

from inspector.errors import MemoryFault
from inspector.process.c_functions import make_call, process_vm_readv
from inspector.process.hook import NO_HOOK, Hook
from inspector.process.os_errors import make_process_error
from inspector.process.repeated_ranges import BlockwiseRanges, RangesCache
from inspector.process.vectors import MAX_BYTES, PAGE, Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.process.vectors import Call, Range

__all__ = ["ProcessMemory"]


class ProcessMemory:
    """The memory of one live process, the own one included; strictly read-only.

    Uses ``process_vm_readv(2)``; where a sandbox refuses that call (``ENOSYS``,
    or ``EPERM`` although ``/proc/PID/mem`` opens), reads ``/proc/PID/mem``.
    Raises :class:`NoSuchTarget` or :class:`AccessDenied` from any read.
    """

    def __init__(self, pid: int | None = None, hook: Hook = NO_HOOK) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._hook = hook
        self._file = -1
        self._cache = RangesCache(BlockwiseRanges, steady=self.pid == os.getpid())

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

        One system call reads up to :data:`IOV_MAX` segments.  It ends at an unmapped page,
        and the next call goes on behind that page.
        """
        if self._file >= 0:
            return [self._pread(address, size) for address, size in ranges]
        try:
            vectors = Vectors(ranges)
        except MemoryFault:
            # More bytes than any reading takes: some ranges have a corrupt size.
            middle = len(ranges) // 2
            if not middle:
                return [None]
            return self.read_many(ranges[:middle]) + self.read_many(ranges[middle:])
        holes = self._read_pages(vectors)
        if self._file >= 0:
            return self.read_many(ranges)
        return vectors.pieces_without(holes) if holes else list[bytes | None](vectors.pieces())

    def read_again(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return what :meth:`read_many` returns, for many ranges that are read repeatedly.

        A range whose bytes did not change is the same object as in the last reading.
        """
        try:
            kept = self._cache.find_or_make(ranges)
        except MemoryFault:
            return self.read_many(ranges)
        pieces = kept.read(self._make_call) if self._file < 0 else None
        return self.read_many(ranges) if pieces is None else pieces

    def _make_call(self, pieces: Call) -> int:
        """Make a call; return the bytes that it moved, or a negative number if it failed.

        Raises :class:`AccessDenied` if an audit hook forbids foreign calls.
        """
        moved = make_call(process_vm_readv, self.pid, *pieces, 0)
        self._hook.note_call(moved)
        return moved

    def _read_pages(self, vectors: Vectors) -> set[int]:
        """Fill the buffer; return the pages of the buffer that could not be read."""
        holes: set[int] = set()
        for number, length in enumerate(vectors.lengths):
            moved = self._make_call(vectors.calls[number])
            if moved != length:
                self._read_around(vectors, number, moved, holes)
        return holes

    def fill(self, vectors: Vectors) -> bool:
        """Fill the buffer of vectors; False if anything was unreadable.

        :meth:`read_many` of the same ranges then tells what.
        """
        return self._file < 0 and vectors.fill(self._make_call)

    def _read_around(self, vectors: Vectors, number: int, moved: int, holes: set[int]) -> None:
        """Read what a call did not move; add the pages that are unreadable to ``holes``."""
        page = vectors.first_page(number)
        end = page + vectors.lengths[number] // PAGE
        while True:
            if moved < 0 and not self._is_fault(ctypes.get_errno()):
                return
            # A call stops at the first page that is unreadable.
            page += max(0, moved) // PAGE
            if page >= end:
                return
            behind = min(end, vectors.find_resume_page(page))
            holes.update(range(page, behind))
            page = behind
            if page == end:
                return
            moved = self._make_call(vectors.make_rest_call(number, page))

    def _is_fault(self, code: int) -> bool:
        """Whether ``errno`` ``code`` means a bad address; a forbidden call switches to the file."""
        if code == errno.EFAULT:
            return True
        if code in (errno.ENOSYS, errno.EPERM) and self._open():
            return False
        raise make_process_error(code, self.pid)

    def _open(self) -> bool:
        """Open ``/proc/PID/mem``; False if that is refused, too."""
        try:
            self._file = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    def _pread(self, address: int, size: int) -> bytes | None:
        """Read one range from ``/proc/PID/mem``; None if any of it is unreadable."""
        if not size:
            return b""
        if not 0 <= address < 1 << 63 or size > MAX_BYTES:
            return None
        try:
            piece = os.pread(self._file, size, address)
        except OSError as failure:
            if failure.errno in (errno.EIO, errno.EFAULT, errno.EINVAL, errno.EOVERFLOW):
                return None
            raise make_process_error(failure.errno or 0, self.pid) from failure
        return piece if len(piece) == size else None
