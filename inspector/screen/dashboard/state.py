"""What the dashboard knows, frozen, and which rows are shown in which order; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from inspector.analysis.history import History
from inspector.screen.selection import SORTS, make_matcher
from inspector.snapshots.snapshot import ObjectCount

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.diagnosis.findings import FirstLook
    from inspector.reader.anatomy import Anatomy
    from inspector.snapshots.header_samples import HeaderSamples
    from inspector.snapshots.object_count import ObjectKey
    from inspector.snapshots.snapshot import Snapshot

__all__ = [
    "Playing",
    "Prompt",
    "Size",
    "State",
    "add_look",
    "add_snapshot",
    "arrange_rows",
    "find_row",
    "make_state_matcher",
    "row_at",
    "select_finding",
    "select_row",
]

SEVERAL: Final = 1e15
"""More updates per second than any header sees: types that several threads use come first."""


def _rank_updates(history: History, row: ObjectCount) -> float | None:
    """Return the updates per second, on top of all others for what several threads use."""
    cost = history.cost(row)
    return None if cost is None else cost[1] + SEVERAL * cost[0]


def _count_instances(history: History, row: ObjectCount) -> int | None:
    """Return the instances of a type; None where the heap was not read."""
    use = history.find_use(row)
    return None if use is None else use.instances


def _measure_bytes(history: History, row: ObjectCount) -> int | None:
    use = history.find_use(row)
    return None if use is None else use.bytes


OVER_TIME: Final[dict[str, Callable[[History, ObjectCount], float | None]]] = {
    "rate": History.rate,
    "growth": History.growth,
    "updates": _rank_updates,
    "instances": _count_instances,
    "bytes": _measure_bytes,
}
FIELDS: Final = {name: ObjectCount._fields.index(name) for name in ("total", "local", "deferred")}
"""Sorts by what stands in a row as it is."""


@dataclass(frozen=True)
class Size:
    """Cells and lines of a terminal."""

    width: int
    height: int


@dataclass(frozen=True)
class Prompt:
    """A line that is being typed: what for (``filter``, ``export``), and its text."""

    purpose: str
    text: str


@dataclass(frozen=True)
class Playing:
    """A recording that is replayed."""

    number: int
    """The reading that is shown, from 0."""
    count: int
    speed: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class State:
    """All that the screen is drawn from."""

    size: Size = field(default_factory=lambda: Size(80, 24))
    history: History | None = None
    """None before the first reading."""
    order: tuple[int, ...] = ()
    """Places of the rows that the filters let through, as they are sorted."""
    kind: str = "type"
    sort: str = "total"
    reverse: bool = False
    """The smallest first."""
    patterns: tuple[str, ...] = ()
    """Filters of the command line."""
    filter: str = ""
    """What was typed: part of a name, or a pattern with ``*``."""
    hidden: tuple[str, ...] = ()
    """Starts of names that are shown only when a filter asks for them."""
    limit: int | None = None
    cursor: int = 0
    """Place in ``order``."""
    top: int = 0
    """Place in ``order`` of the first row on the screen."""
    threads: bool = False
    """A column per thread."""
    first_thread: int = 0
    """Threads to the left of the screen."""
    mode: str = "table"
    """``table``, ``findings``, ``heap``, ``details``, ``help`` or ``output``."""
    origin: str = "table"
    """The mode that the details were opened from."""
    scroll: int = 0
    """Lines above the screen, of what is shown instead of the table."""
    subject: ObjectKey | None = None
    """The object of the details."""
    subject_row: ObjectCount | None = None
    """As it was last seen."""
    anatomy: Anatomy | None = None
    """All that is known of it; None where that is not read, as of a recording."""
    is_looking: bool = False
    """Findings are looked for: a line of every page says them."""
    look: FirstLook | None = None
    """What was found last; None before."""
    look_trouble: str = ""
    """Why the last look failed."""
    chosen: int = 0
    """Number of the finding that the cursor is on."""
    prompt: Prompt | None = None
    message: str = ""
    trouble: str = ""
    """Why the last reading failed; the next one may not."""
    ended: str = ""
    """Why there will be no more readings."""
    paused: bool = False
    interval: float = 1.0
    """Seconds."""
    playing: Playing | None = None
    inside: bool = False
    """It is this process that is shown, in a thread beside the program's."""
    output: tuple[str, ...] | None = None
    """Lines that the program wrote; None where that is not ours to show."""
    export: str = ""
    """The file that is to be written now."""
    unicode: bool = True
    leaving: bool = False
    suspending: bool = False
    redraw: bool = False

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest reading."""
        return None if self.history is None else self.history.latest


def add_snapshot(state: State, snapshot: Snapshot, sampled: HeaderSamples | None = None) -> State:
    """Return the state with one more reading, and what was sampled before it."""
    history = state.history
    history = History.begin(snapshot) if history is None else history.add(snapshot, sampled)
    return arrange_rows(replace(state, history=history, trouble=""))


def add_look(state: State, look: FirstLook | None, trouble: str) -> State:
    """Return the state with other findings; a cursor that was moved stays on its own."""
    if look is state.look or look is None or state.look is None:
        return replace(state, look=look, look_trouble=trouble)
    names = [(finding.kind, finding.subject) for finding in look.findings]
    before = [(finding.kind, finding.subject) for finding in state.look.findings]
    chosen = min(state.chosen, max(0, len(names) - 1))
    if 0 < state.chosen < len(before) and before[state.chosen] in names:
        chosen = names.index(before[state.chosen])
    return replace(state, look=look, look_trouble=trouble, chosen=chosen)


def arrange_rows(state: State) -> State:
    """Return the state with its rows filtered and sorted, and the cursor on one of them.

    Rows without the value that is sorted by come last.
    """
    history = state.history
    if history is None:
        return replace(state, order=(), cursor=0, top=0)
    matches = make_state_matcher(state)
    rows = history.latest.rows
    names, addresses = history.latest.column("name"), history.latest.column("address")
    chosen = [number for number, name in enumerate(names) if matches(name)]
    value = _sort_value(state.sort, history)
    sign = 1 if state.reverse else -1
    # Tuples that sort by themselves: thousands of rows are sorted with each reading.
    places = [
        (key is None, sign * (key or 0), names[number], addresses[number], number)
        for number, key in zip(chosen, map(value, map(rows.__getitem__, chosen)), strict=True)
    ]
    places.sort(reverse=state.sort == "name" and state.reverse)
    order = tuple(place[-1] for place in places)
    subject = state.subject_row
    if state.subject is not None:
        subject = find_row(history.latest, state.subject) or subject
    last = max(0, len(order) - 1)
    return replace(state, order=order, cursor=min(state.cursor, last), subject_row=subject)


def _sort_value(sort: str, history: History) -> Callable[[tuple[Any, ...]], float | None]:
    """Return what the fields of a row are sorted by.

    Growth and rates are told with their signs, for what shrinks is no leak; the parts
    of a total without.
    """
    make = ObjectCount._make
    if sort in OVER_TIME:
        over_time = OVER_TIME[sort]
        return lambda row: over_time(history, make(row))
    if sort in FIELDS:
        place = FIELDS[sort]
        return lambda row: None if row[place] is None else abs(row[place])
    single = SORTS[sort]

    def size(row: tuple[Any, ...]) -> int | None:
        value = single(make(row))
        return None if value is None else abs(value)

    return size


def find_row(snapshot: Snapshot, key: ObjectKey) -> ObjectCount | None:
    """Return the row of an object, None if it is gone."""
    interpreter, address, name = key
    for place, there in enumerate(snapshot.column("address")):
        if there == address:
            row = ObjectCount._make(snapshot.rows[place])
            if (row.interpreter, row.name) == (interpreter, name):
                return row
    return None


def row_at(state: State, place: int) -> ObjectCount | None:
    """Return the row at some place of the order."""
    snapshot = state.snapshot
    if snapshot is None or not 0 <= place < len(state.order):
        return None
    return ObjectCount._make(snapshot.rows[state.order[place]])


def select_row(state: State) -> State:
    """Return the state with the details of the row under the cursor."""
    row = row_at(state, state.cursor)
    return state if row is None else show_details(state, row)


def select_finding(state: State) -> State:
    """Return the state with what the finding under the cursor is about.

    A type has its page; one that only the heap has is shown there.  For others the command
    that goes deeper is said.
    """
    look, snapshot = state.look, state.snapshot
    if look is None or snapshot is None or not look.findings:
        return state
    finding = look.findings[state.chosen]
    names = snapshot.column("name")
    if finding.subject in names:
        row = ObjectCount._make(snapshot.rows[names.index(finding.subject)])
        return show_details(state, row)
    heap = None if state.history is None else state.history.heap
    if heap is not None and finding.subject in {use.name for use in heap.latest.types}:
        shown = replace(state, mode="heap", scroll=0, filter=finding.subject)
        return arrange_rows(replace(shown, message="c clears the filter"))
    return replace(state, message=f"in a shell: {finding.command}")


def show_details(state: State, row: ObjectCount) -> State:
    """Return the state with the details of a row."""
    origin = "findings" if state.mode == "findings" else "table"
    shown = replace(state, mode="details", scroll=0, subject_row=row, anatomy=None)
    return replace(shown, subject=row.key, origin=origin)


def make_state_matcher(state: State) -> Callable[[str], bool]:
    """Return the test whether a name is to be shown."""
    given = make_matcher(state.patterns)
    typed = state.filter.casefold()
    if not typed:
        if state.hidden and not state.patterns:
            return lambda name: not name.startswith(state.hidden)
        return given
    if any(letter in typed for letter in "*?["):
        pattern = make_matcher((state.filter,))
        return lambda name: given(name) and pattern(name)
    return lambda name: typed in name.casefold() and given(name)
