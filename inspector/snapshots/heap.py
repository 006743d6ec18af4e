"""A process's heap as it was read: how many instances of each type, and how memory is used."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["IMAGE_MEMORY", "MEMORY", "SCHEMA", "Allocator", "HeapUse", "Histogram", "TypeUse"]

MEMORY: Final = 256 << 20
"""Bytes of a heap that are copied at once, if nobody says otherwise."""

IMAGE_MEMORY: Final = 1 << 30
"""Bytes of all memory of a process that are copied at once, if nobody says otherwise."""

SCHEMA: Final = 1
"""Of the JSON documents here."""


class TypeUse(NamedTuple):
    """The instances of one type in one interpreter."""

    name: str
    """``module.qualname``; ``?`` where it could not be read."""
    address: int
    interpreter: int | None
    """None where it could not be told."""
    instances: int
    """That are alive; an estimate unless the histogram is exact."""
    low: int
    """What the first pass over the heap proves."""
    tracked: int
    """Of these, those that the collector tracks."""
    bytes: int
    """Of the blocks that instances are in."""
    attached: int | None
    """Bytes of raw memory that hangs on them: arrays of lists, tables of sets, blocks of deques,
    buffers of ``bytearray``, keys of dictionaries that share them with no other one.  None for
    other types."""
    delta: int | None = None
    """Instances more than at the baseline; None without one, or where it did not list the type."""
    delta_bytes: int | None = None
    """Likewise of bytes, with what hangs on the instances."""
    steps: tuple[int | None, int | None] | None = None
    """Instances more at the target than at the baseline, and now than at the target; None
    without a target."""
    growing: bool | None = None
    """Whether instances, or bytes, rose in both steps; None without a target."""

    @property
    def size(self) -> int:
        """Bytes of the instances and of what hangs on them."""
        return self.bytes + (self.attached or 0)

    @property
    def key(self) -> tuple[int | None, int, str]:
        """What identifies the type in several readings."""
        return self.interpreter, self.address, self.name


class Histogram(NamedTuple):
    """The instances of all types of a process."""

    target: dict[str, Any]
    """The process: ``pid``, ``version``, ``gil_enabled``, ``command``."""
    exact: bool
    """Nothing of the process ran while it was read."""
    pause_ns: int | None
    """For how many nanoseconds the process stood still; None if it ran on."""
    taken_ns: int
    """When, in nanoseconds of ``time.time_ns``."""
    pages: int
    """Pages of the allocator with objects."""
    uncertain: int
    """Pages in which the allocator was at work: each may be wrong by a block if the process
    stood still, by all of its blocks if not."""
    types: tuple[TypeUse, ...]
    """The largest first."""
    rss: int | None = None
    """Bytes of the process in RAM."""
    type_count: int | None = None
    """Types that were found, where ``types`` are only some of them; None for all."""

    @property
    def is_complete(self) -> bool:
        """Whether a type that is not listed has no instances."""
        return self.type_count is None or self.type_count == len(self.types)

    @property
    def instances(self) -> int:
        """Return the number of all objects."""
        instances = 0
        for use in self.types:
            instances += use.instances
        return instances

    @property
    def bytes(self) -> int:
        """Return the bytes of all blocks with objects, and of what hangs on them."""
        size = 0
        for use in self.types:
            size += use.size
        return size

    def __repr__(self) -> str:
        how = "exact" if self.exact else "estimated"
        return (
            f"<Histogram of pid {self.target['pid']}: {self.instances:,} objects in "
            f"{self.bytes:,} bytes, {len(self.types):,} types, {how}>"
        )

    def _repr_html_(self) -> str:
        from inspector.snapshots.html_table import format_known, make_html_table

        rows = []
        for use in self.types[:20]:
            numbers = (use.instances, use.bytes, use.attached, use.delta)
            rows.append((use.name, *(format_known(number) for number in numbers)))
        heads = ("type", "instances", "bytes", "attached", "delta")
        return make_html_table(repr(self), heads, rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``histo --json`` prints."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "exactness": "exact" if self.exact else "estimate",
            "pause_ns": self.pause_ns,
            "taken_ns": self.taken_ns,
            "pages": self.pages,
            "uncertain": self.uncertain,
            "rss": self.rss,
            "type_count": len(self.types) if self.type_count is None else self.type_count,
            "types": [use._asdict() for use in self.types],
        }


class HeapUse(NamedTuple):
    """One heap of one thread, or what threads that ended left behind; in bytes."""

    interpreter: int | None
    native_id: int | None
    """Of the thread; None for abandoned pages."""
    heap: str
    """``mem`` (raw memory), ``object``, ``gc``, ``gc_pre`` (instances with a dictionary), or
    ``raw``, which belongs to no interpreter."""
    committed: int
    """Of all its pages."""
    live: int
    """Of blocks in use, among them those that other threads freed since, and those that wait."""
    free: int
    """Of pages, without what is live."""
    abandoned: int
    """Of ``committed``, what no thread owns."""
    qsbr: int
    """Of pages that are empty, and wait for threads that may still read in them."""
    waiting: int | None
    """Of ``live``, blocks that were freed and wait likewise; None where that was not found."""
    waiting_blocks: int | None
    """How many blocks these are."""
    full: int
    """Of free blocks in pages that count as full: their owner does not look into them."""
    blocks: int
    """Blocks in use."""


class Allocator(NamedTuple):
    """What a process's memory is used for."""

    target: dict[str, Any]
    rss: int | None
    """Bytes of the process in RAM."""
    segments: int
    heaps: tuple[HeapUse, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document that ``heap --json`` prints."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "rss": self.rss,
            "segments": self.segments,
            "heaps": [use._asdict() for use in self.heaps],
        }
