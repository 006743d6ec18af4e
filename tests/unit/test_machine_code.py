"""Machine code that calls C functions one after the other."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inspector.process import machine_code
from inspector.process.machine_code import CODE, find_address, find_caller

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = (0, 0, 0, 0, 0)


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the code be looked for anew, and again afterwards."""
    find_caller.cache_clear()
    yield
    find_caller.cache_clear()


def test_calls_are_made_in_order_with_all_their_arguments() -> None:
    caller, refusal = find_caller()
    assert caller is not None
    assert refusal == ""
    library, text = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    at = ctypes.addressof(text)
    form = ctypes.create_string_buffer(b"%d %d %d")
    print_, put = find_address(library.snprintf), find_address(library.memset)
    steps = [
        (print_, at, 64, ctypes.addressof(form), 1, -2, 3),
        (put, at, ord("9"), 1, 0, 0, 0),
        (find_address(library.atoi), at, *NOTHING),
        (find_address(library.getpid), 0, *NOTHING),
    ]
    assert caller.call(steps)[:2] == [len("1 -2 3"), at]
    assert [each & 0xFFFFFFFF for each in caller.call(steps[2:])] == [9, os.getpid()]
    assert text.value == b"9 -2 3"
    assert caller.call([]) == []


def test_its_page_is_executable_and_not_writable() -> None:
    caller, _ = find_caller()
    assert caller is not None
    at = find_address(caller._walk)
    rights = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        where, how = line.split()[:2]
        start, end = (int(each, 16) for each in where.split("-"))
        rights += [how] if start <= at < end else []
    assert rights == ["r-xp"]


@pytest.mark.usefixtures("fresh")
def test_another_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "CODE", {})
    assert find_caller() == (
        None,
        f"inspector has no machine code for {os.uname().machine}",
    )


@pytest.mark.usefixtures("fresh")
def test_a_system_that_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes) -> int:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(machine_code, "_map_code", refuse)
    reason = "this system allows no executable memory (Permission denied)"
    assert find_caller() == (None, reason)


PROGRAM = """
#include <sys/mman.h>
#include <string.h>
#include <stdint.h>
static const unsigned char code[] = {%s};
static long six(long a, long b, long c, long d, long e, long f)
{ return a + 10*b + 100*c + 1000*d + 10000*e + 100000*f; }
static long two(long a, long b) { return a - b; }
struct step { void *function; int64_t arguments[6], result; };
int main(void)
{
    void *page = mmap(0, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    if (mprotect(page, 65536, PROT_READ|PROT_EXEC)) return 2;
    struct step steps[3] = {{six, {1, 2, 3, 4, 5, 6}, 0}, {two, {5, 9}, 0}, {0}};
    ((void (*)(struct step *))page)(steps);
    return !(steps[0].result == 654321 && steps[1].result == -4);
}
"""


@pytest.mark.parametrize("machine", sorted(CODE))
def test_the_code_of_each_machine_runs_where_that_can_be_emulated(
    machine: str, tmp_path: Path
) -> None:
    own = machine == os.uname().machine
    compiler = shutil.which("gcc" if own else f"{machine}-linux-gnu-gcc")
    emulator = (
        "" if own else shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    )
    if compiler is None or emulator is None:
        pytest.skip(f"nothing here compiles for {machine} and runs it")
    source, program = tmp_path / "walk.c", tmp_path / "walk"
    source.write_text(PROGRAM % ",".join(map(str, CODE[machine])))
    subprocess.run([compiler, "-static", "-o", program, source], check=True)
    assert subprocess.run([*filter(None, [emulator]), program], check=False).returncode == 0
