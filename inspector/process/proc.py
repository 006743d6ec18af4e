"""Reads files under ``/proc`` (proc(5)).

A process may choose any name for itself, so text is made printable.  Every function raises the
plain ``OSError`` of the kernel; callers translate it with
:func:`inspector.process.os_errors.make_process_error` or treat it as "unknown".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Mapping",
    "Stat",
    "find_mapping",
    "list_tasks",
    "make_printable",
    "read_command",
    "read_file",
    "read_link",
    "read_mappings",
    "read_owner",
    "read_stat",
    "read_status",
    "read_task_name",
]

LIMIT: Final = 1 << 26
"""Most bytes of a file that are read: the maps of a process with 500,000 mappings."""

COMMAND_LIMIT: Final = 1 << 16
"""Most bytes of a command line that are read."""

COMM: Final = 2
"""Fields of ``/proc/PID/stat`` up to the name, which is parsed by itself."""


def read_file(path: str, limit: int = LIMIT) -> bytes:
    """Return the first ``limit`` bytes of a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while limit > 0 and (piece := os.read(descriptor, min(limit, 1 << 16))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def read_link(path: str) -> str:
    """Return the target of a link in ``/proc``; the kernel appends ``(deleted)`` to some."""
    return os.readlink(path)


def read_owner(path: str) -> int:
    """Return the user id that a file belongs to."""
    return os.stat(path).st_uid


def make_printable(raw: bytes) -> str:
    """Return text that a process chose, with control characters replaced."""
    text = raw.decode(errors="replace")
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text])


class Stat(NamedTuple):
    """Fields of ``/proc/PID/stat``, or of one task's."""

    name: str
    state: str
    """One letter: R, S, D, T (stopped), t (stopped by a tracer), Z (zombie), X (dead)."""
    parent: int
    flags: int
    """``PF_...`` of include/linux/sched.h."""
    threads: int
    start_ticks: int
    """Clock ticks from the machine's start to the process's start."""


def read_stat(pid: int, task: int | None = None) -> Stat:
    """Return the facts of a process, or of one of its tasks."""
    path = f"/proc/{pid}/stat" if task is None else f"/proc/{pid}/task/{task}/stat"
    text = read_file(path)
    # The name is in parentheses and may itself contain any of ") \n".
    start, end = text.index(b"(") + 1, text.rindex(b")")
    fields = text[end + 1 :].split()
    return Stat(
        name=make_printable(text[start:end]),
        state=fields[2 - COMM].decode(),
        parent=int(fields[3 - COMM]),
        flags=int(fields[8 - COMM]),
        threads=int(fields[19 - COMM]),
        start_ticks=int(fields[21 - COMM]),
    )


def read_status(pid: int | str, task: int | None = None) -> dict[str, str]:
    """Return ``/proc/PID/status``, or one task's, as text by field name."""
    path = f"/proc/{pid}/status" if task is None else f"/proc/{pid}/task/{task}/status"
    fields = {}
    # The kernel escapes newlines in the name, so each line is one field.
    for line in read_file(path).split(b"\n"):
        name, _, value = line.partition(b":")
        fields[name.decode(errors="replace")] = make_printable(value.replace(b"\t", b" ").strip())
    return fields


def read_command(pid: int) -> str:
    """Return the command line on one line; empty if the process has none."""
    raw = read_file(f"/proc/{pid}/cmdline", COMMAND_LIMIT)
    return make_printable(b" ".join(raw.replace(b"\0", b" ").split()))


def list_tasks(pid: int) -> list[int]:
    """Return the thread ids of a process, in the reader's pid namespace."""
    with os.scandir(f"/proc/{pid}/task") as entries:
        return [int(entry.name) for entry in entries]


def read_task_name(pid: int, task: int) -> str:
    """Return the name of a thread, which it or the program chose, up to 15 bytes."""
    return make_printable(read_file(f"/proc/{pid}/task/{task}/comm").removesuffix(b"\n"))


class Mapping(NamedTuple):
    """One line of ``/proc/PID/maps``; addresses and offsets in bytes."""

    start: int
    end: int
    writable: bool
    offset: int
    inode: int
    path: str
    """Empty for memory that belongs to no file."""
    readable: bool = True
    shared: bool = False
    """Written to the file, or to other processes; else a page that is written is copied."""


def find_mapping(mappings: Iterable[Mapping], address: int) -> Mapping | None:
    """Return the mapping that contains an address; None if there is none."""
    for mapping in mappings:
        if mapping.start <= address < mapping.end:
            return mapping
    return None


def read_mappings(pid: int, *, unreadable: bool = False) -> Iterator[Mapping]:
    """Yield the readable mappings of a process by address, or all of them."""
    # Not splitlines: a path may contain a carriage return.
    for line in read_file(f"/proc/{pid}/maps").rstrip(b"\n").split(b"\n"):
        if not line:
            return  # a process that has ended has no mappings
        span, access, offset, _, inode, *rest = line.split(None, 5)
        start, _, end = span.partition(b"-")
        if access[:1] != b"r" and not unreadable:
            continue
        path = rest[0].replace(b"\\012", b"\n") if rest else b""
        yield Mapping(
            int(start, 16),
            int(end, 16),
            access[1:2] == b"w",
            int(offset, 16),
            int(inode),
            os.fsdecode(path),
            access[:1] == b"r",
            access[3:4] == b"s",
        )
