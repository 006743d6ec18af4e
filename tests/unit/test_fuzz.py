"""A process whose memory lies: whatever stands in it, one clear error and few reads.

``make fuzz`` looks much longer; ``INSPECTOR_FUZZ`` is the number of cases in all.
"""

from __future__ import annotations

import json
import os
import resource
import time
from contextlib import contextmanager, suppress
from functools import cache
from itertools import compress, count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.errors import InspectorError
from inspector.reader import discovery, retries
from inspector.snapshots.snapshot import KINDS
from tests.heap import Shape
from tests.process import attach
from tests.runtime import V314, V315, small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.reader.target import Target
    from tests.image import Image
    from tests.runtime import Runtime

VERSIONS = (V314, V315)

MOST_READS = 400_000
"""Ranges that one attachment and three readings of so small a process may ask for."""

MOST_BYTES = 1 << 29

MOST_SECONDS = 20.0
"""Of one processor, for one case."""

MOST_MEMORY = 1 << 28
"""By which one case may raise what the process has in RAM; in bytes."""

CASES = int(os.environ.get("INSPECTOR_FUZZ", "0"))
PARTS = max(1, CASES // 4 // 2500)
"""Two tests on two versions in so many parts: what Hypothesis knows of a part is let go."""

EXAMPLES = CASES // 4 // PARTS

every_version = pytest.mark.parametrize(
    "version",
    VERSIONS * PARTS,
    ids=[f"{version}, {part}" for part in range(PARTS) for version in ("3.14", "3.15")],
)

looked_at = settings(
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=bool(EXAMPLES),
)


class Build(NamedTuple):
    """What a process has before its memory lies."""

    interpreters: int
    capacity: int
    """Ids of every interpreter but the first."""
    threads: int
    """Besides those of the first interpreter."""
    depth: int
    """Frames of one of them, each below the other."""
    shape: Shape
    """Offsets that are published nowhere."""


builds = st.builds(
    Build,
    st.integers(1, 3),
    st.sampled_from([8, 32]),
    st.integers(0, 2),
    st.sampled_from([0, 1, 12]),
    st.sampled_from([Shape(), Shape(unique_ids=8408, refcounts=6104, qsbr=952)]),
)


@cache
def process(version: int, build: Build) -> Runtime:
    """Return a process; it is copied and never changed."""
    runtime = small(version, build.shape)
    for number in range(1, build.interpreters):
        other = runtime.interpreter(build.capacity)
        other.new_type(f"Other{number}")
        other.new_module("elsewhere")
        other.thread(300 + number)
    last = runtime.interpreters[-1]
    code = runtime.heap.code("recursive")
    for number in range(build.threads):
        last.thread(400 + number)
        for _ in range(build.depth if not number else 0):
            last.frame(400, code | 1, [1])
    return runtime


@cache
def places(version: int, build: Build) -> list[int]:
    """Return the addresses of words that have a value, and of their neighbours."""
    image = process(version, build).image
    found = set()
    for start, data in image.segments.items():
        words = memoryview(data)[: len(data) // 8 * 8].cast("Q")
        near = {place + step for place in compress(count(), words) for step in (-1, 0, 1)}
        found |= {start + 8 * place for place in near if 0 <= place < len(words)}
    return sorted(found)


@cache
def published(version: int, build: Build) -> list[int]:
    """Return the addresses of the block that the process publishes: cookie, version, offsets."""
    start = process(version, build).address
    return list(range(start, start + 8 * (3 + len(process(version, build).offsets)), 8))


CONSTANTS = (
    *(0, 1, 2, 3, 7, 8, 24, 48, 64, 128, 0x1000, 1 << 16, 1 << 26, 1 << 32, 1 << 40),
    *(1 << 60, 1 << 62, (1 << 63) - 1, 1 << 63, -1, -2, -8, -(1 << 40), 0xFFFF_FFFF),
)

Change = tuple[bool, int, str, int]
"""Whether it is a word of the published block, which one, how it is overwritten, with what."""

changes = st.lists(
    st.tuples(
        st.sampled_from([False, False, False, True]),
        st.integers(0, 1 << 20),
        st.sampled_from(
            ["constant", "self", "near", "pointer", "edge", "copy", "torn", "add", "bit", "random"]
        ),
        st.integers(0, (1 << 64) - 1),
    ),
    min_size=1,
    max_size=12,
)


def spoiled(version: int, build: Build, change: Change) -> tuple[int, int]:
    """Return a word's address and what it is to be: a size, a way back or out, torn, a lie."""
    of_block, number, kind, value = change
    image, where = process(version, build).image, places(version, build)
    chosen = published(version, build) if of_block else where
    address = chosen[number % len(chosen)]
    word, other = image.word(address), image.word(where[value % len(where)])
    ends = [start + len(data) for start, data in image.segments.items()]
    torn = (1 << 8 * (1 + value % 7)) - 1
    values = {
        "constant": CONSTANTS[value % len(CONSTANTS)],
        "self": address,
        "near": address + 8 * (value % 33 - 16),
        "pointer": where[value % len(where)],
        "edge": ends[value % len(ends)] - value // 64 % 64,
        "copy": other,
        "torn": word & ~torn | other & torn,
        "add": word + value % 17 - 8,
        "bit": word ^ 1 << value % 64,
        "random": value,
    }
    return address, values[kind]


@contextmanager
def bounded() -> Iterator[None]:
    """Assert that a case takes a bounded time of the processor, and a bounded memory."""
    begin, most = time.thread_time(), peak()
    yield
    assert time.thread_time() - begin < MOST_SECONDS
    assert peak() - most < MOST_MEMORY


def peak() -> int:
    """Return the most bytes that this process has had in RAM so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def use(target: Target, image: Image) -> None:
    """Do with a target what the command line does."""
    ways: list[Callable[[], Any]] = [
        lambda: json.dumps(target.snapshot(kinds=KINDS).as_dict()),
        lambda: json.dumps(target.snapshot(kinds=KINDS, blocking=True).as_dict()),
        lambda: json.dumps(target.anatomy("app.Class0", blocking=True).as_dict()),
    ]
    for way in ways:
        with suppress(InspectorError):
            way()
    assert image.bytes_read < MOST_BYTES


@pytest.fixture(autouse=True)
def _without_waiting() -> Iterator[None]:
    """Let no time pass between two tries, of which there are few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retries, "LONGEST_WAIT", 0)
        patch.setattr(discovery, "TRIES", 3)
        yield


@every_version
@looked_at
@given(build=builds, lies=changes)
def test_attaching_to_what_lies_is_an_error_or_succeeds(
    version: int, build: Build, lies: list[Change]
) -> None:
    image = process(version, build).image.copy()
    for lie in lies:
        image.put(*spoiled(version, build, lie))
    image.most_reads = MOST_READS
    with bounded(), suppress(InspectorError):
        use(attach(image, process(version, build).address), image)


@every_version
@looked_at
@given(build=builds, lies=changes, moment=st.integers(0, 60), flickers=st.booleans())
def test_reading_what_begins_to_lie_is_an_error_or_succeeds(
    version: int, build: Build, lies: list[Change], moment: int, *, flickers: bool
) -> None:
    """From one moment on, or in every other read."""
    image = process(version, build).image.copy()
    target = attach(image, process(version, build).address)
    image.most_reads = image.reads + MOST_READS
    image.calls = 0
    lying = dict(spoiled(version, build, lie) for lie in lies)
    truth = {address: image.word(address) for address in lying}

    def begin(number: int) -> None:
        if number == moment or (flickers and number > moment):
            for address, word in (truth if (number - moment) % 2 else lying).items():
                image.put(address, word)

    image.before_read = begin
    with bounded():
        use(target, image)
