"""Scattered reads of the own process, against the bytes that stand there."""

from __future__ import annotations

import ctypes
import errno
import mmap
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from inspector.errors import MemoryFault, UnsupportedVersion
from inspector.process import c_functions
from inspector.process import memory as memory_module
from inspector.process.memory import ProcessMemory
from inspector.process.vectors import ADDRESS_END, IOV_MAX, MAX_BYTES, PAGE, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inspector.process.vectors import Range

BYTES = 40 * PAGE


def library() -> ctypes.CDLL:
    """Return the C library, with the types of what is called."""
    found = ctypes.CDLL(None, use_errno=True)
    found.mmap.restype = ctypes.c_void_p
    found.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    found.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return found


class KnownBytes:
    """A piece of the own memory with known bytes, and nothing mapped behind it."""

    def __init__(self) -> None:
        self.library = library()
        rights, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.at: int = self.library.mmap(None, BYTES + PAGE, rights, flags, -1, 0)
        self.end = self.at + BYTES
        assert not self.library.munmap(self.end, PAGE)
        self.data = random.Random(7).randbytes(BYTES)  # noqa: S311 - bytes that are not alike
        ctypes.memmove(self.at, self.data, BYTES)

    def close(self) -> None:
        """Give it back."""
        assert not self.library.munmap(self.at, BYTES)

    def expected(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return what reading is to give, for ranges that touch nothing but the buffer."""
        found: list[bytes | None] = []
        for address, size in ranges:
            start = address - self.at
            inside = start >= 0 and start + size <= BYTES
            found.append(self.data[start : start + size] if inside else None if size else b"")
        return found


@pytest.fixture
def known() -> Iterator[KnownBytes]:
    made = KnownBytes()
    yield made
    made.close()


@pytest.fixture(params=["process_vm_readv", "/proc/PID/mem"])
def memory(request: pytest.FixtureRequest) -> Iterator[ProcessMemory]:
    made = ProcessMemory()
    if request.param != "process_vm_readv":
        assert made._open()
    yield made
    made.close()


def random_ranges(known: KnownBytes, seed: int) -> list[Range]:
    """Return ranges that overlap, repeat, are empty, and partly cannot be read."""
    chance = random.Random(seed)  # noqa: S311 - a test that runs the same each time
    ranges: list[Range] = []
    for _ in range(chance.choice([1, 3, 40, 400])):
        address = known.at + chance.randrange(BYTES)
        size = chance.choice([0, 1, 8, 24, 160, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
        if chance.random() < 0.95:
            size = min(size, known.end - address)
        ranges.append((address, size))
        if chance.random() < 0.1:
            ranges.append(chance.choice(ranges))
        if chance.random() < 0.02:
            bad = chance.choice([0, 1, 8, PAGE, known.end, known.end - 4, 2**63, 2**64 - 8])
            ranges.append((bad, chance.choice([8, 160])))
    return ranges


@pytest.mark.parametrize("seed", range(60))
def test_what_is_read_is_what_stands_there(
    memory: ProcessMemory, known: KnownBytes, seed: int
) -> None:
    ranges = random_ranges(known, seed)
    assert memory.read_many(ranges) == known.expected(ranges)


def test_the_same_ranges_are_read_anew(known: KnownBytes) -> None:
    memory = ProcessMemory()
    ranges = [(known.at, 8), (known.at + 5 * PAGE, 8)]
    before = memory.read_many(ranges)
    ctypes.memmove(known.at, b"otherwis", 8)
    assert memory.read_many(ranges) == [b"otherwis", before[1]]


def test_more_pages_than_one_call_moves_are_read(memory: ProcessMemory) -> None:
    pages = 2 * (2 * IOV_MAX + 3)
    with mmap.mmap(-1, pages * PAGE) as buffer:
        for page in range(pages):
            buffer[page * PAGE : page * PAGE + 2] = page.to_bytes(2, "little")
        pin = ctypes.c_char.from_buffer(buffer)
        at = ctypes.addressof(pin)
        ranges = [(at + page * PAGE, 2) for page in range(0, pages, 2)]
        found = memory.read_many(ranges)
        assert found == [page.to_bytes(2, "little") for page in range(0, pages, 2)]
        del pin


BAD: list[Range] = [
    (0, 8),
    (8, 8),
    (2**47, 8),
    (2**63 - 4, 8),
    (2**63, 8),
    (2**64 - 8, 8),
    (2**64 - 8, 160),
    (2**64 - 1, 1),
    (2**64, 8),
    (2**64 + PAGE, 8),
    (2**65, 8),
    (ADDRESS_END, 8),
    (ADDRESS_END - 8, 160),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad[0]:#x}+{bad[1]}")
def test_addresses_that_are_none_are_none_and_harm_no_others(
    memory: ProcessMemory, known: KnownBytes, bad: Range
) -> None:
    assert memory.read_many([bad]) == [None]
    good = (known.at + 100, 50)
    assert memory.read_many([good, bad, good]) == [known.data[100:150], None, known.data[100:150]]
    with pytest.raises(MemoryFault):
        memory.read(*bad)


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 2**40, 2**62, 2**63, 2**64, 2**70])
def test_sizes_that_lie_are_none_and_harm_no_others(
    memory: ProcessMemory, known: KnownBytes, size: int
) -> None:
    good = (known.at + 100, 50)
    found = memory.read_many([(known.at, size), good, (8, size)])
    assert found == [None, known.data[100:150], None]


def test_no_ranges_are_no_bytes(memory: ProcessMemory) -> None:
    assert memory.read_many([]) == []


@pytest.mark.parametrize("address", [0, 8, 2**63, 2**64 - 1, 2**64, 2**70])
def test_nothing_can_be_read_from_anywhere(memory: ProcessMemory, address: int) -> None:
    assert memory.read_many([(address, 0)]) == [b""]


def test_a_range_that_goes_beyond_what_is_mapped_is_a_fault(
    memory: ProcessMemory, known: KnownBytes
) -> None:
    assert memory.read(known.end - 8, 8) == known.data[-8:]
    with pytest.raises(MemoryFault) as caught:
        memory.read(known.end - 8, 9)
    assert (caught.value.address, caught.value.size) == (known.end - 8, 9)


def test_a_system_without_the_call_is_told_when_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    monkeypatch.setattr(memory_module, "process_vm_readv", c_functions._bind_functions()[0])
    monkeypatch.setattr(ProcessMemory, "_open", lambda _: False)
    with pytest.raises(UnsupportedVersion, match="no system call to read process") as caught:
        ProcessMemory().read(4096, 8)
    assert "Linux" in caught.value.hint


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_where_the_system_call_is_forbidden_the_file_is_read(
    known: KnownBytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> int:
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(memory_module, "process_vm_readv", forbidden)
    memory = ProcessMemory()
    ranges = random_ranges(known, 3)
    assert memory.read_many(ranges) == known.expected(ranges)
    assert memory._file >= 0
    memory.close()
    memory.close()


def test_a_process_that_is_gone_is_no_bad_address() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as child:
        child.wait()
    with pytest.raises(ProcessLookupError):
        ProcessMemory(child.pid).read_many([(PAGE, 8), (2 * PAGE, 8)])


def test_no_page_is_touched_that_no_range_needs(known: KnownBytes) -> None:
    ranges = [(known.at + 2 * PAGE, 8), (known.at + PAGE - 1, 2), (known.at + 7 * PAGE + 8, 8)]
    vectors = Vectors([*ranges, (known.at + 5 * PAGE, 0)])
    assert vectors.lengths == [4 * PAGE]
    assert [call[3] for call in vectors.calls] == [2]


def counted_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every system call adds what it moved."""
    call, moved = c_functions.process_vm_readv, []

    def counted(*arguments: int) -> int:
        moved.append(call(*arguments))
        return moved[-1]

    monkeypatch.setattr(memory_module, "process_vm_readv", counted)
    return moved


def test_a_page_that_is_not_there_costs_one_system_call(
    known: KnownBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    holes = range(3, BYTES // PAGE, 4)
    for page in holes:
        assert not known.library.munmap(known.at + page * PAGE, PAGE)
    ranges = [(known.at + at, 24) for at in range(0, BYTES - 24, 500)]
    moved = counted_calls(monkeypatch)
    found = ProcessMemory().read_many(ranges)
    for (address, size), piece in zip(ranges, found, strict=True):
        start = address - known.at
        touched = {start // PAGE, (start + size - 1) // PAGE}
        expected = None if touched & set(holes) else known.data[start : start + size]
        assert piece == expected
    assert len(moved) <= len(holes) + 1


def test_a_size_that_lies_costs_no_system_call_per_page(
    known: KnownBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = counted_calls(monkeypatch)
    ranges = [(known.at + 8, 8), (known.end - 8, 1 << 26), (known.end - 30, 8)]
    found = ProcessMemory().read_many(ranges)
    assert found == [known.data[8:16], None, known.data[-30:-22]]
    assert len(moved) < 10
