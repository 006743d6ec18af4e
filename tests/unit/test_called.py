"""Types that are called, as the interpreter tells of them."""

from __future__ import annotations

import sys
import threading

import pytest

from inspector.launch import called_types
from inspector.launch.called_types import CalledTypes
from tests.live.puppets import tasks

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")


class Subject:
    """Is called by two threads at once."""

    def __init__(self, order: list[str]) -> None:
        order.append("made")


class One:
    """Is called twice, between calls of functions."""


class Another:
    """Is called when nobody listens any more."""


def test_the_first_call_of_each_type_is_heard_and_no_other_call() -> None:
    heard: list[object] = []
    calls = CalledTypes(heard.append)
    calls.begin()
    try:
        for make in (One, list, One, len):
            make(()) if make is not One else make()  # type: ignore[call-arg]
    finally:
        calls.end()
    Another()
    assert [each for each in heard if each in (One, Another, len)] == [One]
    assert id(One) in calls.seen


def test_no_thread_calls_a_type_before_its_first_call_was_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(called_types, "PATIENCE", 60)
    order: list[str] = []
    told, go = threading.Event(), threading.Event()

    def first(subject: type) -> None:
        if subject is Subject:
            told.set()
            go.wait()
            order.append("told")

    threads = [threading.Thread(target=Subject, args=(order,)) for _ in range(2)]
    heard = CalledTypes(first)
    heard.begin()
    try:
        threads[0].start()
        told.wait()
        threads[1].start()
        # The other one waits too, or is done where it should not be.
        while threads[1].is_alive() and tasks("self")[str(threads[1].native_id)][0] != "S":
            pass
        go.set()
        for each in threads:
            each.join()
    finally:
        go.set()
        heard.end()
    assert order == ["told", "made", "made"]
    assert heard.seen[id(Subject)]() is Subject


def test_a_thread_that_waits_too_long_for_another_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(called_types, "PATIENCE", 0.01)
    order: list[str] = []
    made = threading.Event()

    def first(subject: type) -> None:
        if subject is Subject and not made.is_set():
            other = threading.Thread(target=heard._meet, args=(Subject,))
            made.set()
            other.start()
            other.join()
            order.append("told")

    heard = CalledTypes(first)
    heard.begin()
    try:
        Subject(order)
    finally:
        heard.end()
    assert order == ["told", "made"]
