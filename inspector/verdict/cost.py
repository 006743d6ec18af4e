"""The cost of an object's header: how often it is updated, and by how many threads."""

from __future__ import annotations

from typing import Final

__all__ = ["BUSY", "cost_of", "rate_of"]

BUSY: Final = 50.0
"""Updates per second from which on a header that several threads use ranks before others."""


def rate_of(
    header: int | None,
    header_seconds: float | None,
    moved: int | None,
    sampled_seconds: float | None,
) -> float | None:
    """Return the least number of updates of a header per second; None if nothing was read.

    ``header`` are its net references within ``header_seconds``, ``moved`` the samples in which
    it had changed within ``sampled_seconds``: each of either is an update.
    """
    net = None if header is None or not header_seconds else abs(header) / header_seconds
    seen = None if moved is None or not sampled_seconds else moved / sampled_seconds
    if net is None or seen is None:
        return seen if net is None else net
    return max(net, seen)


def cost_of(
    rate: float | None, threads: int | None, *, gil_enabled: bool | None
) -> tuple[bool, float]:
    """Return the sort key of a ranking, the largest first.

    Objects with a busy header that several threads use at once, with the GIL off, come before
    all others; after that the rate of updates decides.
    """
    rate = rate or 0.0
    several = threads is not None and threads > 1 and not gil_enabled
    return several and rate >= BUSY, rate
