"""Rows out of words: the formula, and what is not known."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from inspector.census.plan import Scope, plan
from inspector.census.reading import Seen, read
from inspector.census.rows import Rows, counted, holds_id
from inspector.census.snapshot import ObjectCount
from inspector.census.stacks import Stacks
from tests.heap import BIAS
from tests.runtime import small, thread_id

if TYPE_CHECKING:
    from inspector.census.reading import Bounds


class ReadProcess:
    """Rows of a process, reading after reading."""

    def __init__(self) -> None:
        self.runtime = small()
        self.one = self.runtime.interpreters[0]
        self.heap, self.image = self.runtime.heap, self.runtime.image
        self.layout = self.runtime.layout()
        self.rows = Rows(self.image, self.layout)
        self.types = list(self.one.ids)[:8]

    def seen(self, *kinds: str, stacks: Stacks | None = None) -> Seen:
        """Read the process as it is now."""
        planned = plan(
            self.image, self.layout, self.one.address, Scope(kinds or ("type",), unlisted=True)
        )
        reading = read(self.image, self.layout, planned)
        bounds: list[Bounds | None] = [None] * len(planned.members)
        return Seen(
            self.one.address,
            planned,
            reading,
            {},
            bounds,
            stacks,
            exact=True,
            tries=1,
            merging=False,
        )

    def of(self, seen: Seen) -> dict[int, ObjectCount]:
        """Return the rows of a reading, by address."""
        return {row[2]: ObjectCount._make(row) for row in self.rows.of(seen, 7)}


@pytest.fixture
def process() -> ReadProcess:
    return ReadProcess()


def test_a_row_has_all_words_and_their_sum(process: ReadProcess) -> None:
    address = process.types[0]
    process.heap.header(
        address,
        process.heap.type_type,
        references=-4,
        local=3,
        tid=thread_id(102),
        state="weakref",
    )
    assert process.of(process.seen())[address] == ObjectCount(
        name="app.Class0",
        kind="type",
        address=address,
        interpreter=7,
        unique_id=1,
        state="weakref",
        owner=102,
        local=3,
        shared=BIAS - 4,
        bias=BIAS,
        contributions={101: 5, 102: 7},
        counted=3 - 4 + 5 + 7,
        deferred=None,
        total=3 - 4 + 5 + 7,
        settled=True,
        bounds=None,
        stacks=None,
        deallocator="per thread",
        deallocator_of=None,
    )


def test_parts_of_a_row_are_derived_from_its_words(process: ReadProcess) -> None:
    row = process.of(process.seen())[process.types[1]]
    assert (row.header, row.contributed, row.counted) == (11, -2, 9)
    assert (row.getrefcount, row.unbiased) == (BIAS + 11, 11)


def test_references_on_stacks_are_added_to_the_total(process: ReadProcess) -> None:
    first, second = process.types[:2]
    stacks = Stacks({101: Counter({first: 2}), 102: Counter({first: 1})}, Counter())
    rows = process.of(process.seen(stacks=stacks))
    assert rows[first].stacks == {101: 2, 102: 1}
    assert (rows[first].counted, rows[first].deferred, rows[first].total) == (22, 3, 25)
    assert (rows[second].stacks, rows[second].deferred, rows[second].total) == ({}, 0, 9)
    assert rows[first].settled


def test_references_that_may_be_stale_give_bounds(process: ReadProcess) -> None:
    first = process.types[0]
    stacks = Stacks({101: Counter({first: 3})}, Counter({first: 2}))
    row = process.of(process.seen(stacks=stacks))[first]
    assert (row.total, row.bounds, row.settled) == (25, (23, 25), False)


def test_bounds_of_a_reading_are_those_of_its_row(process: ReadProcess) -> None:
    seen = process.seen()
    seen.bounds[0] = (20, 30)
    row = process.of(seen)[process.types[0]]
    assert (row.bounds, row.settled, row.total) == ((20, 30), False, 22)


def test_counts_that_settled_later_take_the_place_of_the_arrays(process: ReadProcess) -> None:
    seen = process.seen()._replace(again={0: {102: 9}, 1: {}})
    rows = process.of(seen)
    assert rows[process.types[0]].contributions == {102: 9}
    assert rows[process.types[0]].counted == 19
    assert rows[process.types[1]].counted == 11


@pytest.mark.parametrize("words", [b"", bytes(1024), bytes(32)], ids=["none", "zeros", "header"])
def test_an_object_that_could_not_be_read_has_no_counts(process: ReadProcess, words: bytes) -> None:
    seen = process.seen()
    seen.reading.structures[0] = words
    row = process.of(seen)[process.types[0]]
    assert (row.unique_id, row.state, row.settled) == (1, "?", False)
    counts = (row.local, row.shared, row.counted, row.deferred, row.total, row.stacks)
    assert counts == (None,) * 6
    assert (row.header, row.contributed, row.getrefcount, row.unbiased) == (None,) * 4


def test_an_object_with_the_id_of_another_has_no_counts(process: ReadProcess) -> None:
    seen = process.seen()
    seen.reading.structures[0] = seen.reading.structures[1]
    assert process.of(seen)[process.types[0]].total is None


def test_an_immortal_object_is_known_not_to_be_counted(process: ReadProcess) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, immortal=True)
    row = process.of(process.seen())[address]
    assert (row.state, row.total, row.settled, row.bias) == ("immortal", None, True, 0)


def test_a_torn_header_is_not_settled(process: ReadProcess) -> None:
    address = process.types[2]
    process.image.add(address + 16, -4 * BIAS)
    row = process.of(process.seen())[address]
    assert not row.settled


def test_an_owner_that_has_no_thread_is_none(process: ReadProcess) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, tid=thread_id(999), state="weakref")
    assert process.of(process.seen())[address].owner is None


def test_objects_of_every_kind_have_rows(process: ReadProcess) -> None:
    bare = process.heap.heap_type("Bare")
    process.heap.header(bare, process.heap.type_type, references=4, deferred=False)
    process.one.manage(process.heap.object_type, [*process.types, bare, process.heap.str_type])
    rows = process.of(process.seen("type", "code", "dict", "static"))
    names = {row.name: row for row in rows.values()}
    assert names["function0 (app.py:4000)"].counted == 1 + 1
    assert names["function1 (app.py:4001)"].contributions == {102: 3}
    assert names["app"].kind == "dict"
    assert names["app.Bare"].unique_id == 0
    assert (names["app.Bare"].total, names["app.Bare"].bias) == (4, 0)
    assert names["builtins.str"].state == "immortal"
    assert Counter(row.kind for row in rows.values()) == {
        "type": 9,
        "code": 8,
        "dict": 2,
        "static": 2,
    }


def test_rows_of_what_rests_are_the_same_objects(process: ReadProcess) -> None:
    stacks = Stacks({101: Counter({process.types[0]: 2})}, Counter())
    before = process.rows.of(process.seen(stacks=stacks), 7)
    after = process.rows.of(process.seen(stacks=stacks), 7)
    assert all(one is other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("what", ["header", "slot", "owner", "stack", "name", "bounds"])
def test_a_row_is_made_anew_when_anything_in_it_changed(process: ReadProcess, what: str) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, tid=thread_id(101), state="weakref")
    before = process.of(process.seen())
    stacks = None
    if what == "header":
        process.image.add(address + 16, 4)
    elif what == "slot":
        process.image.add(process.one.slot(101, address), 1)
    elif what == "owner":
        process.image.add(
            process.one.threads[101] + process.runtime.offsets["thread_state.thread_id"], 8
        )
    elif what == "stack":
        stacks = Stacks({101: Counter({address: 1})}, Counter())
    elif what == "name":
        process.image.put(address + process.layout.ht_qualname, process.heap.text("Other"))
    seen = process.seen(stacks=stacks)
    if what == "bounds":
        seen.bounds[0] = (1, 99)
    after = process.of(seen)
    assert after[address] != before[address]
    fresh = ReadProcess.__new__(ReadProcess)
    fresh.rows = Rows(process.image, process.layout)
    assert fresh.of(seen) == after


def test_the_sum_of_an_immortal_object_is_unknown(process: ReadProcess) -> None:
    address = process.types[3]
    assert counted(process.image.read(address, 32), {1: 4, 2: -5}) == 13 - 1
    assert counted(process.image.read(process.heap.str_type, 32), {1: 4}) is None


@pytest.mark.parametrize(
    ("kind", "number"), [("type", 0), ("code", 8), ("dict", 16)], ids=["type", "code", "dict"]
)
def test_an_id_is_found_where_its_kind_has_it(process: ReadProcess, kind: str, number: int) -> None:
    address, unique_id = list(process.one.ids.items())[number]
    words = process.image.read(address, 300 if kind == "code" else 96 if kind == "dict" else 1080)
    assert holds_id(process.layout, (unique_id, address, kind), words)
    assert not holds_id(process.layout, (unique_id + 1, address, kind), words)
    assert not holds_id(process.layout, (unique_id, address, kind), b"")
