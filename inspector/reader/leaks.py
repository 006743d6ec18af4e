"""One reading of what a process has lost, named."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.cpython.names import Names
from inspector.reader.heap_copy import Buffer
from inspector.reader.heap_image import copy_image
from inspector.reader.heap_tally import Types
from inspector.reader.orphans import count_references, find_suspects, verify_suspects
from inspector.reader.reachability import find_unreachable
from inspector.reader.values import read_values_of
from inspector.snapshots.leaks import Garbage, Leaks, LostType, OrphanGroup, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import Memory
    from inspector.reader.heap_image import HeapImage
    from inspector.reader.orphans import Suspect

__all__ = ["LeakRequest", "read_leaks"]

SAMPLES: Final = 3
"""Objects of a group whose addresses are told."""


class LeakRequest(NamedTuple):
    """How to look for what a process has lost."""

    pause_limit: float | None
    """Seconds for which it is stopped at most; None: it runs on."""
    memory: int
    """Bytes that are copied at most."""
    values: bool
    """Samples carry their values."""
    garbage: bool = False
    """What only garbage or orphans lead to is looked for, too."""


def read_leaks(
    process: OtherProcess,
    layout: Layout,
    heap: HeapLayout,
    target: dict[str, Any],
    request: LeakRequest,
) -> Leaks:
    """Return what a process has lost.

    Of a process that runs on, objects are named that two readings suspect, and nothing is
    proved.

    Raises :class:`~inspector.errors.Unsettled` as
    :func:`~inspector.reader.heap_image.copy_image` does.
    """
    pause_limit, buffer = request.pause_limit, Buffer()
    types = Types(process.memory, layout)

    def look() -> tuple[HeapImage, list[Suspect]]:
        image = copy_image(
            process, layout, heap, buffer, pause_limit=pause_limit, memory=request.memory
        )
        return image, verify_suspects(image, find_suspects(image, types))

    image, suspects = look()
    if pause_limit is None:
        before = {(suspect.address, suspect.ob_type) for suspect in suspects}
        image, again = look()
        suspects = [each for each in again if (each.address, each.ob_type) in before]
    quiet = pause_limit is not None and all(counter.quiet for counter in image.counters)
    unsearched = list(image.unsearched)
    types_sure = not unsearched and (quiet or pause_limit is None)
    lost = _name_types(process.memory, layout, types, suspects, sure=types_sure)
    orphans = _group_orphans(
        process.memory, layout, types, suspects, sure=not unsearched, values=request.values
    )
    garbage = None
    if request.garbage:
        garbage = _find_garbage(process.memory, layout, types, image, suspects)
        if garbage is not None:
            orphans = [_add_below(group, garbage.below) for group in orphans]
    return Leaks(
        target=target,
        proved=pause_limit is not None and not unsearched,
        pause_ns=image.pause_ns,
        taken_ns=time.time_ns(),
        searched=8 * sum(words.size for words in image.regions()),
        unsearched=tuple(unsearched),
        types=tuple(lost),
        orphans=tuple(orphans),
        garbage=None if garbage is None else garbage.rows,
    )


class _Left(NamedTuple):
    """What nothing outside of the heap leads to."""

    rows: tuple[Garbage, ...]
    below: dict[tuple[str, str], int]
    """Type and what is held of a group of orphans -> bytes that only they lead to."""


def _add_below(group: OrphanGroup, below: dict[tuple[str, str], int]) -> OrphanGroup:
    """Return a group of orphans with what hangs on them."""
    return group._replace(below=below.get((group.type, group.held), 0))


def _find_garbage(
    memory: Memory, layout: Layout, types: Types, image: HeapImage, suspects: Sequence[Suspect]
) -> _Left | None:
    """Return what only orphans and what only garbage leads to; None for too much of it."""
    left = find_unreachable(image)
    if left is None:
        return None
    names = _name_words(memory, layout, types, {each.ob_type for each in suspects})
    below: Counter[tuple[str, str]] = Counter()
    for suspect in suspects:
        own = {suspect.start}
        for start in left.take([suspect.address]) - own:
            found = image.find_block(start)
            if found is not None:
                below[names[suspect.ob_type], suspect.held] += found[0].page.block
    objects: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for address, word, size in left.list_objects():
        if word in types.facts and count_references(image, address):
            objects[word] += 1
            sizes[word] += size
    names = _name_words(memory, layout, types, set(objects))
    rows = [Garbage(names[word], number, sizes[word]) for word, number in objects.most_common()]
    return _Left(tuple(rows), dict(below))


def _name_words(memory: Memory, layout: Layout, types: Types, words: set[int]) -> dict[int, str]:
    """Return the names of types by their addresses."""
    order = sorted(words)
    names = Names(memory, layout).of([types.facts[word].named for word in order])
    return dict(zip(order, names, strict=True))


def _name_types(
    memory: Memory, layout: Layout, types: Types, suspects: Sequence[Suspect], *, sure: bool
) -> list[LostType]:
    """Return the types with lost references, the most first."""
    chosen = [suspect for suspect in suspects if suspect.is_type and suspect.missing]
    types.learn(each.address for each in chosen)
    known = [each for each in chosen if each.address in types.facts]
    names = Names(memory, layout).of([types.facts[each.address].named for each in known])
    rows = [
        LostType(name, each.address, each.references, each.missing if sure else None)
        for each, name in zip(known, names, strict=True)
    ]
    return sorted(rows, key=lambda row: (-(row.lost or 0), row.name, row.address))


def _group_orphans(
    memory: Memory,
    layout: Layout,
    types: Types,
    suspects: Sequence[Suspect],
    *,
    sure: bool,
    values: bool,
) -> list[OrphanGroup]:
    """Return orphans by type and by what of them is held, the most references first."""
    groups: dict[tuple[int, str], list[Suspect]] = {}
    for suspect in suspects:
        if not suspect.is_type:
            groups.setdefault((suspect.ob_type, suspect.held), []).append(suspect)
    name_of = _name_words(memory, layout, types, {word for word, _ in groups})
    rows = []
    for (word, held), members in groups.items():
        members.sort(key=lambda each: each.address)
        addresses = [member.address for member in members[:SAMPLES]]
        texts: list[str | None] = [None] * len(addresses)
        if values:
            texts = read_values_of(memory, layout.published, types.facts[word], addresses)
        rows.append(
            OrphanGroup(
                type=name_of[word],
                objects=len(members),
                missing=sum(each.missing for each in members) if sure else None,
                held=held,
                bytes=sum(each.size for each in members),
                sample=tuple(map(Sample, addresses, texts)),
            )
        )
    return sorted(rows, key=lambda row: (-(row.missing or 0), -row.objects, row.type))
