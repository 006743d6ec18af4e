"""Checks that the offsets of a layout are right for the process that it was found in.

Discovered offsets are validated when they are found.  Offsets that the process publishes,
or that follow from public headers, are checked here: each by a condition that holds for
every thread, type or code object if the offset is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.diagnosis.layout_checks.chains import check_chains
from inspector.diagnosis.layout_checks.field_check import CheckedOffset, ProcessView
from inspector.diagnosis.layout_checks.objects import check_objects, find_members
from inspector.errors import LayoutError, MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["CheckedOffset", "check_layout"]

TRIES: Final = 4
"""Attempts on a process that runs on, before an offset counts as wrong."""


def check_layout(
    memory: Memory, layout: Layout, tasks: Callable[[], Collection[int]]
) -> list[CheckedOffset]:
    """Check every offset; ``tasks`` returns the thread ids in the process's own namespace.

    A process that changes while it is read can make a right offset look wrong, so the check
    is repeated until all agree, at most :data:`TRIES` times.  Raises what reading raises.
    """
    process = ProcessView(memory, layout)
    for left in reversed(range(TRIES)):
        try:
            found = _check_once(process, tasks)
        except (LayoutError, MemoryFault):
            if not left:
                raise
            continue
        if False not in [checked.ok for checked in found]:
            break
    discovered = []
    for offset in layout.offsets:
        discovered.append(CheckedOffset(offset, None if offset.value is None else True))
    return [*discovered, *found]


def _check_once(process: ProcessView, tasks: Callable[[], Collection[int]]) -> list[CheckedOffset]:
    """Check everything once, without objects that are gone by the end."""
    before = find_members(process)
    chains = check_chains(process, tasks)
    objects = check_objects(process, before)
    now = find_members(process)
    alive = set()
    for address, member in before.items():
        if now.get(address) == member:
            alive.add(address)
    found = [check.result() for check in chains]
    found += [check.result(alive) for check in objects]
    return found
