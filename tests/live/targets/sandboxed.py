"""Read the own process behind a filter that refuses the system calls for that (seccomp(2)).

Prints what came of it.  ``file`` as an argument refuses ``/proc/self/mem``, too; ``late`` refuses
the calls that are named by number after a first reading, of a forked child as well.
"""

import ctypes
import json
import os
import platform
import signal
import struct
import sys
import time

import inspector
from inspector.diagnosis.doctor import diagnose_process
from inspector.process.memory import ProcessMemory

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ, BPF_RET
CALLS = {"x86_64": (310, 311), "aarch64": (270, 271)}[platform.machine()]
"""process_vm_readv and process_vm_writev."""


def forbid(*calls: int) -> None:
    """Refuse system calls from now on."""
    lines = [(LOAD, 0, 0, 0)]
    lines += [(EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(
        struct.pack("=HxxxxxxQ", len(lines), ctypes.addressof(code)), 16
    )
    library = ctypes.CDLL(None, use_errno=True)
    assert library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0


class Order:
    """What is counted."""


def read(pid: int | None, address: int) -> dict[str, object]:
    """Return what each way of reading comes to."""
    begin = time.monotonic()
    try:
        target = inspector.attach(pid)
        snapshot = target.snapshot()
        heap = target.histogram()
    except inspector.InspectorError as error:
        return {"error": type(error).__name__, "text": str(error), "hint": error.hint}
    found: dict[str, object] = {
        "exact": snapshot.exact,
        "why": snapshot.why_not_exact,
        "total": snapshot[address].total,
        "instances": next(each.instances for each in heap.types if each.address == address),
    }
    if pid is None:
        found["refcount"] = inspector.refcount(Order).total
        found["suspended"] = target.suspended() is not None
        found["doctor"] = diagnose_process(None, 1).why_not_exact
    return found | {"seconds": time.monotonic() - begin}


def forbid_late(calls: list[int]) -> None:
    """Read, lose the calls, and read again."""
    child = os.fork()
    if not child:
        time.sleep(1000)
    try:
        before = [read(pid, id(Order)) for pid in (None, child)]
        forbid(*calls)
        after = [read(pid, id(Order)) for pid in (None, child)]
        print(json.dumps({"before": before, "after": after}))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


orders = [Order() for _ in range(1000)]
if "late" in sys.argv:
    forbid_late([CALLS[number] for number in (0, 1) if str(number) in sys.argv])
    sys.exit()
forbid(*CALLS)
if "file" in sys.argv:
    ProcessMemory._open = lambda _: False  # type: ignore[method-assign, assignment]
print(json.dumps(read(None, id(Order))))
