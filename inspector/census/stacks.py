"""Deferred references of one interpreter: what its threads' stacks hold uncounted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.frames import FIRST_SLOTS, TooShort, deferred_references, stack_chains
from inspector.process.chains import follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.cpython.walk import Thread
    from inspector.process.chains import Chain, Hop
    from inspector.process.memory import Memory

__all__ = ["Reach", "Stacks", "count_stacks", "plan_stacks"]


UNKNOWN_DEPTH: Final = 64
"""Frames that are allowed for where a running thread's own could not be counted."""

DEEPEST: Final = 1 << 15


class Stacks(NamedTuple):
    """Deferred references of all threads."""

    by_thread: dict[int, Counter[int]]
    """Native thread id -> address of an object -> references that nobody counts."""
    doubtful: Counter[int]
    """Of these, per object, the ones in frames that were caught while they ran."""


class Reach(NamedTuple):
    """How much further than a look without a pause the reading itself looks."""

    frames: int = 16
    refs: int = 2
    slots: int = FIRST_SLOTS

    def further(self, slots: int) -> Reach:
        """Return twice the reach, for frames of at least so many slots."""
        return Reach(2 * self.frames, 2 * self.refs, max(self.slots, slots + 16))


def plan_stacks(
    memory: Memory, layout: Layout, threads: Sequence[Thread], reach: Reach
) -> list[Chain]:
    """Return two chains per thread, a little longer than they are now."""
    looks: list[Chain] = []
    for thread in threads:
        frames, refs = stack_chains(layout, thread.address, (DEEPEST, DEEPEST), 0)
        looks += (frames, refs)
    depths = [None if hops is None else len(hops) for hops in follow(memory, looks)]
    chains: list[Chain] = []
    for number, thread in enumerate(threads):
        frames_now, refs_now = depths[2 * number : 2 * number + 2]
        most = (
            (UNKNOWN_DEPTH if frames_now is None else frames_now) + reach.frames,
            (refs_now or 0) + reach.refs,
        )
        chains += stack_chains(layout, thread.address, most, reach.slots)
    return chains


def count_stacks(
    layout: Layout, threads: Sequence[Thread], hops: Sequence[list[Hop] | None], *, own: bool
) -> Stacks | None:
    """Return the deferred references per thread; None where some frame hid its own.

    In the own process (``own``) every thread was stopped between two instructions.

    Raises :class:`~inspector.cpython.frames.TooShort` where more has to be read.
    """
    found: dict[int, Counter[int]] = {}
    doubtful: Counter[int] = Counter()
    for number, thread in enumerate(threads):
        frames, refs = hops[2 * number : 2 * number + 2]
        if frames is None or refs is None:
            raise TooShort(0)
        running = thread.attached and not own
        stack = deferred_references(layout.published, frames, refs, running=running)
        if not stack.complete:
            return None
        found.setdefault(thread.native_id, Counter()).update(stack.references)
        doubtful.update(stack.doubtful)
    return Stacks(found, doubtful)
