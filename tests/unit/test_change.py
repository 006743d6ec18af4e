from __future__ import annotations

import json
from typing import TYPE_CHECKING

from inspector.analysis.change import find_changes, is_same_process, measure_growth
from inspector.analysis.pace import Stretch, compare_paces
from inspector.cli import main
from inspector.snapshots.recording import RecordingWriter
from inspector.snapshots.snapshot import TargetInfo
from tests.screen.builder import SECOND, heap, row, snapshot, unread, use

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from inspector.snapshots.snapshot import Snapshot

ORDER = row("app.Order", local=4, contributions={1: 10})
LINE = row("app.Line", local=2)
OTHER = TargetInfo(77, "3.14.7", gil_enabled=False, command="app/server.py")


def test_only_what_differs_is_a_change_and_the_largest_growth_comes_first() -> None:
    before = snapshot(ORDER, LINE, row("app.Same", local=9))
    more = row("app.Order", local=4, shared=25)
    after = snapshot(
        more, row("app.Line", local=1), row("app.New", local=3), row("app.Same", local=9)
    )
    found = [(each.name, each.growth, each.what) for each in find_changes(before, after)]
    assert found == [
        ("app.Order", 15, "changed"),
        ("app.New", 3, "new"),
        ("app.Line", -1, "changed"),
    ]


def test_an_object_that_is_gone_lost_its_total() -> None:
    same = [row(f"app.Same{number}", local=9) for number in range(3)]
    [change] = find_changes(snapshot(ORDER, *same), snapshot(*same))
    assert (change.name, change.before, change.after, change.growth) == ("app.Order", 14, None, -14)


def test_a_merge_of_contributions_is_no_change() -> None:
    assert find_changes(snapshot(ORDER), snapshot(row("app.Order", local=4, shared=10))) == []


def test_what_cannot_be_told_is_unknown_and_has_no_growth() -> None:
    [change] = find_changes(snapshot(ORDER), snapshot(unread("app.Order")))
    assert (change.what, change.growth, change.after) == ("unknown", None, None)
    assert measure_growth(ORDER, unread("app.Order")) is None


def test_objects_of_two_processes_are_told_apart_by_name_and_summed_up() -> None:
    before = snapshot(row("app.Order", local=4, address=1), row("app.Order", local=5, address=2))
    after = snapshot(row("app.Order", local=11, address=3), target=OTHER)
    [change] = find_changes(before, after)
    assert (change.before, change.after, change.growth, change.address) == (9, 11, 2, None)


def test_the_first_process_of_two_containers_is_not_the_same() -> None:
    before = snapshot(*(row(f"app.T{number}", address=number) for number in range(8)))
    after = snapshot(*(row(f"app.T{number}", address=900 + number) for number in range(8)))
    assert is_same_process(before, before)
    assert not is_same_process(before, after)
    assert find_changes(before, after) == []


def test_instances_change_also_of_types_whose_references_are_not_counted() -> None:
    before = snapshot(ORDER, LINE, taken_ns=SECOND)._replace(
        heap=heap(1, use("app.Order", 10), use("builtins.dict", 100), use("builtins.int", 7))
    )
    more = row("app.Order", local=4, contributions={1: 10}, shared=30)
    after = snapshot(more, LINE, taken_ns=11 * SECOND)._replace(
        heap=heap(
            11,
            use("app.Order", 40),
            use("builtins.dict", 15_100, attached=900_000),
            use("builtins.int", 9),
            use("app.Line", 2),
        )
    )
    found = {change.name: change for change in find_changes(before, after)}
    assert list(found) == ["builtins.dict", "app.Order"]
    kept = found["builtins.dict"]
    assert (kept.growth, kept.instances, kept.instances_growth) == (None, 15_100, 15_000)
    assert (kept.bytes_growth, kept.instances_per_second) == (15_000 * 32 + 900_000, 1500.0)
    order = found["app.Order"]
    assert (order.growth, order.instances_growth, order.what) == (30, 30, "changed")
    assert (order.growth_per_second, order.instances_per_second) == (3.0, 3.0)


def test_where_one_heap_was_not_read_instances_are_unknown() -> None:
    before = snapshot(ORDER)
    after = snapshot(row("app.Order", local=90))._replace(heap=heap(1, use("builtins.dict", 900)))
    [change] = find_changes(before, after)
    assert (change.name, change.instances, change.instances_growth) == ("app.Order", None, None)


def test_instances_of_two_processes_are_compared_by_name() -> None:
    before = snapshot(ORDER, heap=heap(1, use("builtins.dict", 100)))
    elsewhere = use("builtins.dict", 400, address=5)
    after = snapshot(ORDER, target=OTHER, heap=heap(5, elsewhere, pid=77))
    [change] = find_changes(before, after)
    assert (change.name, change.instances_growth) == ("builtins.dict", 300)
    assert change.instances_per_second is None


def grow(rate: int, start: int, target: TargetInfo | None = None) -> Stretch:
    """Return two readings, ten seconds apart, of a process that has lived for a while."""
    names = {} if target is None else {"target": target}
    readings = (
        snapshot(row("app.Order", local=start + rate * second), taken_ns=second * SECOND, **names)
        for second in (0, 10)
    )
    return Stretch(*readings)


def test_processes_of_different_ages_are_compared_per_second() -> None:
    old, young = grow(5, start=100_000), grow(50, start=10, target=OTHER)
    (pace,) = compare_paces(old, young)
    assert (pace.name, pace.before, pace.after, pace.change) == ("app.Order", 5, 50, 45)
    assert compare_paces(old, grow(5, start=10, target=OTHER)) == []


def test_what_is_not_counted_has_no_pace() -> None:
    no_heap = compare_paces(grow(5, start=0), grow(50, start=0, target=OTHER))
    assert (no_heap[0].instances_before, no_heap[0].instances_change) == (None, None)
    rows = [
        snapshot(ORDER, heap=heap(n, use("builtins.dict", number)), taken_ns=n * SECOND)
        for n, number in enumerate((100, 100, 900))
    ]
    (builtin,) = compare_paces(Stretch(rows[0], rows[1]), Stretch(rows[1], rows[2]))
    assert (builtin.name, builtin.before, builtin.after) == ("builtins.dict", None, None)
    assert (builtin.instances_before, builtin.instances_after) == (0.0, 800.0)


def record(path: Path, *readings: Snapshot) -> str:
    with RecordingWriter(str(path), {}) as writer:
        for reading in readings:
            writer.add(reading)
    return str(path)


def test_recordings_of_two_processes_tell_rates_beside_totals(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old = record(tmp_path / "old.jsonl", *grow(5, start=100_000))
    young = record(tmp_path / "young.jsonl", *grow(50, start=10, target=OTHER))
    assert main(["diff", old, young]) == 0
    text = capfd.readouterr().out
    assert "per second, which does not depend on the age" in text
    assert main(["diff", old, young, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["changes"][0]["growth"] < 0
    assert document["paces"][0]["change"] == 45


def test_a_single_reading_is_refused_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "one.jsonl", snapshot(ORDER))
    assert main(["diff", path]) == 2
    assert "one.jsonl holds a single reading: there is nothing" in capfd.readouterr().err


def test_a_large_fall_comes_before_a_small_rise() -> None:
    before = snapshot(row("app.Fell", local=900), row("app.Rose", local=1))
    after = snapshot(row("app.Fell", local=100), row("app.Rose", local=31))
    assert [each.name for each in find_changes(before, after)] == ["app.Fell", "app.Rose"]
