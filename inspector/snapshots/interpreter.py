"""The process of a reading, its interpreters, pools and threads."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["InterpreterCount", "PoolCount", "PoolLife", "TargetInfo", "ThreadCount"]


class PoolCount(NamedTuple):
    """The unique ids of one interpreter: how many exist, are in use, are free."""

    capacity: int
    """Ids that exist; doubles when none is free."""
    in_use: int
    free: int
    types: int | None = None
    """Types among those in use; None where the objects were not read."""
    codes: int | None = None
    dicts: int | None = None


class PoolLife(NamedTuple):
    """Changes of a pool since the first reading of this attachment.

    Changes between two readings can be missed: every number is a lower bound.
    """

    reused: int = 0
    """Ids of dead objects that new objects got."""
    types_born: int = 0
    types_gone: int = 0
    collections: int = 0
    """Garbage collections: each moved all contributions into headers."""
    threads_ended: int = 0
    """Each moved its own contributions into headers."""


class ThreadCount(NamedTuple):
    """One thread state and its array of contributions."""

    native_id: int
    """The kernel's thread id; 0 for a thread state not yet bound to a thread."""
    name: str
    interpreter: int
    array_size: int
    """Slots of its array; objects with larger ids are counted in their headers."""
    finalized: bool
    """Its counts were merged for good: from then on it counts in headers only."""


class InterpreterCount(NamedTuple):
    """One interpreter with its pool and its threads."""

    id: int
    exact: bool
    """All words of this interpreter were read while all of its threads were stopped."""
    pool: PoolCount
    collections: int | None
    """Garbage collections since the interpreter began; each moves all contributions
    into headers.  None where it could not be read."""
    threads: tuple[ThreadCount, ...]
    life: PoolLife = PoolLife()
    threads_started: int | None = None
    """Thread states since the interpreter began, those that ended included: each that
    ends moves its own contributions.  None where that could not be read."""
    merging: bool = False
    """Contributions may have moved into headers during the reading."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        threads = []
        for thread in self.threads:
            fields = thread._asdict()
            del fields["interpreter"]
            threads.append(fields)
        return {
            "id": self.id,
            "exact": self.exact,
            "pool": self.pool._asdict(),
            "life": self.life._asdict(),
            "collections": self.collections,
            "threads_started": self.threads_started,
            "merging": self.merging,
            "threads": threads,
        }


class TargetInfo(NamedTuple):
    """The process that was read."""

    pid: int
    version: str
    """As ``3.14.7`` or ``3.15.0rc2``."""
    gil_enabled: bool | None
    """Whether the GIL is on at this moment; a free-threaded build can turn it on."""
    command: str = ""
