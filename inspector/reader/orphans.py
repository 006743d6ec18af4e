"""Objects with more references than words of memory that hold one.

Every counted reference is a word somewhere: in a live block of the heap, on a stack, in static
memory, in a register.  What is counted beyond that was lost by native code.  A first look
compares counts with aligned words of the places where references usually are; whoever is
suspected then is searched for at every byte offset of everything that was copied.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.heap_columns import classify_words
from inspector.cpython.heap_layout import OBJECT_HEAP
from inspector.cpython.layout import TYPE_SUBCLASS, UNICODE_SUBCLASS
from inspector.cpython.refcount import HEADER_SIZE, decode_count, decode_header
from inspector.reader.word_search import Sought, search_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.cpython.heap_links import Words
    from inspector.cpython.heap_types import TypeFacts
    from inspector.reader.heap_image import HeapImage, ImagePage
    from inspector.reader.heap_tally import Types

__all__ = [
    "OB_TYPE",
    "Suspect",
    "count_references",
    "find_suspects",
    "list_addresses",
    "list_types",
    "verify_suspects",
]

OB_REF_SHARED, OB_TYPE, END = 2, 3, 4
"""Words of an object's header."""

IMMORTAL: Final = 0xFFFF_FFFF

LEAVES: Final = 1 << 24 | 1 << 27 | UNICODE_SUBCLASS
"""``Py_TPFLAGS_LONG_SUBCLASS``, ``BYTES_SUBCLASS``, ``UNICODE_SUBCLASS``: static types of
these hold no reference."""

MOST_MUTEX: Final = 3
"""``PyMutex``: locked, and with waiters."""

MERGED: Final = "merged"

HIGH_BYTE: Final = 5
"""Bits 40 to 47 of an address, which are not all 0 where mimalloc has its segments."""
MOST_COLUMNS: Final = 64
"""Words of a block up to which a page is looked at column by column."""
PIECE: Final = 512
"""Words of a page of memory."""


class Suspect(NamedTuple):
    """An object that has more references than words were found that hold one."""

    address: int
    ob_type: int
    references: int
    """Counted ones, of its header and of the threads' arrays."""
    start: int
    """Address of its block."""
    size: int
    """Bytes of its block."""
    is_type: bool
    words: int
    """Words that hold it, at any byte offset, with tags or without."""
    inner: int
    """Words that point into its block elsewhere."""

    @property
    def missing(self) -> int:
        """References that no word can explain: a proved minimum once it is verified."""
        return max(0, self.references - self.words - self.inner)

    @property
    def held(self) -> str:
        """What of it is held: ``none``, ``partly``, or ``interior``, which is no leak."""
        if not self.missing:
            return "interior"
        return "partly" if self.words or self.inner else "none"


def find_suspects(image: HeapImage, types: Types) -> list[Suspect]:
    """Return the objects that aligned words of usual places do not explain.

    Neither immortal objects nor, but for heap types, those with deferred counts.
    """
    pages = [each for each in image.pages if each.header >= 0]
    columns = [each.words.column(each.header + OB_TYPE, each.stride) for each in pages]
    instances: Counter[int] = Counter()
    for column in columns:
        instances.update(classify_words(column).counts)
    types.learn(instances)
    usual = list(_usual_words(image, types.facts))
    unseen = _unseen_objects(pages, columns, usual)
    contributed: dict[int, int] = {}
    for counters in image.counters:
        contributed.update(counters.by_address)
    counted: dict[int, int] = {}
    for page in pages:
        counted.update(_several_references(page))
    for address in list_types(pages, columns, types.facts):
        counted[address] = _references_at(image, address, contributed) or 0
    hits: Counter[int] = Counter()
    for words in usual:
        hits.update(filter(counted.__contains__, words))
    suspects: list[Suspect] = []
    for address in unseen.union(counted):
        words_found = hits[address] + instances.get(address, 0)
        if address not in unseen and words_found >= counted[address]:
            continue
        suspect = _make_suspect(image, types.facts, address, contributed)
        if suspect is not None and suspect.references > words_found:
            suspects.append(suspect)
    return suspects


def count_references(image: HeapImage, address: int) -> int | None:
    """Return the counted references of an object; None for one that cannot be judged by words."""
    contributed: dict[int, int] = {}
    for counters in image.counters:
        contributed.update(counters.by_address)
    return _references_at(image, address, contributed)


def list_addresses(page: ImagePage) -> range:
    """Return the addresses at which a page may have objects."""
    start = page.page.start + 8 * page.header
    return range(start, start + page.page.capacity * page.page.block, page.page.block)


def _unseen_objects(
    pages: list[ImagePage], columns: list[array[int]], usual: list[array[int]]
) -> set[int]:
    """Return the addresses of live objects that no word holds.

    Most objects have one reference: for them it is enough that some word is found.
    """
    unseen: set[int] = set()
    for each, column in zip(pages, columns, strict=True):
        addresses = list_addresses(each)
        unseen.update(compress(addresses, column) if each.free else addresses)
    for words in usual:
        unseen.difference_update(words)
    return unseen


def _several_references(page: ImagePage) -> list[tuple[int, int]]:
    """Return (address, references) of objects with two or more, as their headers count."""
    words = page.words
    second = words.column(page.header + 1, page.stride)
    shared = array("q", words.column(page.header + OB_REF_SHARED, page.stride).tobytes())
    return [
        (address, number)
        for address, counts, word in zip(list_addresses(page), second, shared, strict=False)
        if 1 < (number := (counts >> 32) + (word >> 2)) < IMMORTAL
    ]


def list_types(
    pages: list[ImagePage], columns: list[array[int]], facts: dict[int, TypeFacts]
) -> Iterator[int]:
    """Yield the addresses of all types in some pages."""
    metatypes = {word for word, each in facts.items() if each.flags & TYPE_SUBCLASS}
    for page, column in zip(pages, columns, strict=True):
        if not metatypes.isdisjoint(column):
            for address, word in zip(list_addresses(page), column, strict=False):
                if word in metatypes:
                    yield address


def _make_suspect(
    image: HeapImage, facts: dict[int, TypeFacts], address: int, contributed: dict[int, int]
) -> Suspect | None:
    """Return what is known of an object; None for one that cannot be judged by words."""
    found = image.find_block(address)
    if found is None or not found[0].sound:
        return None
    page, index = found
    at = page.words.first + index * page.stride + page.header
    ob_type = page.words.values[at + OB_TYPE]
    references = _references_at(image, address, contributed) if ob_type in facts else None
    if references is None:
        return None
    start = page.page.start + index * page.page.block
    return Suspect(
        address=address,
        ob_type=ob_type,
        references=references,
        start=start,
        size=page.page.block,
        is_type=bool(facts[ob_type].flags & TYPE_SUBCLASS),
        words=0,
        inner=0,
    )


def _references_at(image: HeapImage, address: int, contributed: dict[int, int]) -> int | None:
    """Return the references of an object; None for one that cannot be judged by words.

    A block that is no object looks like one at most by chance.  A thread that is just merging
    the two counts of an object has one of them in both.  An object whose references on stacks
    are not counted has a count only where threads' arrays complete it.
    """
    words = image.read_words(address, HEADER_SIZE // 8)
    if words is None:
        return None
    header = words.tobytes()
    count, fields = decode_count(header), decode_header(header)
    if count.net is None or count.torn or fields.ob_mutex > MOST_MUTEX or fields.ob_tid % 8:
        return None
    if count.state == MERGED and count.local:
        return None
    if fields.deferred and address not in contributed:
        return None
    return count.net + contributed.get(address, 0)


def _usual_words(image: HeapImage, facts: dict[int, TypeFacts]) -> Iterator[array[int]]:
    """Yield aligned words of places where references usually are.

    Leaves out what has no address of an object: counts, flags, small numbers, zeros.
    """
    low = any(not page.page.start >> 8 * HIGH_BYTE & 0xFF for page in image.pages)
    for words in _usual_places(image, facts):
        if low or any(words.tobytes()[HIGH_BYTE::8]):
            yield words


def _usual_places(image: HeapImage, facts: dict[int, TypeFacts]) -> Iterator[array[int]]:
    """Yield the words of columns of blocks, and of pieces of other memory."""
    leaves = {word for word, each in facts.items() if each.flags & LEAVES and not each.heap}
    leaves.add(0)
    for page in image.pages:
        if page.page.heap == OBJECT_HEAP and page.header >= 0:
            column = page.words.column(page.header + OB_TYPE, page.stride)
            if leaves.issuperset(column):
                continue
        if page.header >= 0 and page.stride > MOST_COLUMNS:
            yield from _bodies_of(page)
        elif page.stride > MOST_COLUMNS:
            yield from _pieces_of(page.words)
        elif page.header < 0:
            for at in range(page.stride):
                yield page.words.column(at, page.stride)
        else:
            # Without what headers say of threads, flags and counts; types are counted apart.
            for at in (*range(page.header), *range(page.header + END, page.stride)):
                yield page.words.column(at, page.stride)
    for _, words in image.others:
        yield from _pieces_of(words)


def _bodies_of(page: ImagePage) -> Iterator[array[int]]:
    """Yield the words of large objects, without those of their headers."""
    values = page.words.values
    for start in range(page.words.first, page.words.first + page.words.size, page.stride):
        yield values[start : start + page.header]
        yield values[start + page.header + END : start + page.stride]


def _pieces_of(words: Words) -> Iterator[array[int]]:
    """Yield words in pieces, some of which may have nothing but zeros."""
    for start in range(words.first, words.first + words.size, PIECE):
        yield words.values[start : min(start + PIECE, words.first + words.size)]


def verify_suspects(image: HeapImage, suspects: list[Suspect]) -> list[Suspect]:
    """Return the suspects with all words that may hold them, without those that words hold.

    Searches everything that was copied, at every byte offset.
    """
    sought = [Sought(each.address, each.start, each.size) for each in suspects]
    found = search_words(image, sought)
    # The table of unique ids has the address of each of its objects, and holds none.
    listed = {address for counters in image.counters for address in counters.by_address}
    verified = []
    for suspect in suspects:
        exact, inner = found.get(suspect.address, (0, 0))
        checked = suspect._replace(words=exact - (suspect.address in listed), inner=inner)
        if checked.references > checked.words:
            verified.append(checked)
    return verified
