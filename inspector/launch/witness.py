"""A whole run of a program, and what it says of every type that was used in it.

Knows: when which counts were merged (:mod:`inspector.launch.brackets`), and which types
were called (:mod:`inspector.launch.calls`).  What was there before the program began is
left out, and so is what inspector itself does to types meanwhile.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

import inspector
from inspector.census.deallocators import HEADER, PER_THREAD
from inspector.census.traffic import merges
from inspector.census.verdict import ENOUGH, Evidence, Used, Verdict
from inspector.checks.counts import collect
from inspector.checks.holders import Held, held
from inspector.checks.subjects import all_types, watch
from inspector.launch.brackets import Brackets
from inspector.launch.calls import Calls
from inspector.launch.sums import rehearsed, sums_of

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Mapping

    from inspector.census.interpreter import TargetInfo
    from inspector.census.snapshot import ObjectCount, Snapshot
    from inspector.launch.sums import Sums

__all__ = ["Witness", "judged"]

MANY: Final = 50
"""References that somebody whom the collector does not know may hold, at least."""


class Witness:
    """Watches this process from :meth:`begin` to :meth:`end`."""

    def __init__(self, loaded: Collection[str]) -> None:
        """Prepare; ``loaded`` are the modules that were there without inspector."""
        self._brought = frozenset(sys.modules) - frozenset(loaded)
        self._target = inspector.attach()
        self._brackets = Brackets(self._forget)
        self._calls = Calls(self._met)
        self._base: dict[int, Sums] = {}
        """Address -> what was counted before the program, or before the first call."""
        self._fresh: set[int] = set()
        """Addresses of types without any instance before the first call."""
        self._noise: tuple[dict[int, Sums], dict[int, Sums]] = {}, {}
        """Address -> what inspector itself counts per merge, and per type that is met."""
        self._met_types = 0
        self._first: Snapshot | None = None
        self._ended = 0
        """Thread states that came to an end, whoever made them."""
        self._since = 0.0

    @property
    def merges(self) -> int:
        """Collections and ended threads so far."""
        return self._brackets.collections + self._brackets.ended

    @property
    def missed(self) -> int:
        """Merges of which the counts could not be read, or that nobody announced."""
        return self._brackets.missed + max(0, self._ended - self._brackets.ended)

    def begin(self) -> None:
        """Take note of what there is, and listen."""
        self._first = self._target.snapshot()

        def merge() -> None:
            self._brackets.note(None)
            self._brackets.forget()

        self._noise = rehearsed(self._read, merge), rehearsed(self._read, self._meet_object)
        self._brackets.merged.clear()
        self._base = self._read()
        self._since = time.monotonic()
        self._brackets.begin()
        self._calls.begin()

    def _read(self) -> dict[int, Sums]:
        return sums_of(self._target.snapshot(), {})

    def _meet_object(self) -> None:
        self._brackets.here(id(object))

    def end(self) -> tuple[TargetInfo, list[Used]]:
        """Listen no more, and return the verdicts on all types that were used.

        Raises what a snapshot raises.
        """
        self._calls.end()
        collect()
        snapshot = self._target.snapshot()
        self._brackets.end()
        seconds = time.monotonic() - self._since
        if self._first is not None:
            self._ended = merges(self._first, snapshot).ended
        now = sums_of(snapshot, self._brackets.merged)
        called = {address for address, ref in self._calls.seen.items() if ref() is not None}
        rows = [
            row
            for row in snapshot
            if row.interpreter == snapshot.interpreters[0].id
            and not row.name.startswith("inspector.")
            and (row.address in called or self._moved(row, now))
        ]
        evidence = {row.address: self._evidence(row, now, seconds) for row in rows}
        rows = [row for row in rows if row.address in evidence]
        growing = [row for row in rows if (evidence[row.address].total or 0) >= ENOUGH]
        seen = _held(growing)
        used = [self._used(row, called, evidence[row.address], seen) for row in rows]
        return snapshot.target, used

    def _used(
        self,
        row: ObjectCount,
        called: Container[int],
        evidence: Evidence,
        seen: Mapping[int, Held],
    ) -> Used:
        """Return the verdict on one type."""
        lost = 0
        if holds := seen.get(row.address):
            evidence = evidence._replace(instances=holds.instances)
            lost = min((row.counted or 0) - holds.references, evidence.total or 0)
            # A class that was born since holds some references to itself out of sight.
            lost -= 0 if row.address in self._base else MANY
        # What was there before could be instances, but for a type that nobody had called.
        before = 0 if row.address in self._fresh else sum(self._base.get(row.address, (0, 0)))
        verdict = judged(row, evidence, lost, before)
        return Used(row, row.address in called, verdict, evidence)

    def _met(self, subject: type) -> None:
        """Note the counts of a type that is called for the first time."""
        if id(subject) not in self._base and os.getpid() == self._target.pid:
            self._met_types += 1
            try:
                base = self._brackets.here(id(subject))
            except Exception:  # noqa: BLE001 - a program must not fail because it is watched
                return
            self._base[id(subject)] = base
            if not base[1]:
                self._fresh.add(id(subject))

    def _forget(self, there: Container[int]) -> None:
        """Forget types that were freed: another one may take their place."""
        self._base = {at: each for at, each in self._base.items() if at in there}
        self._fresh = {at for at in self._fresh if at in there}

    def _change(self, row: ObjectCount, now: Mapping[int, Sums]) -> Sums:
        """Return what the program counted in the header, and by threads."""
        header, threads = now.get(row.address, (0, 0))
        # What was born since, and not called before it was used, began with nothing.
        base = self._base.get(row.address, (0, 0))
        own = self._own(row.address)
        return header - base[0] - own[0], threads - base[1] - own[1]

    def _own(self, address: int) -> Sums:
        """Return about what inspector itself has counted."""
        merge, met = (noise.get(address, (0, 0)) for noise in self._noise)
        header, threads = (
            one * self.merges + other * self._met_types
            for one, other in zip(merge, met, strict=True)
        )
        return header, threads

    def _moved(self, row: ObjectCount, now: Mapping[int, Sums]) -> bool:
        """Whether the counts of a type moved, and not by inspector's doing alone."""
        if row.address not in now or self._is_ours(row.name):
            return False
        _, threads = self._change(row, now)
        _, own = self._own(row.address)
        # What inspector does is not the same every time.
        return abs(threads) > max(ENOUGH if own else 0, abs(own) // 2)

    def _is_ours(self, name: str) -> bool:
        """Whether a type came with a module that was loaded for inspector."""
        parts = name.split(".")
        return any(".".join(parts[:n]) in self._brought for n in range(1, len(parts)))

    def _evidence(self, row: ObjectCount, now: Mapping[int, Sums], seconds: float) -> Evidence:
        if row.address not in now:
            return Evidence(seconds, merges=self.merges)
        header, threads = self._change(row, now)
        total, freed = header + threads, row.deallocator or ""
        return Evidence(seconds, total, header, threads, self.merges, deallocator=freed)


def _held(rows: Iterable[ObjectCount]) -> dict[int, Held]:
    """Return by address what can be seen to hold references to types."""
    wanted = {row.address for row in rows}
    if not wanted:
        return {}
    refs = watch([each for each in all_types() if id(each) in wanted])
    found = held(refs)
    return {
        id(subject): each
        for ref, each in zip(refs, found, strict=True)
        if (subject := ref()) is not None
    }


def judged(row: ObjectCount, evidence: Evidence, lost: int, before: int) -> Verdict | None:
    """Return the verdict on a type that was used, garbage having been collected.

    ``lost`` are references more than before that nothing visible holds: they have leaked
    if nearly every one that was taken is among them, and else somebody may hold them whom
    the collector does not know.  ``before`` is what there was to be given back.

    What other threads count between the announcement of a collection and its beginning
    stands with the header: ``evidence`` may say too little of both sides, never of the total.
    """
    header, threads = evidence.header or 0, evidence.contributed or 0
    plain = min(-header, threads) >= ENOUGH and row.deallocator == HEADER
    over = plain and -header - threads >= max(ENOUGH, threads // 2, before)
    negative = row.settled and row.counted is not None and row.counted < 0
    found = (
        (row.state == "immortal", Verdict.IMMORTAL),
        (over or negative, Verdict.OVER_DECREF),
        (threads >= ENOUGH and lost >= 0.9 * threads, Verdict.LEAKING),
        (lost >= max(MANY, 0.1 * threads), Verdict.GROWING),
        (not row.unique_id and row.state != "?", Verdict.NO_UNIQUE_ID),
        (plain, Verdict.PLAIN_DECREF),
        (row.deallocator == PER_THREAD, Verdict.BALANCED),
    )
    return next((verdict for holds, verdict in found if holds), None)
