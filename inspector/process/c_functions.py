"""The functions of the C library that reading takes, each with its types fixed once.

Of one library object: each one that ctypes makes is a new heap type, and a tool that
counts types must not make any while it reads.
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


def _unknown_call(*arguments: object) -> int:  # noqa: ARG001 - those of any function
    """Fail with ``ENOSYS``, as a call that the kernel does not know."""
    ctypes.set_errno(errno.ENOSYS)
    return -1


def make_call(function: Callable[..., int], *arguments: int) -> int:
    """Call a foreign function that may be called again.

    Raises :class:`AccessDenied` where an audit hook of the own program refuses that.
    """
    try:
        return function(*arguments)
    except Exception:
        # Of a hook; or of a signal handler right behind the call, and then it is not ours.
        try:
            function(*arguments)
        except Exception as refusal:
            raise make_hook_error(refusal) from refusal
        raise


def make_hook_error(refusal: Exception) -> AccessDenied:
    """Return the error for a foreign call that an audit hook did not let happen."""
    return AccessDenied(
        f"an audit hook of this program forbids a call that reads memory: {refusal!r}",
        pid=os.getpid(),
        hint="nothing was stopped or changed; let the hook pass the event ctypes.call_function",
    )


def _bind_functions() -> tuple[Callable[..., int], Callable[..., int], Callable[..., int]]:
    """Return the functions; those that fail where there are none."""
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
