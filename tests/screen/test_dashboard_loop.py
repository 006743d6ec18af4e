from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from inspector.errors import NoSuchTarget, Unsettled
from inspector.screen.dashboard.loop import watch_source
from inspector.screen.dashboard.replay import Replay, begin_replay
from inspector.screen.dashboard.sources import Live
from inspector.screen.dashboard.state import State
from inspector.snapshots.recording import RecordingReader, RecordingWriter
from tests.screen.boards import FakeScreen, reading
from tests.screen.builder import anatomy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inspector.reader.anatomy import Anatomy
    from inspector.snapshots.snapshot import Snapshot

GONE = NoSuchTarget("process 4242 does not exist", pid=4242)


class Readings:
    """A process of which one reading after the other is taken, or fails."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.taken = 0
        self.kinds: list[str] = []

    def __call__(self, kind: str) -> Snapshot:
        self.kinds.append(kind)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.taken += 1
        return reading(self.taken)


def shown(screen: FakeScreen, readings: Callable[[str], Snapshot], **fields: float) -> State:
    return watch_source(State(**fields), Live(readings), screen, clock=screen.clock)  # type: ignore[arg-type]


def test_a_reading_is_taken_and_drawn_per_interval() -> None:
    readings, screen = Readings(), FakeScreen(*"xxx")
    shown(screen, readings, interval=0.25)
    assert readings.taken == 4
    assert screen.waits == [0.25] * 4
    assert "pid 4242" in screen.frames[0][0]


def test_no_reading_is_taken_while_paused() -> None:
    readings, screen = Readings(), FakeScreen(" ", "x", "x", " ", "x")
    shown(screen, readings, interval=0.25)
    assert readings.taken == 3


def test_a_slow_interval_still_looks_at_the_size_of_the_screen() -> None:
    class Shrinking(FakeScreen):
        def wait(self, timeout: float, also: Sequence[int] = ()) -> list[str]:
            self.resize(60, 12)
            return super().wait(timeout, also)

    screen, readings = Shrinking("x"), Readings()
    shown(screen, readings, interval=60)
    assert max(screen.waits) <= 0.5
    assert [len(frame) for frame in screen.frames] == [20, 12]
    assert readings.taken == 1


def test_the_last_view_stays_when_the_process_ends() -> None:
    readings = Readings(None, None, GONE)
    screen = FakeScreen(*"xxx", "N", "/", "M", "enter")
    state = shown(screen, readings, interval=0.2)
    assert readings.taken == 2
    assert len(readings.kinds) == 3  # and it is left alone after that
    assert state.ended == "the process ended"
    assert "the process ended: this is the last reading" in "\n".join(screen.frames[-1])
    assert state.sort == "name"
    assert any("re.Match" in line for line in screen.frames[-1])
    assert not any("app.Order" in line for line in screen.frames[-1])


def test_a_process_that_is_not_there_from_the_start_is_an_error() -> None:
    with pytest.raises(NoSuchTarget):
        shown(FakeScreen(), Readings(GONE))


def test_a_reading_that_failed_is_told_and_tried_again() -> None:
    readings = Readings(None, Unsettled("it moves too fast", tries=3))
    screen = FakeScreen(*"xx")
    state = shown(screen, readings, interval=0.2)
    assert "not read: it moves too fast" in "\n".join(screen.frames[1])
    assert not state.trouble
    assert readings.taken == 2


def test_another_kind_is_read_at_once() -> None:
    readings, screen = Readings(), FakeScreen("2")
    shown(screen, readings, interval=60)
    assert readings.kinds == ["type", "code"]


def test_it_ends_when_its_time_is_up() -> None:
    screen = FakeScreen(*"x" * 50)
    watch_source(State(interval=0.25), Live(Readings()), screen, clock=screen.clock, duration=2)
    assert screen.now == pytest.approx(2)


def test_a_stop_is_left_to_the_screen_and_all_is_drawn_anew() -> None:
    screen = FakeScreen("ctrl-z", "x", "resumed")
    shown(screen, Readings())
    assert screen.events == ["suspended", "anew", "resumed", "anew"]


def test_what_the_program_wrote_is_shown_and_its_end_told() -> None:
    class Output:
        def fileno(self) -> int:
            return -1

        def lines(self) -> tuple[str, ...]:
            return ("hello \x1b[2J world",)

    screen = FakeScreen("o", "x", "x")
    readings = Readings()
    state = watch_source(
        State(interval=0.25),
        Live(readings),
        screen,
        clock=screen.clock,
        output=Output(),
        told=lambda: "the program ended" if screen.now > 0.4 else "",
    )
    assert any(line.startswith(r"hello \x1b[2J world") for line in screen.frames[-1])
    assert state.ended == "the program ended"
    assert readings.taken == 3  # the last one at its end


def test_a_file_is_exported_and_what_went_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    keys = ["e", "ctrl-u", *str(path), "enter", "e", "ctrl-u", *"x.exe", "enter"]
    screen = FakeScreen(*keys, width=200)
    shown(screen, Readings(), interval=60)
    footers = [frame[-1] for frame in screen.frames]
    assert f"written to {path}" in footers
    assert any("cannot export to 'x.exe'" in footer for footer in footers)
    assert path.read_text().startswith("name,kind,address")


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = str(tmp_path / "r.jsonl")
    with RecordingWriter(path, {}) as writer:
        for number in range(100):
            writer.add(reading(number))
    return path


def test_a_replay_shows_every_reading_at_its_time_and_stops_at_the_end(recording: str) -> None:
    screen = FakeScreen(*"x" * 400)
    with RecordingReader(recording) as reader:
        state = begin_replay(State(), reader, 0, speed=1.0)
        state = watch_source(state, Replay(reader), screen, clock=screen.clock)
    assert state.playing is not None
    assert state.playing.number == 99
    assert state.paused
    at = [int(re.findall(r"replay (\d+)/100", frame[0])[0]) for frame in screen.frames]
    assert list(dict.fromkeys(at)) == list(range(1, 101))
    # A second from one reading to the next, but for the first two: no step came before it.
    begins = [sum(screen.waits[: at.index(number)]) for number in range(2, 101)]
    assert [round(after - before, 1) for before, after in pairwise(begins)] == [1.0] * 98
    assert "the end of the recording" in "\n".join(frame[-1] for frame in screen.frames)


def test_a_step_in_a_replay_shows_the_numbers_that_were_live(recording: str) -> None:
    screen = FakeScreen("]", "}", "x", "[", "x", ")", "x", "(", width=200)
    with RecordingReader(recording) as reader:
        watch_source(
            begin_replay(State(paused=True), reader, 0, speed=1.0),
            Replay(reader),
            screen,
            clock=screen.clock,
        )
    shown_numbers = []
    for frame in screen.frames:
        at = next(word for word in frame[0].split() if word.endswith("/100"))
        order = next(line for line in frame if "app.Order" in line).split()
        number = int(at.removesuffix("/100")) - 1
        assert order[1] == f"{2 + 90 * number:,}"
        assert order[3] == (f"+{90 * number:,}" if number else "0")
        shown_numbers.append(number)
    assert shown_numbers == [0, 1, 11, 11, 10, 10, 99, 99, 0]


class Looks:
    """Types that are read in full, or fail to be."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.addresses: list[int] = []

    def __call__(self, address: int) -> Anatomy:
        self.addresses.append(address)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        count = next(each for each in reading(1) if each.address == address)
        return anatomy(count)


def test_the_type_of_the_details_is_read_in_full_with_each_reading() -> None:
    screen, look = FakeScreen("enter", "x", "x", "escape", "x", height=60), Looks()
    watch_source(State(interval=1.0), Live(Readings(), look), screen, clock=screen.clock)
    chosen = next(each.address for each in reading(1) if each.name == "app.Order")
    # At once, with the next reading, and no more once the table is back.
    assert look.addresses == [chosen] * 2
    assert not any("HEAPTYPE" in line for line in screen.frames[0])
    assert any("HEAPTYPE" in line for line in screen.frames[1])


def test_a_type_that_cannot_be_read_in_full_shows_what_the_reading_had() -> None:
    screen = FakeScreen("enter", "x", height=40)
    look = Looks(Unsettled("it moves", tries=3), Unsettled("it moves", tries=3))
    watch_source(State(interval=1.0), Live(Readings(), look), screen, clock=screen.clock)
    assert any("counted by its owner alone" in line for line in screen.frames[-1])
    assert not any("it moves" in line for line in screen.frames[-1])


def test_while_readings_are_paused_a_type_is_read_once() -> None:
    screen, look, readings = FakeScreen("p", "enter", "x", "x", height=60), Looks(), Readings()
    watch_source(State(interval=1.0), Live(readings, look), screen, clock=screen.clock)
    assert (readings.taken, len(look.addresses)) == (1, 1)
