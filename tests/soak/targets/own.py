"""Exact snapshots of this process while its other threads churn; prints what was seen.

Arguments: how many snapshots, and after how many seconds to end in any case.  One in
ten is of the whole process, every other one of these with the types that have no id;
the rest are of one class.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import sys
import threading
from typing import TYPE_CHECKING

import inspector
from inspector.errors import InspectorError
from tests.soak.churn import INNER, MOST, Churn, One, Other
from tests.soak.steadiness import leftover_children, open_files, resident
from tests.soak.tally import HANGS, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

SNAPSHOTS, SECONDS = int(sys.argv[1]), float(sys.argv[2])

ROUND = 20
"""Snapshots of which the first and the eleventh are of the whole process."""

INTERPRETERS = 5

SAMPLE = 50
"""Snapshots from one look at the memory to the next."""

TOLD = ("snapshots", "exact", "one", "whole", "others", "most inner")
"""Figures that are told even where they are 0."""

Totals = dict[str, int]
"""Name of a class -> its total."""


def whole(target: inspector.Target, seen: Tally, *, unlisted: bool) -> Totals:
    """Read all types of the process and look at every row; return the totals of the churn's."""
    snapshot = target.snapshot(unlisted=unlisted)
    own, *others = snapshot.interpreters
    seen.figures["exact"] += own.exact
    seen.figures["others"] += len(others)
    seen.figures["tries"] += snapshot.tries
    seen.paused(snapshot.pause_ns)
    for row in snapshot:
        if row.interpreter != own.id:
            seen.figures["unsettled"] += not row.settled
            if row.name == "__main__.Inner" and row.settled:
                seen.figures["inner"] += 1
                seen.figures["most inner"] = max(seen.figures["most inner"], row.counted or 0)
        elif row.total is None:
            seen.figures["unread"] += row.state != "immortal"
        elif row.total < 0 or not row.settled:
            seen.fault(f"{row.name} is {row.total}")
    return {each.__name__: snapshot[each].total or 0 for each in MOST}


def one(target: inspector.Target, seen: Tally, number: int) -> Totals:
    """Read one class of the churn, a different one each time."""
    each = list(MOST)[number % len(MOST)]
    count = target.refcount(each)
    seen.figures["exact"] += count.settled
    return {each.__name__: count.total or 0}


def take(target: inspector.Target, seen: Tally, number: int) -> Totals:
    """Take one snapshot, of the kind that its number says."""
    if number % (ROUND // 2):
        return one(target, seen, number)
    return whole(target, seen, unlisted=not number % ROUND)


def at_rest(target: inspector.Target) -> list[Totals]:
    """Return the totals of a round of snapshots in which nothing else runs.

    A snapshot counts what the frames that take it hold, which depends on the kind.
    """
    return [take(target, Tally(), number) for number in range(ROUND)]


def check(seen: Tally, totals: Totals, base: Totals) -> None:
    """Note totals that cannot be."""
    for each, most in MOST.items():
        if each.__name__ in totals:
            more = totals[each.__name__] - base[each.__name__]
            if not 0 <= more <= most:
                seen.fault(f"{each.__name__} is {more} more than at rest")
    if len(totals) > 1:
        # The one object is an instance of either; a stack may hold the other class.
        both = sum(totals[each.__name__] - base[each.__name__] for each in (One, Other))
        if both not in (1, 2):
            seen.fault(f"One and Other are {both} more than at rest")


def inner_at_rest(target: inspector.Target) -> int:
    """Return what the class of another interpreter counts once that has made all it makes."""
    other = importlib.import_module("concurrent.interpreters").create()
    other.exec(INNER)
    count = target.snapshot(unlisted=False)["__main__.Inner"].counted
    other.close()
    assert count is not None
    return count


def cost_of_an_interpreter() -> int:
    """Return the bytes that CPython itself keeps for good of an interpreter that is closed.

    3.3 million on 3.14 and 3.15, the same for each.
    """
    create = importlib.import_module("concurrent.interpreters").create
    before = resident()
    for _ in range(INTERPRETERS):
        create().close()
    return (resident() - before) // INTERPRETERS


def soak(
    target: inspector.Target, seen: Tally, base: list[Totals], memory: Callable[[], int]
) -> None:
    """Take all snapshots, or as many as there is time for, but some of another interpreter."""
    for number in range(SNAPSHOTS):
        if not number % SAMPLE:
            seen.memory.append(memory())
        if seen.seconds() > SECONDS and seen.figures["others"]:
            break
        # On a busy machine the stops of the world that the churn asks for take all the time.
        seen.alive()
        try:
            totals = take(target, seen, number)
        except InspectorError as error:
            seen.errors[type(error).__name__] += 1
            seen.fault(f"{number}: {error!r}")
            continue
        seen.figures["snapshots"] += 1
        seen.figures["whole" if len(totals) > 1 else "one"] += 1
        check(seen, totals, base[number % ROUND])


def leftovers(target: inspector.Target, files: int) -> list[str]:
    """Return what the churn and the snapshots should have left nothing of."""
    found = []
    if threading.active_count() > 1 or len(target.snapshot().threads) > 1:
        found.append("threads")
    if open_files() != files:
        found.append(f"file descriptors: {open_files()}, and there were {files}")
    if leftover_children():
        found.append("children")
    return found


def main() -> None:
    """Soak, and print what was seen."""
    target, churn = inspector.attach(), Churn()
    inner = inner_at_rest(target)
    at_rest(target)
    base = at_rest(target)
    files, cost = open_files(), cost_of_an_interpreter()

    def memory() -> int:
        return resident() - cost * len(churn.done.interpreters)

    seen = Tally()
    seen.figures.update(dict.fromkeys(TOLD, 0))
    threading.excepthook = lambda failed: seen.fault(f"{failed.thread}: {failed.exc_value!r}")
    with churn:
        soak(target, seen, base, memory)
    faulthandler.dump_traceback_later(HANGS, exit=True)
    document = {
        "wanted": SNAPSHOTS,
        **seen.document(per="snapshots"),
        "inner at rest": inner,
        "interpreter_bytes": cost,
        "forks": len(churn.done.forks),
        "bad_children": [each for each in churn.done.forks if each],
        "interpreters": len(churn.done.interpreters),
    }
    gc.collect()
    # The object that was an instance of One or Other is gone again.
    left = [each for each, before in zip(at_rest(target), base, strict=True) if each != before]
    print(json.dumps({**document, "left": left, "leftovers": leftovers(target, files)}))
    faulthandler.cancel_dump_traceback_later()


main()
