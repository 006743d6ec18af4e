"""Rows of a snapshot from the bytes of a reading: the formula, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from inspector.cpython.refcount import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.census.reading import Member, Reading
    from inspector.census.stacks import Stacks
    from inspector.cpython.layout import Layout

__all__ = ["Bounds", "counted", "holds_id", "rows"]

Bounds = tuple[int, int]

_NOTHING: Final[dict[int, int]] = {}

# counted, deferred, total, settled, bounds, stacks
_UNREAD: Final = (None, None, None, False, None, None)
_UNCOUNTED: Final = (None, None, None, True, None, None)


def counted(words: bytes, contributions: Mapping[int, int]) -> int | None:
    """Return local + shared - bias + contributions; None for an immortal object."""
    net = count(words).net
    return None if net is None else net + sum(contributions.values())


def holds_id(layout: Layout, member: Member, words: bytes) -> bool:
    """Whether an object's structure holds the id under which the pool lists it."""
    unique_id, _, kind = member
    if not unique_id:
        return bool(words)
    if kind == "dict":
        at, size = layout.dict_watcher_tag + 4, 4
    else:
        at, size = layout.type_unique_id if kind == "type" else layout.code_unique_id, 8
    return int.from_bytes(words[at : at + size], "little") == unique_id


def rows(
    layout: Layout,
    reading: Reading,
    interpreter: int,
    names: Sequence[str],
    bounds: Sequence[Bounds | None],
    stacks: Stacks | None,
) -> list[tuple[Any, ...]]:
    """Return the fields of one :class:`~inspector.census.snapshot.ObjectCount` per member.

    ``bounds`` holds, per member, None where its words belong to one instant, else
    the smallest and the largest count that was seen.  A member whose structure does
    not hold its id was read in the middle of a change: its counts are None.
    """
    owners = {thread.thread_id: thread.native_id for thread in reading.threads}
    slots = reading.contributions
    on_stacks = _by_object(stacks.by_thread) if stacks is not None else None
    doubtful = stacks.doubtful if stacks is not None else _NOTHING
    result: list[tuple[Any, ...]] = []
    for member, words, name, bound in zip(
        reading.plan.members, reading.structures, names, bounds, strict=True
    ):
        unique_id, address, kind = member
        head = (name, kind, address, interpreter, unique_id)
        if not holds_id(layout, member, words):
            result.append((*head, "?", None, None, None, 0, _NOTHING, *_UNREAD))
            continue
        tid, state, local, shared, bias, net, torn = count(words)
        mine = slots.get(unique_id - 1, _NOTHING)
        if net is None:
            result.append((*head, state, None, None, None, 0, mine, *_UNCOUNTED))
            continue
        total = counted = net + sum(mine.values()) if mine else net
        stack = deferred = None
        limits = bound
        if on_stacks is not None:
            stack = on_stacks.get(address, _NOTHING)
            deferred = sum(stack.values())
            total += deferred
            if address in doubtful:
                limits = (total - doubtful[address], total)
        settled = limits is None and not torn
        words_now = (state, owners.get(tid), local, shared, bias, mine)
        result.append((*head, *words_now, counted, deferred, total, settled, limits, stack))
    return result


def _by_object(stacks: Mapping[int, Mapping[int, int]]) -> dict[int, dict[int, int]]:
    """Turn thread -> object -> references into object -> thread -> references."""
    found: dict[int, dict[int, int]] = {}
    for native_id, references in stacks.items():
        for address, number in references.items():
            found.setdefault(address, {})[native_id] = number
    return found
