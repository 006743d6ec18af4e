"""The page of findings in the dashboard, and the line that says them on every page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from inspector.analysis.findings import Attention
from inspector.analysis.thread_time import LineShare, ThreadTime
from inspector.diagnosis.findings import FirstLook
from inspector.diagnosis.why import Parallelism
from inspector.screen.dashboard.keys import press_key
from inspector.screen.dashboard.sources import Live
from inspector.screen.dashboard.state import add_look, add_snapshot
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from tests.screen.boards import board, lines, reading
from tests.screen.builder import heap, row, snapshot, use

if TYPE_CHECKING:
    from inspector.screen.dashboard.state import State

ORDER = Attention(
    "growing", "app.Order", "+976 instances/s", None, 976.0, (), "inspector holders app.Order 4242"
)
DICT = ORDER._replace(name="builtins.dict", rate=12.0)
STOP = Attention(
    "stop-the-world",
    "",
    "88% of the threads' time",
    0.88,
    None,
    (LineShare("/srv/app/orm.py", 214, "save", 0.9),),
    "inspector why 4242",
)
LOCK = STOP._replace(kind="lock", name="_thread.lock app.LOCK", lines=())
MATCH = STOP._replace(kind="type", name="re.Match: at least 42,000 updates/s", share=0.1)
ALL = (ORDER, DICT, STOP, LOCK, MATCH)


def look(*findings: Attention, final: bool = True) -> FirstLook:
    target = snapshot().target
    seen = Parallelism(
        *(target, 5.0, 100, ThreadTime(9.0, 1.2, 6.1, 1.0, 0.0, 0.7, 0.0), 1.3, 2.0, {}, 0.0, ()),
        unseen=("spinning",),
        ended=False,
        stopped_by_signal=False,
    )
    return FirstLook(
        *(target, 5.0, 9, 1000, 10**8, 6, 1, findings, (), seen, {}),
        lost_searched=False,
        final=final,
        ended=False,
    )


def found(*findings: Attention, width: int = 120, height: int = 24) -> State:
    """Return the page of these findings."""
    state = board(width, height, is_looking=True, mode="findings")
    return clamp_scroll(add_look(state, look(*findings), ""))


def chosen(state: State) -> str:
    """Return the line that is drawn reversed."""
    return next(line.plain for line in screen_lines(state) if "reverse" in str(line.style))


def test_every_page_says_all_findings_in_its_first_line_the_worst_first() -> None:
    said = (
        "2 growing: app.Order +976/s · world stopped 88% of threads' time by app/orm.py:214 · "
        "2 contended: _thread.lock app"
    )
    for key in ("F", "m", "h", "enter"):
        assert lines(press_key(found(*ALL), key))[0].startswith(said)
    assert "pid 4242" in lines(found(*ALL))[1]


def test_the_first_line_leaves_details_of_the_last_out_where_there_is_no_room() -> None:
    assert lines(found(*ALL, width=80))[0] == (
        "2 growing: app.Order +976/s · world stopped 88% by app/orm.py:214 · 2 contended"
    )
    assert lines(found(*ALL, width=60))[0] == (
        "2 growing: app.Order · world stopped 88% · 2 contended"
    )


def test_nothing_found_says_what_cannot_be_seen() -> None:
    said = lines(found(width=200))[0]
    assert said.startswith("nothing found; not visible: references that nothing holds")
    assert said.endswith("; spinning")
    early = add_look(found(), look(final=False), "")
    assert lines(early)[0].startswith("nothing found yet; not visible: ")
    assert lines(board(is_looking=True))[0].startswith("looking at what grows")


def test_colours_tell_what_grows_from_what_is_contended_and_words_do_too() -> None:
    first = screen_lines(found(*ALL))[0]
    styles = {first.plain[span.start : span.end].split(":")[0]: span.style for span in first.spans}
    assert styles["2 growing"] == "bold red"
    assert styles["2 contended"] == "bold yellow"
    assert str(screen_lines(found())[0].style) == "dim"


@pytest.mark.parametrize(("width", "height"), [(60, 12), (80, 24), (120, 30), (200, 60)])
def test_each_finding_can_be_chosen_and_fits_the_screen(width: int, height: int) -> None:
    state = found(*ALL, width=width, height=height)
    seen = []
    for _ in ALL:
        assert all(cell_len(line) <= width for line in lines(state))
        seen.append(chosen(state).split()[0])
        state = clamp_scroll(press_key(state, "down"))
    assert seen == ["growing", "growing", "stop-the-world", "lock", "type"]
    assert clamp_scroll(press_key(state, "home")).scroll == 0


def test_each_finding_says_how_to_go_on() -> None:
    text = "\n".join(lines(found(*ALL)))
    assert "inspector holders app.Order 4242" in text
    assert "/srv/app/orm.py:214 in save  inspector why 4242" in text


def test_enter_on_a_type_opens_its_page_and_escape_comes_back() -> None:
    for state, name in ((found(*ALL), "app.Order"), (found(MATCH), "re.Match")):
        opened = press_key(state, "enter")
        assert opened.mode == "details"
        assert opened.subject_row is not None
        assert opened.subject_row.name == name
        assert press_key(opened, "escape").mode == "findings"


def test_enter_on_a_type_that_only_the_heap_has_opens_the_heap() -> None:
    counted = snapshot(row("app.Order"), heap=heap(9, use("builtins.dict", 9)))
    state = press_key(clamp_scroll(add_snapshot(found(DICT), counted)), "enter")
    assert (state.mode, state.filter) == ("heap", "builtins.dict")
    assert any(line.startswith("builtins.dict") for line in lines(state))


def test_enter_on_anything_else_says_the_command() -> None:
    assert lines(press_key(found(LOCK), "enter"))[-1] == "in a shell: inspector why 4242"
    assert press_key(found(), "enter").mode == "findings"


def test_the_cursor_stays_on_its_finding_when_others_come() -> None:
    state = clamp_scroll(press_key(found(ORDER, LOCK), "down"))
    more = clamp_scroll(add_look(state, look(*ALL), ""))
    assert chosen(more).split()[0] == "lock"
    assert chosen(clamp_scroll(add_look(more, look(ORDER), ""))).split()[0] == "growing"


class Looks:
    """What a thread in the background has found so far."""

    latest: FirstLook | None = None
    trouble = ""


def test_findings_come_in_while_readings_go_on_but_not_while_paused() -> None:
    looks = Looks()
    source = Live(lambda _: reading(1), looks=looks)
    state = source.advance(board(is_looking=True, mode="findings"), due=True)
    assert state.look is None
    looks.latest = look(ORDER)
    assert source.advance(replace(state, paused=True), due=False).look is None
    assert source.advance(state, due=False).look is looks.latest


def test_why_there_are_no_findings_is_said() -> None:
    state = add_look(board(is_looking=True, mode="findings"), None, "the heap [moved]")
    assert "the heap [moved]" in lines(state)[0]
    assert "not renewed: it [moved]" in "\n".join(
        lines(add_look(found(ORDER), look(), "it [moved]"))
    )
