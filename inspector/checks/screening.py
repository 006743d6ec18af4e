"""The screen: tells which of all types may have changed, without a collection.

Garbage can only add references, so a type whose count has not grown has not leaked.  A
collection inside the screen may free garbage from before: what it frees is read, and left out.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from inspector.checks.counts import find_changes, read_all_counts, read_counts
from inspector.checks.turns import Reading, try_reading
from inspector.checks.watched_types import name_of, watch_types
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from inspector.checks.counts import Counts
    from inspector.checks.rules import Rules
    from inspector.checks.watched_types import TypeRef

__all__ = ["Load", "Screen", "Suspects"]

OLDEST: Final = 2 if sys.version_info < (3, 14) and "t" not in sys.abiflags else 0
"""The first generation whose collection can free what is older than the one before it.
Free-threaded builds collect everything at once, 3.14 some of the old each time."""


class Load(NamedTuple):
    """What is run, and how often."""

    run: Callable[[], object]
    repeat: int
    unit: str = "run"
    """What a person calls one of its units."""
    calls: int = 1
    """Units in one run."""


class Suspects(NamedTuple):
    """Types that may have leaked."""

    refs: list[TypeRef]
    classes: bool
    """There are more classes than before."""

    def __bool__(self) -> bool:
        return bool(self.refs) or self.classes


class Screen:
    """A context manager over some types, by default all: which of them moved inside it."""

    def __init__(self, types: Iterable[type] | None = None) -> None:
        self._types = None if types is None else list(types)
        self._freed: dict[int, int] = {}
        self._start: Counts | None = None
        self._before: Counts
        self._changes: dict[int, int] = {}
        """By position, as the latest question found them."""

    def __enter__(self) -> Self:
        with Reading():
            if OLDEST:
                gc.collect(OLDEST - 1)  # what is young and garbage now cannot be freed inside
            self._before = (
                read_all_counts() if self._types is None else read_counts(watch_types(self._types))
            )
        gc.callbacks.append(self._collecting)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._collecting)

    def suspects(self, rules: Rules, load: Load) -> Suspects:
        """Return the types that changed by no less than ``load.repeat`` runs of a leak would."""
        with Reading():
            now = read_counts(self._before.refs)
            self._changes = find_changes(self._before, now)
            for number, change in self._freed.items():
                self._changes[number] = self._changes.get(number, 0) - change
            return self._suspects(rules, load, now)

    def fewer(self, suspects: Suspects) -> list[TypeRef]:
        """Return those of the latest suspects that lost references."""
        chosen = {id(ref) for ref in suspects.refs}
        fewer = []
        for number, change in self._changes.items():
            ref = self._before.refs[number]
            if change < 0 and id(ref) in chosen:
                fewer.append(ref)
        return fewer

    def left(self, rules: Rules, load: Load) -> tuple[Suspects, dict[str, int]]:
        """Return the suspects that are more than before, and by how much, by name.

        To be asked after a collection; right if there was no garbage before.
        """
        growth: dict[int, int] = {}
        with Reading():
            now = read_counts(self._before.refs)
            self._changes = {}
            for number, change in find_changes(self._before, now).items():
                if change > 0:
                    self._changes[number] = change
                    growth[id(self._before.refs[number])] = change
            suspects = self._suspects(rules, load, now)
        named: dict[str, int] = {}
        for ref in suspects.refs:
            subject = ref()
            if subject is not None:
                named[name_of(subject)] = growth[id(ref)]
        return suspects, named

    def _suspects(self, rules: Rules, load: Load, now: Counts) -> Suspects:
        found: dict[int, TypeRef] = {}
        for number, change in self._changes.items():
            ref = self._before.refs[number]
            subject = ref()
            allowed = None if subject is None else rules.allowed(subject)
            if allowed is not None and abs(change) >= load.repeat * (allowed * load.calls + 1):
                found[id(ref)] = ref
        more = self._types is None and self._before.refs.count_new(now.slots.table) >= load.repeat
        return Suspects(list(found.values()), classes=more)

    def _collecting(self, phase: str, info: dict[str, int]) -> None:
        """Note what a collection frees."""
        if info["generation"] < OLDEST:
            return
        # Another thread that reads may collect, which does nothing while this one does.
        held = try_reading()
        if held is None:
            self._start = None
            return
        try:
            self._note_freed(phase)
        except InspectorError:
            # An error would be shown as one of the collector; without this reading the
            # screen is blurred, no more.
            self._start = None
        finally:
            held.release()

    def _note_freed(self, phase: str) -> None:
        now = read_counts(self._before.refs, exact=False)
        if phase == "start":
            self._start = now
        elif self._start is not None:
            for number, change in find_changes(self._start, now).items():
                self._freed[number] = self._freed.get(number, 0) + min(change, 0)
            self._start = None
