"""Where readings come from, a process or a file, as the loop wants them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from inspector.errors import InspectorError, NoSuchTarget
from inspector.screen.dashboard.state import State, add_look, add_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.diagnosis.findings import FirstLook
    from inspector.reader.anatomy import Anatomy
    from inspector.reader.background_sampler import Background
    from inspector.snapshots.snapshot import Snapshot

__all__ = ["Live", "Looks", "Source"]


class Source(Protocol):
    """What the loop asks for the next state."""

    def advance(self, state: State, *, due: bool) -> State:
        """Return the state with the reading that it wants, if there is one.

        ``due`` says that the interval is over.
        """

    def delay(self, state: State) -> float:
        """Return the seconds from this reading to the next."""


class Looks(Protocol):
    """What deserves attention, as far as that was found in the background."""

    @property
    def latest(self) -> FirstLook | None:
        """What was found last; None before."""

    @property
    def trouble(self) -> str:
        """Why the last look failed; empty if it did not."""


class Live:
    """Readings of a process: ``read`` takes one of objects of some kind.

    ``look`` reads the type at an address in full.  ``background`` samples headers in
    between; without one there are no samples.  ``looks`` finds what deserves attention.
    """

    def __init__(
        self,
        read: Callable[[str], Snapshot],
        look: Callable[[int], Anatomy] | None = None,
        background: Background | None = None,
        looks: Looks | None = None,
    ) -> None:
        self._read = read
        self._look = look
        self._background = background
        self._looks = looks

    def advance(self, state: State, *, due: bool) -> State:
        """Read, if it is time to or there is nothing to show.

        What failed is shown, and tried again next time; when the process is gone, the
        last reading stays.
        """
        if state.ended:
            return state
        if self._looks is not None and not state.paused:
            state = add_look(state, self._looks.latest, self._looks.trouble)
        missing = state.history is None and not state.trouble
        wanted = missing or (due and not state.paused)
        try:
            if wanted:
                snapshot = self._read(state.kind)
                sampled = self._background.renew(snapshot) if self._background else None
                state = add_snapshot(state, snapshot, sampled)
            return self._looked(state, due=wanted)
        except NoSuchTarget:
            if state.history is None:
                raise
            return replace(state, ended="the process ended")
        except InspectorError as failed:
            return replace(state, trouble=str(failed))

    def _looked(self, state: State, *, due: bool) -> State:
        """Read the type of the details in full, if it is time to or another one was chosen."""
        row = state.subject_row
        if self._look is None or state.mode != "details" or row is None or row.kind != "type":
            return state
        if state.anatomy is not None and not due:
            return state
        try:
            anatomy = self._look(row.address)
        except NoSuchTarget:
            raise
        except InspectorError:
            return state  # the type is gone, or moved while it was read: what was seen stays
        return replace(state, anatomy=anatomy if anatomy.count.key == state.subject else None)

    def delay(self, state: State) -> float:
        """Return the interval that was asked for."""
        return state.interval
