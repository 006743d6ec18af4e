"""Audits and scaling as text."""

from __future__ import annotations

from dataclasses import replace

from inspector.audit.result import Audit, Audited, AuditInfo, Exercise
from inspector.audit.scaling import Point, Scale, Scaling, Spread, Traffic
from inspector.screen.audit_document import audit_markdown
from inspector.screen.audits import audit_view
from inspector.screen.scales import scaling_view
from inspector.screen.text import GIL_ON
from inspector.verdict.evidence import Evidence, Verdict
from inspector.verdict.judge import Judgement
from tests.screen.boards import printed


def exercise(verdict: Verdict, threads: int, evidence: Evidence) -> Exercise:
    return Exercise(threads, 100 * threads, Judgement(verdict, evidence))


FINE = exercise(Verdict.BALANCED, 1, Evidence(total=0, header=0, contributed=0))
LEAKS = exercise(
    Verdict.LEAKING, 1, Evidence(total=300, runs=(100, 100, 100), header=0, contributed=100)
)
PLAIN = exercise(Verdict.PLAIN_DECREF, 1, Evidence(total=0, header=-100, contributed=100))
HOT = exercise(
    Verdict.PLAIN_DECREF,
    2,
    Evidence(total=0, header=-201, contributed=200, samples=50, moved=45),
)

AUDIT = Audit(
    ("pkg",),
    (
        Audited("pkg.Fine", "pkg.Fine()", exercises=(FINE,)),
        Audited(
            "pkg.Leaks",
            "pkg.Leaks()",
            reason="then, with 2 threads: crashed: SIGSEGV",
            exercises=(LEAKS,),
        ),
        Audited("pkg.Plain", "pkg.Plain(1|2)", exercises=(PLAIN, HOT)),
        Audited("pkg.\x1b[31mRed", reason="TypeError: abstract"),
        Audited("operator.itemgetter", reason="imported from _operator", foreign="_operator"),
    ),
    {"pkg.windows": "ImportError: win32 only"},
    1,
    AuditInfo("3.14.7t", "3.14.7 free-threading build", "x86_64", 2, 100, 2, 1.5),
)

POINTS = (
    Point(1, Spread(9e6, 1e7, 1.1e7), Spread(1, 1, 1), "base"),
    Point(2, Spread(7e6, 8e6, 9e6), Spread(0.7, 0.8, 0.9), "loses"),
    Point(4, Spread(7e6, 8e6, 9e6), Spread(0.7, 0.8, 0.9), "", "2 cores for 4 threads"),
)


def test_what_weighs_most_comes_first_and_what_was_not_exercised_says_why() -> None:
    shown = printed(audit_view(AUDIT, 140), 140)
    lines = shown.splitlines()
    shown = " ".join(shown.split())
    assert lines[0] == "inspector audit · pkg · Python 3.14.7t"
    names = [line.split()[0] for line in lines if line.startswith(("pkg.", "operator."))]
    exercised, others = ["pkg.Leaks", "pkg.Plain", "pkg.Fine"], ["pkg.\\x1b[31mRed"]
    assert names == [*exercised, *others, "operator.itemgetter", "pkg.windows"]
    leaks = next(line for line in lines if line.startswith("pkg.Leaks"))
    assert "leaking (then, with 2 threads: crashed: SIGSEGV)" in leaks
    assert leaks.split()[-5:] == ["+1", "0", "?", "-", "pkg.Leaks()"]
    assert "plain decref" in shown
    assert "TypeError: abstract" in shown
    assert "1 static type, which nobody counts, left aside" in shown
    assert "3 of 4 heap types exercised: 1 leaking, 1 plain decref, 1 balanced" in shown
    assert "1 foreign type, which targets only import, left aside" in shown


def test_an_audit_that_exercised_nothing_is_no_clean_bill() -> None:
    left = replace(AUDIT, rows=tuple(AUDIT.left_out()))
    shown = printed(audit_view(left, 140), 140)
    assert "0 of 1 heap type exercised: nothing is proved;" in shown


def test_that_the_gil_is_on_is_said_first() -> None:
    with_gil = replace(AUDIT, made=replace(AUDIT.made, gil_enabled=True))
    first = printed(audit_view(with_gil, 140), 140).splitlines()[0]
    assert first == "inspector audit · pkg · Python 3.14.7t · the GIL is on"


def test_a_narrow_screen_goes_without_the_expressions() -> None:
    assert "MADE BY" in printed(audit_view(AUDIT, 140), 140)
    assert "MADE BY" not in printed(audit_view(AUDIT, 60), 60)


def test_the_markdown_is_safe_for_names_and_groups_what_was_not_exercised() -> None:
    shown = audit_markdown(AUDIT)
    assert "\x1b" not in shown
    assert "| pkg.Plain | plain decref | 0 | -1 | -1 | 90.0 % | pkg.Plain\\(1\\|2\\) |" in shown
    assert "## Not exercised (1)" in shown
    assert "- TypeError: abstract (1): pkg." in shown
    assert "## Foreign (1)" in shown
    assert "## Not imported (1)" in shown


def test_bars_are_as_long_as_the_throughput_and_stand_beside_the_header_traffic() -> None:
    said = ("plain decref", None, "it is freed in the header")
    traffic = tuple(Traffic(n, "collections.deque", -1.0, 1.0, *said) for n in (1, 2, 4))
    scaling = Scaling(
        (Scale("collections.deque()", POINTS, traffic),), 2, 9, 0.1, gil_enabled=False
    )
    lines = printed(scaling_view(scaling, 120), 120).splitlines()
    bars = [line.count("█") for line in lines if "█" in line]
    assert bars == [24, 19, 19]
    assert "0.80 (0.70 0.90)" in lines[3]
    assert lines[3].endswith("1.00  slower than 1 thread")
    assert lines[4].endswith("no conclusion: 2 cores for 4 threads")
    assert lines[5] == "header traffic: collections.deque -1.00 per call, +1.00 per thread"
    assert lines[6] == "plain decref, collections.deque: it is freed in the header"


def test_a_narrow_screen_goes_without_the_bars() -> None:
    scaling = Scaling((Scale("object()", POINTS, ()),), 2, 9, 0.1, gil_enabled=False)
    shown = printed(scaling_view(scaling, 60), 60)
    assert "█" not in shown
    assert "header traffic: none" in shown


def test_a_gil_that_is_on_is_said_before_any_throughput() -> None:
    scaling = Scaling((Scale("object()", POINTS, ()),), 2, 9, 0.1, gil_enabled=True)
    assert printed(scaling_view(scaling, 120), 120).startswith(GIL_ON)
