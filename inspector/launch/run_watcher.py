"""Watches a whole run of a program, for evidence on every type that was used in it.

Knows: what merges hid (:mod:`inspector.checks.merges`), and which types were called
(:mod:`inspector.launch.called_types`).  What was there before the program began is left out, and
so is what inspector itself does to types meanwhile.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

import inspector
from inspector.analysis.traffic import count_merges
from inspector.checks.counts import collect_garbage
from inspector.checks.evidence import add_holders
from inspector.checks.holders import Holders, count_own_references, find_holders
from inspector.checks.merges import Merges
from inspector.checks.watched_types import find_all_types, watch_types
from inspector.launch.called_types import CalledTypes
from inspector.launch.count_pairs import NOTHING, CountPair, measure_own_counts, sum_counts
from inspector.screen.verdicts import UsedType
from inspector.snapshots.row_verdict import read_evidence
from inspector.verdict.judge import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping

    from inspector.snapshots.interpreter import TargetInfo
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.evidence import Evidence

__all__ = ["RunWatcher"]


OWN_VARIES: Final = 4
"""How many times its estimate inspector's own part in such a type may be."""


class RunWatcher:
    """Watches this process from :meth:`begin` to :meth:`end`."""

    def __init__(self, loaded: Collection[str]) -> None:
        """Prepare; ``loaded`` are the modules that were there without inspector."""
        self._brought = frozenset(sys.modules) - frozenset(loaded)
        self._target = inspector.attach()
        self._merges = Merges(on_free=self._forget)
        self._calls = CalledTypes(self._note_first_call)
        self._base: dict[int, CountPair] = {}
        """Address -> what was counted before the program, or before the first call."""
        self._held: dict[int, Holders] = {}
        """Address -> what held references before the program."""
        self._fresh: set[int] = set()
        """Addresses of types without any instance before the first call."""
        self._per_merge: dict[int, CountPair] = {}
        """Address -> what inspector itself counts at each merge."""
        self._per_first_call: dict[int, CountPair] = {}
        """Address -> what inspector itself counts at the first call of each type."""
        self._first_calls = 0
        self._first: Snapshot | None = None
        self._ended = 0
        """Thread states that came to an end, whoever made them."""
        self._since = 0.0

    @property
    def merges(self) -> int:
        """Collections and ended threads so far."""
        return self._merges.collections + self._merges.ended

    @property
    def missed(self) -> int:
        """Merges of which the counts could not be read, or that nobody announced."""
        lost = self._merges.missed + self._merges.unlocked
        return lost + max(0, self._ended - self._merges.ended)

    def begin(self) -> None:
        """Take note of what there is, and listen."""
        self._first = self._target.snapshot()
        self._held = _find_all_holders()

        def merge() -> None:
            self._merges.note(None)
            self._merges.forget()

        self._per_merge = measure_own_counts(self._read, merge)
        self._per_first_call = measure_own_counts(self._read, self._meet_object)
        self._base = self._read()
        self._since = time.monotonic()
        self._merges.begin()
        self._calls.begin()

    def _read(self) -> dict[int, CountPair]:
        return sum_counts(self._target.snapshot(), {})

    def _meet_object(self) -> None:
        self._merges.count(id(object))

    def end(self) -> tuple[TargetInfo, list[UsedType]]:
        """Listen no more, and return the evidence on all types that were used.

        Raises what a snapshot raises.
        """
        self._calls.end()
        collect_garbage()
        snapshot = self._target.snapshot()
        self._merges.look()
        self._merges.end()
        seconds = time.monotonic() - self._since
        if self._first is not None:
            self._ended = count_merges(self._first, snapshot).ended
        now = sum_counts(snapshot, self._merges.merged)
        called: set[int] = set()
        for address, ref in self._calls.seen.items():
            if ref() is not None:
                called.add(address)
        rows = []
        for row in snapshot:
            if row.interpreter != snapshot.interpreters[0].id or row.name.startswith("inspector."):
                continue
            if row.address in called or self._moved(row, now):
                rows.append(row)
        holders = _find_all_holders()
        self._take_own({row.address for row in rows} - self._base.keys())
        used = []
        for row in rows:
            evidence = read_evidence(row, gil_enabled=snapshot.target.gil_enabled)._replace(
                seconds=seconds,
                collected=True,
                merges=self.merges,
                ended=max(self._ended, self._merges.ended),
                used=max(self._merges.used.get(row.address, 0), row.address in called),
                threads=self._threads(row.address),
                threads_alive=self._threads_alive(),
            )
            evidence = self._with_counts(evidence, row, now)
            evidence = self._with_holders(evidence, row, holders)
            used.append(UsedType(row, row.address in called, evidence))
        return snapshot.target, used

    def _with_counts(
        self, evidence: Evidence, row: ObjectCount, now: Mapping[int, CountPair]
    ) -> Evidence:
        """Add what the program counted, and how much there was to be given back."""
        if row.address not in now:
            return evidence
        header, threads = self._change(row, now)
        # What was there before could be instances, but for a type that nobody had called.
        before = 0 if row.address in self._fresh else sum(self._base.get(row.address, NOTHING))
        return evidence._replace(
            total=header + threads, header=header, contributed=threads, before=before
        )

    def _with_holders(
        self, evidence: Evidence, row: ObjectCount, holders: Mapping[int, Holders]
    ) -> Evidence:
        """Add how many more instances are alive, and what more references objects hold."""
        after = holders.get(row.address)
        if after is None:
            return evidence
        # All references to a class that was born since, and had no instance yet when it was
        # met, were held: by its own dictionary and bases, by its module.
        born = Holders(0, sum(self._base.get(row.address, NOTHING)))
        return add_holders(evidence, self._held.get(row.address, born), after)

    def _take_own(self, addresses: Container[int]) -> None:
        """Note what classes began with: their methods and lists of bases refer to them."""
        for subject in find_all_types():
            if id(subject) in addresses:
                self._base[id(subject)] = CountPair(count_own_references(subject), 0)

    def _threads(self, address: int) -> int | None:
        """Return how many threads counted a type side by side; None if inspector may be one."""
        return None if any(self._own(address)) else self._merges.together.get(address)

    def _threads_alive(self) -> int | None:
        """Return the most threads that there were; None if some may have gone unseen."""
        unseen = self._ended > self._merges.ended
        return None if unseen else self._merges.threads

    def _note_first_call(self, subject: type) -> None:
        """Note the counts of a type that is called for the first time."""
        if id(subject) not in self._base and os.getpid() == self._target.pid:
            self._first_calls += 1
            try:
                base = CountPair(*self._merges.count(id(subject)))
            except Exception:  # noqa: BLE001 - a program must not fail because it is watched
                return
            self._base[id(subject)] = base
            if not base.threads:
                self._fresh.add(id(subject))

    def _forget(self, there: Container[int]) -> None:
        """Forget types that were freed: another one may take their place."""
        for by_address in (self._base, self._held):
            for address in list(by_address):
                if address not in there:
                    del by_address[address]
        for address in list(self._fresh):
            if address not in there:
                self._fresh.discard(address)

    def _change(self, row: ObjectCount, now: Mapping[int, CountPair]) -> CountPair:
        """Return what the program counted since the beginning, inspector's own part left out."""
        counts = now.get(row.address, NOTHING)
        # A class made since, and not called before it was used, began with its own parts.
        base = self._base.get(row.address, NOTHING)
        own = self._own(row.address)
        return CountPair(
            counts.header - base.header - own.header, counts.threads - base.threads - own.threads
        )

    def _own(self, address: int) -> CountPair:
        """Estimate what inspector itself has counted of one type so far."""
        per_merge = self._per_merge.get(address, NOTHING)
        per_first_call = self._per_first_call.get(address, NOTHING)
        return CountPair(
            per_merge.header * self.merges + per_first_call.header * self._first_calls,
            per_merge.threads * self.merges + per_first_call.threads * self._first_calls,
        )

    def _moved(self, row: ObjectCount, now: Mapping[int, CountPair]) -> bool:
        """Whether threads counted a type, beyond what inspector counts of it itself."""
        if row.address not in now:
            return False
        _, threads = self._change(row, now)
        _, own = self._own(row.address)
        # Inspector's own part varies, most of all for types that its modules brought: it also
        # reads when threads begin, of which no estimate is made.
        if self._is_ours(row.name):
            return abs(threads) > max(ENOUGH, OWN_VARIES * abs(own))
        return abs(threads) > max(ENOUGH if own else 0, abs(own) // 2)

    def _is_ours(self, name: str) -> bool:
        """Whether a type came with a module that was loaded for inspector."""
        while "." in name:
            name = name.rpartition(".")[0]
            if name in self._brought:
                return True
        return False


def _find_all_holders() -> dict[int, Holders]:
    """Return by address what can be seen to hold references to each type."""
    refs = watch_types(find_all_types())
    found: dict[int, Holders] = {}
    for ref, each in zip(refs, find_holders(refs), strict=True):
        subject = ref()
        if subject is not None:
            found[id(subject)] = each
    return found
