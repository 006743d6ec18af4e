"""Machine code that calls many C functions, all in one foreign call.

Every call through :mod:`ctypes` raises an audit event, whose hooks may run any Python code.
Here the one event is raised before the first of the C functions is called, and no Python code
runs between them.

The code is mapped once per process, first writable and then executable, never both.  A forked
child has it, too.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.process.c_functions import make_hook_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["CODE", "Caller", "Step", "find_address", "find_caller"]

PAGE: Final = 1 << 16
"""Bytes of the largest page of either machine; mmap and mprotect take whole pages."""

READ, WRITE, EXECUTE = 1, 2, 4
PRIVATE_ANONYMOUS: Final = 0x22
"""``PROT_*`` and ``MAP_*`` of Linux on both machines.  They are not taken
from the module mmap, because that would create a heap type to be counted."""

Step = tuple[int, int, int, int, int, int, int]
"""A call: the address of a C function, and six arguments.  The calling conventions of both
machines allow more arguments than the function takes."""

WORDS: Final = 8
"""Words of a step in memory: the function, its six arguments, and its result."""

NOT_MADE: Final = -(1 << 63)
"""The result of a step until its call is made; none of the functions returns it."""

CODE: Final = {
    # void walk(step *each) { for (; each->function; each++) each->result = each->function(...); }
    "x86_64": bytes.fromhex(
        "f3 0f 1e fa"  # 00  endbr64             a legal target of indirect calls (CET)
        "53"  # ........ 04  push rbx            which also aligns the stack to 16 bytes
        "48 89 fb"  # .. 05  mov  rbx, rdi       the first step
        "48 8b 03"  # .. 08  mov  rax, [rbx]
        "48 85 c0"  # .. 0b  test rax, rax
        "74 24"  # ..... 0e  je   34             no function: the end
        "48 8b 7b 08"  # 10  mov  rdi, [rbx+8]
        "48 8b 73 10"  # 14  mov  rsi, [rbx+16]
        "48 8b 53 18"  # 18  mov  rdx, [rbx+24]
        "48 8b 4b 20"  # 1c  mov  rcx, [rbx+32]
        "4c 8b 43 28"  # 20  mov  r8, [rbx+40]
        "4c 8b 4b 30"  # 24  mov  r9, [rbx+48]
        "ff d0"  # ..... 28  call rax
        "48 89 43 38"  # 2a  mov  [rbx+56], rax
        "48 83 c3 40"  # 2e  add  rbx, 64        the next step
        "eb d4"  # ..... 32  jmp  08
        "5b"  # ........ 34  pop  rbx
        "c3"  # ........ 35  ret
    ),
    # Words of 32 bits, lowest byte first.
    "aarch64": bytes.fromhex(
        "5f 24 03 d5"  # 00  bti  c              a legal target of indirect calls (BTI)
        "fd 7b be a9"  # 04  stp  x29, x30, [sp, #-32]!
        "fd 03 00 91"  # 08  mov  x29, sp
        "f3 0b 00 f9"  # 0c  str  x19, [sp, #16]
        "f3 03 00 aa"  # 10  mov  x19, x0        the first step
        "68 02 40 f9"  # 14  ldr  x8, [x19]
        "08 01 00 b4"  # 18  cbz  x8, 38         no function: the end
        "60 86 40 a9"  # 1c  ldp  x0, x1, [x19, #8]
        "62 8e 41 a9"  # 20  ldp  x2, x3, [x19, #24]
        "64 96 42 a9"  # 24  ldp  x4, x5, [x19, #40]
        "00 01 3f d6"  # 28  blr  x8
        "60 1e 00 f9"  # 2c  str  x0, [x19, #56]
        "73 02 01 91"  # 30  add  x19, x19, #64  the next step
        "f8 ff ff 17"  # 34  b    14
        "f3 0b 40 f9"  # 38  ldr  x19, [sp, #16]
        "fd 7b c2 a8"  # 3c  ldp  x29, x30, [sp], #32
        "c0 03 5f d6"  # 40  ret
    ),
}
"""Code by machine (``uname -m``): calls each step of an array, up to one without a function.
It is position-independent and preserves the registers that C expects to be preserved."""


class Caller:
    """Calls C functions one after the other, with no other code of the process between them."""

    def __init__(self, address: int) -> None:
        """``address`` is the address of the code.

        PYFUNCTYPE keeps the thread attached to the interpreter: a detached thread that stops
        the world would wait for itself.
        """
        self._walk = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(address)

    def call(self, steps: Iterable[Step]) -> list[int]:
        """Make all calls; return what each returned, as a signed word.

        Raises :class:`AccessDenied` if an audit hook forbids it, before the first call.  An
        exception of a signal handler is raised after all calls.
        """
        words = array("q")
        for step in steps:
            words.extend(step)
            words.append(NOT_MADE)
        words.extend((0,) * WORDS)
        try:
            self._walk(words.buffer_info()[0])
        except Exception as refusal:
            if words[WORDS - 1] != NOT_MADE:
                raise
            raise make_hook_error(refusal) from refusal
        return words[WORDS - 1 : -WORDS : WORDS].tolist()


class Found(NamedTuple):
    """The caller, or why there is none."""

    caller: Caller | None
    refusal: str
    """Empty if there is a caller."""


@cache
def find_caller() -> Found:
    """Map the code, once per process; the refusal names an unknown machine or a sandbox."""
    machine = os.uname().machine
    code = CODE.get(machine)
    if code is None:
        return Found(None, f"inspector has no machine code for {machine}")
    try:
        address = _map_code(code)
    except OSError as failure:
        return Found(None, f"this system allows no executable memory ({failure.strerror})")
    return Found(Caller(address), "")


def _map_code(code: bytes) -> int:
    """Return the address of a new page that holds the code, executable and not writable.

    Raises OSError if that is forbidden: by ``PR_SET_MDWE`` (prctl(2)), by SELinux
    (``execmem``), or by a seccomp filter.  The kernel flushes the instruction caches when a
    page becomes executable (``__sync_icache_dcache`` on aarch64).
    """
    library = ctypes.CDLL(None, use_errno=True)
    map_, protect, unmap = library.mmap, library.mprotect, library.munmap
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    map_.argtypes, map_.restype = [pointer, size, number, number, number, ctypes.c_long], pointer
    protect.argtypes, unmap.argtypes = [pointer, size, number], [pointer, size]
    found: int | None = map_(None, PAGE, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0)
    if found is None or found == ctypes.c_void_p(-1).value:
        raise _make_os_error()
    ctypes.memmove(found, code, len(code))
    if protect(found, PAGE, READ | EXECUTE):
        failure = _make_os_error()
        unmap(found, PAGE)
        raise failure
    return found


def _make_os_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def find_address(function: Callable[..., object]) -> int:
    """Return the address of a C function of a ctypes library."""
    return ctypes.c_void_p.from_address(ctypes.addressof(function)).value or 0  # type: ignore[arg-type]
