"""One reading of every interpreter of a process, which come and go meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from inspector.census.interpreter_state import read_interpreter_ids
from inspector.census.one_instant import read_still
from inspector.census.two_pass import read_running
from inspector.errors import LayoutError, MemoryFault, Unsettled
from inspector.process.own import OwnProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.interpreter_state import InterpreterState
    from inspector.census.plan import Request
    from inspector.census.reading import Reading
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import StillMemory

__all__ = ["read_interpreters"]


def read_interpreters(
    process: OwnProcess | OtherProcess,
    layout: Layout,
    states: Mapping[int, InterpreterState],
    request: Request,
    stopped: StillMemory | None,
) -> list[Reading]:
    """Read the interpreters that are known (by address), or one; the own one comes first.

    ``stopped`` is another process, to be stopped for it; None to let it run on.  An
    interpreter that is closed meanwhile is left out.  The own one is read as any other is
    where it cannot be stopped.
    """
    world = process.world if isinstance(process, OwnProcess) else None
    own_at = world.interpreter if world is not None else 0
    instant = None if world is None or world.refusal else world
    readings = []
    # The main interpreter before the others, the newest last.
    for address in sorted(states, key=lambda at: (at != own_at, states[at].id)):
        own, state = address == own_at, states[address]
        still = instant if own else stopped
        asked = request.interpreter in (None, state.id)
        if not asked or (request.only and still is None and not own):
            continue
        state.followed.own_thread = threading.get_native_id() if own else 0
        try:
            readings.append(
                read_running(state, request)
                if still is None
                else read_still(state, request, still, own=own)
            )
        except (LayoutError, MemoryFault, Unsettled):
            process.check()
            if read_interpreter_ids(process.memory, layout).get(address) == state.id:
                raise
    if len(states) == 1:
        return readings
    now = read_interpreter_ids(process.memory, layout)
    at_hand = [(each, states[each.plan.interpreter]) for each in readings]
    return [reading for reading, state in at_hand if now.get(state.address) == state.id]
