"""What looks like contention or a leak, seen from outside and from inside, is not called so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import inspector
from inspector.analysis.history import History
from inspector.diagnosis.ranking import rank_objects
from tests.live.puppets import Puppet
from tests.support import ROOT, TARGETS, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = 6
"""One less than these are compared with the step before."""

GROWING = ("keep", "name", "enlist", "garbage")
"""What makes references rise, each for another reason."""


@pytest.mark.parametrize("version", interpreters(debug=False))
def test_instances_tell_what_is_kept_from_what_grows_without_them(version: str) -> None:
    with Puppet(python_of(version), TARGETS / "confusers.py") as puppet:
        target = inspector.attach(puppet.pid)
        history = History.begin(target.add_heap(target.snapshot()))
        for _ in range(STEPS):
            for word in GROWING:
                puppet.ask(word)
            history = history.add(target.add_heap(target.snapshot()))
        found = {}
        for name in ("Kept", "Named", "Listed", "Garbage"):
            found[name] = history.verdict(history.latest[f"__main__.{name}"])
        puppet.ask("collect")
        puppet.ask("keep")
        history = history.add(target.add_heap(target.snapshot()))
        after = history.verdict(history.latest["__main__.Kept"])
        garbage = history.evidence(history.latest["__main__.Garbage"])
        # The same by sampling, with steps of its own.
        ranked = rank_objects(target, duration=0.4, tell=lambda *_: puppet.ask("keep"))
    grown = 20 * STEPS
    numbers = {
        name: judged and (judged.verdict, judged.evidence.referenced, judged.evidence.instances)
        for name, judged in found.items()
    }
    assert numbers == {
        "Kept": ("kept", grown, grown),
        "Named": ("kept", 2 * grown, grown),
        "Listed": ("growing", grown, 0),
        "Garbage": ("kept", grown, grown),
    }
    assert found["Garbage"] is not None
    assert "or may await a collection, of which none was seen" in found["Garbage"].advice
    assert found["Listed"] is not None
    assert "references rise and instances do not (+0)" in found["Listed"].advice
    # A collection left what is kept, and took the garbage.
    assert after is not None
    assert "140 more instances are alive: live objects hold" in after.advice
    assert garbage.instances == 0
    (kept,) = [each for each in ranked.rows if each.row.name == "__main__.Kept"]
    assert kept.evidence.instances == kept.evidence.referenced
    assert (kept.evidence.instances or 0) > 0


class Watched:
    """A target, and what is seen of it after each step."""

    def __init__(self, puppet: Puppet, *, inside: bool) -> None:
        self.puppet = puppet
        self.inside = inside
        self.target = None if inside else inspector.attach(puppet.pid)

    def run(self, *words: str) -> History | None:
        """Read, and again after each step; return what was seen, if it was seen here."""
        if self.target is None:
            for word in ("begin", *words):
                self.puppet.send(word)
                assert self.puppet.answer() == word
            return None
        history = History.begin(self.target.snapshot())
        for word in words:
            self.puppet.ask(word)
            history = history.add(self.target.snapshot())
        return history

    def verdict(self, name: str, history: History | None) -> dict[str, Any] | None:
        """Return the verdict on a type, as JSON has it."""
        if history is not None:
            judged = history.verdict(history.latest[f"__main__.{name}"])
            return judged and judged.as_dict()
        self.puppet.send(f"?__main__.{name}")
        answer: dict[str, Any] | None = self.puppet.answer()
        return answer

    def after(self, step: str, name: str) -> dict[str, Any] | None:
        """Return the verdict on a type after some steps."""
        return self.verdict(name, self.run(*[step] * STEPS))


@pytest.fixture(scope="module", params=["outside", "inside"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=interpreters(debug=False))
def watched(request: pytest.FixtureRequest, where: str) -> Iterator[Watched]:
    words: list[str | Path] = [TARGETS / "confusers.py"]
    words += ["inside"] * (where == "inside")
    with Puppet(python_of(request.param), *words, PYTHONPATH=str(ROOT)) as puppet:
        yield Watched(puppet, inside=where == "inside")


def test_a_subclass_of_a_type_with_its_own_dealloc_is_a_plain_decref(watched: Watched) -> None:
    found = watched.after("plain", "Plain")
    assert found is not None
    assert found["verdict"] == "plain decref"
    evidence = found["evidence"]
    made = evidence["steps"] * 20
    assert made >= 80
    assert (evidence["header"], evidence["contributed"]) == (-made, made)
    assert evidence["deallocator_of"] == "collections.deque"
    assert (evidence["threads"], evidence["gil_enabled"]) == (1, False)
    assert "contends only if others free them" in found["advice"]


def test_two_threads_that_make_and_free_contend(watched: Watched) -> None:
    found = watched.after("shared", "Plain")
    assert found is not None
    assert found["verdict"] == "plain decref"
    assert found["evidence"]["threads"] == 2
    assert "2 threads did so side by side, and contend for it" in found["advice"]


def test_instances_that_are_kept_are_never_balanced(watched: Watched) -> None:
    for steps in range(1, STEPS + 1):
        found = watched.verdict("Kept", watched.run(*["keep"] * steps))
        # Of the first readings one cannot tell, and says nothing.
        assert found is None if steps < 4 else found and found["verdict"] == "growing"


def test_a_factory_that_swaps_classes_is_no_plain_decref(watched: Watched) -> None:
    history = watched.run(*["swap"] * STEPS)
    for name in ("Swapped", "Swap"):
        assert watched.verdict(name, history) is None
    # Much of it makes both headers hot, which is what they are.
    history = watched.run("swap", "swap_many")
    for name in ("Swapped", "Swap"):
        found = watched.verdict(name, history)
        assert found is not None
        assert found["verdict"] == "hot header"
        assert abs(found["evidence"]["header"]) == 5000 + 20


def test_a_class_whose_instances_come_and_go_is_balanced(watched: Watched) -> None:
    found = watched.after("balanced", "Balanced")
    assert found is not None
    assert (found["verdict"], found["evidence"]["header"]) == ("balanced", 0)


def test_a_collection_between_two_readings_is_no_traffic(watched: Watched) -> None:
    assert watched.after("collected", "Collected") is None


def test_instances_freed_after_their_creator_ended_are_no_plain_decref(watched: Watched) -> None:
    found = watched.after("orphaned", "Orphaned")
    assert found is not None
    assert (found["verdict"], found["evidence"]["header"]) == ("balanced", 0)
    # It came and went between two readings.
    assert found["evidence"]["merges"] == 1


def test_instances_freed_in_another_thread_are_no_plain_decref(watched: Watched) -> None:
    found = watched.after("crossed", "Crossed")
    assert found is None or found["verdict"] == "balanced"


def test_an_array_too_short_for_the_id_is_no_plain_decref(watched: Watched) -> None:
    history = watched.run(*["short"] * STEPS)
    assert watched.verdict("Late", history) is None
    if history is not None:
        evidence = history.evidence(history.latest["__main__.Late"])
        # The numbers alone say the same as those of a plain decref.
        assert (evidence.header, evidence.contributed) == (-120, 120)


def test_assigning_a_class_is_no_plain_decref_of_either(watched: Watched) -> None:
    history = watched.run(*["recast"] * STEPS)
    for name in ("Recast", "Became"):
        assert watched.verdict(name, history) is None
    if history is not None:
        evidence = history.evidence(history.latest["__main__.Recast"])
        assert (evidence.header, evidence.contributed) == (-120, 120)


def test_garbage_is_growing_at_most_until_it_is_collected(
    watched: Watched,
) -> None:
    found = watched.after("garbage", "Garbage")
    assert found is not None
    assert (found["verdict"], found["evidence"]["merges"]) == ("growing", 0)
    assert "await a collection" in found["advice"]
    history = watched.run(*["garbage"] * STEPS, "collect")
    found = watched.verdict("Garbage", history)
    assert found is not None
    assert (found["verdict"], found["evidence"]["merges"]) == ("balanced", 1)
