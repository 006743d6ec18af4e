"""Makes a histogram of a reading: adds names of types, and frozen values."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.cpython.names import Names
from inspector.reader.heap_scene import read_homes, segment_interpreters
from inspector.snapshots.heap import Histogram, TypeUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.reader.heap_decode import Reading
    from inspector.reader.heap_tally import Found, Tally

__all__ = ["make_histogram"]


class _Sum(NamedTuple):
    """The instances of a type in one interpreter."""

    instances: int = 0
    bytes: int = 0
    untracked: int = 0
    low: int = 0
    attached: int | None = None

    def plus(self, found: Found, low: int, attached: int | None) -> _Sum:
        """Return the sum of this and the instances in one segment."""
        return _Sum(
            self.instances + found.instances,
            self.bytes + found.bytes,
            self.untracked + found.untracked,
            self.low + low,
            self.attached if attached is None else (self.attached or 0) + attached,
        )


def make_histogram(
    memory: Memory,
    layout: Layout,
    reading: Reading,
    target: dict[str, Any],
    names: Names | None = None,
) -> Histogram:
    """Return what a reading found, with the names of types, the largest first.

    ``names`` keeps those of earlier readings.
    """
    tallies = [each for each in (reading.low, reading.more) if each is not None]
    words: dict[int, set[int]] = {}
    for tally in tallies:
        for segment, found in tally.found.items():
            words.setdefault(segment, set()).update(found)
    of = segment_interpreters(reading.segments, reading.owners, read_homes(memory, layout), words)
    sums: dict[tuple[int | None, int], _Sum] = {}
    for tally in tallies:
        _add(sums, tally, of, first=tally is reading.low)
    facts = reading.types.facts
    types = [facts[word] for word in {word for _, word in sums if word in facts}]
    names = names or Names(memory, layout)
    spelled = names.of([each.named for each in types])
    names.forget_others([each.address for each in types])
    name_of = {each.address: name for each, name in zip(types, spelled, strict=True)}
    rows = [
        TypeUse(
            name=name_of[word],
            address=word,
            interpreter=interpreter,
            instances=each.instances,
            low=each.low,
            tracked=each.instances - each.untracked,
            bytes=each.bytes,
            attached=each.attached,
        )
        for (interpreter, word), each in sums.items()
        if word in name_of
    ]
    rows.sort(key=lambda row: (-row.bytes - (row.attached or 0), row.name, row.address))
    return Histogram(
        target=target,
        exact=reading.more is None,
        pause_ns=reading.pause_ns,
        taken_ns=time.time_ns(),
        pages=sum(tally.pages for tally in tallies),
        uncertain=reading.uncertain,
        types=tuple(rows),
    )


def _add(
    sums: dict[tuple[int | None, int], _Sum],
    tally: Tally,
    of: dict[int, int | None],
    *,
    first: bool,
) -> None:
    """Add the instances of a tally to those of their interpreters."""
    for segment, found in tally.found.items():
        attached: Mapping[int, int] = tally.attached.get(segment, {})
        for word, each in found.items():
            key = of.get(segment), word
            low = each.instances if first else 0
            sums[key] = sums.get(key, _Sum()).plus(each, low, attached.get(word))
