"""The identity of a process, so that no number of one process is shown as another's.

After an exit the pid may go to another process, which has another start time.  An exec replaces
the program under the same pid and start time; the 16 random bytes that the kernel puts on the
stack of each new program then differ (``AT_RANDOM`` in getauxval(3)).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from inspector.errors import InspectorError, NoSuchTarget, TargetChanged
from inspector.process import proc
from inspector.process.memory import ProcessMemory
from inspector.process.os_errors import make_process_error

__all__ = ["Identity", "check_identity", "identify_process", "read_thread_names"]

AT_RANDOM: Final = 25
"""include/uapi/linux/auxvec.h"""

RANDOM_SIZE: Final = 16

PF_KTHREAD: Final = 0x00200000
"""include/linux/sched.h: a thread of the kernel, without memory of its own."""

ENDED: Final = frozenset("ZXx")
"""State letters of a process that has ended."""


class Image(NamedTuple):
    """The random bytes of a program, and their address."""

    address: int
    random: bytes


class Identity(NamedTuple):
    """A process at one moment; ``pid`` and ``start_ticks`` identify it for good."""

    pid: int
    start_ticks: int
    """Clock ticks from the machine's start to the process's."""
    image: Image | None
    """Identifies the program among those that the process runs; None if unreadable."""
    name: str
    """The name that the process chose, up to 15 bytes."""
    exe: str | None
    """Path of the program in the target's mount namespace; None if not permitted."""
    user: int
    """Effective user id."""
    state: str
    """``T`` is stopped by a signal and ``t`` by a tracer; both can be read."""
    tracer: int | None
    """The process that traces it; no other one can then."""


def identify_process(pid: int) -> Identity:
    """Return who ``pid`` is.

    Raises :class:`NoSuchTarget` for a process that does not exist or has ended,
    for a thread's id and for a thread of the kernel.
    """
    try:
        status = proc.read_status(pid)
        facts = proc.read_stat(pid)
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    _refuse_ended(pid, facts)
    group = int(status["Tgid"])
    if group != pid:
        raise NoSuchTarget(
            f"{pid} is a thread of process {group}", pid=pid, hint=f"give the process: {group}"
        )
    if facts.flags & PF_KTHREAD:
        raise NoSuchTarget(
            f"process {pid} ({facts.name}) is a thread of the kernel",
            pid=pid,
            hint="`inspector ps` lists the processes that run Python",
        )
    return Identity(
        pid=pid,
        start_ticks=facts.start_ticks,
        image=_find_image(pid),
        name=facts.name,
        exe=_read_program_path(pid),
        user=int(status["Uid"].split()[1]),
        state=facts.state,
        tracer=int(status["TracerPid"]) or None,
    )


def check_identity(identity: Identity) -> None:
    """Do nothing if the process is still the one that was identified.

    Raises :class:`NoSuchTarget` if it ended, and :class:`TargetChanged` if another process
    has its pid or it runs another program.
    """
    pid = identity.pid
    try:
        facts = proc.read_stat(pid)
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    _refuse_ended(pid, facts)
    if facts.start_ticks != identity.start_ticks:
        raise TargetChanged(
            f"process {pid} has ended, and its pid is another's now",
            pid=pid,
            hint=f"{pid} is {facts.name} now; attach to it anew if you mean that",
        )
    if (
        identity.image is None
        or _read_random_bytes(pid, identity.image.address) == identity.image.random
    ):
        return
    if _has_no_memory(pid):
        raise NoSuchTarget(f"process {pid} ({facts.name}) is ending", pid=pid)
    raise TargetChanged(
        f"process {pid} runs another program now (exec)",
        pid=pid,
        hint=f"it is {facts.name} now; attach to it anew if you mean that",
    )


def read_thread_names(pid: int) -> dict[int, str]:
    """Return the kernel's name of each thread by its id as the target sees it.

    The ids are those of the target's own pid namespace, which is what CPython
    stores as ``native_thread_id``.  Threads that end meanwhile are left out.
    Raises :class:`NoSuchTarget` or :class:`AccessDenied`.
    """
    names = {}
    try:
        nested = len(proc.read_status(pid).get("NSpid", "").split()) > 1
        for task in proc.list_tasks(pid):
            try:
                native = int(proc.read_status(pid, task)["NSpid"].split()[-1]) if nested else task
                names[native] = proc.read_task_name(pid, task)
            except (FileNotFoundError, ProcessLookupError):
                continue
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    return names


def _refuse_ended(pid: int, facts: proc.Stat) -> None:
    """Raise for a process that has ended and is only waiting to be collected."""
    if facts.state not in ENDED:
        return
    if facts.threads > 1:
        raise NoSuchTarget(
            f"the main thread of process {pid} ({facts.name}) has ended, others run on",
            pid=pid,
            hint="the kernel shows the memory of a process through its main thread only",
        )
    raise NoSuchTarget(
        f"process {pid} ({facts.name}) has ended and is a zombie",
        pid=pid,
        hint=f"its parent, process {facts.parent}, has not collected it yet",
    )


def _read_program_path(pid: int) -> str | None:
    """Return the path of the program, None if the kernel does not tell."""
    try:
        return proc.read_link(f"/proc/{pid}/exe")
    except OSError:
        return None


def _has_no_memory(pid: int) -> bool:
    """Whether the memory of a process is gone already, because it is ending."""
    try:
        return not proc.read_file(f"/proc/{pid}/auxv", 1)
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False


def _find_image(pid: int) -> Image | None:
    """Find the random bytes of the running program; None if they cannot be read."""
    try:
        entries = proc.read_file(f"/proc/{pid}/auxv")
    except OSError:
        return None
    for key, address in struct.iter_unpack("=QQ", entries[: len(entries) // 16 * 16]):
        if key == AT_RANDOM:
            random = _read_random_bytes(pid, address)
            return None if random is None else Image(address, random)
    return None


def _read_random_bytes(pid: int, address: int) -> bytes | None:
    """Read the random bytes; None if they are not there or not permitted."""
    memory = ProcessMemory(pid)
    try:
        return memory.read(address, RANDOM_SIZE)
    except InspectorError:
        return None
    finally:
        memory.close()
