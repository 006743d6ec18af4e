"""The layout found by structure, and what is refused."""

from __future__ import annotations

import gc
import weakref
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from inspector.cpython import id_offsets
from inspector.errors import InspectorError, LayoutError, MemoryFault
from tests.heap import Shape
from tests.runtime import Runtime, both_versions, small

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPES = {
    "usual": Shape(),
    "pool first": Shape(unique_ids=16, static_states=4096),
    "pool last": Shape(unique_ids=12288 - 32),
    "far array": Shape(refcounts=30_008, qsbr=856 + 8 * 40),
    "near array": Shape(refcounts=1024, qsbr=864),
    "long types": Shape(type_unique_id=1992, heap_type_size=2008),
    "ids at the end": Shape(type_unique_id=1072, code_unique_id=256, dict_watcher_tag=88),
}


@both_versions
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_offsets_are_found_wherever_they_are(version: int, shape: Shape) -> None:
    runtime = small(version, shape)
    layout = runtime.layout()
    found = Shape(
        layout.unique_ids,
        layout.refcounts,
        (layout.c_stack_refs or 0) - 24,
        layout.type_unique_id,
        shape.heap_type_size,
        layout.code_unique_id,
        layout.dict_watcher_tag,
        shape.static_states,
    )
    assert found == shape
    assert layout.code_type == runtime.heap.code_type
    assert {each.source for each in layout.offsets} == {"discovered"}
    assert len(layout.offsets) == 6


@pytest.mark.parametrize("number", range(1, 6))
def test_offsets_are_found_where_a_sample_has_none_of_a_kind(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    runtime = small()
    right = runtime.layout()
    monkeypatch.setattr(id_offsets, "SAMPLE", number)
    found = runtime.layout()
    assert found._replace(offsets=()) == right._replace(offsets=())


def test_published_offsets_are_taken_as_they_are_published() -> None:
    runtime = small(
        interpreter_state__threads_head=24,
        thread_state__size=1024,
        type_object__tp_name=72,
        type_object__tp_flags=64,
        dict_object__ma_keys=40,
        dict_object__ma_values=48,
    )
    assert runtime.layout().type_unique_id == runtime.shape.type_unique_id


def test_a_version_that_is_newer_than_all_tables_is_tried() -> None:
    layout = small(0x031000A0).layout()
    assert not layout.published.known
    assert layout.unique_ids == Shape().unique_ids


def test_the_pool_of_the_main_interpreter_is_the_one_that_counts() -> None:
    runtime = small()
    runtime.interpreter()
    assert runtime.layout().unique_ids == Shape().unique_ids


@pytest.mark.parametrize("status", [0b1, 0b100011, 0b1100011], ids=["born", "ending", "cleared"])
def test_a_thread_that_has_not_begun_or_is_ending_says_nothing_of_the_layout(status: int) -> None:
    runtime = small()
    one = runtime.interpreters[0]
    state = one.thread(104, size=0)
    runtime.image.put(state + one.offsets["thread_state.status"], status)
    runtime.image.put(state + one.offsets["thread_state.thread_id"], 0)
    runtime.image.put(state + runtime.shape.refcounts - 40, 0, 0, 0)
    assert runtime.layout().refcounts == runtime.shape.refcounts


def test_threads_that_are_linked_with_others_are_found() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    place = runtime.shape.refcounts - 40
    # Two threads of one hash bucket: bucket -> 101 -> 102 -> bucket.
    bucket, first, second = (
        runtime.image.new(16),
        *(one.threads[each] + place for each in (101, 102)),
    )
    runtime.image.put(bucket, first, second)
    runtime.image.put(first, second, bucket)
    runtime.image.put(second, bucket, first)
    assert runtime.layout().refcounts == runtime.shape.refcounts


def test_without_the_ring_before_it_c_stack_refs_is_unknown_and_the_rest_is_not() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    runtime.image.put(one.threads[101] + runtime.shape.qsbr + 8, 0, 0)
    layout = runtime.layout()
    assert layout.c_stack_refs is None
    assert layout.refcounts == runtime.shape.refcounts
    assert [each.value for each in layout.offsets if each.field.endswith("c_stack_refs")] == [None]


def second_pool(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    pool = [runtime.image.word(one.pool + 8 * number) for number in range(4)]
    runtime.image.put(one.pool + 512, *pool)


def strange_member(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    stranger = runtime.heap.text("a string with a header and no id")
    runtime.heap.header(stranger, runtime.heap.str_type)
    one.give_id(stranger)


def immortal_members(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    for each in list(one.ids)[:3]:
        runtime.heap.header(each, runtime.heap.type_type, immortal=True)


def plain_member(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    runtime.heap.header(next(iter(one.ids)), runtime.heap.type_type, deferred=False)


def wrong_type_id(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    address = next(iter(one.ids))
    runtime.image.add(address + runtime.shape.type_unique_id, 1)


def wrong_code_id(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    address = list(one.ids)[9]
    runtime.image.add(address + runtime.shape.code_unique_id, -1)


def wrong_dict_id(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    address = list(one.ids)[16]
    runtime.image.add(address + runtime.shape.dict_watcher_tag, 1 << 32)


def id_twice(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    for address, unique_id in list(one.ids.items())[:8]:
        runtime.image.put(address + runtime.shape.type_unique_id - 96, unique_id)
        runtime.image.put(address + runtime.shape.type_unique_id - 96 - 8, unique_id)


def odd_table(runtime: Runtime) -> None:
    runtime.image.put(runtime.interpreters[0].pool + 24, 48)


def looping_free_list(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    first = runtime.image.word(one.pool + 16)
    runtime.image.put(first, first)


def no_pool(runtime: Runtime) -> None:
    runtime.image.put(runtime.interpreters[0].pool, 0, 0, 0, 0)


def odd_array(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    runtime.image.put(one.threads[101] + runtime.shape.refcounts + 8, 48)


def large_array(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    runtime.image.put(one.threads[101] + runtime.shape.refcounts + 8, 128)


def finalized_array(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    runtime.image.put(one.threads[101] + runtime.shape.refcounts + 16, 1)


def counted_free_ids(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    values = runtime.image.word(one.threads[101] + runtime.shape.refcounts)
    runtime.image.put(values + 8 * len(one.ids), *range(1, 21))


def huge_contribution(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    runtime.image.put(one.slot(101, next(iter(one.ids))), -(2**41))


def open_ring(runtime: Runtime) -> None:
    one = runtime.interpreters[0]
    ring = one.threads[101] + runtime.shape.refcounts - 40
    runtime.image.put(ring, ring, runtime.image.new(16))


def no_interpreter(runtime: Runtime) -> None:
    head = runtime.address + runtime.offsets["runtime_state.interpreters_head"]
    runtime.image.put(head, 0)


def no_thread(runtime: Runtime) -> None:
    for native_id in list(runtime.interpreters[0].threads):
        runtime.interpreters[0].end_thread(native_id)


def large_types(runtime: Runtime) -> None:
    at = runtime.heap.type_type + runtime.heap.type_field("tp_basicsize")
    runtime.image.put(at, 2**62)


def endless_metatypes(runtime: Runtime) -> None:
    runtime.image.put(runtime.heap.type_type + 24, runtime.interpreters[0].threads[101])


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (second_pool, "unique_ids"),
        (strange_member, "unique_ids"),
        (immortal_members, "unique_ids"),
        (plain_member, "unique_ids"),
        (odd_table, "unique_ids"),
        (looping_free_list, "unique_ids"),
        (no_pool, "unique_ids"),
        (wrong_type_id, "PyHeapTypeObject.unique_id"),
        (id_twice, "PyHeapTypeObject.unique_id"),
        (wrong_code_id, "PyCodeObject._co_unique_id"),
        (wrong_dict_id, "PyDictObject._ma_watcher_tag"),
        (odd_array, "refcounts"),
        (large_array, "refcounts"),
        (finalized_array, "refcounts"),
        (open_ring, "refcounts"),
        (counted_free_ids, "refcounts.values"),
        (huge_contribution, "refcounts.values"),
        (no_interpreter, "interpreters_head"),
        (no_thread, "threads_head"),
        (large_types, "type.tp_basicsize"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@both_versions
def test_what_does_not_fit_is_refused_by_its_field(
    spoil: Callable[[Runtime], None], field: str, version: int
) -> None:
    runtime = small(version)
    spoil(runtime)
    with pytest.raises(LayoutError) as caught:
        runtime.layout()
    assert caught.value.field.endswith(field)
    assert caught.value.hint


def test_heap_types_that_are_no_longer_than_types_are_refused() -> None:
    with pytest.raises(LayoutError, match=r"PyHeapTypeObject\.unique_id"):
        small(type_object__size=1088).layout()


def test_types_without_a_type_at_their_end_are_refused() -> None:
    runtime = small()
    endless_metatypes(runtime)
    with pytest.raises(InspectorError):
        runtime.layout()


def test_another_ring_before_words_that_are_zero_is_not_taken_for_the_array() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    for thread in one.threads.values():
        ring = thread + runtime.shape.refcounts - 40
        runtime.image.put(ring, 0, 0)
        other = thread + runtime.shape.refcounts + 64
        runtime.image.put(other, other, other)
    with pytest.raises(LayoutError, match="refcounts"):
        runtime.layout()


def test_an_id_that_is_not_the_one_that_threading_knows_is_as_far_from_it_in_all_threads() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    for thread in one.threads.values():
        runtime.image.add(thread + runtime.shape.refcounts - 24, 1776)
    assert runtime.layout().refcounts == runtime.shape.refcounts
    runtime.image.add(one.threads[101] + runtime.shape.refcounts - 24, 8)
    with pytest.raises(LayoutError, match="refcounts"):
        runtime.layout()


def test_a_few_ids_that_are_taken_meanwhile_do_not_hide_the_array() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    values = runtime.image.word(one.threads[101] + runtime.shape.refcounts)
    runtime.image.put(values + 8 * len(one.ids), *range(1, 9))
    assert runtime.layout().refcounts == runtime.shape.refcounts


def test_a_member_that_dies_while_it_is_read_is_left_out() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    address = next(iter(one.ids))

    def die(number: int) -> None:
        if number == 0:
            one.take_id(address)
            runtime.image.put(address, *[0xDEAD_BEEF] * 130)

    runtime.image.before_read = die
    assert runtime.layout().type_unique_id == runtime.shape.type_unique_id


def test_a_table_that_is_not_mapped_is_no_pool() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    runtime.image.put(one.pool + 8, 0x1000, 0x1000)
    with pytest.raises(LayoutError, match="unique_ids"):
        runtime.layout()


def test_an_interpreter_that_is_not_mapped_is_a_fault() -> None:
    runtime = small()
    head = runtime.address + runtime.offsets["runtime_state.interpreters_head"]
    runtime.image.put(head, 0x1000)
    with pytest.raises(MemoryFault):
        runtime.layout()


def test_all_offsets_are_told_apart_even_where_all_counts_are_zero() -> None:
    runtime = Runtime(shape=replace(Shape(), refcounts=7000))
    one = runtime.interpreter()
    for number in range(3):
        one.new_type(f"Class{number}")
        one.new_code(f"function{number}", 4000 + number)
        one.new_module(f"module{number}")
    one.thread(101)
    assert runtime.layout().refcounts == 7000


class Held:
    """What a caller refers to while a layout is found."""


@pytest.mark.parametrize("others", [True, False], ids=["a layout", "an error"])
def test_what_is_refused_on_the_way_to_a_layout_leaves_nothing_to_the_collector(
    *, others: bool
) -> None:
    runtime = small()
    one = runtime.interpreters[0]
    # Shaped like a pool, but what it lists are strings.
    table = runtime.image.new(64)
    entries = [runtime.heap.text("no object with an id"), *range(table + 16, table + 64, 8), 0]
    runtime.image.put(table, *entries)
    runtime.image.put(one.pool + 512, 0, table, table + 8, 8)
    if not others:
        no_pool(runtime)

    def find_holding(held: Held) -> weakref.ref[Held]:
        with nullcontext() if others else pytest.raises(LayoutError, match="0 of 1 members are"):
            runtime.layout()
        return weakref.ref(held)

    gc.collect()
    gc.disable()
    try:
        held = find_holding(Held())
        assert held() is None
    finally:
        gc.enable()
