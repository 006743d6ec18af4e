"""Whether this process may read another one, and what would give it the right.

The facts are those that ``__ptrace_may_access`` (kernel/ptrace.c), Yama and capabilities decide
by, as found under ``/proc``.  Security modules and sandboxes may refuse in spite of them:
``readable`` is the kernel's own answer.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from inspector.process import proc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACCESS_HINT", "Permission", "advise_access", "read_permission"]

T = TypeVar("T")

ACCESS_HINT: Final = (
    "run as the target's user or as root; in Docker add --cap-add=SYS_PTRACE; "
    "`inspector doctor PID` says which it takes"
)
"""What to do, where it is not known which of these is missing."""

CAP_SYS_PTRACE: Final = 1 << 19
"""include/uapi/linux/capability.h"""

ANCESTORS: Final = 1 << 10
"""Most generations of parents that are followed; parents may change meanwhile."""

SCOPE_DESCENDANTS, SCOPE_CAPABILITY, SCOPE_NOBODY = 1, 2, 3
"""Values of ``kernel.yama.ptrace_scope`` beyond 0, which leaves all to the kernel's own rules."""

CONTAINER_MARKS: Final = ("docker", "containerd", "kubepods", "libpod", "lxc", "podman")


@dataclass(frozen=True)
class Permission:
    """What decides whether a process may be read; None for what is unknown."""

    pid: int
    readable: bool | None
    """The kernel's answer to an attempt to open the process's memory, reading nothing."""
    own_user: int
    """Real user id of the reader, which the kernel compares."""
    target_user: int | None
    """Effective user id."""
    same_user: bool | None
    """All user and group ids of the target equal those of the reader."""
    capable: bool
    """The reader has ``CAP_SYS_PTRACE``."""
    capabilities_covered: bool | None
    """The target has no capability that the reader lacks."""
    dumpable: bool | None
    """False for a program that changed its user, hides its memory, or is not readable."""
    ptrace_scope: int | None
    """``kernel.yama.ptrace_scope``; None on a kernel without Yama."""
    descendant: bool | None
    """The target descends from the reader, which Yama's scope 1 asks for."""
    same_user_namespace: bool | None
    same_pid_namespace: bool | None
    sandboxed: bool
    """System calls of the reader pass a seccomp filter."""
    container: str | None
    """The kind of container that the reader seems to run in, such as ``docker``."""
    security_label: str | None
    """Of the reader, by AppArmor, SELinux or the like; None when unconfined."""
    tracer: int | None
    """The process that traces the target; no other one can stop it then."""


def read_permission(pid: int) -> Permission:
    """Read what decides whether process ``pid`` may be read; never raises."""
    own = _try_reading(lambda: proc.read_status("self")) or {}
    target = _try_reading(lambda: proc.read_status(pid)) or {}
    target_users = _parse_ids(target.get("Uid", ""))
    owned = (os.getuid(),) * 3, (os.getgid(),) * 3
    theirs = target_users[:3], _parse_ids(target.get("Gid", ""))[:3]
    held, wanted = own.get("CapPrm", "0"), target.get("CapPrm")
    label = _try_reading(lambda: proc.read_file("/proc/self/attr/current").strip(b"\0\n").decode())
    return Permission(
        pid=pid,
        readable=_can_open(f"/proc/{pid}/mem"),
        own_user=os.getuid(),
        target_user=target_users[1] if target_users else None,
        same_user=owned == theirs if target else None,
        capable=bool(int(own.get("CapEff", "0"), 16) & CAP_SYS_PTRACE),
        capabilities_covered=None if wanted is None else not int(wanted, 16) & ~int(held, 16),
        dumpable=_is_dumpable(pid, target_users),
        ptrace_scope=_try_reading(
            lambda: int(proc.read_file("/proc/sys/kernel/yama/ptrace_scope"))
        ),
        descendant=_try_reading(lambda: _is_descendant(pid)),
        same_user_namespace=_same_namespace(pid, "user"),
        same_pid_namespace=_same_namespace(pid, "pid"),
        sandboxed=own.get("Seccomp", "0") != "0",
        container=_guess_container(),
        security_label=None if label in (None, "", "unconfined", "kernel") else label,
        tracer=int(target.get("TracerPid", "0")) or None,
    )


def advise_access(facts: Permission) -> str:
    """Return one line that says how to get the right; empty if nothing is missing."""
    if facts.readable is not False:
        return ""
    return _advise_beyond_root(facts) or _advise_on_capability(facts) or _advise_on_sandbox(facts)


def _advise_beyond_root(facts: Permission) -> str:
    """Return what to do where no capability of the reader would help."""
    if facts.ptrace_scope == SCOPE_NOBODY:
        return (
            "kernel.yama.ptrace_scope is 3: nobody may read other processes until the machine is "
            "restarted with a lower value"
        )
    if facts.same_user_namespace is False and facts.own_user == 0:
        return "the process belongs to another user namespace; run the command where that was made"
    return ""


def _advise_on_capability(facts: Permission) -> str:
    """Return how to get ``CAP_SYS_PTRACE`` if the lack of it is the reason."""
    if facts.capable:
        return ""
    in_container = f"give the {facts.container or 'container'} --cap-add=SYS_PTRACE"
    if facts.own_user == 0:
        return f"root lacks the capability SYS_PTRACE here: {in_container}"
    if facts.ptrace_scope == SCOPE_CAPABILITY:
        reason = "kernel.yama.ptrace_scope is 2"
    elif facts.same_user is False:
        reason = "it runs as another user"
    elif facts.ptrace_scope == SCOPE_DESCENDANTS and not facts.descendant:
        return (
            f"kernel.yama.ptrace_scope is 1: {_make_sudo_command()}, or allow it to your user with "
            f"sudo sysctl kernel.yama.ptrace_scope=0"
        )
    elif facts.dumpable is False:
        reason = "it hides its memory from its own user"
    elif facts.capabilities_covered is False:
        reason = "it has capabilities that you lack"
    else:
        return ""
    return f"{reason}: {in_container if facts.container else _make_sudo_command()}"


def _advise_on_sandbox(facts: Permission) -> str:
    """Return who else may refuse what the kernel's own rules allow."""
    if facts.sandboxed:
        return (
            "a seccomp filter of the sandbox may forbid it: in a container add "
            "--cap-add=SYS_PTRACE or --security-opt seccomp=unconfined"
        )
    if facts.security_label:
        return (
            f"the security module that labels this process {facts.security_label!r} may forbid "
            f"it; its log (dmesg, or the audit log) names the rule"
        )
    return f"a security module or sandbox refuses: {ACCESS_HINT}"


def _make_sudo_command() -> str:
    """Return the line that runs the present command as root."""
    program, *arguments = sys.argv or [""]
    # The first line of an executable script names its interpreter; other commands need it.
    if os.access(program, os.X_OK) and program.startswith("/"):
        command = [program, *arguments]
    else:
        command = [sys.executable, *sys.orig_argv[1:]]
    return shlex.join(["sudo", *command])


def _try_reading(look: Callable[[], T]) -> T | None:
    """Return what ``look`` returns, None if it fails."""
    try:
        return look()
    except (OSError, ValueError):
        return None


def _parse_ids(text: str) -> tuple[int, ...]:
    """Return the ids of a line of ``/proc/PID/status``: real, effective, saved, file system."""
    return tuple([int(word) for word in text.split()])


def _can_open(path: str) -> bool | None:
    """Whether a file can be opened for reading; None if it does not exist."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return False
    except OSError:
        return None
    return True


def _is_dumpable(pid: int, users: tuple[int, ...]) -> bool | None:
    """Whether the process shows its memory: root owns the files of one that hides it."""
    owner = _try_reading(lambda: proc.read_owner(f"/proc/{pid}/environ"))
    if owner is None or not users or users[1] == 0:
        return None
    return owner == users[1]


def _is_descendant(pid: int) -> bool:
    """Whether the reader is an ancestor of a process, or the process itself."""
    for _ in range(ANCESTORS):
        if pid == os.getpid():
            return True
        if pid == 0:
            return False
        pid = proc.read_stat(pid).parent
    return False


def _same_namespace(pid: int, kind: str) -> bool | None:
    """Whether both are in the same namespace of a kind, such as ``user``."""
    theirs = _try_reading(lambda: proc.read_link(f"/proc/{pid}/ns/{kind}"))
    return (
        None
        if theirs is None
        else theirs == _try_reading(lambda: proc.read_link(f"/proc/self/ns/{kind}"))
    )


def _guess_container() -> str | None:
    """Guess the container of the reader from the marks that container engines leave."""
    if os.access("/.dockerenv", os.F_OK):
        return "docker"
    if os.access("/run/.containerenv", os.F_OK):
        return "podman"
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    groups = _try_reading(lambda: proc.read_file("/proc/self/cgroup")) or b""
    for mark in CONTAINER_MARKS:
        if mark.encode() in groups:
            return mark
    return None
