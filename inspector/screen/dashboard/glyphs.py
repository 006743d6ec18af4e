"""Bars and sparklines of a few cells; pure.

Without unicode digits stand for heights: every shape is also a text that can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw_sparkline", "draw_thread_bars"]

RISING: Final = "▁▂▃▄▅▆▇█"
DIGITS: Final = "12345678"
HANGING: Final = "▔▀"
"""Less and more than half of the largest, below zero."""
NOTHING, NOTHING_ASCII = "·", "."
UNKNOWN: Final = "?"


def draw_sparkline(values: Sequence[int | None], cells: int, *, unicode: bool = True) -> str:
    """Return the last values as heights between the smallest and the largest of them.

    A line that never moved lies at the bottom; what is not known is a blank.
    """
    shown = list(values)[-cells:]
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    steps = RISING if unicode else DIGITS
    return "".join(
        " " if value is None else steps[_step_number(value - low, span, len(steps))]
        for value in shown
    ).rjust(cells)


def draw_thread_bars(values: Sequence[int | None], largest: int, *, unicode: bool = True) -> str:
    """Return a cell per contribution: upright above zero, hanging (``-``) below."""
    return "".join(_draw_bar(value, largest, unicode=unicode) for value in values)


def _draw_bar(value: int | None, largest: int, *, unicode: bool) -> str:
    if value is None:
        return UNKNOWN
    if not value:
        return NOTHING if unicode else NOTHING_ASCII
    steps = RISING if unicode else DIGITS
    if value > 0:
        return steps[_step_number(value, largest, len(steps))]
    return HANGING[2 * -value > largest] if unicode else "-"


def _step_number(value: int, span: int, steps: int) -> int:
    """Return which of the steps from 0 to ``span`` a value stands on."""
    return min(steps - 1, value * steps // span) if span else 0
