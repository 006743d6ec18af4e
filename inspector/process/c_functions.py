"""The functions of the C library that readings call, with their ctypes signatures.

All are from one library object: ctypes makes new heap types for each library, and a tool
that counts heap types must not make any while it reads.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

from inspector.errors import AccessDenied

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["make_call", "make_hook_error", "memcmp", "memmove", "process_vm_readv"]

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_ulong


def _unknown_call(*_: object) -> int:
    """Fail with ``ENOSYS``, like a system call that the kernel does not know."""
    ctypes.set_errno(errno.ENOSYS)
    return -1


def make_call(function: Callable[..., int], *arguments: int) -> int:
    """Call a foreign function, which must be harmless to call twice; return its result.

    Raises :class:`AccessDenied` if an audit hook of the own program forbids the call.
    """
    try:
        return function(*arguments)
    except Exception:
        # Raised by a hook, or by a signal handler right after the call: the second try tells.
        try:
            function(*arguments)
        except Exception as refusal:
            raise make_hook_error(refusal) from refusal
        raise


def make_hook_error(refusal: Exception) -> AccessDenied:
    """Return the error for a foreign call that an audit hook forbids."""
    return AccessDenied(
        f"an audit hook of this program forbids a call that reads memory: {refusal!r}",
        pid=os.getpid(),
        hint="nothing was stopped or changed; let the hook pass the event ctypes.call_function",
    )


def _bind_functions() -> tuple[Callable[..., int], Callable[..., int], Callable[..., int]]:
    """Return process_vm_readv, memcmp and memmove; on other systems, functions that fail."""
    load = ctypes.CDLL  # missing where another import of ctypes is interrupted by this one
    try:
        library = load(None, use_errno=True)
        readv, compare, move = library.process_vm_readv, library.memcmp, library.memmove
    except (AttributeError, TypeError):  # Windows names no library by None
        return _unknown_call, _unknown_call, _unknown_call
    readv.argtypes = [ctypes.c_int, _POINTER, _COUNT, _POINTER, _COUNT, _COUNT]
    readv.restype = ctypes.c_ssize_t
    compare.argtypes, compare.restype = [_POINTER, _POINTER, ctypes.c_size_t], ctypes.c_int
    move.argtypes, move.restype = [_POINTER, _POINTER, ctypes.c_size_t], _POINTER
    return readv, compare, move


process_vm_readv, memcmp, memmove = _bind_functions()
