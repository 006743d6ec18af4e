"""Segments, pages and blocks of mimalloc laid into an image, in the shape of several builds."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inspector.cpython.heap_layout import SEGMENT, SLICE, SLICES
from tests.runtime import thread_id

if TYPE_CHECKING:
    from tests.runtime import Runtime

MASK: Final = (1 << 64) - 1
MEM, OBJECT, GC, GC_PRE = range(4)


@dataclass(frozen=True)
class Form:
    """Offsets in one build of mimalloc; those of 2.1.2 by default."""

    slices: int = 264
    page: int = 96
    cookie: int = 216
    block_size: int = 28
    used: int = 24
    local_free: int = 32
    thread_free: int = 40
    owner: int = 48
    page_start: int | None = None
    keys: int | None = None
    tag_byte: int = 8
    tag_shift: int = 3
    heaps: int = 1040
    heap_size: int = 640
    delayed: int = 400
    object_offset: int = 0


RELEASE = Form()
DEBUG = Form(page=112, thread_free=56, owner=64, keys=40, object_offset=16)
NEWER = Form(
    slices=288,
    page=112,
    cookie=224,
    block_size=40,
    used=32,
    local_free=24,
    page_start=48,
    thread_free=56,
    owner=64,
    tag_byte=35,
    tag_shift=0,
)
"""The shape of 2.5.2."""


class Page:
    """A page of blocks, all of them free at first."""

    def __init__(
        self, mimalloc: Mimalloc, segment: int, number: int, heap: int, owner: int, block: int
    ) -> None:
        self.form, self.image = mimalloc.form, mimalloc.image
        self.entry = segment + self.form.slices + number * self.form.page
        self.slice = segment + number * SLICE
        self.block, self.heap, self.owner = block, heap, owner
        skipped = 3 if block <= 64 else 1 if block <= 512 else 0
        self.start = self.slice + skipped * block
        self.reserved = max(1, SLICE // block - skipped)
        self.capacity = min(self.reserved, 64)
        self.keys = (0x1234_5678_9ABC_DEF7 + number, 0xFEDC_BA98_7654_3215 ^ number)
        self.lists: dict[str, list[int]] = {"free": [], "local": [], "thread": []}
        self.free = [self.start + each * block for each in range(self.capacity)]
        self.lists["free"] = list(self.free)
        self.used = 0
        self.write()

    @property
    def object_at(self) -> int:
        """Where an object begins in its block."""
        return self.form.object_offset + (16 if self.heap == GC_PRE else 0)

    def take(self) -> int:
        """Take a block; return the address of the object in it."""
        block = self.lists["free"].pop(0)
        self.used += 1
        self.write()
        return block + self.object_at

    def give(self, address: int, to: str = "local") -> None:
        """Give the block of an object back, to one of the lists of the page."""
        self.lists[to].insert(0, address - self.object_at)
        self.used -= to != "thread"
        self.write()

    def encode(self, address: int, null: int) -> int:
        """Return a link: mi_ptr_encode."""
        if self.form.keys is None:
            return address
        first, second = self.keys
        mixed = (address or null) ^ second
        distance = first % 64
        turned = (mixed << distance | mixed >> (64 - distance)) & MASK if distance else mixed
        return (turned + first) & MASK

    def write(self) -> None:
        """Lay the page and its lists out as they are now."""
        form, put = self.form, self.image.put
        self.image.write(self.entry, struct.pack("<II", 1, 0))
        self.image.write(self.entry + 10, struct.pack("<HH", self.capacity, self.reserved))
        heads = {}
        for name, blocks in self.lists.items():
            heads[name] = blocks[0] if blocks else 0
            for each, following in zip(blocks, [*blocks[1:], 0], strict=False):
                put(each, self.encode(following, self.entry))
        put(self.entry + 16, heads["free"])
        put(self.entry + form.local_free, heads["local"])
        put(self.entry + form.thread_free, heads["thread"] | (2 if heads["thread"] else 0))
        self.image.write(self.entry + form.used, struct.pack("<H", self.used))
        self.image.write(self.entry + form.block_size, struct.pack("<I", self.block))
        put(self.entry + form.owner, self.owner)
        if form.page_start is not None:
            put(self.entry + form.page_start, self.start)
        if form.keys is not None:
            put(self.entry + form.keys, *self.keys)
        self.image.write(self.entry + form.tag_byte, bytes([self.heap << form.tag_shift]))


class Mimalloc:
    """The heap of a process: its segments."""

    def __init__(self, runtime: Runtime, form: Form = RELEASE) -> None:
        self.runtime, self.form, self.image = runtime, form, runtime.image
        self.segments: list[int] = []
        self.next: dict[int, int] = {}
        self.states: dict[int, int] = {}

    def thread(self, native_id: int) -> int:
        """Initialise the heaps of a thread; return the address of its state."""
        (state,) = [
            each.threads[native_id]
            for each in self.runtime.interpreters
            if native_id in each.threads
        ]
        for number in range(4):
            heap = self.heap(state, number)
            self.image.put(heap + self.form.delayed, 0, thread_id(native_id), 0, 77, 5, 6)
        self.states[native_id] = state
        return state

    def heap(self, state: int, number: int) -> int:
        """Return the address of one of the heaps of a thread state."""
        return state + self.form.heaps + number * self.form.heap_size

    def segment(self, native_id: int | None) -> int:
        """Add a segment of a thread, or one that was left behind."""
        address = 0x3A00_1200_0000 + len(self.segments) * SEGMENT
        self.image.place(address, 8 * SLICE)
        self.segments.append(address)
        self.image.put(address + self.form.cookie, address ^ 0x5EC2_E700_1234_5678)
        owner = 0 if native_id is None else thread_id(native_id)
        self.image.put(address + self.form.slices - 8, owner)
        self.image.write(address + self.form.slices, struct.pack("<II", 1, 0))
        self.next[address] = 1
        self._end(address)
        return address

    def page(self, segment: int, heap: int, native_id: int | None, block: int) -> Page:
        """Add a page of one slice."""
        number = self.next[segment]
        self.next[segment] += 1
        owner = 0 if native_id is None else self.heap(self.states[native_id], heap)
        made = Page(self, segment, number, heap, owner, block)
        self._end(segment)
        return made

    def _end(self, segment: int) -> None:
        """Let all slices behind the last page be one free span."""
        number = self.next[segment]
        form = self.form
        count = SLICES - number
        at = segment + form.slices + number * form.page
        self.image.write(at, struct.pack("<II", count, 0))
        last = segment + form.slices + (SLICES - 1) * form.page
        self.image.write(last + 4, struct.pack("<I", (count - 1) * form.page))

    def object(self, page: Page, ob_type: int, *, references: int = 1, bits: int = 1) -> int:
        """Put an object into a page; return its address."""
        address = page.take()
        self.image.write(
            address, struct.pack("<QHBBIqQ", thread_id(101), 0, 0, bits, references, 0, ob_type)
        )
        return address

    def new_type(self, page: Page, interpreter: int, qualname: str) -> int:
        """Put a class with an id into a page; return its address."""
        self.image.hand_out(page.take(), page.block - page.object_at)
        return self.runtime.interpreters[interpreter].new_type(qualname)

    def new_code(self, page: Page, interpreter: int, qualname: str) -> int:
        """Put a code object with an id into a page; return its address."""
        self.image.hand_out(page.take(), page.block - page.object_at)
        return self.runtime.interpreters[interpreter].new_code(qualname)

    def new_module(self, page: Page, interpreter: int, name: str) -> int:
        """Put the dictionary of a module into a page; return its address."""
        for text in ("__doc__", "__name__", name):
            self.runtime.heap.text(text)
        # Its keys come first.
        self.image.hand_out(page.take(), page.block - page.object_at, after=1)
        return self.runtime.interpreters[interpreter].new_module(name)
