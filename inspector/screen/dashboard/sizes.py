"""How many lines each part of the screen has; pure.

The smallest terminal that is worth it has 60 cells in 12 lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.screen.dashboard.state import State

__all__ = ["body_height", "head_height", "table_height"]


def head_height(state: State) -> int:
    """Return the lines above the body: one on a low terminal, else two, and a blank one.

    A GIL that is on takes one more, and so do findings where there is room.
    """
    if state.size.height < 14:  # noqa: PLR2004 - lines
        return 2
    snapshot = state.snapshot
    height = 4 if snapshot is not None and snapshot.target.gil_enabled else 3
    return height + state.is_looking


def body_height(state: State) -> int:
    """Return the lines between the head and the footer."""
    return max(1, state.size.height - head_height(state) - 1)


def table_height(state: State) -> int:
    """Return the rows of the table: its heads take a line, or two with threads."""
    room = body_height(state) - (2 if state.threads else 1)
    if state.limit:
        room = min(room, state.limit)
    return max(1, room)
