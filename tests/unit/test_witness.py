"""What a whole run comes to."""

from __future__ import annotations

import pytest

from inspector.census.verdict import Evidence, Verdict
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
