"""What this build can tell about references to types.

On a free-threaded CPython 3.14 or newer the count is the header plus what every
thread has contributed.  On a build with the GIL ``sys.getrefcount`` is the whole
truth.  Elsewhere nobody can tell, and :func:`find_support` says why.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import inspector
from inspector.errors import InspectorError, Reentered, UnsupportedVersion

__all__ = [
    "Support",
    "find_support",
    "require_support",
]


class Support(NamedTuple):
    """What this build can tell about references to types."""

    threads: bool
    """Counts per thread are kept and can be read."""
    reason: str
    """Why there is no count at all; empty where there is one."""
    no_threads: str = ""
    """Why there are no counts per thread; empty where there are."""


def find_support() -> Support:
    """Say what this build can tell; the same answer for the life of a process."""
    pid = os.getpid()
    if _known_support.get("pid") != pid:
        _known_support.update(pid=pid, answer=_detect_support())
    answer = _known_support["answer"]
    assert isinstance(answer, Support)  # noqa: S101 - for the type checker
    return answer


_known_support: dict[str, object] = {}


def _detect_support() -> Support:
    version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if sys.implementation.name != "cpython":
        return Support(threads=False, reason=f"{sys.implementation.name} counts no references")
    if "t" not in sys.abiflags:
        return Support(
            threads=False, reason="", no_threads=f"Python {version} has the GIL built in"
        )
    try:
        inspector.attach()
    except Reentered:
        raise  # says nothing of the build
    except InspectorError as problem:
        return Support(threads=False, reason=str(problem), no_threads=str(problem))
    return Support(threads=True, reason="")


def require_support() -> Support:
    """Return the support, or raise :class:`UnsupportedVersion` where there is no count."""
    found = find_support()
    if found.reason:
        raise UnsupportedVersion(
            f"references to types cannot be counted: {found.reason}",
            pid=os.getpid(),
            hint="use CPython: free-threaded 3.14 or newer on 64-bit Linux, or any with the GIL",
        )
    return found
