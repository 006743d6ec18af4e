"""ptrace(2) and those of its constants that stop threads and let them run again."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "PTRACE_DETACH",
    "PTRACE_EVENT_STOP",
    "PTRACE_GETREGSET",
    "PTRACE_GETSIGINFO",
    "PTRACE_INTERRUPT",
    "PTRACE_SEIZE",
    "REGISTER_SETS",
    "SIGINFO_SIZE",
    "STOPS",
    "WALL",
    "ptrace",
]

PTRACE_DETACH: Final = 17
PTRACE_GETSIGINFO: Final = 0x4202
PTRACE_GETREGSET: Final = 0x4204
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
PTRACE_EVENT_STOP: Final = 128
"""include/uapi/linux/ptrace.h"""

REGISTER_SETS: Final = {"x86_64": (1, 0x202), "aarch64": (1, 2)}
"""By machine, the sets (``NT_PRSTATUS``, and ``NT_X86_XSTATE`` or ``NT_PRFPREG``) that have all
registers which can hold a pointer (include/uapi/linux/elf.h)."""

SIGINFO_SIZE: Final = 128
"""Bytes of ``siginfo_t``."""

STOPS: Final = frozenset({os.CLD_TRAPPED, os.CLD_STOPPED})
"""Values of ``si_code`` that report a stop; all others report that the thread ended."""

WALL: Final = 0x40000000
"""``__WALL`` of include/uapi/linux/wait.h: threads as well as processes."""


def _bind_ptrace() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_long
    return function


ptrace: Final = _bind_ptrace()
