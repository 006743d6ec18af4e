"""Which objects are told to be shared, from samples made by hand."""

from __future__ import annotations

import pytest

from inspector.analysis.object_heat import HeatTally, HotObject, find_hot_objects
from inspector.analysis.thread_time import Finding, order_findings
from inspector.snapshots.heat import HeatSample
from inspector.snapshots.thread_sample import CodeLocation, ThreadSample, ThreadView

HERE = CodeLocation("app.py", "use", 7)
THERE = CodeLocation("app.py", "other", 9)
OBJECT, OTHER = 0x1000, 0x2000


def view(native: int, place: CodeLocation, state: int = 1) -> ThreadView:
    return ThreadView(native, state, None, place, None)


def tally_of(*samples: tuple[HeatSample, tuple[ThreadView, ...]]) -> HeatTally:
    tally = HeatTally()
    for heat, views in samples:
        tally.add(ThreadSample(views, (), gil_enabled=False, heat=heat))
    return tally


def moves(*addresses: int, close: bool = True, local: bool = False) -> HeatSample:
    return HeatSample(addresses, addresses * close, addresses * local, ())


def find(tally: HeatTally, moved: int = 50) -> list[Finding]:
    subject = HotObject(OBJECT, "_thread.lock", "app.LOCK", "mortal", moved, 100)
    return find_hot_objects(tally, [subject], {}, (3, 14))


def test_an_object_is_told_that_two_threads_change() -> None:
    both = (view(1, HERE), view(2, HERE))
    (found,) = find(tally_of(*[(moves(OBJECT), both)] * 50))
    assert (found.kind, found.threads, found.heat, found.share) == ("object", 2, 0.5, None)
    assert found.name == "_thread.lock app.LOCK (mortal)"
    assert (found.lines[0].line, found.lines[0].share) == (7, 1.0)


def test_one_thread_contends_with_no_one() -> None:
    assert find(tally_of(*[(moves(OBJECT), (view(1, HERE),))] * 50)) == []


def test_an_owner_that_counts_locally_is_the_second_thread() -> None:
    (found,) = find(tally_of(*[(moves(OBJECT, local=True), (view(1, HERE),))] * 50))
    assert found.threads == 2


def test_a_few_changes_are_nothing_to_tell() -> None:
    both = (view(1, HERE), view(2, HERE))
    assert find(tally_of(*[(moves(OBJECT), both)] * 50), moved=7) == []
    assert find(tally_of((moves(OBJECT), both)), moved=0) == []


def test_a_line_that_is_always_on_cpu_comes_after_the_one_that_goes_with_the_object() -> None:
    always = view(3, THERE)
    here: tuple[ThreadView, ...] = (view(1, HERE), view(2, HERE), always)
    samples = [(moves(OBJECT), here)] * 40
    samples += [(moves(OTHER), (always,))] * 60
    samples += [(moves(OBJECT), (always,))] * 10
    (found,) = find(tally_of(*samples))
    assert [line.line for line in found.lines] == [7, 9]


def test_threads_that_are_not_attached_use_nothing() -> None:
    views = (view(1, HERE), view(2, HERE, state=0))
    assert find(tally_of(*[(moves(OBJECT), views)] * 50)) == []


def test_changes_while_frames_are_read_tell_the_line_better_than_those_between_samples() -> None:
    samples = [(moves(OBJECT, close=False), (view(1, THERE), view(2, THERE)))] * 90
    samples += [(moves(OBJECT), (view(1, HERE), view(2, HERE)))] * 12
    (found,) = find(tally_of(*samples))
    assert found.lines[0].line == 7


@pytest.mark.parametrize("state", ["deferred", "mortal"])
def test_the_state_of_an_object_says_who_counts(state: str) -> None:
    both = (view(1, HERE), view(2, HERE))
    subject = HotObject(OBJECT, "builtins.function", "app.f", state, 50, 100)
    (found,) = find_hot_objects(tally_of(*[(moves(OBJECT), both)] * 50), [subject], {}, (3, 14))
    assert found.advice.startswith("C code" if state == "deferred" else "each use")


def finding(share: float | None, heat: float | None = None, threads: int = 2) -> Finding:
    return Finding("lock", share, "", "", threads, 0.0, (), "", heat)


def test_findings_are_ordered_by_cost_then_by_heat_and_threads_and_free_ones_last() -> None:
    dear, cheap, free = finding(0.5), finding(0.1), finding(0.0)
    hot, many = finding(None, 0.9), finding(None, 0.5, threads=8)
    assert order_findings([free, hot, cheap, many, dear]) == [dear, cheap, many, hot, free]
