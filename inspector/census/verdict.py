"""What is the matter with the references to a type: a word, its evidence, advice; pure.

There is one such word for the whole product: assertions, audits, the dashboard and the
command line all say the same of the same type.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from inspector.census.deallocators import HEADER, PER_THREAD

if TYPE_CHECKING:
    from inspector.census.snapshot import ObjectCount

__all__ = ["ENOUGH", "HOT", "Evidence", "Judgement", "Used", "Verdict", "judge"]

ENOUGH: Final = 4
"""Readings, steps in one direction, or references, before anything is said of them."""

HOT: Final = 0.5
"""Share of samples in which a header moved."""

COLD: Final = 0.01
"""Share of samples in which the header of a balanced type may have moved: somebody
kept the type itself."""

DENSE: Final = 100
"""Samples per second from which on that share says how busy a header is: one reference
between two readings moves it, too."""

BUSY: Final = 1000
"""Net plain references per second that make a header hot, however seldom it was read;
as many at least."""


class Verdict(StrEnum):
    """What is the matter with the references to a type; what weighs most comes first."""

    OVER_DECREF = "over-decref"
    """References are given back that were never taken."""
    LEAKING = "leaking"
    """References are taken and never given back, and no instance holds them."""
    KEPT = "kept"
    """As many more instances (or classes) are alive: somebody holds on to them."""
    GROWING = "growing"
    """References rise; whether instances hold them cannot be seen."""
    NO_UNIQUE_ID = "no unique id"
    """Every creation and every deallocation goes to the header."""
    PLAIN_DECREF = "plain decref"
    """Taken per thread, given back in the header: threads contend for it."""
    HOT_HEADER = "hot header"
    """The header keeps moving, whatever the reason."""
    BALANCED = "balanced"
    """It was used, and both sides counted in the threads: nobody contends."""
    IMMORTAL = "immortal"
    """Nobody counts its references."""
    CHANGED = "changed"
    """The count is not the one that was stated."""
    BACKGROUND = "background thread"
    """A thread that runs beside what was checked took the references."""

    @property
    def advice(self) -> str:
        """What it means and what to look at, in a sentence."""
        return _ADVICE[self]

    @property
    def rank(self) -> int:
        """Its place among all of them: the lower, the more it weighs."""
        return _RANKS[self]


_RANKS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}

_ADVICE: Final = {
    Verdict.OVER_DECREF: (
        "does its tp_dealloc call Py_DECREF(tp) twice, or for an instance that never took a "
        "reference (PyObject_Init was not called)?"
    ),
    Verdict.LEAKING: (
        "never given back, and no more instances are alive: does its tp_dealloc call Py_DECREF(tp)?"
    ),
    Verdict.KEPT: (
        "who holds them (a cache, a list, a registry, a global)? "
        "declare the type as expected if that is meant"
    ),
    Verdict.GROWING: (
        "never given back: either instances are still held, or are garbage that awaits a "
        "collection, or its tp_dealloc does not call Py_DECREF(tp)"
    ),
    Verdict.NO_UNIQUE_ID: (
        "CPython counts it in the header alone, so threads that create or free instances "
        "contend: the class was allocated past type.__new__ and PyType_FromMetaclass, or "
        "was resurrected from garbage"
    ),
    Verdict.PLAIN_DECREF: (
        "creating an instance counts in the thread, freeing it in the header that all threads "
        "share: its own tp_dealloc (or a base's) ends in a plain Py_DECREF(tp), so threads "
        "that create it contend"
    ),
    Verdict.HOT_HEADER: (
        "its header keeps moving, and if several threads move it they contend: does C code "
        "take and drop plain references to it (Py_INCREF(tp)), or free instances in other "
        "threads than made them?"
    ),
    Verdict.BALANCED: "nothing to do: instances are counted per thread, made and freed",
    Verdict.IMMORTAL: "nothing to do: CPython does not count its references",
    Verdict.CHANGED: "the references to it are not what was stated",
    Verdict.BACKGROUND: "the thread runs beside what was checked; stop it, or state the type",
}


class Evidence(NamedTuple):
    """The numbers of the window that a verdict rests on; None for what could not be told."""

    seconds: float | None = None
    """How long it was."""
    total: int | None = None
    """How much the count of all references changed."""
    header: int | None = None
    """Net plain traffic: what was counted in the header, merged contributions left out."""
    contributed: int | None = None
    """Net traffic per thread: what all threads together contributed, merged since or not."""
    merges: int = 0
    """Collections, and threads that ended; what they hide is left out, or was corrected."""
    samples: int | None = None
    """How often the header was looked at."""
    moved: int | None = None
    """In how many of these it was not what it had been before."""
    instances: int | None = None
    """How many more instances can be seen."""
    deallocator: str = ""
    """``header`` or ``per thread``: where the type's deallocator gives references back."""

    def text(self) -> str:
        """Say it in a line."""
        parts = [
            f"{name} {value:+,}"
            for name, value in (
                ("total", self.total),
                ("header", self.header),
                ("threads", self.contributed),
                ("instances", self.instances),
            )
            if value is not None
        ]
        if self.samples:
            parts.append(f"header moved in {self.moved or 0:,} of {self.samples:,} samples")
        if self.deallocator:
            freed = "in the header" if self.deallocator == HEADER else self.deallocator
            parts.append(f"freed {freed}")
        if self.seconds is not None:
            parts.append(f"in {self.seconds:,.1f} s")
        if self.merges:
            parts.append(f"{self.merges:,} merge{'s' * (self.merges > 1)} in it")
        return ", ".join(parts)


class Used(NamedTuple):
    """A type that was used in the whole run of a program, and what that says of it."""

    row: ObjectCount
    """At the end."""
    called: bool
    """By Python code; what C code makes instances of is seen by its counts only."""
    verdict: Verdict | None
    evidence: Evidence

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.row.name,
            "address": self.row.address,
            "interpreter": self.row.interpreter,
            "unique_id": self.row.unique_id,
            "total": self.row.total,
            "called": self.called,
            "verdict": None if self.verdict is None else self.verdict.value,
            "evidence": self.evidence._asdict(),
            "advice": None if self.verdict is None else self.verdict.advice,
        }


class Judgement(NamedTuple):
    """A verdict with what it rests on."""

    verdict: Verdict
    evidence: Evidence

    @property
    def advice(self) -> str:
        """What it means and what to look at, in a sentence."""
        return self.verdict.advice

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "verdict": self.verdict.value,
            "evidence": self.evidence._asdict(),
            "advice": self.advice,
        }


def judge(
    row: ObjectCount,
    evidence: Evidence,
    *,
    grown: Evidence | None = None,
    used: int = 0,
    lost: int = 0,
) -> Judgement | None:
    """Return what the traffic of an object comes to; None where nothing can be said.

    ``evidence`` is of a window without merges, ``grown`` of one in which the total rose
    all the time, or None.  ``used`` says in how many steps threads were seen to count the
    object, ``lost`` in how many of these twice as much was given back.

    Only a type whose deallocator counts in the header can be balanced by it.  What looks
    the same from the numbers alone is no fault of the type: objects freed by a thread
    whose array is too short for the id, or by another one than made them after that one
    ended; and ``__class__`` assignments, which count plainly on both sides.
    """
    header, contributed = evidence.header or 0, evidence.contributed or 0
    samples, moved = evidence.samples or 0, evidence.moved or 0
    negative = row.settled and row.counted is not None and row.counted < 0
    twice = row.deallocator == HEADER and lost >= ENOUGH and lost == used
    no_id = row.kind == "type" and not row.unique_id and row.state != "?"
    plain = row.deallocator == HEADER and min(-header, contributed) >= ENOUGH
    seconds = evidence.seconds or 0.0
    often = samples >= DENSE * max(seconds, 1.0) and moved >= HOT * samples
    hot = often or abs(header) >= BUSY * max(seconds, 1.0)
    cold = abs(header) < ENOUGH and moved <= COLD * samples
    balanced = row.deallocator == PER_THREAD and used > 0 and cold
    # What weighs most comes first.
    found = (
        (row.state == "immortal", Verdict.IMMORTAL, Evidence()),
        (negative or twice, Verdict.OVER_DECREF, evidence),
        (grown is not None, Verdict.GROWING, grown or evidence),
        (no_id, Verdict.NO_UNIQUE_ID, evidence),
        (plain, Verdict.PLAIN_DECREF, evidence),
        (hot, Verdict.HOT_HEADER, evidence),
        (balanced, Verdict.BALANCED, evidence),
    )
    return next((Judgement(verdict, why) for holds, verdict, why in found if holds), None)
