from __future__ import annotations

import collections
import functools
import gc
import threading
import unittest
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector import checks
from inspector.checks import Verdict, counts
from inspector.checks.balance import check_balance_of_runs
from inspector.checks.screening import Load
from inspector.checks.support import find_support
from inspector.errors import NotAType, NotCounted
from tests.live.targets import rescued
from tests.support import FREE_THREADED, free_threaded_only, gil_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

pytest_plugins = ["tests.extension.fixture"]


class Widget:
    pass


class Slotted:
    __slots__ = ("__weakref__",)


def verdict_of(problem: checks.Problem | None) -> Verdict | None:
    return problem.verdict if problem else None


def test_what_can_be_counted_is_known() -> None:
    found = find_support()
    assert (found.threads, found.reason) == (FREE_THREADED, "")
    assert bool(found.no_threads) is not FREE_THREADED


# The extension: one type of each kind, and what has to be said of it.


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Balanced", None),
        ("PlainDecref", None),
        ("Leaking", Verdict.LEAKING),
        ("OverDecref", Verdict.OVER_DECREF),
    ],
)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_leak_and_an_over_decref_are_told_on_every_build(
    typerefs: ModuleType, name: str, verdict: Verdict | None, threads: int
) -> None:
    make = getattr(typerefs, name)

    def in_threads() -> None:
        workers = [threading.Thread(target=make) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    factory = make if threads == 1 else in_threads
    problem = checks.check_no_leak_per_call(factory, repeat=20)
    assert verdict_of(problem) is verdict
    for finding in problem.findings if problem else ():
        assert finding.type == f"typerefs.{name}"
        assert list(finding.runs) == [int(finding.each) * 20] * 3
        assert abs(finding.each) == threads


@free_threaded_only
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Balanced", None),
        ("PlainDecref", Verdict.PLAIN_DECREF),
        ("Leaking", Verdict.LEAKING),
        ("OverDecref", Verdict.OVER_DECREF),
    ],
)
def test_only_the_balanced_type_is_balanced(
    typerefs: ModuleType, name: str, verdict: Verdict | None, threads: int
) -> None:
    problem = checks.check_balanced(getattr(typerefs, name), 500, threads=threads)
    assert verdict_of(problem) is verdict


@free_threaded_only
def test_a_plain_decref_shows_as_many_in_the_header_as_per_thread(typerefs: ModuleType) -> None:
    problem = checks.check_balanced(typerefs.PlainDecref, 500, threads=4)
    assert problem is not None
    (finding,) = problem.findings
    assert finding.header == -2000
    assert [name.split()[0] for name in finding.contributions] == [f"check-{n}" for n in range(4)]
    assert list(finding.contributions.values()) == [500] * 4


@gil_only
@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Balanced", None),
        ("PlainDecref", None),
        ("Leaking", Verdict.LEAKING),
        ("OverDecref", Verdict.OVER_DECREF),
    ],
)
def test_with_the_gil_balanced_means_that_nothing_is_lost(
    typerefs: ModuleType, name: str, verdict: Verdict | None
) -> None:
    assert verdict_of(checks.check_balanced(getattr(typerefs, name), 100)) is verdict


@free_threaded_only
def test_garbage_that_awaits_a_collection_does_not_hide_a_plain_decref(
    typerefs: ModuleType,
) -> None:
    def make_a_cycle(self: object) -> None:
        self.__dict__["me"] = self

    subclass = type("Cycle", (typerefs.PlainDecref,), {"__init__": make_a_cycle})
    assert verdict_of(checks.check_balanced(subclass, 50)) is Verdict.PLAIN_DECREF


@free_threaded_only
def test_a_python_subclass_inherits_the_plain_decref(typerefs: ModuleType) -> None:
    subclass = type("Sub", (typerefs.PlainDecref,), {})
    assert verdict_of(checks.check_balanced(subclass)) is Verdict.PLAIN_DECREF


def test_a_python_class_is_balanced_in_one_thread_and_in_four() -> None:
    checks.assert_balanced(Widget)
    checks.assert_balanced(Slotted, threads=4)


@free_threaded_only
def test_collections_while_it_is_measured_hide_nothing(typerefs: ModuleType) -> None:
    def collecting() -> object:
        gc.collect()
        return typerefs.PlainDecref()

    assert verdict_of(checks.check_balanced(collecting, 4)) is Verdict.PLAIN_DECREF
    assert checks.check_balanced(lambda: (gc.collect(), Widget())[1], 4) is None


# What persists, and what does not.


def test_a_cache_that_is_filled_once_does_not_fail() -> None:
    cached = functools.cache(Widget)
    assert checks.check_no_leak_per_call(cached, warmup=0) is None


def test_a_cache_that_fills_up_does_not_fail() -> None:
    numbers = iter(range(10_000))
    cached = functools.lru_cache(maxsize=150)(lambda _: Widget())
    assert checks.check_no_leak_per_call(lambda: cached(next(numbers)), 100, warmup=0) is None


def deque_dies_and_others_name_its_class(kept: list[object]) -> Callable[[], object]:
    """Return what leaves more references to a class than an instance less gives back."""
    deques = [collections.deque[int]() for _ in range(1000)]

    def call() -> None:
        deques.pop()
        kept.extend([collections.deque] * 3)

    return call


def references_to_a_class_go_and_a_deque_stays(kept: list[object]) -> Callable[[], object]:
    """Return what gives back more references to a class than an instance more takes."""
    names = [collections.deque] * 2000

    def call() -> None:
        del names[-2:]
        kept.append(collections.deque())

    return call


def generator_gives_a_class_to_a_list(kept: list[object]) -> Callable[[], object]:
    """Return what leaves a reference, which was uncounted in a suspended frame, in a list."""

    def generator() -> Iterator[None]:
        held = Widget
        yield
        kept.append([held])

    waiting = [generator() for _ in range(1000)]
    for each in waiting:
        next(each)
    return lambda: next(waiting.pop(), None)


def list_gives_a_class_to_a_generator(kept: list[object]) -> Callable[[], object]:
    """Return what moves a reference from a list to a suspended frame, uncounted."""
    names = [Widget] * 1000

    def generator() -> Iterator[None]:
        held = Widget
        yield
        kept.append(held)

    def call() -> None:
        names.pop()
        kept.append(generator())
        next(kept[-1])  # type: ignore[call-overload]

    return call


@free_threaded_only
@pytest.mark.parametrize(
    "make",
    [
        deque_dies_and_others_name_its_class,
        references_to_a_class_go_and_a_deque_stays,
        generator_gives_a_class_to_a_list,
        list_gives_a_class_to_a_generator,
    ],
)
def test_what_is_in_doubt_accuses_nobody(
    make: Callable[[list[object]], Callable[[], object]],
) -> None:
    problem = checks.check_no_leak_per_call(make([]), 5, types=(collections.deque, Widget))
    assert verdict_of(problem) in (None, Verdict.KEPT)


@pytest.mark.parametrize("keeps", [False, True])
def test_what_frozen_objects_hold_accuses_nobody(*, keeps: bool) -> None:
    frozen: list[object] = [Widget() for _ in range(1000)]

    def call() -> None:
        if keeps:
            frozen.append(Widget())
            gc.freeze()
        else:
            frozen.pop()

    gc.freeze()
    try:
        problem = checks.check_no_leak_per_call(call, 5, types=Widget)
    finally:
        gc.unfreeze()
    assert verdict_of(problem) is (Verdict.GROWING if keeps else None)
    assert "(gc.freeze)" in str(problem) or not keeps


@free_threaded_only
def test_threads_in_turn_do_not_contend_and_two_at_once_do() -> None:
    def in_turn() -> None:
        for _ in range(2):
            thread = threading.Thread(target=many)
            thread.start()
            thread.join()

    def many() -> None:
        for _ in range(50):
            collections.deque()

    (finding,) = check_balance_of_runs(Load(in_turn, 3), [collections.deque])
    assert (finding.verdict, finding.evidence.threads) == (Verdict.PLAIN_DECREF, 1)
    assert "contend for it" not in finding.advice()
    # The thread that starts the others makes a lock or two of its own.
    problem = checks.check_balanced(threading.Lock, 200, threads=2)
    assert problem is not None
    assert problem.findings[0].evidence.threads == 2


def test_instances_that_are_kept_are_called_kept() -> None:
    kept: list[object] = []
    problem = checks.check_no_leak_per_call(lambda: kept.append(Widget()), 10)
    assert problem is not None
    (finding,) = problem.findings
    assert (finding.verdict, finding.instances, finding.change) == (Verdict.KEPT, 30, 30)


def test_kept_instances_are_found_where_the_collector_tracks_none(typerefs: ModuleType) -> None:
    kept: dict[int, object] = {}

    def keep() -> None:
        kept[len(kept)] = (typerefs.Balanced(),)

    problem = checks.check_no_leak_per_call(keep, 10)
    assert verdict_of(problem) is Verdict.KEPT


def test_classes_that_are_kept_are_reported_as_classes() -> None:
    kept: list[type] = []
    problem = checks.check_no_leak_per_call(lambda: kept.append(type("Made", (), {})), 5)
    assert problem is not None
    (finding,) = [each for each in problem.findings if each.type.endswith("Made")]
    assert finding.verdict is Verdict.KEPT
    assert "the class itself" in finding.note


def test_cyclic_garbage_is_no_leak() -> None:
    def cycle() -> None:
        one = Widget()
        one.myself = one  # type: ignore[attr-defined]

    assert checks.check_no_leak_per_call(cycle) is None


def test_a_class_made_and_dropped_is_no_leak() -> None:
    def make() -> object:
        return type("Made", (Widget,), {})()

    assert checks.check_no_leak_per_call(make, 5) is None


def test_tolerance_and_ignore_excuse_a_type(typerefs: ModuleType) -> None:
    make = typerefs.Leaking
    assert checks.check_no_leak_per_call(make, 10, tolerance=1) is None
    assert checks.check_no_leak_per_call(make, 10, ignore=(make,)) is None
    assert checks.check_no_leak_per_call(make, 10, ignore=("typerefs.L*",)) is None
    assert checks.check_no_leak_per_call(make, 10, types=Widget) is None
    assert checks.check_no_leak_per_call(make, 10, types=(make,)) is not None


# Threads beside the check.


def churning(body: Callable[[], object]) -> tuple[threading.Thread, threading.Event]:
    """Start a thread that runs a body until the event, and return when it has begun."""
    stop, begun = threading.Event(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            body()
            begun.set()

    thread = threading.Thread(target=work, name="beside")
    thread.start()
    begun.wait()
    return thread, stop


def steps(kept: list[object]) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a call that lets another thread keep one Widget, and one that ends that thread."""
    go, done = threading.Semaphore(0), threading.Semaphore(0)
    ended = threading.Event()

    def work() -> None:
        while True:
            go.acquire()
            if ended.is_set():
                return
            kept.append(Widget())
            done.release()

    thread = threading.Thread(target=work, name="beside")
    thread.start()

    def call() -> None:
        go.release()
        done.acquire()

    def end() -> None:
        ended.set()
        go.release()
        thread.join()

    return call, end


@free_threaded_only
def test_what_a_thread_beside_takes_is_blamed_on_that_thread() -> None:
    kept: list[object] = []
    call, end = steps(kept)
    try:
        with checks.check_no_type_leaks(Widget) as window:
            call()
    finally:
        end()
    assert window.problem is None
    (finding,) = window.noticed
    assert finding.verdict is Verdict.BACKGROUND
    assert any(name.startswith("beside ") for name in finding.contributions)


def test_what_a_thread_keeps_for_each_call_is_the_calls_doing() -> None:
    kept: list[object] = []
    call, end = steps(kept)
    try:
        problem = checks.check_no_leak_per_call(call, 5)
    finally:
        end()
    assert verdict_of(problem) is Verdict.KEPT


@free_threaded_only
def test_a_leak_is_found_while_another_thread_churns_the_same_type(typerefs: ModuleType) -> None:
    thread, stop = churning(typerefs.Balanced)
    try:
        problem = checks.check_no_leak_per_call(typerefs.Leaking, 50)
        assert checks.check_no_leak_per_call(typerefs.Balanced, 50) is None
    finally:
        stop.set()
        thread.join()
    assert verdict_of(problem) is Verdict.LEAKING


def test_what_grows_without_a_run_is_blamed_on_a_thread_beside() -> None:
    kept: list[object] = []

    def keep() -> None:
        kept.append(Widget())
        for _ in range(10_000):  # few, and always more
            pass

    thread, stop = churning(keep)
    try:
        size = len(kept)

        def wait_for_more() -> None:
            nonlocal size
            while len(kept) < size + 10:
                pass
            size = len(kept)

        assert checks.check_no_leak_per_call(wait_for_more, 3, types=Widget) is None
    finally:
        stop.set()
        thread.join()


# Plain counts and blocks.


@free_threaded_only
def test_a_class_without_an_id_is_not_balanced() -> None:
    rescued.make()
    gc.collect()
    subject = rescued.saved.pop()
    problem = checks.check_balanced(lambda: subject(), 50)  # noqa: PLW0108 - its frame counts
    assert verdict_of(problem) is Verdict.NO_UNIQUE_ID


def test_instances_move_the_refcount_one_by_one() -> None:
    before = checks.refcount(Widget)
    kept = [Widget() for _ in range(7)]
    checks.assert_refcount(Widget, before + 7)
    assert verdict_of(checks.check_refcount(Widget, before)) is Verdict.CHANGED
    kept.clear()
    checks.assert_refcount(Widget, before)


@free_threaded_only
def test_the_refcount_is_the_one_of_the_census() -> None:
    kept = [Widget() for _ in range(3)]
    assert counts.count_references(Widget).total == inspector.refcount(Widget).counted
    del kept


def test_a_block_that_leaks_fails_and_one_that_does_not_passes(typerefs: ModuleType) -> None:
    with checks.assert_no_type_leaks():
        typerefs.PlainDecref()
        typerefs.Balanced()
    with (
        pytest.raises(checks.CheckFailed, match=r"typerefs\.Leaking: \+1 reference per block"),
        checks.assert_no_type_leaks(),
    ):
        typerefs.Leaking()
    with checks.assert_no_type_leaks(tolerance=2):
        typerefs.Leaking()
        typerefs.Leaking()
    with checks.assert_no_type_leaks(ignore=("typerefs.*",)):
        typerefs.Leaking()


def test_a_block_that_loses_references_is_seen_where_unchanged_is_stated(
    typerefs: ModuleType,
) -> None:
    with checks.assert_no_type_leaks():
        typerefs.OverDecref()
    with (
        pytest.raises(checks.CheckFailed, match=r"typerefs\.OverDecref"),
        checks.assert_refcount_unchanged(typerefs.OverDecref),
    ):
        typerefs.OverDecref()
    with checks.assert_refcount_unchanged(typerefs.OverDecref, tolerance=1):
        typerefs.OverDecref()


def test_a_block_leaves_other_types_alone_when_some_are_stated(typerefs: ModuleType) -> None:
    with checks.assert_refcount_unchanged(Widget):
        typerefs.Leaking()


def test_the_error_of_a_block_passes_through() -> None:
    window = checks.check_no_type_leaks()
    with pytest.raises(KeyError), window:
        raise KeyError
    assert window.problem is None


def test_a_class_left_by_a_block_is_seen() -> None:
    kept = []
    with checks.check_no_type_leaks() as window:
        kept.append(type("LeftBehind", (), {}))
    assert window.problem is not None
    assert "LeftBehind" in str(window.problem)


def test_a_block_fits_into_unittest(typerefs: ModuleType) -> None:
    class Case(unittest.TestCase):
        def test_clean(self) -> None:
            with checks.assert_no_type_leaks():
                typerefs.Balanced()

        def test_leaking(self) -> None:
            with checks.assert_no_type_leaks():
                typerefs.Leaking()

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert result.errors == []
    assert [test.id().rpartition(".")[2] for test, _ in result.failures] == ["test_leaking"]


# Arguments that make no sense.


def test_what_has_no_count_is_refused() -> None:
    with pytest.raises(NotCounted, match="int is static"):
        checks.refcount(int)
    with pytest.raises(NotAType):
        checks.refcount(3)  # type: ignore[arg-type]
    with pytest.raises(NotCounted):
        checks.assert_refcount_unchanged(Widget, int)
    with pytest.raises(NotCounted):
        checks.check_balanced(list)
    with pytest.raises(ValueError, match="no type"):
        checks.assert_refcount_unchanged()


@pytest.mark.parametrize("repeat", [0, -1])
def test_no_calls_check_nothing(repeat: int) -> None:
    with pytest.raises(ValueError, match="repeat"):
        checks.check_no_leak_per_call(Widget, repeat)
    with pytest.raises(ValueError, match="repeat"):
        checks.check_balanced(Widget, repeat)
    with pytest.raises(ValueError, match="threads"):
        checks.check_balanced(Widget, threads=0)


def test_the_error_of_a_factory_passes_through_from_every_thread() -> None:
    with pytest.raises(ZeroDivisionError):
        checks.check_no_leak_per_call(lambda: 1 // 0)
    calls = iter([Widget()])
    with pytest.raises(StopIteration):
        checks.check_balanced(lambda: next(calls), threads=3)


def test_what_a_check_returns_its_assertion_raises(typerefs: ModuleType) -> None:
    problem = checks.check_no_leak_per_call(typerefs.Leaking, 5)
    with pytest.raises(checks.CheckFailed) as raised:
        checks.assert_no_leak_per_call(typerefs.Leaking, 5)
    assert problem is not None
    (finding,) = raised.value.problem.findings
    assert [(finding.type, finding.runs, finding.verdict)] == [
        (each.type, each.runs, each.verdict) for each in problem.findings
    ]
    with checks.check_refcount_unchanged(typerefs.Leaking) as window:
        typerefs.Leaking()
    assert verdict_of(window.problem) is Verdict.LEAKING
