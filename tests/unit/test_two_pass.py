"""Two passes that agree, and what becomes of those that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.cpython.refcount import decode_count
from inspector.reader import two_pass
from inspector.reader.plan import Request
from inspector.reader.planner import make_plan
from inspector.reader.retries import OutdatedPlan
from inspector.reader.two_pass import read_until_settled
from tests.image import PAGE
from tests.runtime import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.reader.plan import Plan
    from inspector.reader.reading import Reading
    from tests.runtime import Runtime

ONE = 1 << 2
"""A reference in ``ob_ref_shared``."""

SHARED = 16


@pytest.fixture(params=[two_pass.MAX_SINGLE_SLOTS, 0], ids=["few", "many"], autouse=True)
def singly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read what moves on its own, or with all the rest as where much moves."""
    monkeypatch.setattr(two_pass, "MAX_SINGLE_SLOTS", request.param)


class MovingProcess:
    """A process that changes right before some of the readings."""

    def __init__(self, tries: int = 4) -> None:
        self.runtime: Runtime = small()
        self.one = self.runtime.interpreters[0]
        self.image = self.runtime.image
        self.layout = self.runtime.layout()
        request = Request(("type",), retries=tries)
        self.plan: Plan = make_plan(self.image, self.layout, self.one.address, request)
        self.types = [address for _, address, _ in self.plan.members]

    def settle(self, before_read: Callable[[int], None]) -> Reading:
        """Settle while it changes; passes 0 and 1 are whole, the others read a part."""
        self.image.calls, self.image.before_read = 0, before_read
        return read_until_settled(self.image, self.layout, self.plan)


def still(_: int) -> None:
    """Change nothing."""


def test_two_passes_that_agree_are_settled_and_nothing_is_read_again() -> None:
    process = MovingProcess()
    reading = process.settle(still)
    assert process.image.calls == 2
    assert reading.bounds == {}
    assert reading.reread == {}
    assert [decode_count(words).net for words in reading.structures] == list(range(10, 18))


@pytest.mark.parametrize("moves", [1, 2, 3])
def test_a_header_that_comes_to_rest_is_settled_with_its_last_words(moves: int) -> None:
    process = MovingProcess()
    address = process.types[3]

    def change(number: int) -> None:
        if 1 <= number <= moves:
            process.image.add(address + SHARED, 100 * ONE)

    reading = process.settle(change)
    assert reading.bounds == {}
    assert decode_count(reading.structures[3]).net == 13 + 100 * moves
    assert len(reading.structures[3]) == process.layout.type_unique_id + 8
    assert reading.reread == {3: {}}


def test_a_header_that_never_rests_has_the_bounds_that_were_seen() -> None:
    process = MovingProcess(tries=4)
    address = process.types[3]
    reading = process.settle(lambda _: process.image.add(address + SHARED, 10 * ONE))
    # Pass 0 and 1 have told that it moves; 1 to 5 are those in which it was summed up.
    assert reading.bounds == {address: (13 + 20, 13 + 60)}


def test_a_slot_that_never_rests_has_bounds_of_the_whole_sum() -> None:
    process = MovingProcess(tries=1)
    slot = process.one.slot(101, process.types[0])
    reading = process.settle(lambda _: process.image.add(slot, -1))
    # 10 in the header, 7 by thread 102, 5 by thread 101 before it began.
    assert reading.bounds[process.types[0]] == (22 - 3, 22 - 2)
    assert reading.reread[0] == {101: 5 - 3, 102: 7}


def test_a_slot_that_comes_to_rest_is_settled_with_its_last_value() -> None:
    process = MovingProcess()
    slot = process.one.slot(102, process.types[0])

    def change(number: int) -> None:
        if number == 1:
            process.image.add(slot, 30)

    reading = process.settle(change)
    assert reading.bounds == {}
    assert reading.reread == {0: {101: 5, 102: 37}}


def test_words_behind_the_header_may_move() -> None:
    process = MovingProcess()
    address = process.types[3]
    reading = process.settle(lambda _: process.image.add(address + 200, 8))
    assert process.image.calls == 2
    assert reading.bounds == {}


def lock(process: MovingProcess, *, on: bool) -> None:
    """Lock the pool, as a thread does that ends."""
    process.image.write(process.one.pool, bytes([on]))


def collect(process: MovingProcess, *, on: bool) -> None:
    """Begin or end a collection."""
    process.one.set_collecting(on=on)


both = pytest.mark.parametrize("disturb", [lock, collect])


@both
@pytest.mark.parametrize("when", [0, 1])
def test_what_a_merge_can_have_moved_is_not_settled_until_it_is_calm(
    disturb: Callable[..., None], when: int
) -> None:
    process = MovingProcess()
    reading = process.settle(lambda number: disturb(process, on=number == when))
    # The members with contributions were read again, until two calm passes agreed.
    assert process.image.calls == 3 + when
    assert set(reading.reread) == {0, 1}
    assert reading.bounds == {}


@both
def test_a_merge_in_every_pass_leaves_unsettled_what_has_contributions(
    disturb: Callable[..., None],
) -> None:
    process = MovingProcess()
    reading = process.settle(lambda _: disturb(process, on=True))
    first, second = process.types[:2]
    assert reading.bounds == {first: (10 + 5 + 7,) * 2, second: (11 - 2,) * 2}


@both
def test_what_loses_its_contributions_in_a_merge_is_settled_then(
    disturb: Callable[..., None],
) -> None:
    process = MovingProcess()
    address, slot = process.types[1], process.one.slot(101, process.types[1])

    def merge(number: int) -> None:
        disturb(process, on=True)
        if number == 2:
            process.image.add(address + SHARED, -2 * ONE)
        if number == 3:
            process.image.add(slot, 2)

    reading = process.settle(merge)
    assert address not in reading.bounds
    assert reading.reread[1] == {}
    assert decode_count(reading.structures[1]).net == 9


@both
def test_two_passes_do_not_agree_across_a_merge(disturb: Callable[..., None]) -> None:
    process = MovingProcess(tries=2)
    reading = process.settle(lambda number: disturb(process, on=number % 2 == 1))
    assert reading.bounds.keys() >= set(process.types[:2])


def test_without_further_tries_what_moved_once_stays_unsettled() -> None:
    process = MovingProcess(tries=0)

    def change(number: int) -> None:
        if number == 1:
            process.image.add(process.types[3] + SHARED, ONE)

    assert process.settle(change).bounds[process.types[3]] == (14, 14)


def test_an_object_that_cannot_be_read_any_more_is_unread() -> None:
    process = MovingProcess()
    alone = process.image.new(PAGE, alone=True)
    address = process.types[3]
    size = process.runtime.shape.heap_type_size
    process.image.write(alone, process.image.read(address, size))
    process.image.put(process.one.table + 8 * 3, alone)
    process.plan = make_plan(process.image, process.layout, process.one.address, Request(("type",)))

    def change(number: int) -> None:
        if number == 1:
            process.image.add(alone + SHARED, ONE)
        if number == 2:
            process.image.unmap(alone)

    assert process.settle(change).structures[3] == b""


@pytest.mark.parametrize("when", [0, 1, 2])
def test_a_plan_that_is_outdated_is_told(when: int) -> None:
    process = MovingProcess()

    def change(number: int) -> None:
        if number == 1:
            process.image.add(process.types[3] + SHARED, ONE)
        if number == when:
            process.one.thread(999)

    with pytest.raises(OutdatedPlan):
        process.settle(change)
