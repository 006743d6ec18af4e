"""Repeated attempts to read a process that changes meanwhile, and the waits between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from inspector.errors import LayoutError, MemoryFault, Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_TRIES", "OutdatedPlan", "retry_reading", "wait_before_retry"]

MAX_TRIES: Final = 24
"""Attempts before it is an error that the target does not hold still."""

FIRST_WAIT, LONGEST_WAIT = 0.0002, 0.1
"""Seconds between two attempts: doubled each time, up to the longest."""

Result = TypeVar("Result")


class OutdatedPlan(Exception):
    """The interpreter changed between planning and reading."""


def wait_before_retry(number: int) -> None:
    """Wait before attempt ``number + 1``, longer each time."""
    time.sleep(min(FIRST_WAIT * 2**number, LONGEST_WAIT))


def retry_reading(attempt: Callable[[int], Result], *, patient: bool, advice: str) -> Result:
    """Call ``attempt`` with 1, 2, ... until it succeeds; wait in between if ``patient``.

    Raises :class:`Unsettled` with ``advice`` after :data:`MAX_TRIES` attempts, or the
    :class:`LayoutError` of the last one.
    """
    for number in range(1, MAX_TRIES):
        try:
            return attempt(number)
        except (OutdatedPlan, MemoryFault, LayoutError):
            pass
        if patient:
            # A garbage collection takes milliseconds to seconds; readings fail until its end.
            wait_before_retry(number)
    try:
        return attempt(MAX_TRIES)
    except (OutdatedPlan, MemoryFault):
        raise Unsettled(
            f"the target did not hold still in {MAX_TRIES} readings", tries=MAX_TRIES, hint=advice
        ) from None
