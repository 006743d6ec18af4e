"""What the kernel says a thread does at this moment."""

from __future__ import annotations

import platform
from typing import Final

from inspector.process import proc

__all__ = ["FUTEX", "RUNNING", "read_activity"]

RUNNING: Final = "running"
"""On a processor, or ready to be."""
FUTEX: Final = "futex"

_X86_64: Final = {
    "accept": (43, 288),
    "connect": (42,),
    "epoll": (232, 281, 441),
    FUTEX: (202, 449),
    "lock a file": (73,),
    "poll": (7, 271),
    "read": (0,),
    "receive": (45, 47),
    "select": (23, 270),
    "send": (44, 46),
    "sleep": (35, 230),
    "wait for a process": (61, 247),
    "write": (1,),
}
_GENERIC: Final = {
    "accept": (202, 242),
    "connect": (203,),
    "epoll": (22, 441),
    FUTEX: (98, 449),
    "lock a file": (32,),
    "poll": (73,),
    "read": (63,),
    "receive": (207, 212),
    "select": (72,),
    "send": (206, 211),
    "sleep": (101, 115),
    "wait for a process": (95, 260),
    "write": (64,),
}
"""arch/x86/entry/syscalls/syscall_64.tbl, and include/uapi/asm-generic/unistd.h (aarch64)."""

_NUMBERS: Final = _X86_64 if platform.machine() == "x86_64" else _GENERIC


def read_activity(pid: int, task: int) -> str | None:
    """Return ``running``, or what kind of system call a thread sleeps in; None if not known.

    ``/proc/PID/task/TID/syscall`` (proc(5)) begins with the number of the call.
    """
    try:
        text = proc.read_file(f"/proc/{pid}/task/{task}/syscall", 64)
    except OSError:
        return None
    word = text.split()[0].decode() if text.strip() else ""
    if word == RUNNING:
        return RUNNING
    if not word.lstrip("-").isdecimal():
        return None
    for name, numbers in _NUMBERS.items():
        if int(word) in numbers:
            return name
    return f"system call {word}"
