"""What the header of an object costs: how often it is updated, and by how many threads."""

from __future__ import annotations

from typing import Final

__all__ = ["BUSY", "cost_of", "rate_of"]

BUSY: Final = 50.0
"""Updates of a header per second from which on several threads that use it come first."""


def rate_of(
    header: int | None,
    header_seconds: float | None,
    moved: int | None,
    sampled_seconds: float | None,
) -> float | None:
    """Return how often a header is updated per second, at least; None without any reading.

    Each net reference is an update, and so is each sample in which it had moved.
    """
    net = None if header is None or not header_seconds else abs(header) / header_seconds
    seen = None if moved is None or not sampled_seconds else moved / sampled_seconds
    if net is None or seen is None:
        return seen if net is None else net
    return max(net, seen)


def cost_of(
    rate: float | None, threads: int | None, *, gil_enabled: bool | None
) -> tuple[bool, float]:
    """Return what objects are ranked by, the largest first.

    Those whose headers are busy and that several threads use side by side, which takes the
    GIL off, come before all others; after that the rate of updates decides.
    """
    rate = rate or 0.0
    several = threads is not None and threads > 1 and not gil_enabled
    return several and rate >= BUSY, rate
