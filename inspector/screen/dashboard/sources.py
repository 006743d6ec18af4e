"""Where readings come from, a process or a file, as the loop wants them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from inspector.errors import InspectorError, NoSuchTarget
from inspector.screen.dashboard.state import State, with_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.census.background import Background
    from inspector.census.snapshot import Snapshot

__all__ = ["Live", "Source"]


class Source(Protocol):
    """What the loop asks for the next state."""

    def advance(self, state: State, *, due: bool) -> State:
        """Return the state with the reading that it wants, if there is one.

        ``due`` says that the interval is over.
        """

    def delay(self, state: State) -> float:
        """Return the seconds from this reading to the next."""


class Live:
    """Readings of a process; ``read`` takes one of objects of some kind.

    ``background`` samples headers in between; without one their heat is told from the
    readings themselves.
    """

    def __init__(
        self, read: Callable[[str], Snapshot], background: Background | None = None
    ) -> None:
        self._read = read
        self._background = background

    def advance(self, state: State, *, due: bool) -> State:
        """Read, if it is time to or there is nothing to show.

        What failed is shown, and tried again next time; when the process is gone, the
        last reading stays.
        """
        missing = state.history is None and not state.trouble
        if state.ended or not (due or missing) or (state.paused and not missing):
            return state
        try:
            snapshot = self._read(state.kind)
            sampled = self._background.renew(snapshot) if self._background else None
            return with_snapshot(state, snapshot, sampled)
        except NoSuchTarget:
            if state.history is None:
                raise
            return replace(state, ended="the process ended")
        except InspectorError as failed:
            return replace(state, trouble=str(failed))

    def delay(self, state: State) -> float:
        """Return the interval that was asked for."""
        return state.interval
