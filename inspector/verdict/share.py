"""A share of samples, with its confidence interval."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["Share"]

DEVIATIONS: Final = 1.9599639845400536
"""The 0.975 quantile of the standard normal distribution: 95 % lie within so many standard
deviations.  Written out because ``statistics`` is slow to import."""


class Share(NamedTuple):
    """How many of some samples show an event."""

    moved: int
    samples: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None without samples."""
        return self.moved / self.samples if self.samples else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval (Wilson's score); from 0 to 1 without samples."""
        if not self.samples:
            return 0.0, 1.0
        n, share, square = self.samples, self.moved / self.samples, DEVIATIONS * DEVIATIONS
        middle = (share + square / (2 * n)) / (1 + square / n)
        spread = DEVIATIONS * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
        spread /= 1 + square / n
        # Rounding must not put the share itself outside.
        return min(share, max(0.0, middle - spread)), max(share, min(1.0, middle + spread))
