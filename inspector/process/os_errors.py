"""Errors for the ``errno`` of system calls on a process.

Permissions are examined only after the kernel has refused something.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final

from inspector.errors import (
    AccessDenied,
    Exhausted,
    NoSuchTarget,
    TargetChanged,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from inspector.errors import InspectorError, TargetError

__all__ = ["is_exhaustion", "make_exhausted_error", "make_process_error"]

# 0: the call was right but moved nothing, because the memory of the process is gone already.
MISSING = (errno.ESRCH, errno.ENOENT, 0)
REFUSED = (errno.EPERM, errno.EACCES)
EXHAUSTED: Final = {
    errno.ENOMEM: "more than this process, its container or the machine has; see ulimit -v",
    errno.EMFILE: "this process may open no more files; see ulimit -n",
    errno.ENFILE: "the machine may open no more files; see fs.file-max",
}
"""Hints for resources that the reader lacks, whatever it tried."""


def make_process_error(code: int | None, pid: int, action: str = "read") -> InspectorError:
    """Return the error for ``errno`` ``code`` of an attempt to ``action`` process ``pid``."""
    if code in MISSING:
        return _make_missing_error(pid)
    if code == errno.ENOSYS:
        return UnsupportedVersion(
            f"{sys.platform} has no system call to {action} process {pid}",
            pid=pid,
            hint="inspector reads 64-bit Linux processes",
        )
    if code in REFUSED:
        from inspector.process.permission import advise_access, read_permission

        hint = advise_access(read_permission(pid))
        if not hint and action != "read":
            hint = f"reading it is allowed; do not ask to {action} it"
        return AccessDenied(f"not allowed to {action} process {pid}", pid=pid, hint=hint)
    if code in EXHAUSTED:
        reason = f"cannot {action} process {pid}: {os.strerror(code)}"
        return Exhausted(reason, hint=EXHAUSTED[code])
    return TargetChanged(
        f"cannot {action} process {pid}: {os.strerror(code or 0)}",
        pid=pid,
        hint="if the process is starting or ending, try again",
    )


def is_exhaustion(failure: OSError) -> bool:
    """Whether the reader lacks memory or files, whatever it tried."""
    return failure.errno in EXHAUSTED


def make_exhausted_error(failure: MemoryError | OSError) -> Exhausted:
    """Return the error for an exception of Python."""
    if isinstance(failure, MemoryError):
        return Exhausted("out of memory", hint=EXHAUSTED[errno.ENOMEM])
    reason = failure.strerror or str(failure)
    where = f": {failure.filename}" if failure.filename is not None else ""
    return Exhausted(f"{reason}{where}", hint=EXHAUSTED.get(failure.errno or 0, ""))


def _make_missing_error(pid: int) -> TargetError:
    """Return the error for a process that does not exist, or that ``/proc`` hides."""
    try:
        os.getpgid(pid)
    except (OSError, OverflowError):
        return NoSuchTarget(f"process {pid} does not exist", pid=pid, hint="it may have ended")
    if os.access(f"/proc/{pid}", os.F_OK):
        return NoSuchTarget(f"process {pid} is ending", pid=pid)
    if not os.access("/proc/self", os.F_OK):
        return AccessDenied(
            f"process {pid} cannot be read: /proc is not mounted",
            pid=pid,
            hint="mount -t proc proc /proc",
        )
    return AccessDenied(
        f"process {pid} is hidden: /proc is mounted with the option hidepid",
        pid=pid,
        hint="run the command as root, or as a member of the group that may see all of /proc",
    )
