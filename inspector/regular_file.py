"""Opens regular files, and nothing else, by a path that is not trusted."""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["open_regular"]


def open_regular(path: str) -> int:
    """Open a regular file for reading; return its descriptor.

    ``O_PATH`` comes first: to open a device or a FIFO can have effects or hang, and between a
    check by path and the opening the path may come to mean another file.
    Raises ``OSError`` for anything but a regular file.
    """
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(handle)
