"""Who holds one object, or all instances of a type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.analysis.paths import find_paths
from inspector.snapshots.holders import Holders

if TYPE_CHECKING:
    from inspector.reader.held_objects import HeldObjects

__all__ = ["find_holders"]


def find_holders(held: HeldObjects) -> Holders:
    """Return the paths from roots to objects."""
    holders, unheld = find_paths(held.addresses, held.find_referrers)
    return Holders(
        target=held.target,
        subject=held.name,
        objects=len(held.addresses),
        exact=held.pause_ns is not None,
        pause_ns=held.pause_ns,
        holders=tuple(holders),
        unheld=len(unheld),
        bytes=held.bytes,
    )
