"""The page of `inspector why`: what is said of each finding, and where there is none."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from inspector.analysis.processor_time import ProcessorTime
from inspector.analysis.thread_time import Finding, LineShare, ThreadTime
from inspector.diagnosis.why import Parallelism
from inspector.screen.why import why_view
from inspector.snapshots.snapshot import TargetInfo

LINE = LineShare("app/io.py", 88, "put", 0.61)
NOTHING = ProcessorTime(0, None, None, "Operation not permitted")


def page(
    *findings: Finding,
    running: float = 0.0,
    processor: ProcessorTime = NOTHING,
    used: float | None = 1.9,
) -> str:
    target = TargetInfo(4242, "3.14.7", gil_enabled=False, command="python app.py")
    time = ThreadTime(8.0, running, 0.0, 0.0, 0.0, 1.0, 7.0 - running)
    found = Parallelism(
        *(target, 5.0, 4830, time, used, 2.0, {"read": 1.0}, 0.0, findings, ("spinning",)),
        ended=False,
        stopped_by_signal=False,
        processor=processor,
    )
    console = Console(file=StringIO(), width=160, color_system=None)
    with console.capture() as captured:
        console.print(why_view(found))
    return captured.get()


def finding(kind: str, share: float | None, heat: float | None = None) -> Finding:
    return Finding(kind, share, f"a {kind}", "", 3, 1.5, (LINE,), "do otherwise", heat)


@pytest.mark.parametrize(
    ("running", "said"),
    [
        (2.0, "apart: 2.0 run side by side, on 1.9 of 2 processors"),
        (1.0, "apart: 1.0 of them runs, the others wait for work or sleep"),
        (0.0, "apart: none of them wants to run, all wait for work or sleep"),
    ],
)
def test_nothing_is_an_answer(running: float, said: str) -> None:
    shown = page(running=running)
    assert said in shown
    assert "not visible from here: spinning" in shown


def test_threads_that_get_too_few_processors_are_told_apart() -> None:
    said = "2 processors; other processes had the rest, or the machine gave no more"
    assert said in page(running=2.0, used=0.8)
    for enough in (1.9, None):
        assert said not in page(running=2.0, used=enough)


def test_what_costs_nothing_is_said_to() -> None:
    shown = page(finding("stop-the-world", 0.0), running=2.0)
    assert "stop-the-world  costs nothing" in shown
    assert "2.0 run side by side" in shown


def test_each_finding_has_its_share_its_lines_and_advice() -> None:
    shown = page(finding("lock", 0.47), finding("object", 0.06, 0.61), finding("type", None, 0.9))
    assert "1  lock             47%  a lock: 1.5 waiters, 3 threads" in shown
    assert "waiting at app/io.py:88 in put (61%)" in shown
    assert "2  object            6%  a object: 3 threads, changes in 61% of the samples" in shown
    assert "on CPU at app/io.py:88 in put (61%)" in shown
    assert "3  type               ?  a type: 3 threads, changes in 90% of the samples" in shown
    assert "side by side" not in shown


def test_what_the_kernel_refuses_is_unknown_with_what_would_allow_it() -> None:
    shown = page(finding("lock", 0.5))
    assert "shared counting: ? (Operation not permitted; sysctl kernel.perf_event" in shown


def test_what_shared_counting_costs_is_a_lower_bound() -> None:
    shown = page(processor=ProcessorTime(1200, 0.24, 0.03, None))
    assert "24% or more in shared counting, 3% in locks (1,200 samples)" in shown
    assert "no symbols" in page(processor=ProcessorTime(1200, None, None, None))
    assert "? (no thread ran)" in page(processor=ProcessorTime(0, None, None, None))


def test_unknown_processors_are_no_zero() -> None:
    assert "processor time: ?" in page(used=None)
