"""Whether the memory of a process that goes on and on stays the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["growth", "leftover_children", "open_files", "resident"]

PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Return the bytes of the own process that are in RAM, as the kernel counts them."""
    file = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        return int(os.read(file, 200).split()[1]) * PAGE
    finally:
        os.close(file)


def growth(samples: Sequence[int]) -> int:
    """Return by how many bytes the median of the last tenth is above that of the second.

    The first tenth fills caches.  Medians pass over what a collection is about to free.
    """
    tenth = max(1, len(samples) // 10)
    return _median(samples[-tenth:]) - _median(samples[tenth : 2 * tenth] or samples)


def _median(samples: Sequence[int]) -> int:
    # The module statistics has more classes and code than all that is soaked.
    return sorted(samples)[len(samples) // 2]


def open_files() -> int:
    """Return how many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - pathlib, likewise


def leftover_children() -> bool:
    """Tell whether there is a child, running or a zombie."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True
