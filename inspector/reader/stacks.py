"""Deferred references of one interpreter: uncounted references on its threads' stacks.

Most threads are idle most of the time.  Their frames are located without a pause, and read
again at one instant.  If the stack of a thread has changed by then, its frames are followed
link by link within the pause from then on.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.frames import (
    FIRST_SLOTS,
    TooShort,
    count_deferred_references,
    count_used_slots,
    plan_stack,
)
from inspector.cpython.words import word_at
from inspector.process.linked_lists import follow_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.cpython.layout import Layout
    from inspector.cpython.runtime_lists import Thread
    from inspector.process.protocols import LinkedList, Memory, Node
    from inspector.process.vectors import Range

__all__ = ["FollowedThreads", "StackPlan", "Stacks", "StacksChanged", "count_stacks", "plan_stacks"]

UNKNOWN_DEPTH: Final = 64
"""Frames that are assumed for a running thread whose frames could not be counted."""

MAX_DEPTH: Final = 1 << 15

MANY_THREADS: Final = 64
"""If more threads are followed, the set is cleared, to find out which of them still run."""


class Stacks(NamedTuple):
    """Deferred references of all threads."""

    by_thread: dict[int, dict[int, int]]
    """Native thread id -> address of an object -> uncounted references."""
    doubtful: dict[int, int]
    """Address of an object -> those of them in frames that were running."""


class FollowedThreads:
    """Threads of one interpreter whose stacks change, and how many frames to follow."""

    def __init__(self, own_thread: int = 0) -> None:
        self.own_thread = own_thread
        """Native id of the thread that reads, whose stack always changes; 0 for none."""
        self.threads: set[int] = set()
        """Addresses of thread states."""
        self.frames, self.refs, self.slots = 16, 2, FIRST_SLOTS

    def add(self, threads: set[int], slots: int) -> None:
        """Follow these threads from now on; if they were followed, further and with more slots."""
        if self.threads.issuperset(threads):
            self.frames, self.refs = 2 * self.frames, 2 * self.refs
            self.slots = max(self.slots, slots + 16)
        elif len(self.threads) > MANY_THREADS:
            self.threads.clear()
        self.threads |= threads


class StackPlan(NamedTuple):
    """How to read the stacks of some threads."""

    ranges: list[Range]
    """Of idle threads: the pointer to the first node of each list, and the list's nodes."""
    rests: list[bool]
    """Per thread, whether it is idle."""
    lengths: list[tuple[int, int]]
    """Per idle thread, its numbers of frames and of C stack references."""
    chains: list[LinkedList]
    """Two per thread that is followed."""


class StacksChanged(Exception):
    """The stacks of some threads are not those of the plan."""

    def __init__(self, threads: set[int], slots: int) -> None:
        super().__init__(threads)
        self.threads = threads
        self.slots = slots


def plan_stacks(
    memory: Memory, layout: Layout, threads: Sequence[Thread], followed: FollowedThreads
) -> StackPlan:
    """Locate the stacks of threads, without a pause."""
    published = layout.published
    chains: list[LinkedList] = []
    for thread in threads:
        chains += plan_stack(layout, thread.address, (MAX_DEPTH, MAX_DEPTH), 0)
    hops = follow_lists(memory, chains)
    plan = StackPlan([], [], [], [])
    for number, thread in enumerate(threads):
        frame_chain, ref_chain = chains[2 * number : 2 * number + 2]
        frames, refs = hops[2 * number : 2 * number + 2]
        follows = thread.address in followed.threads or thread.native_id == followed.own_thread
        if frames is None or refs is None or follows:
            plan.rests.append(False)
            most = (
                (UNKNOWN_DEPTH if frames is None else len(frames)) + followed.frames,
                len(refs or ()) + followed.refs,
            )
            plan.chains.extend(plan_stack(layout, thread.address, most, followed.slots))
            continue
        plan.rests.append(True)
        plan.lengths.append((len(frames), len(refs)))
        head, frame_size, _ = frame_chain
        plan.ranges.append((head, 8))
        for address, words in frames:
            slots = count_used_slots(published, address, words) or 0
            plan.ranges.append((address, frame_size + 8 * slots))
        head, ref_size, _ = ref_chain
        plan.ranges.append((head, 8 if head else 0))
        plan.ranges.extend((address, ref_size) for address, _ in refs)
    return plan


def count_stacks(
    layout: Layout,
    threads: Sequence[Thread],
    plan: StackPlan,
    pieces: Sequence[bytes | None],
    hops: Sequence[list[Node] | None],
    *,
    own: bool,
) -> Stacks | None:
    """Return the deferred references per thread; None if some of them cannot be found.

    In the own process (``own``) every thread was stopped between two instructions.
    Raises :class:`StacksChanged` if stacks have to be read again.
    """
    rest = iter(zip(plan.ranges, pieces, strict=True))
    lengths, followed_lists = iter(plan.lengths), iter(hops)
    found: dict[int, Counter[int]] = {}
    doubtful: Counter[int] = Counter()
    changed: set[int] = set()
    slots = 0
    # Without the offset of c_stack_refs the references in C code cannot be found.
    hidden = layout.c_stack_refs is None
    for thread, rests in zip(threads, plan.rests, strict=True):
        if rests:
            depth, refs_depth = next(lengths)
            frames, refs = _read_unchanged_list(rest, depth), _read_unchanged_list(rest, refs_depth)
        else:
            frames, refs = next(followed_lists), next(followed_lists)
        if frames is None or refs is None:
            changed.add(thread.address)
            continue
        running = thread.attached and not own
        try:
            stack = count_deferred_references(layout.published, frames, refs, running=running)
        except TooShort as short:
            changed.add(thread.address)
            slots = max(slots, short.slots)
            continue
        hidden = hidden or not stack.complete
        found.setdefault(thread.native_id, Counter()).update(stack.references)
        doubtful.update(stack.doubtful)
    if changed:
        raise StacksChanged(changed, slots)
    if hidden:
        return None
    # A reading is kept for the next one: in the own process checks would count its counters.
    return Stacks({native: dict(count) for native, count in found.items()}, dict(doubtful))


def _read_unchanged_list(
    rest: Iterator[tuple[Range, bytes | None]], depth: int
) -> list[Node] | None:
    """Return a list's nodes if all links are unchanged; None otherwise."""
    _, link = next(rest)
    nodes = [next(rest) for _ in range(depth)]
    hops: list[Node] = []
    expected = word_at(link, 0) if link else 0
    for (address, _), words in nodes:
        if words is None or address != expected:
            return None
        hops.append((address, words))
        expected = word_at(words, 8)
    return None if expected else hops
