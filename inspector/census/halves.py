"""The two halves of a plan: what has to be read at one instant, and what may be read before.

Counts change at any time, and stand in the first words of an object.  What follows them,
names and flags, is true of the object for as long as it lives: it is read before the pause,
which then moves a tenth of the bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.cpython.refcount import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.census.plan import Plan
    from inspector.process.vectors import Range

__all__ = ["halve", "joined"]


def halve(plan: Plan) -> tuple[list[Range], list[Range]]:
    """Return the halves of a plan.

    The first is read at one instant: all that is not of a member, then each member's
    header.  The second is read before: each member's structure, header included.

    A plain tuple: it is held while the world is stopped, and an instance of a class of ours
    would show up in the very reading that it is made for.
    """
    first = len(plan.ranges) - len(plan.members)
    before = plan.ranges[first:]
    headers = [(address, HEADER_SIZE) for address, _ in before]
    return plan.ranges[:first] + headers, before


def joined(instant: list[bytes | None], before: Sequence[bytes | None]) -> list[bytes | None]:
    """Return the bytes of a plan's ranges, given those of its halves.

    A structure whose header did not change in between is the very object of ``before``.
    """
    first = len(instant) - len(before)
    pairs = zip(instant[first:], before, strict=True)
    return instant[:first] + [
        None
        if header is None or words is None
        else words
        if words.startswith(header)
        else header + words[HEADER_SIZE:]
        for header, words in pairs
    ]
