"""What is asked of a reading: one value, from the call of a target down to the plan."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["RETRIES", "Request"]

RETRIES: Final = 4
"""Passes, after the first two, for what did not agree in them."""


class Request(NamedTuple):
    """What is to be read of which interpreters; equal requests may share a plan."""

    kinds: tuple[str, ...]
    """Of :data:`~inspector.census.snapshot.KINDS`; none to read the pool and all slots of
    the threads' arrays, and no object."""
    only: frozenset[int] = frozenset()
    """Addresses, also of objects in no pool; empty for every object of the kinds."""
    unlisted: bool = False
    """Types that are in no pool too: heap types without a unique id."""
    interpreter: int | None = None
    """CPython's id of the only interpreter that is read; None for all."""
    retries: int = RETRIES
    """Passes, after the first two, over objects of an interpreter that runs on."""
