"""Headers sampled in a thread between two readings."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, cast

from inspector.errors import MemoryFault
from inspector.reader.background_sampler import Background
from inspector.snapshots.header_samples import HeaderSamples
from tests.screen.builder import row, snapshot

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from inspector.reader.header_sampler import HeaderSampler
    from inspector.snapshots.snapshot import Snapshot


class FakeSampler:
    """Samples that were decided on before: one for each run, then a fault."""

    def __init__(self, name: str, runs: int) -> None:
        self.name = name
        self.runs = runs
        self.samples = 0
        """All of them."""
        self._fresh = 0
        """Those since they were last taken."""
        self.failed = threading.Event()
        self.ran = threading.Event()

    def run(
        self, seconds: float, rate: float, share: float, turn: AbstractContextManager[object]
    ) -> None:
        assert seconds > 0
        assert rate > 0
        assert 0 < share < 1
        with turn:
            if self.samples == self.runs:
                self.failed.set()
                raise MemoryFault(0, 8)
            self.samples += 1
            self._fresh += 1
            # Still in its turn: `take` would clear it before, and the next one find nothing.
            self.ran.set()

    def take(self) -> HeaderSamples:
        fresh, self._fresh = self._fresh, 0
        self.ran.clear()
        return HeaderSamples({(0, 0, self.name): 0}, [fresh], fresh)


class Makers:
    """What makes samplers, and remembers them."""

    def __init__(self, runs: int) -> None:
        self.made: list[FakeSampler] = []
        self._runs = runs

    def make(self, snapshot: Snapshot) -> HeaderSampler:
        self.made.append(FakeSampler(snapshot.rows[0][0], self._runs))
        return cast("HeaderSampler", self.made[-1])


LIMIT = 60.0
"""Seconds for a thread to get its turn."""

ONE, OTHER = snapshot(row("app.Order")), snapshot(row("app.Line"))


def test_samples_belong_to_the_time_since_the_reading_before() -> None:
    makers = Makers(1 << 40)
    with closing(Background(makers.make)) as background:
        assert background.renew(ONE) is None
        [made] = makers.made
        seen = 0
        for _ in range(3):
            assert made.ran.wait(LIMIT)
            sampled = background.renew(ONE)
            assert sampled is not None
            assert sampled.samples > 0
            seen += sampled.samples
        assert makers.made == [made]
    last = made.take()
    assert seen + last.samples == made.samples


def test_other_objects_are_sampled_once_they_are_there() -> None:
    makers = Makers(1 << 40)
    with closing(Background(makers.make)) as background:
        background.renew(ONE)
        sampled = background.renew(OTHER)
        assert sampled is not None
        assert next(iter(sampled.places))[2] == "app.Order"
        assert [each.name for each in makers.made] == ["app.Order", "app.Line"]
        assert makers.made[1].ran.wait(LIMIT)


def test_what_cannot_be_sampled_any_more_is_planned_anew() -> None:
    makers = Makers(1)
    with closing(Background(makers.make)) as background:
        background.renew(ONE)
        assert makers.made[0].failed.wait(LIMIT)
        while background.renew(ONE) is not None:
            pass
        assert len(makers.made) == 2


def test_a_target_that_is_gone_is_for_the_reading_to_tell() -> None:
    def refuse(_: Snapshot) -> HeaderSampler:
        raise MemoryFault(0, 8)

    with closing(Background(refuse)) as background:
        assert background.renew(ONE) is None
        assert background.renew(ONE) is None
