"""Heaps made by hand: their layout found, their objects counted, their lies told from truth."""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.cpython.heap_columns import (
    CHOSEN,
    classify_words,
    count_slices,
    leave_out,
    mask_addresses,
)
from inspector.cpython.heap_discovery import discover_heap
from inspector.cpython.heap_links import Link
from inspector.errors import InspectorError, LayoutError
from inspector.reader.allocator import read_allocator
from inspector.reader.heap import HeapReader
from inspector.reader.heap_rows import make_histogram
from inspector.reader.heap_scene import read_anchors
from tests.mimalloc import DEBUG, GC, GC_PRE, MEM, NEWER, OBJECT, RELEASE, Form, Mimalloc
from tests.process import FakeProcess
from tests.runtime import V314, V315, Runtime

if TYPE_CHECKING:
    from inspector.process.other import OtherProcess
    from inspector.snapshots.heap import Histogram
    from tests.image import Image
    from tests.mimalloc import Page

FORMS = pytest.mark.parametrize("form", [RELEASE, DEBUG, NEWER], ids=["2.1.2", "debug", "2.5.2"])


class Built:
    """A process with two interpreters, three threads, and pages of all heaps."""

    def __init__(self, form: Form = RELEASE, version: int = V314) -> None:
        self.runtime = Runtime(version)
        self.form = form
        self.image = self.runtime.image
        one, two = self.runtime.interpreter(), self.runtime.interpreter()
        # The newest comes first in CPython's list; ids are pool indices plus one.
        one.thread(101)
        one.thread(102)
        two.thread(201)
        self.heap = Mimalloc(self.runtime, form)
        self.pages: dict[tuple[int | None, int], Page] = {}
        self.types: dict[int, list[int]] = {}
        for native_id in (101, 102, 201):
            self.heap.thread(native_id)
            segment = self.heap.segment(native_id)
            for number in (MEM, OBJECT, GC, GC_PRE):
                block = 1600 if number == GC else 128
                self.pages[native_id, number] = self.heap.page(segment, number, native_id, block)
            self.pages[native_id, 4] = self.heap.page(segment, GC, native_id, 96)
            interpreter = native_id > 200
            page = self.pages[native_id, GC]
            self.types[native_id] = [
                self.heap.new_type(page, interpreter, f"Class{native_id}{each}") for each in "ab"
            ]
            for each in range(6):
                self.heap.new_code(page, interpreter, f"function{each}")
                self.heap.new_module(page, interpreter, f"module{each}")
        for native_id in (101, 102, 201):
            for number in (MEM, OBJECT, GC_PRE, 4):
                page = self.pages[native_id, number]
                kept = [page.take() for _ in range(6)]
                for address in kept[:3]:
                    page.give(address, "local")
                for address in kept[3:]:
                    page.give(address, "free")

    def reader(self, image: Image | None = None) -> HeapReader:
        """Return what reads this heap."""
        process = FakeProcess(image or self.image, self.runtime.address)
        segments = self.heap.segments
        layout = self.runtime.layout()
        return HeapReader(cast("OtherProcess", process), layout, lambda: segments)

    def histogram(self, *, blocking: bool = True) -> Histogram:
        """Return what is read of it."""
        reading = self.reader().histogram(blocking=blocking)
        return make_histogram(self.image, self.runtime.layout(), reading, {})

    def counts(self, *, blocking: bool = True) -> dict[str, int]:
        """Return the instances of all types but those of ``type`` itself."""
        rows = self.histogram(blocking=blocking).types
        return {row.name: row.instances for row in rows if not row.name.endswith("type")}


@FORMS
@pytest.mark.parametrize("version", [V314, V315])
def test_every_offset_is_found_whatever_the_build(form: Form, version: int) -> None:
    built = Built(form, version)
    found = discover_heap(built.image, read_anchors(built.image, built.runtime.layout()))
    assert (found.slices, found.page, found.cookie) == (form.slices, form.page, form.cookie)
    assert (found.block_size, found.used) == (form.block_size, form.used)
    assert (found.local_free, found.thread_free) == (form.local_free, form.thread_free)
    assert (found.owner, found.page_start, found.keys) == (form.owner, form.page_start, form.keys)
    assert (found.tag_byte, found.tag_shift) == (form.tag_byte, form.tag_shift)
    assert (found.heaps, found.heap_size) == (form.heaps, form.heap_size)
    assert (found.delayed_free, found.object_offset) == (form.delayed, form.object_offset)


@FORMS
@pytest.mark.parametrize("blocking", [True, False])
def test_objects_are_counted_in_every_heap_and_interpreter(form: Form, *, blocking: bool) -> None:
    built = Built(form)
    first, second = built.types[101]
    (inner, _) = built.types[201]
    for number in (OBJECT, GC_PRE, 4):
        for _ in range(5):
            built.heap.object(built.pages[101, number], first)
        built.heap.object(built.pages[102, number], second)
        built.heap.object(built.pages[201, number], inner, bits=0)
    rows = {(row.name, row.interpreter): row for row in built.histogram(blocking=blocking).types}
    assert rows["app.Class101a", 0].instances == 15
    assert rows["app.Class101a", 0].tracked == 10  # the collector knows nothing of the first heap
    assert rows["app.Class101a", 0].bytes == 5 * (128 + 128 + 96)
    assert rows["app.Class101b", 0].instances == 3
    assert (rows["app.Class201a", 1].instances, rows["app.Class201a", 1].tracked) == (3, 0)


@FORMS
def test_freed_and_kept_blocks_are_no_objects(form: Form) -> None:
    built = Built(form)
    page, kind = built.pages[101, 4], built.types[101][0]
    made = [built.heap.object(page, kind) for _ in range(20)]
    page.give(made[0], "local")
    page.give(made[1], "free")
    page.give(made[2], "thread")
    # On a free list of CPython's own: nobody refers to it.
    built.image.put(made[3] + 8, 0)
    # What is behind the capacity was used before; it looks like an object.
    behind = page.start + page.capacity * page.block + page.object_at
    built.image.write(behind, built.image._piece(made[5], 32) or b"")
    histogram = built.histogram()
    rows = {row.name: row.instances for row in histogram.types}
    assert rows["app.Class101a"] == 16
    assert histogram.uncertain == 0


def test_a_block_that_its_heap_has_not_taken_back_yet_is_no_object() -> None:
    built = Built(DEBUG)
    page, kind = built.pages[101, 4], built.types[101][0]
    made = [built.heap.object(page, kind) for _ in range(4)]
    heap = built.heap.heap(built.heap.states[101], GC)
    # The head is plain; the link in the block is encoded with the keys of the heap: 5 and 6.
    block = made[0] - page.object_at
    built.image.put(heap + built.form.delayed, block)
    built.image.put(block, ((heap ^ 6) << 5 | (heap ^ 6) >> 59) + 5)
    assert built.counts()["app.Class101a"] == 3


@pytest.mark.parametrize("link", ["itself", "outside", "odd", "huge"])
@pytest.mark.parametrize("blocking", [True, False])
def test_a_list_that_does_not_end_makes_its_page_uncertain(link: str, *, blocking: bool) -> None:
    built = Built()
    page, kind = built.pages[101, 4], built.types[101][0]
    for _ in range(10):
        built.heap.object(page, kind)
    place = page.lists["free"][3]
    words = {"itself": place, "outside": page.start - 96, "odd": place + 4, "huge": 1 << 62}
    built.reader().heap_layout(1.0)
    reader = built.reader()
    reader.heap_layout(1.0)
    built.image.put(place, words[link])
    reading = reader.histogram(blocking=blocking)
    histogram = make_histogram(built.image, built.runtime.layout(), reading, {})
    row = {row.name: row for row in histogram.types}["app.Class101a"]
    assert histogram.uncertain == 1
    assert row.instances == 10
    assert row.low == (10 if blocking else 0)


def test_objects_of_ended_threads_are_of_the_interpreter_that_has_their_types() -> None:
    built = Built()
    segment = built.heap.segment(None)
    page = built.heap.page(segment, GC_PRE, None, 128)
    for _ in range(7):
        built.heap.object(page, built.types[201][1])
    rows = {row.name: row for row in built.histogram().types}
    assert (rows["app.Class201b"].instances, rows["app.Class201b"].interpreter) == (7, 1)


def test_a_thread_without_heaps_leaves_no_layout() -> None:
    built = Built()
    for state in built.heap.states.values():
        for number in range(4):
            built.image.put(built.heap.heap(state, number) + built.form.delayed + 8, 0)
    with pytest.raises(LayoutError, match=r"mi_heap_t\.thread_id"):
        built.reader().heap_layout(0)


def spoil(built: Built, member: str) -> None:
    """Let a member of all pages, or of all segments, have a value that no allocator gives it."""
    form = built.form
    for segment in built.heap.segments:
        if member == "mi_segment_t.cookie":
            built.image.put(segment + form.cookie, 0)
        if member == "mi_segment_t.slices":
            built.image.write(segment + form.slices + form.page, bytes(4))
    for page in built.pages.values():
        if member == "mi_page_t.xheap":
            built.image.put(page.entry + form.owner, page.slice)
        if member == "mi_page_t.block_size":
            built.image.write(page.entry + form.block_size, bytes(4))
        if member == "mi_page_t.used":
            built.image.write(page.entry + form.used, b"\xee\xee")
        if member == "mi_page_t.keys":
            for block in page.lists["free"]:
                built.image.put(block, page.start - 8)


@FORMS
@pytest.mark.parametrize(
    "member",
    [
        *("mi_segment_t.slices", "mi_segment_t.cookie", "mi_page_t.xheap"),
        *("mi_page_t.block_size", "mi_page_t.used", "mi_page_t.keys"),
    ],
)
def test_another_allocator_is_refused_by_the_member_that_does_not_fit(
    form: Form, member: str
) -> None:
    built = Built(form)
    spoil(built, member)
    with pytest.raises(LayoutError) as refused:
        built.reader().heap_layout(0)
    assert refused.value.field == member


@FORMS
@pytest.mark.parametrize("done", ["the pages", "the segment"])
@pytest.mark.parametrize("blocking", [True, False])
def test_a_segment_that_its_thread_is_just_leaving_is_counted_all_the_same(
    form: Form, done: str, *, blocking: bool
) -> None:
    built = Built(form)
    for heap in (OBJECT, GC_PRE, 4):
        for _ in range(7):
            built.heap.object(built.pages[201, heap], built.types[201][0])
    reader = built.reader()
    reader.heap_layout(1.0)
    if done == "the segment":
        built.image.put(built.heap.segments[-1] + form.slices - 8, 0)
    else:
        for heap in (OBJECT, GC_PRE, 4):
            built.image.put(built.pages[201, heap].entry + form.owner, 0)
    reading = reader.histogram(blocking=blocking)
    rows = make_histogram(built.image, built.runtime.layout(), reading, {}).types
    (row,) = [row for row in rows if row.name == "app.Class201a"]
    assert (row.instances, row.low, row.interpreter) == (21, 21, 1)
    assert reading.uncertain == 0


def test_a_place_without_the_secret_is_no_segment() -> None:
    built = Built()
    stranger = built.heap.segment(101)
    reader = built.reader()
    page = built.heap.page(stranger, GC_PRE, 101, 128)
    for _ in range(3):
        built.heap.object(page, built.types[101][0])
    assert built.counts()["app.Class101a"] == 3
    built.image.put(stranger + built.form.cookie, 0)
    rows = make_histogram(built.image, built.runtime.layout(), reader.histogram(), {}).types
    assert "app.Class101a" not in {row.name for row in rows}


near = st.integers(0x7F3A_0000, 0x7F3A_00FF).map(lambda low: low << 16 | 0x5678)
addresses = st.one_of(
    near,
    st.integers(0xFA, 0x103).map(lambda low: 0x2000_0000_0040 | low << 16),
    st.sampled_from([0, 0x7F3A_1234_5678, 0x7F3A_1234_0000, 0x0000_00A1_2345, 0x7F7F_7F7F_7F7F]),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 255).map(lambda byte: byte * 0x0101_0101_0101),
)


def check_classes(data: list[int]) -> None:
    """Compare what is said of equal words with a look at each of them."""
    words = array("Q", data)
    classes = classify_words(words)
    assert classes.counts == Counter(data)
    mask = bytes(CHOSEN * (place % 3 > 0) for place in range(len(data)))
    kept = [word for word, byte in zip(data, mask, strict=True) if byte]
    assert classes.count_where(mask) == Counter(kept)
    for word in set(data):
        assert classes.select(word) == bytes(CHOSEN * (each == word) for each in data)
    slices = Counter(word >> 16 & 0xFFFF_FFFF for word in kept)
    assert count_slices(words, mask) == slices
    present = mask_addresses(words, mask) or bytes(len(mask))
    assert [bool(byte) for byte in present] == [
        bool(byte and word >> 16 & 0xFFFF_FFFF) for word, byte in zip(data, mask, strict=True)
    ]
    assert [byte > 0 for byte in leave_out(mask, present)] == [
        bool(byte and not gone) for byte, gone in zip(mask, present, strict=True)
    ]
    every = bytes([CHOSEN]) * len(data)
    assert count_slices(words, every) == Counter(word >> 16 & 0xFFFF_FFFF for word in data)


@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(st.lists(addresses, max_size=12), st.lists(st.integers(0, 11), max_size=300))
def test_equal_words_are_counted_and_chosen_as_one_by_one(
    words: list[int], places: list[int]
) -> None:
    chosen = [words[place % len(words)] for place in places] if words else []
    for data in (chosen, sorted(chosen), chosen[:1] * 200 + chosen):
        check_classes(data)


@pytest.mark.parametrize("number", [59, 60, 61, 256, 300])
@pytest.mark.parametrize("step", [1 << 8, 1 << 16, 1 << 24, 0x1_0101_0100])
def test_many_different_words_are_counted_as_one_by_one(number: int, step: int) -> None:
    data = [0x7F3A_0000_0000 + step * each for each in range(number)]
    check_classes(data * 2 + data[::3])


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(st.integers(0, (1 << 47) - 1), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_links_are_decoded_as_mimalloc_encodes_them(address: int, first: int, second: int) -> None:
    null = 0x7000_0000_0000
    mixed = (address or null) ^ second
    distance = first % 64
    encoded = (mixed << distance | mixed >> (64 - distance)) + first & (1 << 64) - 1
    assert Link(null, first, second).decode(encoded) == (0 if address == null else address)


EXAMPLES = int(os.environ.get("INSPECTOR_FUZZ", "0")) // 20
"""As tests/unit/test_fuzz.py has it; each takes ten times as long as one of those."""

MOST_SECONDS = 10.0
MOST_READS = 100_000
MOST_BYTES = 1 << 28

VALUES = (0, 1, 2, 3, 7, 8, 255, 1 << 16, 0xFFFF, 1 << 26, 1 << 32, 1 << 62, 1 << 63, -1, -8)

lies = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from(VALUES) | st.integers(0, (1 << 64) - 1)),
    min_size=1,
    max_size=10,
)


@cache
def truth(number: int) -> tuple[Built, list[int]]:
    """Return a heap with objects, and the addresses of words of it that are not 0."""
    built = Built([RELEASE, DEBUG, NEWER][number])
    for native_id in (101, 102, 201):
        for heap in (OBJECT, GC_PRE, 4):
            for _ in range(9):
                built.heap.object(built.pages[native_id, heap], built.types[native_id][0])
    places = [
        start + 8 * place
        for start in (*built.heap.segments, *built.heap.states.values())
        for place in range(12 * 1024)
        if built.image._piece(start + 8 * place, 8) not in (None, bytes(8))
    ]
    return built, places


@pytest.mark.parametrize("number", range(3), ids=["2.1.2", "debug", "2.5.2"])
@settings(
    max_examples=EXAMPLES or 25,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(changes=lies, later=st.booleans(), blocking=st.booleans())
def test_a_heap_that_lies_is_an_error_or_a_bounded_number(
    number: int, changes: list[tuple[int, int]], *, later: bool, blocking: bool
) -> None:
    built, places = truth(number)
    image = built.image.copy()
    reader = built.reader(image)
    begin = time.thread_time()
    if later:
        reader.heap_layout(1.0)
    image.most_reads = image.reads + MOST_READS
    for place, value in changes:
        address = places[place % len(places)]
        image.put(address, value if value < 16 or place % 2 else image.word(address) ^ value)
    with suppress(InspectorError):
        reading = reader.histogram(blocking=blocking)
        histogram = make_histogram(image, built.runtime.layout(), reading, {})
        for row in histogram.types:
            assert 0 <= row.low <= row.instances <= 1 << 16
            assert row.tracked <= row.instances
    with suppress(InspectorError):
        for heap in read_allocator(reader, os.getpid(), {}, 1.0).heaps:
            assert 0 <= heap.full <= heap.free <= heap.committed
            assert heap.live == heap.committed - heap.free
            assert 0 <= (heap.waiting_blocks or 0) <= heap.committed // 8
    assert time.thread_time() - begin < MOST_SECONDS
    assert image.bytes_read < MOST_BYTES
