"""Walks over interpreters, threads and the pool's table: bounded whatever they find."""

from __future__ import annotations

from array import array

import pytest

from inspector.cpython import runtime_lists
from inspector.cpython.pool import Pool, follow_freelist, split_table
from inspector.cpython.published import Published, read_published
from inspector.cpython.runtime_lists import read_interpreters, read_threads
from inspector.errors import LayoutError, MemoryFault
from tests.runtime import Interpreter, Runtime


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def published_of(runtime: Runtime) -> Published:
    """Return the offsets of a runtime."""
    return read_published(runtime.image, runtime.address)


def threads_of(runtime: Runtime, one: Interpreter) -> list[runtime_lists.Thread]:
    """Return the threads of an interpreter."""
    published = published_of(runtime)
    return read_threads(runtime.image, published, one.address, runtime.shape.refcounts)


def test_interpreters_are_listed_newest_first(runtime: Runtime) -> None:
    made = [runtime.interpreter().address for _ in range(3)]
    found = read_interpreters(runtime.image, published_of(runtime), runtime.address)
    assert found == made[::-1]


def test_no_interpreter_is_an_empty_list(runtime: Runtime) -> None:
    assert read_interpreters(runtime.image, published_of(runtime), runtime.address) == []


def test_a_cycle_of_interpreters_is_told(runtime: Runtime) -> None:
    first, second = runtime.interpreter(), runtime.interpreter()
    first._set("interpreter_state.next", second.address)
    with pytest.raises(LayoutError, match=r"interpreter_state\.next: .* found a cycle"):
        read_interpreters(runtime.image, published_of(runtime), runtime.address)


def test_more_interpreters_than_can_be_are_told(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_lists, "MAX_INTERPRETERS", 3)
    for _ in range(3):
        runtime.interpreter()
    assert len(read_interpreters(runtime.image, published_of(runtime), runtime.address)) == 3
    runtime.interpreter()
    with pytest.raises(LayoutError, match="found more"):
        read_interpreters(runtime.image, published_of(runtime), runtime.address)


def test_threads_are_listed_with_their_arrays(runtime: Runtime) -> None:
    one = runtime.interpreter()
    one.thread(11)
    one.thread(12, size=0)
    one.set_active(11)
    newest, oldest = threads_of(runtime, one)
    assert (newest.native_id, newest.values, newest.size, newest.attached) == (12, 0, 0, False)
    assert (oldest.native_id, oldest.size, oldest.attached) == (11, one.capacity, True)
    assert oldest.values
    assert not oldest.finalized


def test_an_interpreter_without_threads_has_none(runtime: Runtime) -> None:
    assert threads_of(runtime, runtime.interpreter()) == []


def test_a_cycle_of_threads_is_told(runtime: Runtime) -> None:
    one = runtime.interpreter()
    first, second = one.thread(11), one.thread(12)
    runtime.image.put(first + runtime.offsets["thread_state.next"], second)
    with pytest.raises(LayoutError, match=r"thread_state\.next: .* found a cycle"):
        threads_of(runtime, one)


def test_more_threads_than_can_be_are_told(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_lists, "MAX_THREADS", 2)
    one = runtime.interpreter()
    for number in range(3):
        one.thread(11 + number)
    with pytest.raises(LayoutError, match="found more"):
        threads_of(runtime, one)


def test_a_thread_of_another_interpreter_is_refused(runtime: Runtime) -> None:
    one, other = runtime.interpreter(), runtime.interpreter()
    thread = one.thread(11)
    runtime.image.put(thread + runtime.offsets["thread_state.interp"], other.address)
    with pytest.raises(LayoutError, match=f"expected {one.address:#x}, found {other.address:#x}"):
        threads_of(runtime, one)


def test_a_thread_that_is_not_mapped_is_a_fault(runtime: Runtime) -> None:
    one = runtime.interpreter()
    thread = one.thread(11)
    runtime.image.put(thread + runtime.offsets["thread_state.next"], 0x1000)
    with pytest.raises(MemoryFault) as caught:
        threads_of(runtime, one)
    assert caught.value.address == 0x1000


TABLE = 0x7000_0000_0000


def pool(freelist: int, size: int = 8) -> Pool:
    """Return a pool whose table stands at :data:`TABLE`."""
    return Pool(0, TABLE, freelist, size)


def entry(index: int) -> int:
    """Return the address of an entry."""
    return TABLE + 8 * index


def test_a_table_is_split_into_objects_and_free_entries() -> None:
    words = [0x5000, entry(2), entry(5), 0x6000, 0x7000, 0, 0x8000, 0x9000]
    table = split_table(array("Q", words).tobytes(), pool(entry(1)))
    assert table == {0: 0x5000, 3: 0x6000, 4: 0x7000, 6: 0x8000, 7: 0x9000}
    assert set(range(8)).difference(table) == {1, 2, 5}
    assert follow_freelist(words, pool(entry(1))) == {1, 2, 5}


def test_an_empty_free_list_visits_nothing() -> None:
    assert follow_freelist([0x5000] * 8, pool(0)) == set()


@pytest.mark.parametrize(
    "link",
    [entry(1), entry(2), entry(8), TABLE - 8, entry(3) + 4, 0x10, 2**64 - 8],
    ids=["itself", "loop", "end", "before", "unaligned", "low", "high"],
)
def test_a_free_list_that_loops_or_leaves_the_table_is_none(link: int) -> None:
    words = [0x5000, entry(2), link, 0, 0, 0, 0, 0]
    assert follow_freelist(words, pool(entry(1))) is None


@pytest.mark.parametrize(
    ("found", "plausible"),
    [
        (Pool(0, 0, 0, 0), True),
        (Pool(3, TABLE, 0, 8), True),
        (Pool(0, TABLE, entry(7), 8), True),
        (Pool(0, TABLE, entry(8), 8), False),
        (Pool(0, TABLE, TABLE - 8, 8), False),
        (Pool(0, TABLE, entry(1) + 1, 8), False),
        (Pool(4, TABLE, 0, 8), False),
        (Pool(0, TABLE + 4, 0, 8), False),
        (Pool(0, 0, 0, 8), False),
        (Pool(0, TABLE, 0, 0), False),
        (Pool(0, TABLE, 0, 4), False),
        (Pool(0, TABLE, 0, 24), False),
        (Pool(0, TABLE, 0, -8), False),
        (Pool(0, TABLE, 0, 1 << 27), False),
    ],
)
def test_only_what_cpython_makes_is_a_plausible_pool(found: Pool, plausible: bool) -> None:  # noqa: FBT001 - a column of the table
    assert found.plausible is plausible
