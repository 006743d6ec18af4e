"""How often headers changed between two readings, by samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.snapshots.object_count import ObjectKey

__all__ = ["HeaderSamples"]


class HeaderSamples(NamedTuple):
    """Samples of headers that were taken between two readings."""

    places: Mapping[ObjectKey, int]
    """ObjectKey -> index in ``moved``."""
    moved: Sequence[int]
    """Per object: samples in which ``ob_ref_shared`` was another than in the sample before."""
    samples: int
    """Samples that were compared with the one before."""
    left_out: int = 0
    """Samples that were discarded: contributions may have been merged into headers."""
    seconds: float = 0.0
    """Seconds from sample to sample, without discarded ones."""
