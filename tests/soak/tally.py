"""What is kept of many readings: sums and extremes, whose size does not depend on how many."""

from __future__ import annotations

import faulthandler
import time
from collections import Counter
from typing import Any, Final

from tests.soak.steadiness import growth

__all__ = ["HANGS", "Tally"]

IN_FULL: Final = 20
"""Faults that are told; the others are counted."""

HANGS: Final = 120
"""Seconds without a sign of life after which all stacks are shown and the process ends."""


class Tally:
    """Figures, errors by type, what must not be, and the memory as it was sampled."""

    def __init__(self) -> None:
        self.figures = Counter[str]()
        self.errors = Counter[str]()
        self.faults: list[str] = []
        self.longest_pause = 0
        """In nanoseconds."""
        self.memory: list[int] = []
        self._begin = time.monotonic()

    def alive(self) -> None:
        """Give a sign of life: what hangs from now on ends all."""
        faulthandler.dump_traceback_later(HANGS, exit=True)

    def fault(self, text: str) -> None:
        """Note what must not be; the first ones in full."""
        self.figures["faults in all"] += 1
        if len(self.faults) < IN_FULL:
            self.faults.append(text)

    def paused(self, nanoseconds: int | None) -> None:
        """Note a pause."""
        self.longest_pause = max(self.longest_pause, nanoseconds or 0)

    def seconds(self) -> float:
        """Return for how long this has been kept."""
        return time.monotonic() - self._begin

    def document(self, *, per: str) -> dict[str, Any]:
        """Return it all, with the rate of one of the figures."""
        seconds = self.seconds()
        return {
            **self.figures,
            "seconds": round(seconds, 1),
            "per second": round(self.figures[per] / seconds, 1),
            "longest_pause_ns": self.longest_pause,
            "errors": dict(self.errors),
            "faults": self.faults,
            "memory": [self.memory[0], self.memory[-1]],
            "growth": growth(self.memory),
            "samples": self.memory[:: max(1, len(self.memory) // 20)],
        }
