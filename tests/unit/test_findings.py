"""What deserves attention: which readings make a finding, in which order, on how many lines."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from inspector.analysis.findings import KINDS, TypeTrend, find_attention, find_trends
from inspector.analysis.leak_growth import compare_leaks
from inspector.analysis.thread_time import Finding, LineShare, ThreadTime
from inspector.diagnosis.findings import FirstLook
from inspector.diagnosis.why import Parallelism
from inspector.screen.findings import findings_view
from inspector.snapshots.heap import Histogram, TypeUse
from inspector.snapshots.leaks import Leaks, LostType, OrphanGroup
from tests.screen.builder import SECOND, heap, history, row, snapshot, use

if TYPE_CHECKING:
    from inspector.analysis.findings import Attention

PID = 4242
TARGET = {"pid": PID, "version": "3.14.7", "gil_enabled": False, "command": "app.py"}


def heaps(**series: list[int]) -> list[Histogram]:
    """Return readings, a second apart, of types with so many instances of 100 bytes."""
    found = []
    for second in range(max(map(len, series.values()))):
        uses = tuple(
            TypeUse(f"app.{name}", 1000 + place, 0, numbers[second], 0, 0, numbers[second] * 100, 0)
            for place, (name, numbers) in enumerate(series.items())
            if numbers[second]
        )
        found.append(Histogram({}, False, None, second * SECOND, 1, 0, uses))  # noqa: FBT003 - running
    return found


def delay(kind: str, share: float | None, name: str = "a lock") -> Finding:
    return Finding(
        kind,
        share,
        name,
        "",
        4,
        3.0,
        (LineShare("/srv/service/releases/2026-11-27/app/orm.py", 214, "get", 0.9),),
        "advice",
    )


def rising(number: int) -> TypeTrend:
    return TypeTrend(f"app.T{number}", number, 0, 1000, 500, 50_000, rising=True)


@pytest.mark.parametrize(
    ("numbers", "is_growing"),
    [
        ([10, 110, 210, 310, 410, 510], True),
        ([0, 100, 200, 300, 400, 500], True),
        ([10, 500, 20, 510, 30, 520], None),  # rises and falls
        ([10, 110, 110, 110, 110, 110], None),  # a cache that filled up
        ([10, 110], None),  # two readings
        ([10, 110, 210], True),  # a large heap, read seldom
        ([10, 110, 112], None),
    ],
)
def test_a_type_grows_if_its_instances_rise_in_nearly_all_readings(
    numbers: list[int],
    is_growing: bool | None,  # noqa: FBT001 - a parameter
) -> None:
    (trend,) = find_trends(heaps(Session=numbers))
    assert trend.more == numbers[-1] - numbers[0]
    assert (trend.rising or None) is is_growing


def test_a_type_that_shrinks_or_is_gone_is_no_trend() -> None:
    assert find_trends(heaps(Old=[500, 400, 0, 0, 0], Less=[500, 400, 300, 200, 100])) == []


def test_types_of_the_program_come_before_built_in_ones() -> None:
    found = find_trends(heaps(Session=[0, 10, 20, 30, 40, 50]))
    (use,) = found
    many = use._replace(name="builtins.dict", more_bytes=10**9)
    assert many.is_builtin
    assert not use.is_builtin


def test_built_in_types_that_grow_with_a_type_are_told_with_it() -> None:
    whole = rising(1)
    part = whole._replace(name="builtins.dict", more=520)
    other = whole._replace(name="builtins.list", more=900)
    found = find_attention(PID, 5.0, trends=[whole, part, other])
    assert [each.name for each in found] == ["app.T1", "builtins.list"]
    assert found[0].text.endswith(", with as many of dict")


def test_findings_come_by_severity_and_name_the_command_that_goes_deeper() -> None:
    found = find_attention(
        PID,
        5.0,
        trends=[rising(1)],
        delays=[
            delay("type", None),
            delay("object", None),
            delay("lock", 0.4),
            delay("gil", 0.3),
            delay("stop-the-world", 0.2),
        ],
    )
    assert [each.kind for each in found] == [
        *("growing", "stop-the-world", "gil", "lock", "object", "type"),
    ]
    assert [kind for kind in KINDS if kind in {each.kind for each in found}] == [
        each.kind for each in found
    ]
    assert found[0].text == "+100 instances/s, +10 kB/s, 1,000 now"
    assert found[0].command == "inspector holders app.T1 4242"
    assert found[1].command == "inspector why 4242"
    assert json.dumps([each.as_dict() for each in found])


def test_what_costs_nothing_is_no_finding() -> None:
    assert find_attention(PID, 5.0, delays=[delay("lock", 0.001)]) == ()
    cool = delay("object", None)._replace(heat=0.01)
    assert find_attention(PID, 5.0, delays=[cool]) == ()


def test_an_object_whose_cost_is_unknown_says_how_often_it_is_updated() -> None:
    hot = delay("object", None)._replace(heat=0.42)
    (found,) = find_attention(PID, 5.0, delays=[hot])
    assert found.text == "updated in 42% of samples by 4 threads"


def counted(*totals: int, instances: int | None = None) -> tuple[Attention, ...]:
    """Return what is found where a total rises, and so many instances come per reading."""
    readings = []
    for second, total in enumerate(totals):
        found = None
        if instances is not None:
            found = heap(second, use("app.Leaky", 10 + instances * second))
        leaky = row("app.Leaky", local=total)
        readings.append(snapshot(leaky, taken_ns=second * SECOND, heap=found))
    return find_attention(PID, 5.0, history=history(*readings))


def test_references_that_rise_without_instances_are_a_finding() -> None:
    totals = (0, 100, 200, 300, 400, 500)
    (found,) = counted(*totals, instances=0)
    assert (found.kind, found.name, found.rate) == ("growing", "app.Leaky", 100)
    assert "that no further instances explain" in found.text
    assert found.command == "inspector leaks 4242 --blocking --interval 5"
    assert counted(*totals) == ()  # nobody knows whether instances explain them
    assert counted(*totals, instances=100) == ()  # its instances are the finding
    assert counted(100, 100, 100, 100, 100, 100, instances=0) == ()


def test_references_that_nothing_holds_lead_where_they_grow() -> None:
    group = OrphanGroup("builtins.bytes", 9, 9, "none", 900, ())
    before = Leaks(TARGET, *(True, 1000, 0, 1, ()), types=(), orphans=(group,))
    more = group._replace(objects=509, missing=509)
    lost = LostType("app.Leaky", 16, 1000, 500)
    now = before._replace(taken_ns=5 * SECOND, types=(lost,), orphans=(more,))
    found = find_attention(PID, 5.0, trends=[rising(1)], leaks=compare_leaks(before, now))
    assert [(each.kind, each.name, each.rate) for each in found] == [
        ("leaking", "app.Leaky", 100),
        ("leaking", "builtins.bytes", 100),
        ("growing", "app.T1", 100),
    ]
    assert found[0].command == "inspector leaks 4242 --blocking --interval 5"
    same = compare_leaks(now, now._replace(taken_ns=10 * SECOND))
    assert find_attention(PID, 5.0, leaks=same) == ()


def look(findings: tuple[Attention, ...], *, final: bool = True) -> FirstLook:
    target = snapshot().target
    time = ThreadTime(9.0, 1.2, 6.1, 1.0, 0.0, 0.7, 0.0)
    seen = Parallelism(
        *(target, 5.0, 100, time, 1.3, 2.0, {}, 0.0, ()),
        unseen=("spinning",),
        ended=False,
        stopped_by_signal=False,
    )
    whole = FirstLook(
        target=target,
        seconds=5.0,
        threads=9,
        objects=1000,
        rss=10**8,
        readings=6,
        collections=1,
        findings=findings,
        rising=(),
        parallelism=seen,
        unread={},
        lost_searched=False,
        final=final,
        ended=False,
    )
    assert json.dumps(whole.as_dict())
    return whole


def page(shown: FirstLook, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(findings_view(shown, width))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_both_questions_are_answered_in_twenty_lines(width: int) -> None:
    delays = [delay("lock", 0.5, f"_thread.lock app.LOCK{number}") for number in range(7)]
    findings = find_attention(PID, 5.0, trends=[*map(rising, range(9))], delays=delays)
    lines = page(look(findings), width)
    assert len(lines) <= 20
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "What grows: 9 types" in text
    assert "What keeps threads apart" in text
    assert "and 6 more: inspector histo" in text
    assert "orm.py:214 in get" in text
    assert text.count("inspector why 4242") == 4
    assert text.count("inspector holders app.T") == 3


def test_nothing_is_an_answer() -> None:
    text = "\n".join(page(look(()), 120))
    assert "What grows: nothing was seen to" in text
    assert "What keeps threads apart: nothing was seen to, 1.2 of 9.0 threads run" in text
    assert "1.3 of 2 CPUs used" in text


def test_what_cannot_be_read_is_a_question_mark_with_its_reason() -> None:
    unread = {"threads": "parking lot: expected a table, found none", "heap": "too large"}
    blind = replace(look(()), parallelism=None, objects=None, unread=unread)
    text = "\n".join(page(blind, 120))
    assert "What grows: ? (too large)" in text
    assert "What keeps threads apart: ? (parking lot: expected a table, found none)" in text
    assert blind.as_dict()["threads"] is None


def test_a_page_that_is_not_final_says_so() -> None:
    assert "so far, not final yet" in page(look((), final=False), 120)[1]
    assert "so far" not in page(look(()), 120)[1]


def test_names_cannot_draw_on_the_screen() -> None:
    evil = rising(1)._replace(name="app.\x1b[2J[bold]T\n")
    text = "\n".join(page(look(find_attention(PID, 5.0, trends=[evil])), 120))
    assert "\x1b" not in text
    assert "[bold]" in text
