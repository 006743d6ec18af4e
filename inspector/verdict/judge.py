"""The one place that chooses a verdict.

:func:`judge` is pure: everything that it knows of an object is in the evidence.  Checks,
the pytest plugin, audits, the dashboard and the command line fill in what they saw and show
what it says.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from inspector.verdict.advice import advise_on_type
from inspector.verdict.evidence import HEADER, PER_THREAD, Evidence, Verdict
from inspector.verdict.share import Share

__all__ = ["ENOUGH", "PER_CALL", "Judgement", "judge"]

ENOUGH: Final = 4
"""Readings, steps or references before anything is said of them."""

MANY: Final = 50
"""References that a window which nobody repeated must show before its growth counts: any
program ends with a few more objects than it began with."""

MOST: Final = 0.9
"""Share of what was taken that makes a loss the rule and no accident."""

HOT: Final = 0.5
"""Share of samples in which a hot header moves, at least."""

COLD: Final = 0.01
"""Share of samples in which the header of a balanced type may move: somebody took a
reference to the type itself."""

SAMPLED_UPDATES: Final = 50
"""Updates per second that samples must show of a hot header: at a low rate one reference
between two samples moves it, too."""

NET_UPDATES: Final = 1000
"""Net references per second in a header that make it hot without any sample."""

PER_CALL: Final = 0.1
"""References per call that are the type's doing; a thread's own lock or two are less."""


HIDDEN: Final = 0.25
"""Share of lost references, at most, that words left from before hide from one reading and
not from the next."""

OF_NUMBERS: Final = frozenset(
    {
        Verdict.OVER_DECREF,
        Verdict.LEAKING,
        Verdict.KEPT,
        Verdict.GROWING,
        Verdict.CHANGED,
        Verdict.HOT_HEADER,
    }
)
"""Verdicts on numbers alone, which may be the doing of another check."""

PER_INSTANCE: Final = 2
"""References to its class that an instance may hold: its ``ob_type``, and an attribute."""


class Judgement(NamedTuple):
    """A verdict with the evidence that it rests on."""

    verdict: Verdict
    evidence: Evidence

    @property
    def advice(self) -> str:
        """What it means and what to look at, with the numbers of this type."""
        return advise_on_type(self.verdict, self.evidence)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: ``verdict``, ``evidence``, ``advice``."""
        return {
            "verdict": self.verdict.value,
            "evidence": self.evidence.as_dict(),
            "advice": self.advice,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Judgement:
        """Return what :meth:`as_dict` made ``document`` of."""
        return cls(Verdict(document["verdict"]), Evidence.from_dict(document["evidence"]))


def judge(evidence: Evidence) -> Judgement | None:
    """Return the verdict on an object, or None where its evidence says nothing."""
    verdict = _choose(evidence)
    if verdict is not None and verdict in OF_NUMBERS and evidence.check_beside:
        verdict = _weaken(verdict, evidence)
    return None if verdict is None else Judgement(verdict, evidence)


def _choose(evidence: Evidence) -> Verdict | None:
    """Return the most severe verdict that the evidence bears."""
    growth = _judge_growth(evidence)
    no_id = evidence.unique_id is False and evidence.state != "?"
    rules = (
        (evidence.state == "immortal", Verdict.IMMORTAL),
        (_is_over_decref(evidence), Verdict.OVER_DECREF),
        (_is_being_lost(evidence), Verdict.LEAKING),
        (growth is not None, growth),
        (evidence.stated and bool(evidence.total), Verdict.CHANGED),
        (evidence.kind == "type" and no_id, Verdict.NO_UNIQUE_ID),
        (_is_plain_decref(evidence), Verdict.PLAIN_DECREF),
        (_is_hot(evidence), Verdict.HOT_HEADER),
        (_is_balanced(evidence), Verdict.BALANCED),
    )
    for holds, verdict in rules:
        if holds:
            return verdict
    return None


def _is_over_decref(evidence: Evidence) -> bool:
    """Whether more references are given back than were taken."""
    if evidence.negative:
        return True
    always = evidence.doubled >= ENOUGH and evidence.doubled == evidence.used
    if always and evidence.deallocator == HEADER:
        return True
    total = evidence.total or 0
    if total >= 0:
        return False
    if len(evidence.runs) > 1:
        # Objects that die give references back as they should.
        return evidence.missing is not None and evidence.missing >= len(evidence.runs)
    if evidence.before is None or evidence.deallocator != HEADER:
        return False
    taken = evidence.contributed or 0
    return taken >= ENOUGH and -total >= max(ENOUGH, taken // 2, evidence.before)


def _is_being_lost(evidence: Evidence) -> bool:
    """Whether references are lost again and again that no word of memory holds.

    The least number that is lost may rise although nothing is: words left from before hide
    a part of what was lost once, and go.
    """
    grown = evidence.unheld_growth
    if grown is None or evidence.unheld is None:
        return False
    return grown >= max(ENOUGH, HIDDEN * (evidence.unheld - grown))


def _judge_growth(evidence: Evidence) -> Verdict | None:
    """Return what a rising count comes to; None for one that does not rise for long."""
    total = evidence.total or 0
    least = _least_growth(evidence)
    if least is None or total < least:
        return None
    if _is_background(evidence):
        return Verdict.BACKGROUND
    if evidence.lost is None:
        if evidence.stated and evidence.instances is None and not evidence.frozen:
            return None  # one number was compared with another: nobody saw it rise
        return _judge_growth_by_instances(evidence, least)
    return _judge_loss(evidence, evidence.lost, least)


def _judge_loss(evidence: Evidence, lost: int, least: float) -> Verdict:
    """Return what a rising count comes to, of which live objects do not hold ``lost``."""
    if lost < least:
        return Verdict.KEPT
    if lost <= evidence.ended and not 0 < (evidence.calls or 0) <= lost:
        return Verdict.GROWING  # per thread, not per call
    if evidence.beside and (evidence.header or 0) >= lost:
        # What a busy thread counts right before a collection stops it stands with the header.
        return Verdict.GROWING
    repeated = evidence.stated or len(evidence.runs) > 1
    taken = max(evidence.contributed or 0, evidence.total or 0)
    if evidence.collected and (repeated or lost >= MOST * taken):
        return Verdict.LEAKING
    return Verdict.GROWING if repeated or lost >= PER_CALL * taken else Verdict.KEPT


def _judge_growth_by_instances(evidence: Evidence, least: float) -> Verdict:
    """Return what a rising count comes to where nobody looked at its holders.

    Instances that hold a second reference to their class rise by half of these.  Fewer do not
    explain them.
    """
    instances = evidence.instances
    if instances is None or instances < least:
        return Verdict.GROWING
    references = evidence.total if evidence.referenced is None else evidence.referenced
    return Verdict.KEPT if PER_INSTANCE * instances >= (references or 0) else Verdict.GROWING


def _least_growth(evidence: Evidence) -> float | None:
    """Return how much a total must rise before that is growth; None where none can be told."""
    if evidence.stated:
        return 1
    if len(evidence.runs) > 1:
        return len(evidence.runs)
    if not evidence.collected:
        # Garbage, or a queue that is fuller now than then: only a lasting rise is growth.
        return ENOUGH if evidence.growing else None
    return max(MANY, PER_CALL * (evidence.contributed or 0))


def _is_background(evidence: Evidence) -> bool:
    """Whether another thread took the references, not what was checked.

    The same number in every run is the doing of these where the checking thread counted it
    itself, whatever other threads do to the type, and where nothing came while nothing ran: a
    pool's threads work for who asks them.
    """
    total = evidence.total or 0
    if evidence.idle:
        return True
    the_same = len(set(evidence.runs)) == 1
    asked = evidence.idle is False and len(evidence.runs) > 1
    its_own = the_same and (evidence.own >= total or asked)
    return evidence.beside >= total and not its_own


def _weaken(verdict: Verdict, evidence: Evidence) -> Verdict:
    """Return what is left of a verdict where another check took references meanwhile.

    The checking thread's own are its doing, and so is the same change in each of several runs,
    unless threads from before counted it.  Who holds them cannot be told of a part alone.
    """
    if verdict is Verdict.HOT_HEADER:
        return Verdict.BACKGROUND
    total = evidence.total or 0
    same = len(evidence.runs) > 1 and len(set(evidence.runs)) == 1
    if same and abs(evidence.beside) < abs(total):
        return verdict
    own = evidence.own if total > 0 else -evidence.own
    if own >= abs(total):
        return verdict
    return Verdict.GROWING if own > 0 and total > 0 else Verdict.BACKGROUND


def _least_traffic(evidence: Evidence) -> float:
    """Return the references in a header that are the type's doing."""
    if evidence.stated:
        return max(1, evidence.steps)  # of a check, which saw some in every step
    return max(ENOUGH, PER_CALL * (evidence.calls or 0))


def _is_plain_decref(evidence: Evidence) -> bool:
    """Whether instances are counted in threads when made and in the header when freed.

    Only a type whose deallocator counts in the header does that.  Objects freed by a thread
    whose array is too short for the id, objects freed after their maker ended, and
    ``__class__`` assignments show the same numbers.
    """
    header, contributed = evidence.header or 0, evidence.contributed or 0
    enough = min(-header, contributed) >= _least_traffic(evidence)
    return evidence.deallocator == HEADER and enough


def _is_hot(evidence: Evidence) -> bool:
    """Whether the header is updated often."""
    header = abs(evidence.header or 0)
    checked = evidence.calls is not None or evidence.stated
    if checked and header >= _least_traffic(evidence):
        return True
    if header >= NET_UPDATES * max(evidence.header_seconds or 0.0, 1.0):
        return True
    moved, samples = evidence.moved or 0, evidence.samples or 0
    seconds = evidence.sampled_seconds or evidence.seconds or 0.0
    enough = moved >= SAMPLED_UPDATES * seconds
    return enough and Share(moved, samples).interval[0] >= HOT


def _is_balanced(evidence: Evidence) -> bool:
    """Whether a type is in use, its header stands still and its count does not rise."""
    if abs(evidence.header or 0) >= _least_traffic(evidence):
        return False
    moved, samples = evidence.moved or 0, evidence.samples or 0
    if evidence.calls is not None:
        # Every call was seen: the deallocator need not be known.
        return (evidence.total or 0) <= 0
    # A count that rises is no balance, also before there are readings enough to call it growth.
    # After a collection, what is not enough for growth are the few objects that any program leaves.
    unsure = evidence.growing is None and not evidence.collected
    rises = unsure and (evidence.total or 0) >= ENOUGH
    grown = evidence.growing or (evidence.instances or 0) >= MANY
    used = evidence.used > 0 and evidence.deallocator == PER_THREAD
    still = moved <= COLD * samples and (samples or evidence.shifted <= COLD * evidence.steps)
    return bool(used and still and not rises and not grown)
