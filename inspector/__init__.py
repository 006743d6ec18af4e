"""True type refcounts of free-threaded CPython, read from the raw words."""

from __future__ import annotations

__version__ = "0.1.0"
