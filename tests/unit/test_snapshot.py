"""A snapshot as a value: looked up, written as JSON, never changed."""

from __future__ import annotations

import copy
import json
import sys
from collections import OrderedDict
from traceback import format_exception
from typing import TYPE_CHECKING, Any, cast

import pytest

from inspector.errors import AmbiguousName, NoSuchObject
from inspector.reader.target import Target
from inspector.snapshots.documents import parse_snapshot
from inspector.snapshots.name_search import find_names
from inspector.snapshots.snapshot import KINDS, ObjectCount
from tests.process import PID, FakeProcess, target_of
from tests.runtime import V315, small
from tests.screen import builder

if TYPE_CHECKING:
    from inspector.process.other import OtherProcess
    from inspector.snapshots.snapshot import Snapshot


class Class0:
    """Has the name of a class in the process made by hand."""

    __module__ = "app"


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    runtime = small(V315)
    runtime.interpreters[0].new_type("Twin")
    runtime.interpreters[0].new_type("Twin")
    return target_of(runtime).snapshot(blocking=True)


def test_a_row_is_found_by_name_and_by_address(snapshot: Snapshot) -> None:
    row = snapshot["app.Class0"]
    assert (row.counted, row.deferred, row.total) == (22, 3, 25)
    assert snapshot[row.address] == row
    assert "app.Class0" in snapshot
    assert row.address in snapshot


def test_a_type_object_means_its_name_in_another_process(snapshot: Snapshot) -> None:
    assert snapshot[Class0].name == "app.Class0"
    assert Class0 in snapshot
    assert OrderedDict not in snapshot


def test_a_name_of_two_objects_is_ambiguous_and_their_addresses_are_told(
    snapshot: Snapshot,
) -> None:
    twins = [row.address for row in snapshot if row.name == "app.Twin"]
    with pytest.raises(AmbiguousName) as caught:
        snapshot["app.Twin"]
    assert len(twins) == 2
    assert all(f"{address:#x}" in caught.value.hint for address in twins)
    assert caught.value.subject == "app.Twin"
    assert snapshot[twins[0]].address == twins[0]
    assert "app.Twin" not in snapshot


@pytest.mark.parametrize("key", ["app.Nobody", 0x10, 2**70, OrderedDict, None, 1.5, ()])
def test_what_is_not_there_is_told(snapshot: Snapshot, key: object) -> None:
    assert key not in snapshot
    with pytest.raises(NoSuchObject) as caught:
        snapshot[key]
    assert caught.value.hint
    assert isinstance(caught.value, LookupError)


def test_the_end_of_a_name_is_enough_where_only_one_ends_so(snapshot: Snapshot) -> None:
    assert snapshot["Class0"] == snapshot["app.Class0"]
    assert "Class0" in snapshot
    with pytest.raises(AmbiguousName) as caught:
        snapshot["Twin"]
    assert "0x" in caught.value.hint
    lass = snapshot._replace(rows=(*snapshot.rows, ("other.Class0", *snapshot.rows[0][1:])))
    with pytest.raises(AmbiguousName, match="2 names end in Class0") as caught:
        lass["Class0"]
    assert caught.value.hint == "give more of the name: app.Class0, other.Class0"


def test_a_built_in_type_needs_no_module() -> None:
    names = ["builtins.dict", "app.dict", "app.list"]
    assert find_names(names, "dict") == ["builtins.dict"]
    assert find_names(names, "list") == ["app.list"]
    assert find_names(names, "") == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("Clas0", "app.Class0"), ("app.class0", "app.Class0"), ("CLASS0", "")]
)
def test_names_that_are_nearly_right_are_suggested(
    snapshot: Snapshot, typed: str, meant: str
) -> None:
    with pytest.raises(NoSuchObject) as caught:
        snapshot[typed]
    assert isinstance(caught.value, KeyError)
    assert meant in caught.value.hint
    assert caught.value.hint.startswith("did you mean ")
    assert f"hint: {caught.value.hint}" in "".join(format_exception(caught.value))


def test_what_is_like_no_name_is_not_suggested(snapshot: Snapshot) -> None:
    with pytest.raises(NoSuchObject, match=r"^no type named Nobody\nhint: ") as caught:
        snapshot["Nobody"]
    assert "did you mean" not in caught.value.hint


def test_the_largest_rows_are_a_snapshot_too(snapshot: Snapshot) -> None:
    largest = snapshot.top(3)
    totals = sorted((row.total or 0 for row in snapshot), reverse=True)
    assert [row.total for row in largest] == totals[:3]
    assert largest.target == snapshot.target


def test_a_row_reads_like_its_formula(snapshot: Snapshot) -> None:
    assert repr(snapshot["app.Class0"]).startswith("<app.Class0: total 25 = ")
    assert "threads 12" in repr(snapshot["app.Class0"])


def test_a_notebook_shows_a_table_without_markup_of_the_target(snapshot: Snapshot) -> None:
    evil = snapshot._replace(rows=(("<script>", *snapshot.rows[0][1:]), *snapshot.rows[1:]))
    text = evil._repr_html_()
    assert text.count("<tr>") == 1 + len(snapshot)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_types_without_a_count_are_compared_by_their_instances() -> None:
    order = builder.row("app.Order", local=5)
    heaps = [builder.heap(n, builder.use("builtins.dict", 1 + 100 * n)) for n in (0, 1)]
    before, after = (builder.snapshot(order, heap=each) for each in heaps)
    assert "builtins.dict +100 instances" in repr(after - before)
    assert "+100" in (after - before)._repr_html_()


def test_what_reading_itself_adds_is_last_in_a_comparison() -> None:
    names = ("app.Order", "inspector.cpython.names._Known")
    before = builder.snapshot(*(builder.row(name, local=5) for name in names))
    after = builder.snapshot(builder.row(names[0], local=6), builder.row(names[1], local=900))
    assert [each.name for each in after - before] == list(names)


def test_targets_and_histograms_say_in_a_line_what_they_are() -> None:
    target = target_of(small(V315))
    assert repr(target) == f"<Target pid {PID}, Python 3.15.0rc2>"
    found = builder.heap(1, builder.use("app.<Order>", 3), builder.use("app.Line", 1000))
    assert repr(found) == ("<Histogram of pid 4242: 1,003 objects in 32,096 bytes, 2 types, exact>")
    assert "app.&lt;Order&gt;" in found._repr_html_()


def test_one_snapshot_minus_another_is_what_changed() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    target = target_of(runtime)
    before = target.snapshot()
    one.image.add(one.slot(101, next(iter(one.ids))), 9)
    found = target.snapshot() - before
    assert [(each.name, each.growth) for each in found] == [("app.Class0", 9)]
    assert (len(found), found["app.Class0"].after) == (1, 31)
    assert found["Class0"] == found["app.Class0"]
    assert "app.Class0 +9" in repr(found)
    assert "<td" in found._repr_html_()
    assert len(found.top(0)) == 0
    with pytest.raises(KeyError):
        found["app.Class1"]
    assert "nothing changed" in repr(before - before)
    with pytest.raises(TypeError):
        before - 1


def test_a_snapshot_tells_what_was_read_and_how(snapshot: Snapshot) -> None:
    assert len(snapshot) == len(list(snapshot)) == 10
    assert snapshot.target.pid == PID
    assert (snapshot.target.version, snapshot.target.gil_enabled) == ("3.15.0rc2", False)
    assert (snapshot.exact, snapshot.tries) == (True, 1)
    assert [(each.native_id, each.name) for each in snapshot.threads] == [
        (103, ""),
        (102, "worker"),
        (101, "main"),
    ]
    assert [each.array_size for each in snapshot.threads] == [0, 64, 64]
    pool = snapshot.pool
    assert (pool.capacity, pool.in_use, pool.free) == (64, 20, 44)
    assert (pool.types, pool.codes, pool.dicts) == (10, 8, 2)
    assert snapshot.interpreters[0].collections == 6
    assert repr(snapshot) == (
        f"<Snapshot of pid {PID}: 10 objects, 3 threads, exact, paused 0.00 ms>"
    )


def test_a_process_that_runs_on_is_settled_and_not_exact() -> None:
    snapshot = target_of(small()).snapshot(kinds=KINDS)
    assert (snapshot.exact, snapshot.pause_ns) == (False, None)
    assert all(row.settled for row in snapshot)
    assert {row.deferred for row in snapshot} == {None}
    assert "not exact" in repr(snapshot)


KEYS = {
    "target": {"pid", "version", "gil_enabled", "command"},
    "": {
        *("target", "exact", "why_not_exact", "pause_ns", "taken_ns", "tries"),
        *("interpreters", "objects", "heap", "why_no_heap"),
    },
    "interpreter": {
        *("id", "exact", "pool", "life", "collections", "threads", "threads_started", "merging")
    },
    "thread": {"native_id", "name", "array_size", "finalized"},
    "object": {*ObjectCount._fields, "verdict"},
}

DOCUMENTED = {
    *("name", "kind", "address", "interpreter", "unique_id", "state", "local", "shared"),
    *("contributions", "counted", "deferred", "total", "settled"),
}
"""What every object has in every release."""


def test_the_document_has_the_documented_keys(snapshot: Snapshot) -> None:
    document: dict[str, Any] = json.loads(json.dumps(snapshot.as_dict()))
    (interpreter,) = document["interpreters"]
    assert set(document) == KEYS[""]
    assert set(document["target"]) == KEYS["target"]
    assert set(interpreter) == KEYS["interpreter"]
    assert {"capacity", "in_use", "free"} <= set(interpreter["pool"])
    assert {frozenset(thread) for thread in interpreter["threads"]} == {frozenset(KEYS["thread"])}
    assert {frozenset(each) for each in document["objects"]} == {frozenset(KEYS["object"])}
    assert KEYS["object"] >= DOCUMENTED


def test_thread_ids_are_texts_in_the_document_and_unknown_counts_are_null() -> None:
    runtime = small()
    snapshot = target_of(runtime).snapshot()
    document = json.loads(json.dumps(snapshot.as_dict()))
    row = next(each for each in document["objects"] if each["name"] == "app.Class0")
    assert row["contributions"] == {"101": 5, "102": 7}
    assert (row["deferred"], row["stacks"], row["total"]) == (None, None, 22)


def test_a_snapshot_comes_back_from_its_document(snapshot: Snapshot) -> None:
    again = parse_snapshot(json.loads(json.dumps(snapshot.as_dict())))
    assert again == snapshot
    assert again["app.Class0"] == snapshot["app.Class0"]


@pytest.mark.parametrize("value", ["target", "interpreters", "rows", "exact"])
def test_a_snapshot_cannot_be_changed(snapshot: Snapshot, value: str) -> None:
    with pytest.raises(AttributeError):
        setattr(snapshot, value, None)
    with pytest.raises(AttributeError):
        snapshot["app.Class0"].total = 3  # type: ignore[misc] # that is the point


def test_another_snapshot_is_made_of_some_changes(snapshot: Snapshot) -> None:
    other = snapshot._replace(tries=7)
    assert (other.tries, other.rows, other.target) == (7, snapshot.rows, snapshot.target)
    assert other != snapshot
    assert other._replace(tries=snapshot.tries) == snapshot
    assert hash(other) == hash(snapshot)
    with pytest.raises(TypeError, match="made of target, exact"):
        snapshot._replace(trials=7)


def test_what_a_snapshot_holds_stays_when_the_process_goes_on() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    target = target_of(runtime)
    before = target.snapshot()
    document = json.dumps(before.as_dict())
    one.image.add(one.slot(101, next(iter(one.ids))), 9)
    one.end_thread(102)
    assert target.snapshot()["app.Class0"].contributions == {101: 14}
    assert json.dumps(before.as_dict()) == document


def test_a_document_without_an_interpreter_or_with_an_object_without_a_name_is_none(
    snapshot: Snapshot,
) -> None:
    document = snapshot.as_dict()
    with pytest.raises(ValueError, match="a snapshot has an interpreter"):
        parse_snapshot({**document, "interpreters": []})
    for name, wrong in (("name", None), ("kind", 7), ("address", "0x10")):
        strange = {**document["objects"][0], name: wrong}
        with pytest.raises(TypeError, match=f"{name} (is missing|cannot be)"):
            parse_snapshot({**document, "objects": [strange]})


def test_a_pause_is_as_long_as_its_caller_says() -> None:
    runtime = small(V315)
    process = FakeProcess(runtime.image, runtime.address)
    target = Target(cast("OtherProcess", process))
    target.snapshot(blocking=True, pause_limit=0.25)
    target.snapshot(pause_limit=0.5)
    target.anatomy("app.Class0", blocking=True, pause_limit=0.125)
    assert process.limits == [0.25, 0.125]


def test_kinds_that_there_are_not_are_refused() -> None:
    runtime = small(V315)
    with pytest.raises(ValueError, match=r"unknown kinds \['object'\]; known are type, "):
        target_of(runtime).snapshot(kinds=("type", "object"))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace came with 3.13")
def test_a_snapshot_can_be_replaced_in_part(snapshot: Snapshot) -> None:
    changed = copy.replace(snapshot, tries=9)  # type: ignore[attr-defined,unused-ignore]
    assert (changed.tries, changed.rows) == (9, snapshot.rows)
    assert changed != snapshot
    assert copy.replace(changed, tries=snapshot.tries) == snapshot  # type: ignore[attr-defined,unused-ignore]


def test_instances_are_those_of_the_heap_that_was_read_and_unknown_without() -> None:
    order, code = builder.row("app.Order"), builder.row("app.py:1", kind="code")
    counted = builder.snapshot(order, builder.row("app.Line"), code, taken_ns=builder.SECOND)
    assert counted.find_use(order) is None
    assert "instances" not in counted.as_dict()["objects"][0]
    whole = counted._replace(heap=builder.heap(2, builder.use("app.Order", 7, attached=64)))
    objects = whole.as_dict()["objects"]
    assert [(each["instances"], each["bytes"], each["attached"]) for each in objects] == [
        (7, 224, 64),
        (0, 0, None),
        (None, None, None),
    ]
    assert parse_snapshot(json.loads(json.dumps(whole.as_dict()))) == whole
    # What came after the heap was read, or was not listed, is not known.
    older = counted._replace(heap=builder.heap(0, builder.use("app.Order", 7)))
    partly = counted._replace(heap=builder.heap(2, builder.use("app.Order", 7), type_count=9))
    for each in (older, partly):
        assert each.find_use(builder.row("app.Line")) is None
        assert each.find_use(order) == builder.use("app.Order", 7)
