"""Attempts to read a target that moves meanwhile: how many, and how long to wait between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from inspector.errors import LayoutError, MemoryFault, Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_TRIES", "OutdatedPlan", "retry_reading", "wait_before_retry"]

MAX_TRIES: Final = 24
"""Readings that may fail because the target moved, before that is an error."""

FIRST_WAIT, LONGEST_WAIT = 0.0002, 0.1
"""Seconds between two tries."""

Result = TypeVar("Result")


class OutdatedPlan(Exception):
    """What a plan rests on changed before it was read."""


def wait_before_retry(number: int) -> None:
    """Let the target get on before try ``number + 1``: longer each time."""
    time.sleep(min(FIRST_WAIT * 2**number, LONGEST_WAIT))


def retry_reading(attempt: Callable[[int], Result], *, patient: bool, advice: str) -> Result:
    """Call ``attempt`` with 1, 2, ... until it succeeds; ``patient`` waits in between.

    Raises :class:`Unsettled` with ``advice`` after :data:`MAX_TRIES` attempts, or the
    :class:`LayoutError` of the last one.
    """
    for number in range(1, MAX_TRIES):
        try:
            return attempt(number)
        except (OutdatedPlan, MemoryFault, LayoutError):
            pass
        if patient:
            # A collection takes milliseconds to seconds, and all readings fail in it.
            wait_before_retry(number)
    try:
        return attempt(MAX_TRIES)
    except (OutdatedPlan, MemoryFault):
        raise Unsettled(
            f"the target did not hold still in {MAX_TRIES} readings", tries=MAX_TRIES, hint=advice
        ) from None
