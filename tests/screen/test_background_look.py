"""Looks for findings in the background: what is kept of them, and when they end."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest

from inspector.cli.attach import asks_for_table
from inspector.errors import NoSuchTarget, Unsettled
from inspector.screen.dashboard import background_look
from inspector.screen.dashboard.background_look import BackgroundLook
from inspector.screen.dashboard.state import State
from tests.screen.test_findings_page import LOCK, ORDER, look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.diagnosis.findings import FirstLook
    from inspector.reader.target import Target

FIRST = look(final=False)
WHOLE = look(ORDER)
NEXT = look(LOCK, ORDER)


class Script:
    """Looks that were decided on before; each is taken in before the next is made."""

    def __init__(self, *rounds: list[FirstLook | Exception]) -> None:
        self.rounds = list(rounds)
        self.seen: list[tuple[FirstLook | None, str]] = []
        self.board: BackgroundLook | None = None
        self.begun, self.done = threading.Event(), threading.Event()

    def look_at_process(self, target: object, *, duration: float) -> Iterator[FirstLook]:
        del target, duration
        assert self.begun.wait(30)
        assert self.board is not None
        if not self.rounds:
            self.done.set()
            raise NoSuchTarget("it ended", pid=4242)
        for each in self.rounds.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each
            self.seen.append((self.board.latest, self.board.trouble))
        self.seen.append((self.board.latest, self.board.trouble))

    def play(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[FirstLook | None, str]]:
        """Return what was there after each look and at the end of each round."""
        monkeypatch.setattr(background_look, "look_at_process", self.look_at_process)
        monkeypatch.setattr(background_look, "LEAST_REST", 0.0)
        with closing(BackgroundLook(lambda: cast("Target", object()))) as self.board:
            self.begun.set()
            assert self.done.wait(30)
        return self.seen


def test_a_look_is_renewed_by_whole_ones_only(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script([FIRST, WHOLE], [FIRST, NEXT])
    seen = [latest for latest, _ in script.play(monkeypatch)]
    assert seen == [FIRST, WHOLE, WHOLE, WHOLE, NEXT, NEXT]


def test_a_look_that_failed_says_why_and_the_next_one_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script([WHOLE], [Unsettled("it moves too fast", tries=3)], [FIRST, NEXT])
    assert script.play(monkeypatch) == [
        (WHOLE, ""),
        (WHOLE, ""),
        (WHOLE, "it moves too fast"),
        (NEXT, ""),
        (NEXT, ""),
    ]


@pytest.mark.parametrize(
    ("option", "asks"),
    [
        ({}, False),
        ({"interval": 0.1}, False),
        ({"sort": "growth"}, True),
        ({"patterns": ("app.*",)}, True),
        ({"limit": 5}, True),
        ({"threads": True}, True),
        ({"kind": "code"}, True),
    ],
)
def test_options_of_the_table_open_it_first(option: dict[str, Any], *, asks: bool) -> None:
    assert asks_for_table(State(**option)) is asks
