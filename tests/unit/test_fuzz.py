"""A process whose memory lies: whatever stands in it, one clear error and few reads.

``make fuzz`` looks much longer; ``INSPECTOR_FUZZ`` is the number of examples per test.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.census import discovery, observe
from inspector.census.snapshot import KINDS
from inspector.errors import InspectorError
from tests.process import attach
from tests.runtime import V314, V315, small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspector.census.target import Target
    from tests.image import Image
    from tests.runtime import Runtime

VERSIONS = (V314, V315)

MOST_READS = 400_000
"""Ranges that one attachment and three readings of so small a process may ask for."""

MOST_BYTES = 1 << 29

EXAMPLES = int(os.environ.get("INSPECTOR_FUZZ", "0"))

looked_at = settings(
    max_examples=EXAMPLES or 100,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=bool(EXAMPLES),
)


@cache
def process(version: int) -> Runtime:
    """Return a process of two interpreters; it is copied and never changed."""
    runtime = small(version)
    other = runtime.interpreter(capacity=16)
    other.new_type("Other")
    other.new_module("elsewhere")
    other.thread(301)
    return runtime


@cache
def places(version: int) -> list[int]:
    """Return the addresses of words that have a value, and of their neighbours."""
    image = process(version).image
    used = {address for address in image.words() if image.word(address)}
    mapped = set(image.words())
    return sorted(mapped.intersection(each + step for each in used for step in (-8, 0, 8)))


CONSTANTS = (
    *(0, 1, 2, 3, 7, 8, 24, 48, 64, 128, 0x1000, 1 << 16, 1 << 26, 1 << 32, 1 << 40),
    *(1 << 60, 1 << 62, (1 << 63) - 1, 1 << 63, -1, -2, -8, -(1 << 40), 0xFFFF_FFFF),
)

Change = tuple[int, str, int]
"""Which word is overwritten, with what."""

changes = st.lists(
    st.tuples(
        st.integers(0, 1 << 20),
        st.sampled_from(["constant", "self", "near", "pointer", "copy", "add", "bit", "random"]),
        st.integers(0, (1 << 64) - 1),
    ),
    min_size=1,
    max_size=12,
)


def spoil(image: Image, where: list[int], change: Change) -> None:
    """Overwrite one word."""
    number, kind, value = change
    address = where[number % len(where)]
    values = {
        "constant": CONSTANTS[value % len(CONSTANTS)],
        "self": address,
        "near": address + 8 * (value % 33 - 16),
        "pointer": where[value % len(where)],
        "copy": image.word(where[value % len(where)]),
        "add": image.word(address) + value % 17 - 8,
        "bit": image.word(address) ^ 1 << value % 64,
        "random": value,
    }
    image.put(address, values[kind])


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
        patch.setattr(observe, "LONGEST_WAIT", 0)
        patch.setattr(discovery, "TRIES", 3)
        yield


@pytest.mark.parametrize("version", VERSIONS, ids=["3.14", "3.15"])
@looked_at
@given(lies=changes)
def test_attaching_to_what_lies_is_an_error_or_succeeds(version: int, lies: list[Change]) -> None:
    runtime = process(version)
    image = runtime.image.copy()
    for lie in lies:
        spoil(image, places(version), lie)
    image.most_reads = MOST_READS
    with suppress(InspectorError):
        use(attach(image, runtime.address), image)


@pytest.mark.parametrize("version", VERSIONS, ids=["3.14", "3.15"])
@looked_at
@given(lies=changes, moment=st.integers(0, 60))
def test_reading_what_begins_to_lie_is_an_error_or_succeeds(
    version: int, lies: list[Change], moment: int
) -> None:
    runtime = process(version)
    image = runtime.image.copy()
    target = attach(image, runtime.address)
    image.most_reads = image.reads + MOST_READS
    image.calls = 0

    def begin(number: int) -> None:
        if number == moment:
            for lie in lies:
                spoil(image, places(version), lie)

    image.before_read = begin
    use(target, image)
