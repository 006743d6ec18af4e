"""Rows out of words: the formula, and what is not known."""

from __future__ import annotations

from collections import Counter

import pytest

from inspector.reader.kinds import holds_id
from inspector.reader.plan import Request
from inspector.reader.planner import make_plan
from inspector.reader.reading import Reading, read_plan
from inspector.reader.rows import Rows, count_references
from inspector.reader.stacks import Stacks
from inspector.snapshots.snapshot import ObjectCount
from tests.heap import BIAS
from tests.runtime import small, thread_id


class ReadProcess:
    """Rows of a process, reading after reading."""

    def __init__(self) -> None:
        self.runtime = small()
        self.one = self.runtime.interpreters[0]
        self.heap, self.image = self.runtime.heap, self.runtime.image
        self.layout = self.runtime.layout()
        self.rows = Rows(self.image, self.layout, 7)
        self.types = list(self.one.ids)[:8]

    def reading(self, *kinds: str, stacks: Stacks | None = None) -> Reading:
        """Read the process as it is now."""
        request = Request(kinds or ("type",), unlisted=True)
        plan = make_plan(self.image, self.layout, self.one.address, request)
        return read_plan(self.image, self.layout, plan)._replace(stacks=stacks, exact=True)

    def rows_of(self, reading: Reading) -> dict[int, ObjectCount]:
        """Return the rows of a reading, by address."""
        rows = map(ObjectCount._make, self.rows.make_rows(reading))
        return {row.address: row for row in rows}


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
    assert process.rows_of(process.reading())[address] == ObjectCount(
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
    row = process.rows_of(process.reading())[process.types[1]]
    assert (row.header, row.contributed, row.counted) == (11, -2, 9)
    assert (row.getrefcount, row.unbiased) == (BIAS + 11, 11)


def test_references_on_stacks_are_added_to_the_total(process: ReadProcess) -> None:
    first, second = process.types[:2]
    stacks = Stacks({101: Counter({first: 2}), 102: Counter({first: 1})}, Counter())
    rows = process.rows_of(process.reading(stacks=stacks))
    assert rows[first].stacks == {101: 2, 102: 1}
    assert (rows[first].counted, rows[first].deferred, rows[first].total) == (22, 3, 25)
    assert (rows[second].stacks, rows[second].deferred, rows[second].total) == ({}, 0, 9)
    assert rows[first].settled


def test_references_that_may_be_stale_give_bounds(process: ReadProcess) -> None:
    first = process.types[0]
    stacks = Stacks({101: Counter({first: 3})}, Counter({first: 2}))
    row = process.rows_of(process.reading(stacks=stacks))[first]
    assert (row.total, row.bounds, row.settled) == (25, (23, 25), False)


def test_bounds_of_a_reading_are_those_of_its_row(process: ReadProcess) -> None:
    reading = process.reading()._replace(bounds={process.types[0]: (20, 30)})
    row = process.rows_of(reading)[process.types[0]]
    assert (row.bounds, row.settled, row.total) == ((20, 30), False, 22)


def test_counts_that_settled_later_take_the_place_of_the_arrays(process: ReadProcess) -> None:
    reading = process.reading()._replace(reread={0: {102: 9}, 1: {}})
    rows = process.rows_of(reading)
    assert rows[process.types[0]].contributions == {102: 9}
    assert rows[process.types[0]].counted == 19
    assert rows[process.types[1]].counted == 11


@pytest.mark.parametrize("words", [b"", bytes(1024), bytes(32)], ids=["none", "zeros", "header"])
def test_an_object_that_could_not_be_read_has_no_counts(process: ReadProcess, words: bytes) -> None:
    reading = process.reading()
    reading.structures[0] = words
    row = process.rows_of(reading)[process.types[0]]
    assert (row.unique_id, row.state, row.settled) == (1, "?", False)
    counts = (row.local, row.shared, row.counted, row.deferred, row.total, row.stacks)
    assert counts == (None,) * 6
    assert (row.header, row.contributed, row.getrefcount, row.unbiased) == (None,) * 4


def test_an_object_with_the_id_of_another_has_no_counts(process: ReadProcess) -> None:
    reading = process.reading()
    reading.structures[0] = reading.structures[1]
    assert process.rows_of(reading)[process.types[0]].total is None


def test_an_immortal_object_is_known_not_to_be_counted(process: ReadProcess) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, immortal=True)
    row = process.rows_of(process.reading())[address]
    assert (row.state, row.total, row.settled, row.bias) == ("immortal", None, True, 0)


def test_a_torn_header_is_not_settled(process: ReadProcess) -> None:
    address = process.types[2]
    process.image.add(address + 16, -4 * BIAS)
    row = process.rows_of(process.reading())[address]
    assert not row.settled


def test_an_owner_that_has_no_thread_is_none(process: ReadProcess) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, tid=thread_id(999), state="weakref")
    assert process.rows_of(process.reading())[address].owner is None


def test_objects_of_every_kind_have_rows(process: ReadProcess) -> None:
    bare = process.heap.heap_type("Bare")
    process.heap.header(bare, process.heap.type_type, references=4, deferred=False)
    process.one.manage(process.heap.object_type, [*process.types, bare, process.heap.str_type])
    rows = process.rows_of(process.reading("type", "code", "dict", "static"))
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
    before = process.rows.make_rows(process.reading(stacks=stacks))
    after = process.rows.make_rows(process.reading(stacks=stacks))
    assert all(one is other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("what", ["header", "slot", "owner", "stack", "name", "bounds"])
def test_a_row_is_made_anew_when_anything_in_it_changed(process: ReadProcess, what: str) -> None:
    address = process.types[0]
    process.heap.header(address, process.heap.type_type, tid=thread_id(101), state="weakref")
    before = process.rows_of(process.reading())
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
    reading = process.reading(stacks=stacks)
    if what == "bounds":
        reading = reading._replace(bounds={address: (1, 99)})
    after = process.rows_of(reading)
    assert after[address] != before[address]
    fresh = ReadProcess.__new__(ReadProcess)
    fresh.rows = Rows(process.image, process.layout, 7)
    assert fresh.rows_of(reading) == after


def test_the_sum_of_an_immortal_object_is_unknown(process: ReadProcess) -> None:
    address = process.types[3]
    assert count_references(process.image.read(address, 32), {1: 4, 2: -5}) == 13 - 1
    assert count_references(process.image.read(process.heap.str_type, 32), {1: 4}) is None


@pytest.mark.parametrize(
    ("kind", "number"), [("type", 0), ("code", 8), ("dict", 16)], ids=["type", "code", "dict"]
)
def test_an_id_is_found_where_its_kind_has_it(process: ReadProcess, kind: str, number: int) -> None:
    address, unique_id = list(process.one.ids.items())[number]
    words = process.image.read(address, 300 if kind == "code" else 96 if kind == "dict" else 1080)
    assert holds_id(process.layout, (unique_id, address, kind), words)
    assert not holds_id(process.layout, (unique_id + 1, address, kind), words)
    assert not holds_id(process.layout, (unique_id, address, kind), b"")
