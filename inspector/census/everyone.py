"""One reading of every interpreter of a process, which come and go meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from inspector.census.known import identifiers
from inspector.census.observe import Request, observe_running, observe_still
from inspector.errors import LayoutError, MemoryFault, Unsettled
from inspector.process.own import OwnProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.known import Known
    from inspector.census.plan import Scope
    from inspector.census.reading import Seen
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import StillMemory

__all__ = ["Wanted", "observe_all"]


class Wanted(NamedTuple):
    """What is to be read, and how."""

    scope: Scope
    interpreter: int | None
    """Id of the only interpreter that is read; None for all."""
    stopped: StillMemory | None
    """Another process, stopped; None to let it run on."""
    retries: int


def observe_all(
    process: OwnProcess | OtherProcess,
    layout: Layout,
    known: Mapping[int, Known],
    wanted: Wanted,
) -> list[Seen]:
    """Read the interpreters that are known (by address), or one; the own one comes first.

    One that is closed meanwhile is left out.  The own one is read as any other is where it
    cannot be stopped.
    """
    world = process.world if isinstance(process, OwnProcess) else None
    own_at = world.interpreter if world is not None else 0
    instant = None if world is None or world.refusal else world
    seen = []
    # The main interpreter before the others, the newest last.
    for address in sorted(known, key=lambda at: (at != own_at, known[at].id)):
        own, each = address == own_at, known[address]
        still = instant if own else wanted.stopped
        asked = wanted.interpreter in (None, each.id)
        if not asked or (wanted.scope.only and still is None and not own):
            continue
        each.moving.own_thread = threading.get_native_id() if own else 0
        request = Request(process.memory, layout, address, wanted.scope, each.latest, each.moving)
        try:
            seen.append(
                observe_running(request, retries=wanted.retries)
                if still is None
                else observe_still(request, still, own=own)
            )
        except (LayoutError, MemoryFault, Unsettled):
            process.check()
            if identifiers(process.memory, layout).get(address) == each.id:
                raise
    if len(known) == 1:
        return seen
    now = identifiers(process.memory, layout)
    return [one for one in seen if now.get(one.interpreter) == known[one.interpreter].id]
