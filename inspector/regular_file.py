"""Opening files that a stranger named."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_regular"]


def open_regular(path: str) -> int:
    """Open a file that a stranger named; return its descriptor.

    Opened without touching it first: opening a device or a FIFO can have effects
    or hang, and the name may change meaning between a check and the opening.
    Raises ``OSError`` for anything that is no regular file.
    """
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(handle)
