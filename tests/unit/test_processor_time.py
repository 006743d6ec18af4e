"""What processor time goes to: records of the kernel, symbols of a file, and their sums."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys

import pytest

from inspector.analysis.processor_time import ProcessorTally
from inspector.process.atomic_code import AtomicCode
from inspector.process.perf_events import HEAD, PAGES, TAIL, drain_ring
from inspector.process.runtime import find_own_runtime
from inspector.process.symbols import find_functions
from tests.image import Image

OBJECT, OTHER = 0x7F00_0000_1000, 0x7F00_0000_2000
FUNCTIONS = [(100, 200, "_Py_DecRefShared"), (300, 400, "PyMutex_Lock")]


def tally_of(*samples: tuple[int, tuple[int, ...]]) -> ProcessorTally:
    tally = ProcessorTally(FUNCTIONS, lambda instruction: instruction == 500)
    tally.add(samples)
    return tally


def test_samples_are_told_by_the_function_that_they_are_in() -> None:
    tally = tally_of((150, ()), (350, ()), (99, ()), (200, ()))
    summary = tally.summary(None)
    assert (summary.samples, summary.counting, summary.locking) == (4, 0.25, 0.25)


def test_a_register_names_the_object_that_is_counted() -> None:
    tally = tally_of((150, (OBJECT,)), (150, (OTHER + 16,)), (500, (OTHER + 16,)), (600, ()))
    assert (tally.share(OBJECT), tally.share(OTHER)) == (0.25, 0.5)


def test_a_register_says_nothing_where_no_count_is_changed() -> None:
    tally = tally_of((600, (OBJECT, OBJECT + 16)), (350, (OBJECT + 16,)), (500, (OBJECT,)))
    assert tally.share(OBJECT) is None


def test_what_no_sample_names_costs_nothing_once_there_are_enough() -> None:
    assert tally_of(*[(600, ())] * 199).share(OBJECT) is None
    assert tally_of(*[(600, ())] * 200).share(OBJECT) == 0


def test_nothing_is_known_without_samples() -> None:
    assert tally_of().share(OBJECT) is None
    assert tally_of().summary("not allowed") == (0, None, None, "not allowed")
    without = ProcessorTally([], lambda _: False)
    without.add([(1, ())])
    assert without.summary(None).counting is None


def record(instruction: int, native: int, *registers: int) -> bytes:
    body = struct.pack("=QIIQ", instruction, 1, native, 2)
    body += struct.pack(f"={len(registers)}Q", *registers)
    return struct.pack("=IHH", 9, 2, 8 + len(body)) + body


def ring_of(records: bytes, tail: int) -> bytearray:
    ring = bytearray((1 + PAGES) * mmap.PAGESIZE)
    size = PAGES * mmap.PAGESIZE
    for number, byte in enumerate(records, tail):
        ring[mmap.PAGESIZE + number % size] = byte
    struct.pack_into("=QQ", ring, HEAD, tail + len(records), tail)
    return ring


@pytest.mark.parametrize("tail", [0, 64, PAGES * mmap.PAGESIZE - 20, 3 * PAGES * mmap.PAGESIZE])
def test_records_are_taken_out_of_a_ring_wherever_they_begin(tail: int) -> None:
    other = struct.pack("=IHHQ", 2, 0, 16, 7)  # records that were lost
    ring = ring_of(record(0x111, 5, 1, 2) + other + record(0x222, 6, 3, 4), tail)
    assert drain_ring(ring) == [(5, 0x111, (1, 2)), (6, 0x222, (3, 4))]
    assert struct.unpack_from("=Q", ring, TAIL) == struct.unpack_from("=Q", ring, HEAD)
    assert drain_ring(ring) == []


@pytest.mark.parametrize(("head", "tail"), [(1 << 40, 0), (0, 1 << 40), (64, 0)])
def test_a_ring_of_nonsense_gives_no_sample(head: int, tail: int) -> None:
    ring = bytearray((1 + PAGES) * mmap.PAGESIZE)
    struct.pack_into("=QQ", ring, HEAD, head, tail)
    assert drain_ring(ring) == []


def test_functions_are_where_the_linker_has_them() -> None:
    (found,) = find_functions(os.getpid(), "_PyRuntime", find_own_runtime(), {"Py_GetVersion"})
    address = ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p).value
    assert (found.name, found.start) == ("Py_GetVersion", address)
    assert found.start < found.end < found.start + 10_000


def test_without_the_anchor_no_function_is_found() -> None:
    assert not find_functions(os.getpid(), "no_such_symbol", find_own_runtime(), {"Py_GetVersion"})
    assert not find_functions(os.getpid(), "_PyRuntime", 0, {"Py_GetVersion"})


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of x86-64")
def test_an_atomic_operation_is_known_by_its_machine_code() -> None:
    image = Image()
    locked = image.new(256)
    image.write(locked + 64, b"\xf0\x48\x0f\xb1\x51\x10")
    code = AtomicCode(image)
    assert code.is_near(locked + 70)  # behind it
    assert code.is_near(locked + 50)  # a load before it
    assert not code.is_near(locked + 20)
    assert not code.is_near(sys.maxsize)
