"""What a whole run comes to, and which calls of types are heard."""

from __future__ import annotations

import sys

import pytest

from inspector.census.verdict import Evidence, Verdict
from inspector.launch.calls import Calls
from inspector.launch.witness import judged
from tests.screen.builder import row

HEADER = row("app.Order", local=50, deallocator="header")
PER_THREAD = row("app.Order", local=50, deallocator="per thread")


def run(header: int, threads: int) -> Evidence:
    return Evidence(total=header + threads, header=header, contributed=threads)


@pytest.mark.parametrize(
    ("header", "threads", "lost", "before", "verdict"),
    [
        (-100, 100, 0, 0, Verdict.PLAIN_DECREF),
        (-3, 3, 0, 0, None),
        (-200, 100, 0, 0, Verdict.OVER_DECREF),
        # There were instances before, which were freed as well.
        (-200, 100, 0, 500, Verdict.PLAIN_DECREF),
        (0, 100, 100, 0, Verdict.LEAKING),
        (0, 100, 60, 0, Verdict.GROWING),
        (-50, 100, 40, 0, Verdict.PLAIN_DECREF),
        (6, 0, 6, 0, None),
    ],
)
def test_a_type_freed_in_the_header(
    header: int, threads: int, lost: int, before: int, verdict: Verdict | None
) -> None:
    assert judged(HEADER, run(header, threads), lost, before) is verdict


@pytest.mark.parametrize(("header", "threads"), [(0, 0), (-100, 100), (100, -100), (0, 40)])
def test_a_type_freed_per_thread_is_balanced_whatever_else_was_counted(
    header: int, threads: int
) -> None:
    assert judged(PER_THREAD, run(header, threads), 0, 0) is Verdict.BALANCED


def test_what_needs_no_numbers() -> None:
    assert judged(row("T", unique_id=0), Evidence(), 0, 0) is Verdict.NO_UNIQUE_ID
    immortal = row("T", state="immortal", unique_id=0)
    assert judged(immortal, Evidence(), 0, 0) is Verdict.IMMORTAL
    assert judged(row("T", local=1, shared=-9), Evidence(), 0, 0) is Verdict.OVER_DECREF


class Called:
    pass


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there is no sys.monitoring")
def test_the_first_call_of_each_type_is_heard_and_no_other_call() -> None:
    heard: list[type] = []
    calls = Calls(heard.append)
    calls.begin()
    try:
        for make in (Called, len, Called, dict):
            make(()) if make is not Called else make()  # type: ignore[call-arg]
    finally:
        calls.end()
    Called()
    assert heard[0] is Called
    assert heard.count(Called) == 1
    assert id(Called) in calls.seen
