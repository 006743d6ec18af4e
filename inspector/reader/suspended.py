"""References in suspended generators and coroutines, which CPython counts nowhere.

Their frames are in no thread's chain.  The collector does not add their tagged references to
the counts of objects, although they keep objects alive.

Sources: ``PyGenObject`` and ``PyFrameState`` (Include/internal/pycore_frame.h).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from inspector.cpython.frames import FIRST_SLOTS, TooShort, count_deferred_references

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import StillMemory

__all__ = ["count_suspended_references"]

STATES: Final = {(3, 14): frozenset({253, 254, 255}), (3, 15): frozenset({0, 1, 2, 3})}
"""``FRAME_CREATED`` to ``FRAME_SUSPENDED_YIELD_FROM`` (-3 to -1 in 3.14), and in 3.15
``FRAME_SUSPENDED_YIELD_FROM_LOCKED``, as unsigned bytes."""

MOST_SLOTS: Final = 1 << 15


def count_suspended_references(
    still: StillMemory, layout: Layout, generators: Sequence[int]
) -> Counter[int] | None:
    """Count the tagged references in the frames of these generators, by object.

    ``generators`` are addresses of generators, coroutines and asynchronous
    generators that someone keeps alive.  Returns None for a version whose frame
    states are not known.
    """
    published = layout.published
    states = STATES.get(published.minor)
    if states is None:
        return None
    frame_at, state_at = published["gen_object.gi_iframe"], published["gen_object.gi_frame_state"]
    found: Counter[int] = Counter()
    waiting, slots = list(generators), FIRST_SLOTS
    while waiting and slots <= MOST_SLOTS:
        # From the state, which stands before the frame, to the last slot in one piece.
        size = frame_at - state_at + published["interpreter_frame.localsplus"] + 8 * slots
        pieces = still.read_many([(address + state_at, size) for address in waiting])
        longer = []
        for address, words in zip(waiting, pieces, strict=True):
            if words is None or words[0] not in states:
                continue
            frame = (address + frame_at, words[frame_at - state_at :])
            try:
                found += count_deferred_references(published, [frame], [], running=False).references
            except TooShort:
                longer.append(address)
        waiting, slots = longer, 8 * slots
    return found
