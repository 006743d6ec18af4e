from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.analysis.heap_history import MAX_STATES
from inspector.analysis.history import MAX_READINGS, is_rising
from inspector.verdict.evidence import Verdict
from inspector.verdict.share import Share
from tests.screen.builder import SECOND, heap, history, interpreter, row, snapshot, unread, use

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.judge import Judgement


def at(
    second: float, *rows: ObjectCount, collections: int = 3, threads: tuple[int, ...] = (1, 2)
) -> Snapshot:
    named = ((number, f"worker-{number}") for number in threads)
    each = interpreter(*named, collections=collections)
    return snapshot(*rows, interpreters=(each,), taken_ns=int(second * SECOND))


def test_a_rate_is_growth_per_second_over_the_last_five_seconds() -> None:
    rows = [row("app.Order", local=10 * number) for number in range(20)]
    whole = history(*(at(number / 2, each) for number, each in enumerate(rows)))
    assert whole.rate(rows[-1]) == pytest.approx(20)
    assert whole.growth(rows[-1]) == 190


def test_a_collection_moves_contributions_and_is_no_change() -> None:
    before = row("app.Order", contributions={1: 500, 2: -100})
    after = row("app.Order", shared=400)
    whole = history(at(0, before), at(1, before), at(2, after, collections=4))
    assert whole.growth(after) == 0
    assert whole.rate(after) == 0
    assert whole.evidence(after).shifted == 0
    assert whole.collected == 1


def test_readings_show_that_a_header_moves_and_are_no_samples() -> None:
    rows = [row("re.Match", shared=-number // 2, contributions={1: number}) for number in range(5)]
    whole = history(*(at(number, each) for number, each in enumerate(rows)))
    evidence = whole.evidence(rows[-1])
    assert (evidence.shifted, evidence.steps, evidence.samples) == (2, 4, None)
    assert whole.share(rows[-1]) == Share(0, 0)
    # One reference between two readings moves it, too.
    hot = [row("re.Match", shared=-number, contributions={1: number}) for number in range(6)]
    whole = history(*(at(number, each) for number, each in enumerate(hot)))
    assert whole.evidence(hot[-1]).shifted == 5
    assert whole.verdict(hot[-1]) is None


def test_a_header_is_updated_at_least_as_often_as_its_net_moves() -> None:
    rows = [
        row("re.Match", shared=-30 * number, contributions={1: 30 * number}) for number in range(5)
    ]
    whole = history(*(at(number, each) for number, each in enumerate(rows)))
    assert whole.updates(rows[-1]) == whole.evidence(rows[-1]).updates_per_second == 30
    assert whole.cost(rows[-1]) == whole.evidence(rows[-1]).cost == (False, 30)
    assert history(at(0, rows[0])).updates(rows[0]) is None
    assert history(at(0, rows[0])).cost(rows[0]) is None


def test_what_several_threads_update_costs_more_unless_the_gil_is_on() -> None:
    rows = [
        row("re.Match", shared=-200 * number, contributions={1: 100 * number, 2: 100 * number})
        for number in range(5)
    ]
    readings = [at(number, each) for number, each in enumerate(rows)]
    assert history(*readings).cost(rows[-1]) == (True, 200)
    target = readings[0].target._replace(gil_enabled=True)
    serial = history(*(each._replace(target=target) for each in readings))
    assert serial.cost(rows[-1]) == serial.evidence(rows[-1]).cost == (False, 200)


def test_a_thread_that_ends_is_counted() -> None:
    whole = history(at(0), at(1, threads=(1,)), at(2, threads=(1, 3)), at(3, threads=(3,)))
    assert whole.traffic.ended == 2


def test_growth_of_a_new_object_is_its_total() -> None:
    order, line = row("app.Order", local=3), row("app.Line", local=7)
    whole = history(at(0, order), at(1, order, line))
    assert whole.growth(line) == 7
    assert whole.is_new(line)
    assert whole.verdict(line) is None
    assert whole.churn == (1.0, 0.0)
    assert whole.rebase().growth(line) == 0


def test_another_object_at_the_address_of_a_dead_one_is_another() -> None:
    order, line = row("app.Order", local=30, address=64), row("app.Line", local=7, address=64)
    whole = history(at(0, order), at(1, line))
    assert whole.growth(line) == 7
    assert whole.totals(line) == [None, 7]


def test_what_could_not_be_read_is_unknown_and_not_zero() -> None:
    order = row("app.Order", local=5)
    whole = history(at(0, order), at(1, unread("app.Order")))
    gone = whole.latest["app.Order"]
    assert whole.growth(gone) is None
    assert whole.rate(gone) is None
    assert whole.updates(gone) is None
    assert whole.cost(gone) is None
    assert whole.totals(gone) == [5, None]


def test_stacks_that_were_not_read_both_times_are_left_out_of_growth() -> None:
    seen, unseen = row("app.Order", local=5, deferred=9), row("app.Order", local=6)
    assert history(at(0, seen), at(1, unseen)).growth(unseen) == 1
    more = row("app.Order", local=6, deferred=11)
    assert history(at(0, seen), at(1, more)).growth(more) == 3


def test_totals_that_rise_nearly_all_the_time_are_growing() -> None:
    def judged(*totals: int) -> Judgement | None:
        rows = [row("app.Order", local=total) for total in totals]
        return history(*(at(number, each) for number, each in enumerate(rows))).verdict(rows[-1])

    growing = judged(10, 20, 30, 40, 50)
    assert growing is not None
    assert growing.verdict is Verdict.GROWING
    assert (growing.evidence.total, growing.evidence.seconds) == (40, 4)
    assert growing.evidence.growing is True
    assert judged(50, 40, 30, 20, 10) is None
    assert judged(10, 20, 10, 20, 10, 20) is None
    assert judged(10, 20) is None


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ([10, 20, 30, 40], None),
        ([10, 20, 30, 40, 50], True),
        ([10, 10, 10, 10, 10], False),
        ([10, 20, 10, 20, 10], False),
        # Too seldom to call it growth, and too lately to call it rest.
        ([10, 10, 20, 20, 20], None),
        ([10, 10, 20, 20, 20, 30, 30, 40, 40, 50], True),
        # It rose while the program started.
        ([10, 20, 30, 40, 50, *[50] * 5], False),
        ([10, 20, 30, 40, 50, 48, 60], True),
        ([50, 40, 30, 20, 10], False),
        # Made by a thread that ended, and freed one by one since.
        ([10, 400, 380, 360, 340, 320], False),
        # A queue that is now fuller, now emptier, and one that fills up all the same.
        ([100, 400, 100, 500, 200, 450, 150, 300], False),
        ([100, 400, 300, 700, 500, 900, 800], None),
        ([100, 400, 300, 700, 500, 900, 800, 1200, 1000, 1500], True),
    ],
)
def test_what_rises_again_and_again_grows(totals: list[int], expected: bool | None) -> None:  # noqa: FBT001 - a value
    assert is_rising(totals) is expected


def test_the_first_readings_of_a_type_that_rises_are_no_balance() -> None:
    rows = [
        row("app.Order", contributions={1: 785 * number}, deallocator="per thread")
        for number in range(6)
    ]
    for number in range(1, 6):
        whole = history(*(at(n, each) for n, each in enumerate(rows[: number + 1])))
        judged = whole.verdict(rows[number])
        assert judged is None if number < 4 else judged and judged.verdict is Verdict.GROWING


def test_growth_and_verdicts_are_measured_from_the_baseline() -> None:
    rows = [
        row("app.Order", contributions={1: min(number, 5) + number % 2}, deallocator="per thread")
        for number in range(12)
    ]
    whole = history(*(at(n, each) for n, each in enumerate(rows[:6])))
    judged = whole.verdict(rows[5])
    assert judged is None or judged.verdict is Verdict.GROWING
    whole = whole.rebase()
    assert whole.evidence(rows[5]).growing is None
    for number in range(6, 12):
        whole = whole.add(at(number, rows[number]))
    judged = whole.verdict(rows[-1])
    assert judged is not None
    assert judged.verdict is Verdict.BALANCED
    assert judged.evidence.total == 0


def test_a_process_of_one_thread_contends_with_nobody() -> None:
    def advice(threads: tuple[int, ...]) -> str:
        rows = [
            row("re.Match", shared=-9 * n, contributions={1: 9 * n}, deallocator="header")
            for n in range(5)
        ]
        whole = history(*(at(n, each, threads=threads) for n, each in enumerate(rows)))
        judged = whole.verdict(rows[-1])
        assert judged is not None
        assert judged.verdict is Verdict.PLAIN_DECREF
        return judged.advice

    assert "one thread, which contends with nobody" in advice((1,))
    assert "contends only if others free them" in advice((1, 2))


def test_a_base_whose_deallocator_frees_a_type_is_named() -> None:
    rows = [
        row(
            "app.Window",
            shared=-9 * n,
            contributions={1: 9 * n},
            deallocator="header",
            deallocator_of="collections.deque",
        )
        for n in range(5)
    ]
    judged = history(*(at(n, each) for n, each in enumerate(rows))).verdict(rows[-1])
    assert judged is not None
    assert "the tp_dealloc that it has of collections.deque" in judged.advice


def test_a_history_keeps_no_more_than_its_frames() -> None:
    rows = [row("app.Order", local=number) for number in range(3 * MAX_READINGS)]
    whole = history(*(at(number, each) for number, each in enumerate(rows)))
    assert len(whole.readings) == MAX_READINGS
    assert whole.growth(rows[-1]) == 3 * MAX_READINGS - 1


def heap_reading(step: int, instances: int | None, collections: int = 3) -> Snapshot:
    whole = snapshot(
        row("app.Order", local=100 * step),
        row("app.Line", local=3),
        interpreters=(interpreter((1, "main"), collections=collections),),
        taken_ns=step * SECOND,
    )
    if instances is None:
        return whole
    return whole._replace(heap=heap(step, use("app.Order", instances, attached=8 * instances)))


def test_instances_are_those_of_the_latest_heap_and_compared_over_its_own_time() -> None:
    whole = history(
        heap_reading(1, 100),
        heap_reading(2, None),
        heap_reading(3, 300),
        heap_reading(4, None),
    )
    order = whole.latest["app.Order"]
    assert whole.heap is not None
    assert whole.find_use(order) == use("app.Order", 300, attached=2400)
    assert whole.find_use(whole.latest["app.Line"]) == use("app.Line", 0, 0)
    assert whole.find_use(row("app.Later")) is None
    evidence = whole.evidence(order)
    assert (evidence.instances, evidence.total, evidence.referenced) == (200, 300, 200)
    assert (evidence.instances_before, evidence.instances_after) == (100, 300)
    assert whole.heap.list_instances(order.key) == [100, 300]
    assert whole.heap.measure_size_growth(order.key) == 200 * 40
    assert whole.heap.measure_rate(order.key) == 100.0
    again = whole.rebase()
    assert again.evidence(order).instances is None
    assert again.evidence(order).instances_after == 300
    assert again.add(heap_reading(6, 350)).evidence(order).instances == 50


def test_instances_that_a_collection_left_are_not_garbage() -> None:
    steps = [(100, 3), (150, 3), (180, 4), (200, 4)]
    whole = history(*(heap_reading(step, *each) for step, each in enumerate(steps)))
    assert whole.evidence(whole.latest["app.Order"]).uncollected == 20
    none = history(*(heap_reading(step, each) for step, each in enumerate([100, 200])))
    assert none.evidence(none.latest["app.Order"]).uncollected is None


def test_a_heap_that_was_read_before_is_not_read_twice() -> None:
    first = heap_reading(1, 100)
    whole = history(first, heap_reading(2, None)._replace(heap=first.heap))
    assert whole.heap is not None
    assert len(whole.heap.states) == 1


def test_a_long_history_keeps_the_last_heaps_and_its_baseline() -> None:
    whole = history(*(heap_reading(step, 10 * step) for step in range(MAX_STATES + 9)))
    assert whole.heap is not None
    assert len(whole.heap.states) == MAX_STATES
    assert whole.heap.measure_growth(whole.latest["app.Order"].key) == 10 * (MAX_STATES + 8)
