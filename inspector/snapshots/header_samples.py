"""What was sampled of headers between two readings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.snapshots.object_count import ObjectKey

__all__ = ["HeaderSamples"]


class HeaderSamples(NamedTuple):
    """What was sampled between two readings."""

    places: Mapping[ObjectKey, int]
    moved: Sequence[int]
    """Per object, in its place: samples in which its header had moved."""
    samples: int
    """That could be compared with the one before."""
    left_out: int = 0
    """In which headers may have moved by a merge."""
    seconds: float = 0.0
    """From sample to sample, those left out aside."""
