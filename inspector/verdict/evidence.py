"""The words of a verdict, and the numbers that it rests on."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from inspector.verdict.cost import cost_of, rate_of

__all__ = ["HEADER", "PER_THREAD", "Evidence", "Verdict"]

HEADER: Final = "header"
PER_THREAD: Final = "per thread"


class Verdict(StrEnum):
    """What is the matter with the references to a type, the most severe first."""

    OVER_DECREF = "over-decref"
    """References are given back that were never taken."""
    LEAKING = "leaking"
    """References are taken and never given back, and nothing visible holds them."""
    KEPT = "kept"
    """More references than before, and live objects hold them."""
    GROWING = "growing"
    """References rise; who holds them was not seen, or only of some."""
    NO_UNIQUE_ID = "no unique id"
    """Every creation and every deallocation counts in the header."""
    PLAIN_DECREF = "plain decref"
    """Counted in the thread when made, in the header when freed."""
    HOT_HEADER = "hot header"
    """The header keeps moving, and no deallocator explains it."""
    BALANCED = "balanced"
    """In use, counted per thread when made and when freed, and not growing."""
    IMMORTAL = "immortal"
    """CPython does not count its references."""
    CHANGED = "changed"
    """The count is not the one that was stated."""
    BACKGROUND = "background thread"
    """A thread that runs beside what was checked took the references."""

    @property
    def rank(self) -> int:
        """Position by severity; 0 is the most severe."""
        return list(Verdict).index(self)


class Evidence(NamedTuple):
    """All numbers that a verdict on one object rests on; None where one was not seen.

    Whoever reads fills in what it knows.  Missing evidence makes a verdict weaker, or none
    at all; it never leads to another one.
    """

    # The object.
    kind: str = "type"
    """``type``, ``code``, ``dict``, or ``object`` for any other."""
    state: str = ""
    """As :attr:`ObjectCount.state`; empty where it was not read."""
    unique_id: bool | None = None
    """Whether threads can count it in their arrays."""
    deallocator: str = ""
    """``header`` or ``per thread``: where its deallocator gives the reference to it back."""
    deallocator_of: str = ""
    """Name of the base whose ``tp_dealloc`` it inherits; empty for its own."""
    gil_enabled: bool | None = None

    # The window.
    seconds: float | None = None
    steps: int = 0
    """Pairs of readings that were compared; those with a merge in between are left out."""
    step_seconds: float | None = None
    """Seconds of those steps, where ``header`` and ``contributed`` are of them only; None
    where these are of the whole window."""
    shifted: int = 0
    """Steps in which ``ob_ref_shared`` was not what it had been: a busy header's nearly always
    is not, and one reference moves it, too."""
    calls: int | None = None
    """Instances made and freed in the window, where the check made them itself."""
    runs: tuple[int, ...] = ()
    """Change of the total in each of several equal runs."""
    stated: bool = False
    """A check states that the count does not change."""
    collected: bool = False
    """Garbage was collected before both counts, so none of it is in the difference."""
    merges: int = 0
    """Collections and ended threads; what they hide was left out, or corrected."""
    ended: int = 0
    """Threads that ended in the window."""

    # References.
    total: int | None = None
    """Change of the count of all references."""
    before: int | None = None
    """References at the beginning: the most that can be given back without taking any."""
    growing: bool | None = None
    """Whether the total rose nearly all the time; None after too few readings to tell."""
    negative: bool = False
    """The count of references is below zero."""
    header: int | None = None
    """Net change in the header, merged contributions left out."""
    contributed: int | None = None
    """Net change in the threads' arrays, merged since or not."""
    used: int = 0
    """Steps in which an array was seen to change."""
    doubled: int = 0
    """Steps in which the header gave back exactly twice what threads took."""
    threads: int | None = None
    """Most threads whose arrays changed within one step; None where none was seen to."""
    threads_alive: int | None = None
    """Most threads that the process had in the window; None where they were not counted."""
    beside: int = 0
    """Of the change, counted by threads that run beside what is checked."""
    own: int = 0
    """Of the change, counted by the thread that checks."""
    check_beside: bool = False
    """Another check of the process was open meanwhile in another thread: what it runs, and
    what it needs itself, is in the change."""
    idle: bool | None = None
    """Whether the total grew as well while nothing was run; None where nobody waited."""

    # Holders.
    instances: int | None = None
    """Change of the number of live instances, or of classes where ``kind`` is ``class``."""
    instances_before: int | None = None
    """Live instances in the first reading of the heap in the window."""
    instances_after: int | None = None
    """Live instances in its last reading."""
    referenced: int | None = None
    """Change of the count of references between these two readings; None where ``instances``
    is of the same time as ``total``."""
    uncollected: int | None = None
    """Of ``instances``, what came after the last collection that was seen, and may be garbage;
    None where none was seen, or nobody looked: all of them may be."""
    held: int | None = None
    """Change of the number of references that live objects hold: instances, containers,
    classes; never less than what they hold."""
    held_surely: int | None = None
    """The same, never more than what they hold: without what a suspended frame may hold
    uncounted, and instances without a reference that the collector does not see."""
    frozen: int = 0
    """Objects that ``gc.freeze`` hid meanwhile from who looked for holders."""
    unheld: int | None = None
    """References that no word of a process's memory holds, at least; None where not all of it
    was searched at one instant."""
    unheld_growth: int | None = None
    """How many of these came in the window; None for one reading."""

    # Samples of the header.
    samples: int | None = None
    moved: int | None = None
    """Samples in which ``ob_ref_shared`` was not what it had been in the sample before."""
    sampled_seconds: float | None = None

    @property
    def lost(self) -> int | None:
        """References of the change that no live object holds; None where nobody looked."""
        if self.total is None or self.held is None:
            return None
        return self.total - self.held

    @property
    def missing(self) -> int | None:
        """References that live objects hold and nobody counted; None where nobody looked."""
        surely = self.held if self.held_surely is None else self.held_surely
        return None if self.total is None or surely is None else surely - self.total

    @property
    def header_seconds(self) -> float | None:
        """Seconds that ``header`` and ``contributed`` are of."""
        return self.seconds if self.step_seconds is None else self.step_seconds

    @property
    def updates_per_second(self) -> float | None:
        """At least so many updates of the header per second; None without any reading."""
        seconds = self.sampled_seconds or self.seconds
        moved = self.moved if self.samples else None
        return rate_of(self.header, self.header_seconds, moved, seconds)

    @property
    def cost(self) -> tuple[bool, float]:
        """What objects are ranked by; see :func:`inspector.verdict.cost.cost_of`."""
        return cost_of(self.updates_per_second, self.threads, gil_enabled=self.gil_enabled)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self._asdict(), "runs": list(self.runs), "lost": self.lost}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Evidence:
        """Return what :meth:`as_dict` made ``document`` of."""
        fields: dict[str, Any] = {}
        for name in cls._fields:
            if name in document:
                fields[name] = document[name]
        fields["runs"] = tuple(fields.get("runs", ()))
        return cls(**fields)
