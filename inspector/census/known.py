"""What earlier readings of one interpreter have left for the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.census.life import Life
from inspector.census.rows import Rows
from inspector.census.stacks import Moving
from inspector.cpython.walk import interpreters, read_pointer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.census.reading import Seen
    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory

__all__ = ["Known", "identifiers", "knowing"]


class Known:
    """One interpreter: its rows, its life and its stacks as they were seen so far."""

    def __init__(self, identifier: int, memory: Memory, layout: Layout) -> None:
        self.id = identifier
        """CPython's id of it, which no other interpreter of the process ever has."""
        self.rows = Rows(memory, layout)
        self.life = Life()
        self.moving = Moving()
        self.latest: Seen | None = None
        """The latest reading, if that was not of single types only."""


def identifiers(memory: Memory, layout: Layout) -> dict[int, int]:
    """Return the address of every interpreter there is -> CPython's id of it."""
    at = layout.published["interpreter_state.id"]
    chain = interpreters(memory, layout.published, layout.runtime)
    return {address: read_pointer(memory, address + at) for address in chain}


def knowing(
    before: Mapping[int, Known], chain: Mapping[int, int], memory: Memory, layout: Layout
) -> dict[int, Known]:
    """Return what is known of each interpreter (address -> id), by address.

    Those that are gone are forgotten.  One that stands where another one stood is new:
    nothing that was seen of that other one is true of it.
    """
    return {
        address: before[address]
        if address in before and before[address].id == identifier
        else Known(identifier, memory, layout)
        for address, identifier in chain.items()
    }
