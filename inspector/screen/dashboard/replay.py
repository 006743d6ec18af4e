"""A recording as a source of readings: played, stepped through, searched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from inspector.analysis.history import History
from inspector.screen.dashboard.state import Playing, State, add_snapshot, arrange_rows

if TYPE_CHECKING:
    from inspector.snapshots.recording import RecordingReader

__all__ = ["Replay", "begin_replay"]

BEFORE: Final = 20
"""Readings before the one that was sought, for its trend."""

SHORTEST, LONGEST = 0.02, 60.0
"""Seconds between two readings, whatever the speed."""


class Replay:
    """The readings of a file, at the times at which they were taken.

    ``hurry`` leaves out the waiting.
    """

    def __init__(self, reader: RecordingReader, *, hurry: bool = False) -> None:
        self._reader = reader
        self._shown = -1
        self._hurry = hurry

    def advance(self, state: State, *, due: bool) -> State:
        """Return the state with the reading that was sought, or the next one."""
        playing = state.playing
        if playing is None:
            return state
        number = playing.number
        if number == self._shown and due and not state.paused:
            number += 1
        if number >= playing.count:
            return replace(state, paused=True, message="the end of the recording")
        if number == self._shown:
            return state
        playing = replace(playing, number=number)
        if number == self._shown + 1:
            state = add_snapshot(state, self._reader.read(number))
        else:
            state = self._sought(state, number)
        self._shown = number
        return replace(state, playing=playing)

    def delay(self, state: State) -> float:
        """Return the seconds to the next reading, at the speed that was chosen."""
        playing, history = state.playing, state.history
        if self._hurry or playing is None or history is None:
            return 0.0
        if playing.number + 1 >= playing.count:
            return LONGEST
        readings = history.readings
        # As long as the step before it, which is known without reading on.
        seconds = (readings[-1].taken_ns - readings[-2].taken_ns) / 1e9 if readings[1:] else 0.0
        return max(SHORTEST, min(abs(seconds) / playing.speed, LONGEST))

    def _sought(self, state: State, number: int) -> State:
        """Return the state at any reading, with those before it; the baseline stays."""
        earlier = state.history
        if earlier is None or earlier.baseline.taken_ns > self._reader.read(number).taken_ns:
            earlier = History.begin(self._reader.read(0))
        first = max(0, number - BEFORE)
        history = History.begin(self._reader.read(first))
        for each in range(first + 1, number + 1):
            history = history.add(self._reader.read(each))
        return arrange_rows(replace(state, history=history.since(earlier)))


def begin_replay(state: State, reader: RecordingReader, number: int, speed: float) -> State:
    """Return the state to begin a replay with, at a reading from 0."""
    first = reader.read(0)
    kind = next(iter(first)).kind if len(first) else "type"
    return replace(state, kind=kind, playing=Playing(number, len(reader), speed))
