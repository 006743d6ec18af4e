from __future__ import annotations

from inspector.analysis.change import find_changes, is_same_process, measure_growth
from inspector.snapshots.snapshot import TargetInfo
from tests.screen.builder import row, snapshot, unread

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
