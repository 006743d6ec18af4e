"""Checks that run at the same time in threads of one process."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inspector import checks
from inspector.checks import Verdict, turns
from inspector.errors import Unsettled
from tests.support import FREE_THREADED, printed_by

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["tests.extension.fixture"]

TARGET = Path(__file__).parent / "targets" / "side_by_side.py"

Found = dict[str, list[dict[str, list[list[str]]]]]
"""``calls`` and ``blocks`` -> per repeat: which of the three -> types and verdicts."""


class Widget:
    pass


@pytest.fixture(scope="module")
def found(typerefs_path: Path) -> Found:
    result: Found = printed_by(sys.executable, TARGET, str(typerefs_path.parent), "20")
    return result


def own_type_of(name: str) -> str:
    return {"leaking": "typerefs.Leaking", "kept": "__main__.Widget"}[name]


def test_each_of_three_callables_that_are_checked_at_once_gets_its_own_verdict(
    found: Found,
) -> None:
    right = {
        "leaking": [["typerefs.Leaking", "leaking"]],
        "kept": [["__main__.Widget", "kept"]],
        "clean": [],
    }
    assert found["calls"] == [right] * 20


def test_of_three_blocks_that_overlap_none_is_accused_of_what_another_did(found: Found) -> None:
    assert len(found["blocks"]) == 4
    for repeat in found["blocks"]:
        assert repeat["clean"] == []
        for name in ("leaking", "kept"):
            for accused, verdict in repeat[name]:
                assert accused == own_type_of(name)
                assert verdict in (name, "growing")


@pytest.mark.skipif(not FREE_THREADED, reason="nobody counts which thread took a reference")
def test_a_block_that_overlaps_another_is_accused_of_what_its_own_thread_took(
    found: Found,
) -> None:
    # A collection in between merges what each thread counted: nobody is accused then.
    for name in ("leaking", "kept"):
        accused = [repeat for repeat in found["blocks"] if repeat[name]]
        assert len(accused) >= len(found["blocks"]) / 2


def test_a_block_says_that_another_check_was_beside_it() -> None:
    begin = threading.Event()
    kept: list[Widget] = []

    def keep_in_a_block() -> None:
        begin.wait()
        with checks.check_no_type_leaks(Widget):
            kept.append(Widget())

    thread = threading.Thread(target=keep_in_a_block)
    thread.start()
    with checks.check_no_type_leaks(Widget) as window:
        begin.set()
        thread.join()
    assert window.problem is None
    (finding,) = window.noticed
    assert finding.verdict is Verdict.BACKGROUND
    assert "another check of this process" in finding.advice()


def in_three_threads(body: Callable[[], object]) -> None:
    threads = [threading.Thread(target=body) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_a_call_starts_check_inside_of_its_check() -> None:
    inside: list[checks.Problem | None] = []

    def check_inside() -> None:
        inside.append(checks.check_no_leak_per_call(Widget, 1, types=Widget))

    problem = checks.check_no_leak_per_call(lambda: in_three_threads(check_inside), 1, types=Widget)
    assert problem is None
    assert inside
    assert set(inside) == {None}


def test_a_signal_handler_and_a_call_check_inside_of_a_check() -> None:
    found: list[Any] = []

    def check_inside(*_: object) -> None:
        found.append(checks.check_no_leak_per_call(Widget, 2, types=Widget))

    before = signal.signal(signal.SIGUSR1, check_inside)
    try:
        checks.check_no_leak_per_call(lambda: signal.raise_signal(signal.SIGUSR1), 1, types=Widget)
        checks.check_no_leak_per_call(check_inside, 1, types=Widget)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found
    assert set(found) == {None}


def test_a_turn_that_does_not_come_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    begun, done, asked = threading.Event(), threading.Event(), threading.Event()
    problems: list[object] = []

    def block() -> None:
        begun.set()
        done.wait()

    def check_beside() -> None:
        asked.wait()
        try:
            checks.check_no_leak_per_call(Widget, 1)
        except Unsettled as error:
            problems.append(error)
        done.set()

    waiting = threading.Thread(target=check_beside)
    waiting.start()
    blocking = threading.Thread(target=checks.check_no_leak_per_call, args=(block, 1))
    blocking.start()
    begun.wait()
    asked.set()
    blocking.join()
    waiting.join()
    (error,) = problems
    assert isinstance(error, Unsettled)
    assert "another check" in str(error)
    assert "take turns" in error.hint


def test_a_check_that_ended_is_around_no_thread_that_it_left_behind() -> None:
    begin, threads = threading.Event(), []
    around: list[object] = []

    def outlive() -> None:
        begin.wait()
        check = turns.open_check()
        around.append(check.around)
        check.end()

    with checks.check_no_type_leaks(Widget):
        threads.append(threading.Thread(target=outlive))
        threads[0].start()
    begin.set()
    threads[0].join()
    outside = turns.open_check()
    outside.end()
    assert around == [outside.around]
