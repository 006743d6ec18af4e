"""Targets that create and free as fast as they can: what is said of them is never wrong."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import pytest

import inspector
from inspector.errors import Unsettled
from tests.live.puppets import Restless, inspect, is_running, until_blocked
from tests.support import TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.cpython.layout import Layout
    from inspector.snapshots.snapshot import ObjectCount, Snapshot

T = TypeVar("T")

pytestmark = pytest.mark.skipif(
    "INSPECTOR_ATTACHES" not in os.environ,
    reason="on few cores the reader may not get its turn: `make outside` runs it",
)

ATTACHES = int(os.environ.get("INSPECTOR_ATTACHES", "0"))
"""`make outside` takes 300."""

READINGS = ATTACHES // 5

MAKERS, BREEDERS, STARTERS = 2, 1, 1


class Truth(NamedTuple):
    """What the classes of a target counted before the torrent began."""

    target: inspector.Target
    layout: Layout
    base: dict[str, int]
    puppet: Restless

    def check(self, row: ObjectCount) -> bool:
        """Assert that a row is right if it is settled; tell whether it is."""
        if not row.settled:
            return False
        assert row.counted is not None
        assert 0 <= row.counted - self.base[row.name] <= MOST[row.name], row
        return True


MOST = {
    "__main__.Hot": MAKERS + STARTERS,
    "__main__.Bag": MAKERS,
    "__main__.Kept": 0,
}
"""By how many instances there may be more than at rest."""


@contextmanager
def begun(python: str, *threads: int) -> Iterator[Truth]:
    """Start a torrent; yield what is true of it."""
    with Restless(python, TARGETS / "torrent.py", *map(str, threads)) as puppet:
        until_blocked(puppet.pid)
        target = inspector.attach(puppet.pid)
        snapshot = target.snapshot()
        base = {name: snapshot[name].counted or 0 for name in MOST}
        puppet.ask("go")
        yield Truth(target, target.layout, base, puppet)


@pytest.fixture(params=interpreters(debug=False))
def torrent(request: pytest.FixtureRequest) -> Iterator[Truth]:
    with begun(python_of(request.param), MAKERS, BREEDERS, STARTERS) as truth:
        yield truth


@pytest.fixture(params=interpreters(debug=False))
def makers(request: pytest.FixtureRequest) -> Iterator[Truth]:
    """Only instances come and go: one reading goes on from the one before."""
    with begun(python_of(request.param), MAKERS, 0, 0) as truth:
        yield truth


def watched(snapshot: Snapshot) -> list[ObjectCount]:
    return [row for row in snapshot if row.name in MOST]


def tried(torrent: Truth, times: int, look: Callable[[], T]) -> Iterator[T]:
    """Yield what could be read: of a target like this some readings are given up, and say so."""
    given_up = 0
    for _ in range(times):
        try:
            yield look()
        except Unsettled:
            given_up += 1
    assert given_up < times / 2
    assert is_running(torrent.puppet.pid)


def test_what_is_settled_is_right(torrent: Truth) -> None:
    settled = 0
    for snapshot in tried(torrent, READINGS, partial(torrent.target.snapshot, retries=8)):
        rows = watched(snapshot)
        assert len(rows) == len(MOST)
        settled += sum(map(torrent.check, rows))
        for row in snapshot:
            assert row.settled or row.bounds is None or row.bounds[0] <= row.bounds[1]
    assert settled > 0


def test_what_is_settled_since_the_reading_before_is_right(makers: Truth) -> None:
    settled = same = 0
    plans = []
    for snapshot in tried(makers, 10 * READINGS, makers.target.snapshot):
        rows = watched(snapshot)
        assert len(rows) == len(MOST)
        settled += sum(map(makers.check, rows))
        states = makers.target._reader.states.values()
        plans.append([state.latest.plan for state in states if state.latest])
        same += len(plans) > 1 and plans[-1][0] is plans[-2][0]
    assert settled > READINGS
    assert same > READINGS


def test_what_is_read_in_a_pause_is_exact(torrent: Truth) -> None:
    for snapshot in tried(torrent, READINGS, partial(torrent.target.snapshot, blocking=True)):
        assert snapshot.exact
        assert snapshot.pause_ns
        for row in watched(snapshot):
            assert row.counted is not None
            assert 0 <= row.counted - torrent.base[row.name] <= MOST[row.name]
        assert [row for row in snapshot if (row.counted or 0) < 0] == []


def test_no_layout_is_wrong_however_often_it_is_found(torrent: Truth) -> None:
    right = torrent.layout
    for found in tried(torrent, ATTACHES, partial(inspector.attach, torrent.puppet.pid)):
        assert found.layout._replace(offsets=()) == right._replace(offsets=())


def test_a_table_marks_what_moved(torrent: Truth) -> None:
    for _ in range(30):
        outcome = inspect("dump", torrent.puppet.pid, "--retries", 0, "--filter", "Bag")
        assert outcome.status == 0
        if "~" in outcome.output:
            break
    assert re.search(r"^read while it ran, \d\d?\.\d % settled", outcome.output, re.MULTILINE)
    assert re.search(r"^__main__\.Bag +~\d+(\.\.\d+)? ", outcome.output, re.MULTILINE)
    assert "~ moved while it was read" in outcome.output


def test_the_doctor_finds_nothing_wrong_with_it(torrent: Truth) -> None:
    outcome = inspect("doctor", torrent.puppet.pid)
    assert outcome.status == 0, outcome.output
