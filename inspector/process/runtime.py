"""Finds the address of ``_PyRuntime``, from which everything else is reached.

CPython 3.13 and newer begin ``_PyRuntime`` with the cookie ``xdebugpy``, and put it into the
ELF section ``.PyRuntime`` of the program or of libpython (``Python/pylifecycle.c``).

An address is accepted only if the cookie is there in memory: a file may have been replaced
since it was mapped, and file names prove nothing.
"""

from __future__ import annotations

import os
import re
import sys
from itertools import chain
from typing import TYPE_CHECKING, Final

from inspector.errors import NotPython, TargetChanged, UnsupportedVersion
from inspector.process import proc
from inspector.process.elf import find_section, is_32_bit
from inspector.process.os_errors import make_process_error
from inspector.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inspector.errors import TargetError
    from inspector.process.elf import Section
    from inspector.process.proc import Mapping
    from inspector.process.protocols import Memory

__all__ = ["COOKIE", "find_own_runtime", "find_runtime", "guess_python_version"]

COOKIE: Final = b"xdebugpy"
SECTION: Final = b".PyRuntime"
ALIGNMENT: Final = 8
MAJOR: Final = 3
FIRST_WITH_COOKIE: Final = 13

SCAN_PIECE: Final = 1 << 20
SCAN_LIMIT: Final = 1 << 26
"""Most bytes of initialised data that are searched; real programs map far fewer."""

VERSION_IN_NAME: Final = re.compile(r"python-?(3)\.?(\d{1,2})")
"""``libpython3.12.so.1.0``, ``_json.cpython-312-x86_64-linux-gnu.so``, ``bin/python3.12``."""

NOT_CPYTHON: Final = re.compile(r"pypy|graalpy", re.IGNORECASE)


def find_own_runtime() -> int:
    """Return its address in the own process; raise :class:`NotPython` outside of CPython.

    CPython 3.12 and older have the symbol too, but no cookie at it.
    """
    import ctypes

    try:
        symbol = ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime")
    except ValueError:
        raise NotPython(
            "this Python has no _PyRuntime", pid=os.getpid(), hint="inspector reads CPython only"
        ) from None
    return ctypes.addressof(symbol)


def find_runtime(pid: int, memory: Memory) -> int:
    """Return the address of ``_PyRuntime`` in process ``pid``.

    Raises :class:`UnsupportedVersion` for CPython 3.12 and older and for 32-bit processes,
    :class:`TargetChanged` for a newer CPython that is starting or ending, :class:`NotPython`
    for all other programs, and :class:`NoSuchTarget` or :class:`AccessDenied`.
    """
    try:
        exe = proc.read_link(f"/proc/{pid}/exe")
        narrow = _is_narrow(pid)
        mapped = [found for found in proc.read_mappings(pid) if found.path.startswith("/")]
    except OSError as failure:
        raise make_process_error(failure.errno, pid) from None
    paths = [exe, *[mapping.path for mapping in mapped]]
    if narrow:
        kind = UnsupportedVersion if guess_python_version(paths) else NotPython
        raise kind(
            f"process {pid} ({_file_name(exe)}) runs a 32-bit program",
            pid=pid,
            hint="inspector reads 64-bit CPython only",
        )
    sections = _find_sections(pid, exe, mapped)
    for address in chain(_find_places(sections, mapped), _scan_for_cookie(memory, mapped)):
        if _is_runtime(memory, address):
            return address
    raise _make_not_found_error(pid, paths, is_python=bool(sections))


def guess_python_version(paths: Iterable[str]) -> str | None:
    """Return the version of CPython in the names of mapped files, such as ``3.12``."""
    for path in paths:
        found = VERSION_IN_NAME.search(_file_name(path))
        if found:
            return f"{found[1]}.{found[2]}"
    return None


def _is_narrow(pid: int) -> bool:
    """Whether the program of a process is a 32-bit one."""
    handle = open_regular(f"/proc/{pid}/exe")
    try:
        return is_32_bit(handle)
    finally:
        os.close(handle)


def _find_sections(pid: int, exe: str, mapped: Sequence[Mapping]) -> dict[str, Section]:
    """Return the section of the program, and of files that may be libpython, by path."""
    names: dict[str, list[str]] = {exe: [f"/proc/{pid}/exe"]}
    for mapping in mapped:
        path = mapping.path
        if "python" in _file_name(path):
            # The first name is the mapped file itself, but only the superuser may use it.
            itself = f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"
            names.setdefault(path, [itself, f"/proc/{pid}/root{path}", path])
    sections: dict[str, Section] = {}
    for path, candidates in names.items():
        section = _find_section_in(candidates)
        if section is not None:
            sections[path] = section
    return sections


def _find_section_in(names: Iterable[str]) -> Section | None:
    """Return the section in the first of several names of a file that opens and has it."""
    for name in names:
        try:
            handle = open_regular(name)
        except (OSError, ValueError):
            continue
        try:
            section = find_section(handle, SECTION)
        finally:
            os.close(handle)
        if section:
            return section
    return None


def _find_places(sections: dict[str, Section], mapped: Sequence[Mapping]) -> Iterator[int]:
    """Yield the addresses of the sections in memory, those in writable mappings first."""
    for mapping in sorted(mapped, key=lambda mapping: not mapping.writable):
        section = sections.get(mapping.path)
        if section and 0 <= section.offset - mapping.offset < mapping.end - mapping.start:
            yield mapping.start + section.offset - mapping.offset


def _scan_for_cookie(memory: Memory, mapped: Sequence[Mapping]) -> Iterator[int]:
    """Yield where the cookie is in initialised data: section headers may be stripped."""
    left = SCAN_LIMIT
    for mapping in mapped:
        if not mapping.writable:
            continue
        for start in range(mapping.start, mapping.end, SCAN_PIECE):
            left -= min(SCAN_PIECE, mapping.end - start)
            if left < 0:
                return
            (piece,) = memory.read_many([(start, min(SCAN_PIECE, mapping.end - start))])
            place = -1
            while piece and (place := piece.find(COOKIE, place + 1)) >= 0:
                if place % ALIGNMENT == 0:
                    yield start + place


def _is_runtime(memory: Memory, address: int) -> bool:
    """Whether the cookie is at an address, followed by a version of CPython 3."""
    (words,) = memory.read_many([(address, len(COOKIE) + 8)])
    if words is None or words[:8] != COOKIE:
        return False
    return int.from_bytes(words[8:], sys.byteorder) >> 24 == MAJOR


def _is_other_python(paths: Sequence[str]) -> bool:
    """Whether a process has files of an implementation that is not CPython."""
    for path in paths:
        if NOT_CPYTHON.search(_file_name(path)):
            return True
    return False


def _make_not_found_error(pid: int, paths: Sequence[str], *, is_python: bool) -> TargetError:
    """Return the error that says what the process runs instead, judged by its files."""
    version = guess_python_version(paths)
    program = _file_name(paths[0])
    if _is_other_python(paths):
        return NotPython(
            f"process {pid} ({program}) runs another Python than CPython",
            pid=pid,
            hint="inspector reads free-threaded CPython 3.14 or newer",
        )
    if version and int(version.partition(".")[2]) >= FIRST_WITH_COOKIE:
        return TargetChanged(
            f"the runtime of process {pid} ({program}) is not there",
            pid=pid,
            hint="the process may be starting or ending; try again",
        )
    if is_python or version:
        return UnsupportedVersion(
            f"process {pid} ({program}) runs CPython {version or '3.12 or older'}, "
            f"which publishes no layout",
            pid=pid,
            hint="run the program on python3.14t or newer",
        )
    return NotPython(
        f"process {pid} ({program}) does not run CPython",
        pid=pid,
        hint="`inspector ps` lists those that do; if it is just starting, try again",
    )


def _file_name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]
