"""Which objects' reference counts changed in one sample."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HeatSample"]


class HeatSample(NamedTuple):
    """Addresses of objects, by what had changed in their headers."""

    moved: tuple[int, ...]
    """``ob_ref_shared`` is another than in the sample before, or changes in this one."""
    close: tuple[int, ...]
    """It changed while the top frames of the threads were read."""
    local: tuple[int, ...]
    """The owner's own count changed, too."""
    locked: tuple[int, ...]
    """The object's own lock was held."""
