"""Reads whether a garbage collection is under way, and how many there were.

Sources: ``struct _gc_runtime_state`` and ``struct gc_generation_stats``
(Include/internal/pycore_interp_structs.h).  In 3.14 the statistics of the three
generations {collections, collected, uncollectable} stand right before
``collecting``; 3.15 publishes a pointer to them, each generation an item of eight
words, of which ``collections`` is the third, and an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.words import word_at
from inspector.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory
    from inspector.process.vectors import Range

__all__ = [
    "PLAUSIBLE",
    "Collector",
    "decode_collector",
    "locate_collector_words",
    "plan_collector",
    "read_collector",
]

_STATS_314: Final = 72
"""Bytes of ``generation_stats[3]`` in 3.14."""

_STATS_315: Final = 216
"""``sizeof(struct gc_stats)`` in 3.15, as published."""

_OFFSETS: Final = {_STATS_314: (0, 24, 48), _STATS_315: (16, 88, 160)}
"""Size of the statistics -> offsets of the number of collections of each generation."""

PLAUSIBLE: Final = 1 << 40
"""More than any count of single events reaches."""


class Collector(NamedTuple):
    """The state of the collector."""

    collecting: bool
    """A collection is under way; finalizers may run in it while other threads do."""
    collections: int | None
    """Collections since the interpreter began, of all generations; None if unknown."""


def plan_collector(memory: Memory, published: Published, interpreter: int) -> tuple[Range, Range]:
    """Return the ranges of ``collecting`` and of the statistics; (0, 0) if those are unknown."""
    gc = interpreter + published["interpreter_state.gc"]
    collecting = gc + published["gc.collecting"]
    stats: Range = (0, 0)
    if published.minor == (3, 14):
        stats = (collecting - _STATS_314, _STATS_314)
    elif published.get("gc.generation_stats_size", 0) == _STATS_315:
        try:
            pointer = word_at(memory.read(gc + published["gc.generation_stats"], 8), 0)
        except MemoryFault:
            pointer = 0
        stats = (pointer, _STATS_315) if pointer else (0, 0)
    return (collecting, 4), stats


def decode_collector(pieces: Sequence[bytes | None]) -> Collector:
    """Decode the bytes of the two ranges of :func:`plan_collector`."""
    flag, stats = pieces
    collecting = flag is None or any(flag)
    if not stats:
        return Collector(collecting, None)
    counts = [word_at(stats, offset) for offset in _OFFSETS[len(stats)]]
    return Collector(collecting, sum(counts) if max(counts) < PLAUSIBLE else None)


def locate_collector_words(
    memory: Memory, published: Published, interpreter: int
) -> tuple[int, list[int]]:
    """Return the addresses of ``collecting``, and of the numbers of collections if known."""
    (collecting, _), (stats, size) = plan_collector(memory, published, interpreter)
    return collecting, [stats + offset for offset in _OFFSETS.get(size, ())]


def read_collector(memory: Memory, ranges: tuple[Range, Range]) -> Collector:
    """Read the collector's state."""
    return decode_collector(memory.read_many(ranges))
