"""The arrays of scattered reads: which pages, into which buffer, in how many calls.

Built from ``array`` and not from ctypes arrays: every length of a ctypes array is
a new heap type, and a tool that counts types must not create any.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from copy import copy
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

__all__ = ["IOV_MAX", "MAX_BYTES", "PAGE", "WORD", "Call", "Range", "Vectors"]

WORD: Final = 8
"""Bytes of a pointer and of ``Py_ssize_t``: only LP64 targets are read."""

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

Call = tuple[int, int, int, int]
"""Arguments of one call: local iovecs, how many, remote iovecs, how many."""


class Vectors:
    """The two iovec arrays and the buffer of one scattered read.

    Whole pages are read, those that follow each other as one segment: a piece of
    its own costs the kernel as much as half a page of bytes.  No page is touched
    that no range needs.  ``apart``, each range is a segment of its own: for
    :attr:`gathering`, which costs less for a piece than for a page.

    ``calls`` holds one tuple (local, local count, remote, remote count) per
    system call, ``lengths`` the bytes each is to move; the arrays live as long as
    this object does, and the calls can be made again.  ``places`` says for each range
    where it (start, end) lies in the buffer.
    """

    def __init__(self, ranges: Sequence[Range], *, apart: bool = False) -> None:
        if sum(size for _, size in ranges) > MAX_BYTES:
            raise MemoryFault(*max(ranges, key=lambda item: item[1]))
        segments, self.places = _lay_out_separately(ranges) if apart else _lay_out_pages(ranges)
        self._long = [each for each in self.places if each[1] - each[0] > PAGE]
        self._remote = array("Q", segments)
        self.lengths = [
            sum(segments[start + 1 : start + 2 * IOV_MAX : 2])
            for start in range(0, len(segments), 2 * IOV_MAX)
        ]
        self._allot()

    def _allot(self) -> None:
        """Make the buffer, and the calls that fill it."""
        self._buffer = array("B", b"\0") * sum(self.lengths)
        self._local = array("Q")
        offset = self._buffer.buffer_info()[0]
        for length in self.lengths:
            self._local.extend((offset, length))
            offset += length
        local, remote = self._local.buffer_info()[0], self._remote.buffer_info()[0]
        self._rest = self._local, self._remote
        self.calls = [
            (
                local + number * 16,
                1,
                remote + number * IOV_MAX * 16,
                min(IOV_MAX, len(self._remote) // 2 - number * IOV_MAX),
            )
            for number in range(len(self.lengths))
        ]

    @property
    def gathering(self) -> list[Call]:
        """The calls with their sides changed: what ``process_vm_writev`` of the own process takes.

        The scattered side is then the local one, which the kernel copies from as from the
        bytes of any system call; the remote one, whose pages it has to look up, is the buffer.
        """
        return [(remote, count, local, one) for local, one, remote, count in self.calls]

    def filled(self, move: Callable[[Call], int]) -> bool:
        """Make every call by ``move``, which returns bytes; False once one moved not all of its."""
        return all(
            move(call) == length for call, length in zip(self.calls, self.lengths, strict=True)
        )

    def twin(self) -> Vectors:
        """Return vectors of the same ranges with a buffer of their own."""
        made = copy(self)
        made._allot()  # noqa: SLF001 - of the same class
        return made

    @property
    def segments(self) -> array[int]:
        """Address and size of each segment, one behind the other."""
        return self._remote

    @property
    def buffer(self) -> Range:
        """Address and size of the buffer."""
        address, size = self._buffer.buffer_info()
        return address, size

    def pieces(self) -> list[bytes]:
        """Return the bytes of each range once every call has moved all of its part."""
        with memoryview(self._buffer) as data:
            return [data[start:end].tobytes() for start, end in self.places]

    def some(self, numbers: Iterable[int]) -> list[bytes]:
        """Return the bytes of some ranges, given by their numbers."""
        with memoryview(self._buffer) as data:
            return [data[slice(*self.places[number])].tobytes() for number in numbers]

    def words(self) -> memoryview[int]:
        """Return the buffer as signed words, which change with every reading."""
        return memoryview(self._buffer).cast("q")

    def numbers(self) -> list[int]:
        """Return where in :meth:`words` each range begins; ranges must be aligned."""
        return [start // WORD for start, _ in self.places]

    def pieces_but(self, holes: Collection[int]) -> list[bytes | None]:
        """Return the bytes of each range, None where it has a page that is a hole.

        Pages are numbered as they lie in the buffer.
        """
        return [
            None
            if start < end and any(p in holes for p in range(start >> PAGE_BITS, _page_after(end)))
            else piece
            for piece, (start, end) in zip(self.pieces(), self.places, strict=True)
        ]

    def first_page(self, number: int) -> int:
        """Return the number of the first page of a call."""
        return sum(self.lengths[:number]) >> PAGE_BITS

    def behind(self, page: int) -> int:
        """Return the page at which reading goes on where one could not be read.

        That is the next one, or the last one of a range of many pages: what is in
        between is of no use, and a range that lies about its size has many of them.
        """
        longest = max((end for _, end in self._places_of(page)), default=0)
        return max(page + 1, _page_after(longest) - 1)

    def after(self, number: int, page: int) -> Call:
        """Return a call for what call ``number`` is to read from a page on."""
        segments = self._remote[2 * IOV_MAX * number : 2 * IOV_MAX * (number + 1)]
        done = (page - self.first_page(number)) << PAGE_BITS
        ends = list(accumulate(segments[1::2]))
        place = bisect_right(ends, done)
        remote = segments[2 * place :]
        skipped = done - (ends[place - 1] if place else 0)
        remote[0] += skipped
        remote[1] -= skipped
        local = array("Q", (self._buffer.buffer_info()[0] + (page << PAGE_BITS), ends[-1] - done))
        self._rest = local, remote
        return local.buffer_info()[0], 1, remote.buffer_info()[0], len(remote) // 2

    def _places_of(self, page: int) -> list[Range]:
        """Return the places, as (start, end), of ranges of many pages that have this one."""
        at = page << PAGE_BITS
        return [each for each in self._long if each[0] < at + PAGE and at < each[1]]


def _page_after(end: int) -> int:
    """Return the number of the page behind the last one of a place."""
    return (end - 1 >> PAGE_BITS) + 1


def _lay_out_separately(ranges: Sequence[Range]) -> tuple[list[int], list[Range]]:
    """Return each range as a segment, and its place; see :func:`_lay_out_pages`."""
    ends = list(accumulate(size for _, size in ranges))
    segments = [min(at, ADDRESS_END) for at in chain.from_iterable(ranges)]
    return segments, list(zip([0, *ends], ends, strict=False))


def _lay_out_pages(ranges: Sequence[Range]) -> tuple[list[int], list[Range]]:
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
