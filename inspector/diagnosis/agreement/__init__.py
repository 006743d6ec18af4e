"""Whether the structures of a process agree with the offsets that are used for it.

Discovered offsets are validated when they are found.  Those that the target
publishes, and those that follow from public headers, are tested here: each by what
must hold of every thread, type and code object there is, if the offset is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.diagnosis.agreement.chains import chain_trials
from inspector.diagnosis.agreement.objects import members, object_trials
from inspector.diagnosis.agreement.trial import Agreement, Look
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["Agreement", "agreements"]

TRIES: Final = 4
"""Looks at a target that moves, before a disagreement counts."""


def agreements(
    memory: Memory, layout: Layout, tasks: Callable[[], Collection[int]]
) -> list[Agreement]:
    """Test every offset; ``tasks`` gives the process's threads as it numbers them itself.

    A target that moves while it is looked at can seem to disagree: what counts is
    the best of a few looks.  Raises what reading raises.
    """
    look = Look(memory, layout)
    for left in reversed(range(TRIES)):
        try:
            found = _look(look, tasks)
        except (LayoutError, MemoryFault):
            if not left:
                raise
            continue
        if all(each.ok is not False for each in found):
            break
    discovered = [Agreement(each, None if each.value is None else True) for each in layout.offsets]
    return [*discovered, *found]


def _look(look: Look, tasks: Callable[[], Collection[int]]) -> list[Agreement]:
    """Test everything once; what is gone by the end was not there to be tested."""
    before = members(look)
    chains = chain_trials(look, tasks)
    objects = object_trials(look, before)
    now = members(look)
    there = {address for address, member in before.items() if now.get(address) == member}
    return [
        *(trial.agreement() for trial in chains),
        *(trial.agreement(there) for trial in objects),
    ]
