"""Which rows of a snapshot are shown, in which order, and how."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspector.snapshots.heap import TypeUse
    from inspector.snapshots.snapshot import ObjectCount, Snapshot

__all__ = [
    "HEAP_SORTS",
    "SORTS",
    "Selected",
    "Selection",
    "View",
    "find_sort_value",
    "kinds_of",
    "make_matcher",
    "select_rows",
]

SORTS: Final[dict[str, Callable[[ObjectCount], int | None]]] = {
    "total": lambda row: row.total,
    "local": lambda row: row.local,
    "shared": lambda row: row.unbiased,
    "contributions": lambda row: row.contributed,
    "deferred": lambda row: row.deferred,
    "name": lambda _: 0,
}
"""What rows can be sorted by: the largest first, signs aside, and then by name."""

HEAP_SORTS: Final[dict[str, Callable[[TypeUse], int]]] = {
    "instances": lambda use: use.instances,
    "bytes": lambda use: use.bytes,
}
"""What rows can be sorted by where the heap was read."""


class Selection(NamedTuple):
    """What a user asked to see."""

    sort: str = "total"
    """One of :data:`SORTS` or :data:`HEAP_SORTS`."""
    filters: tuple[str, ...] = ()
    """Shell patterns, any of which a name has to match; see :func:`select_rows`."""
    limit: int | None = None
    """The most rows; 0 for all, None for what the place they go to has room for."""


class View(NamedTuple):
    """How a snapshot is shown."""

    selection: Selection = Selection()
    threads: bool = False
    """A column per thread."""
    json: bool = False
    """The document of :meth:`Snapshot.as_dict` on one line, instead of a table."""


class Selected(NamedTuple):
    """What is shown of a snapshot."""

    snapshot: Snapshot
    """With only the rows that are shown, in order."""
    matching: int
    """Rows that the filters let through, shown or not."""
    all: int
    """Rows of the whole snapshot."""


def kinds_of(kind: str) -> tuple[str, ...]:
    """Return the kinds of objects that a word stands for: ``all`` for all that are counted."""
    return ("type", "code", "dict") if kind == "all" else (kind,)


def select_rows(snapshot: Snapshot, selection: Selection, room: int = 0) -> Selected:
    """Filter, sort and limit the rows of a snapshot; ``room`` is the limit by default.

    A pattern with a dot is matched against ``module.qualname``, one without also
    against what follows the last dot: ``deque`` finds ``collections.deque``.
    Capitals count.  Rows without the value that is sorted by come last.
    """
    matches = make_matcher(selection.filters)
    rows = [row for row in snapshot if matches(row.name)]

    def place(row: ObjectCount) -> tuple[bool, int, str, int]:
        key = find_sort_value(snapshot, row, selection.sort)
        return key is None, -abs(key or 0), row.name, row.address

    rows.sort(key=place)
    limit = room if selection.limit is None else selection.limit
    shown = rows[:limit] if limit else rows
    return Selected(snapshot._replace(rows=tuple(map(tuple, shown))), len(rows), len(snapshot))


def find_sort_value(snapshot: Snapshot, row: ObjectCount, sort: str) -> int | None:
    """Return what a row is sorted by, of :data:`SORTS` and :data:`HEAP_SORTS`."""
    if sort in HEAP_SORTS:
        use = snapshot.find_use(row)
        return None if use is None else HEAP_SORTS[sort](use)
    return SORTS[sort](row)


def make_matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return the test whether a name matches any of these patterns, or that there is none."""
    if not patterns:
        return lambda _: True
    whole = _compile_patterns(patterns)
    last = _compile_patterns([pattern for pattern in patterns if "." not in pattern])
    return lambda name: bool(whole.match(name) or last.match(name.rpartition(".")[2]))


def _compile_patterns(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return one expression for several shell patterns; without any it matches nothing."""
    expressions = [fnmatch.translate(pattern) for pattern in patterns]
    return re.compile("|".join(expressions) or r"(?!)")
