"""The iovec arrays and the buffer of a scattered read.

They are ``array`` objects and not ctypes arrays: ctypes makes a new heap type for every
length of an array, and a tool that counts heap types must not create any.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from copy import copy
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["IOVEC_SIZE", "IOV_MAX", "MAX_BYTES", "PAGE", "WORD", "Call", "Range", "Vectors"]

WORD: Final = 8
"""Bytes of a pointer and of ``Py_ssize_t``: only LP64 targets are read."""

IOV_MAX: Final = 1024
"""Most pieces that Linux moves in one call (``UIO_MAXIOV``, include/uapi/linux/uio.h)."""

IOVEC_SIZE: Final = 16
"""Bytes of ``struct iovec`` {iov_base, iov_len}."""

PAGE_BITS: Final = 12
PAGE: Final = 1 << PAGE_BITS
"""Bytes of the smallest page of any machine that is read."""

ADDRESS_END: Final = (1 << 64) - (1 << 40)
"""No process has memory above this; it keeps sums of address and size within 64 bits."""

MAX_BYTES: Final = 1 << 30
"""More than any real reading takes; a corrupt size is refused here."""

Range = tuple[int, int]
"""A piece of memory: (address, size in bytes)."""

Call = tuple[int, int, int, int]
"""Arguments of one call: local iovecs, how many, remote iovecs, how many."""


class Vectors:
    """The two iovec arrays and the buffer of one scattered read.

    Whole pages are read, and neighbouring pages form one segment: each further segment costs
    the kernel as much as half a page of bytes.  Only pages with a byte of a range are read.
    With ``apart`` each range is a segment of its own, for :attr:`gather_calls`, where a
    segment costs less than a page.

    ``calls`` holds one tuple (local, local count, remote, remote count) per system call, and
    ``lengths`` the bytes that each is to move.  They can be made again as long as this object
    lives.  ``places`` holds the (start, end) of each range in the buffer.
    """

    def __init__(self, ranges: Sequence[Range], *, apart: bool = False) -> None:
        if sum(size for _, size in ranges) > MAX_BYTES:
            raise MemoryFault(*max(ranges, key=lambda item: item[1]))
        segments, self.places = _lay_out_separately(ranges) if apart else _lay_out_pages(ranges)
        self._long = [(start, end) for start, end in self.places if end - start > PAGE]
        self._remote = array("Q", segments)
        self.lengths = []
        for start in range(0, len(segments), 2 * IOV_MAX):
            self.lengths.append(sum(segments[start + 1 : start + 2 * IOV_MAX : 2]))
        self.allot_buffer()

    def allot_buffer(self) -> None:
        """Make a new buffer, and the calls that fill it."""
        self._buffer = array("B", b"\0") * sum(self.lengths)
        self._local = array("Q")
        offset = self._buffer.buffer_info()[0]
        for length in self.lengths:
            self._local.extend((offset, length))
            offset += length
        local, remote = self._local.buffer_info()[0], self._remote.buffer_info()[0]
        self._rest = self._local, self._remote
        self.calls: list[Call] = []
        left = len(self._remote) // 2
        for _ in self.lengths:
            self.calls.append((local, 1, remote, min(IOV_MAX, left)))
            local += IOVEC_SIZE
            remote += IOV_MAX * IOVEC_SIZE
            left -= IOV_MAX

    @property
    def gather_calls(self) -> list[Call]:
        """The calls for ``process_vm_writev`` of the own process: the same, with sides swapped.

        The ranges are the local side, which the kernel reads directly.  The buffer is the
        remote side, whose pages the kernel has to look up.
        """
        return [(remote, count, local, one) for local, one, remote, count in self.calls]

    def fill(self, move: Callable[[Call], int]) -> bool:
        """Make every call with ``move``, which returns bytes; False if one moved too few."""
        for call, length in zip(self.calls, self.lengths, strict=True):
            if move(call) != length:
                return False
        return True

    def copy_layout(self) -> Vectors:
        """Return vectors of the same ranges with another buffer."""
        made = copy(self)
        made.allot_buffer()
        return made

    @property
    def segments(self) -> array[int]:
        """Address, size, address, size, ... of the segments."""
        return self._remote

    @property
    def buffer(self) -> Range:
        """Address and size of the buffer."""
        address, size = self._buffer.buffer_info()
        return address, size

    def pieces(self) -> list[bytes]:
        """Return the bytes of each range, after all calls have been made."""
        with memoryview(self._buffer) as data:
            return [data[start:end].tobytes() for start, end in self.places]

    def pieces_of(self, numbers: Iterable[int]) -> list[bytes]:
        """Return the bytes of the ranges with these numbers."""
        with memoryview(self._buffer) as data:
            return [data[slice(*self.places[number])].tobytes() for number in numbers]

    def words(self) -> memoryview[int]:
        """Return a view of the buffer as signed words; every reading changes it."""
        return memoryview(self._buffer).cast("q")

    def word_indices(self) -> list[int]:
        """Return the index in :meth:`words` of each range; ranges must be aligned."""
        return [start // WORD for start, _ in self.places]

    def pieces_without(self, holes: set[int]) -> list[bytes | None]:
        """Return the bytes of each range, None for a range with a page in ``holes``.

        Pages are numbered by their place in the buffer.
        """
        pieces: list[bytes | None] = [*self.pieces()]
        for number, (start, end) in enumerate(self.places):
            pages = range(start >> PAGE_BITS, _page_after(end))
            if start < end and not holes.isdisjoint(pages):
                pieces[number] = None
        return pieces

    def first_page(self, number: int) -> int:
        """Return the number of the first page of a call."""
        return sum(self.lengths[:number]) >> PAGE_BITS

    def find_resume_page(self, page: int) -> int:
        """Return the page from which to read on, behind ``page``, which is unreadable.

        It is the next page, or the last page of the longest range that has this page: the
        rest of such a range is lost anyway, and a range with a corrupt size has many pages.
        """
        longest = max((end for _, end in self._long_places_on(page)), default=0)
        return max(page + 1, _page_after(longest) - 1)

    def make_rest_call(self, number: int, page: int) -> Call:
        """Return a call that does the rest of call ``number``, from a page on."""
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

    def _long_places_on(self, page: int) -> list[Range]:
        """Return the places (start, end) of ranges of several pages that include this page."""
        at = page << PAGE_BITS
        return [(start, end) for start, end in self._long if start < at + PAGE and at < end]


def _page_after(end: int) -> int:
    """Return the number of the page behind one that ends at ``end``."""
    return (end - 1 >> PAGE_BITS) + 1


def _lay_out_separately(ranges: Sequence[Range]) -> tuple[list[int], list[Range]]:
    """Return one segment per range, and the places; see :func:`_lay_out_pages`."""
    ends = list(accumulate(size for _, size in ranges))
    segments = [min(at, ADDRESS_END) for at in chain.from_iterable(ranges)]
    return segments, list(zip([0, *ends], ends, strict=False))


def _lay_out_pages(ranges: Sequence[Range]) -> tuple[list[int], list[Range]]:
    """Return the segments (address, size, address, size, ...) and each range's place.

    A segment is a run of pages that each have a byte of a range.  A place is the (start, end)
    of a range in the concatenated segments.
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
