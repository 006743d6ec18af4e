"""One reading of an interpreter that may change at any moment of it."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from inspector.cpython.refcount import HEADER_SIZE
from inspector.errors import LayoutError, TargetChanged, Unsettled
from inspector.reader import retries
from inspector.reader.interpreter_state import InterpreterState
from inspector.reader.one_instant import read_still
from inspector.reader.plan import Request
from inspector.reader.planner import make_plan
from inspector.reader.reading import match_members, read_plan
from inspector.reader.rows import Rows
from inspector.reader.two_pass import read_running
from inspector.snapshots.snapshot import ObjectCount
from tests.process import target_of
from tests.runtime import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.cpython.layout import Layout
    from inspector.reader.plan import Plan
    from inspector.reader.reading import Reading
    from tests.image import Image
    from tests.runtime import Interpreter, Runtime

TYPES = Request(("type",))


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass between two tries."""
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0)


@cache
def layout_of_small() -> Layout:
    """Return the layout of what :func:`small` lays out, always to the same addresses."""
    return small().layout()


def state_of(runtime: Runtime) -> InterpreterState:
    """Return what is to be known of the main interpreter: nothing yet."""
    return InterpreterState(runtime.interpreters[0].address, 0, runtime.image, layout_of_small())


def plan_for(state: InterpreterState, last: Plan | None = None) -> Plan:
    """Return a plan for the classes of an interpreter."""
    return make_plan(state.memory, state.layout, state.address, TYPES, last)


def running(state: InterpreterState) -> Reading:
    """Read an interpreter that runs on."""
    return read_running(state, TYPES)


def stopped(state: InterpreterState) -> Reading:
    """Read an interpreter of another process that is stopped."""
    return read_still(state, TYPES, state.memory, own=False)  # type: ignore[arg-type] # an image


def own(state: InterpreterState) -> Reading:
    """Read the own interpreter."""
    return read_still(state, TYPES, state.memory, own=True)  # type: ignore[arg-type] # an image


def running_again(state: InterpreterState) -> Reading:
    """Read an interpreter that runs on, for the second time."""
    state.latest = running(state)
    return running(state)


def own_again(state: InterpreterState) -> Reading:
    """Read the own interpreter, for the second time."""
    state.latest = own(state)
    return own(state)


ways = pytest.mark.parametrize("look", [running, running_again, stopped, own, own_again])


def counted(state: InterpreterState, reading: Reading) -> dict[str, int | None]:
    """Return what was counted, by name."""
    made = Rows(state.memory, state.layout, 0).make_rows(reading)
    return {row.name: row.counted for row in map(ObjectCount._make, made)}


COUNTED = {"app.Class0": 22, "app.Class1": 9, **{f"app.Class{n}": 10 + n for n in range(2, 8)}}


@ways
def test_one_reading_of_what_rests_is_enough(look: Callable[[InterpreterState], Reading]) -> None:
    state = state_of(small())
    reading = look(state)
    assert reading.tries == 1
    assert reading.exact == (look in (stopped, own, own_again))
    assert counted(state, reading) == COUNTED


def test_stacks_are_read_where_threads_stand_still() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    class0, _, class2 = list(one.ids)[:3]
    reading = stopped(state_of(runtime))
    assert reading.stacks is not None
    assert reading.stacks.by_thread[101][class0] == 2
    assert reading.stacks.by_thread[102] == Counter(
        {class0: 1, class2: 1, list(one.ids)[10]: 1},
    )
    assert running(state_of(runtime)).stacks is None


def test_a_frame_longer_than_was_allowed_for_is_read_again() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    class7 = list(one.ids)[7]
    one.frame(102, 0, [class7 | 1] * 300)
    state = state_of(runtime)
    state.followed.threads.update(one.threads.values())
    reading = stopped(state)
    assert reading.tries == 2
    assert reading.stacks is not None
    assert reading.stacks.by_thread[102][class7] == 300
    assert stopped(state).tries == 1


@pytest.mark.parametrize("look", [stopped, own])
def test_a_stack_that_is_another_one_by_then_is_followed_where_it_is(
    look: Callable[[InterpreterState], Reading],
) -> None:
    runtime = small()
    look(state_of(runtime))
    for moment in range(runtime.image.calls):
        runtime = small()
        one = runtime.interpreters[0]
        class7 = list(one.ids)[7]
        state = state_of(runtime)

        def call(number: int, one: Interpreter = one, moment: int = moment) -> None:
            if number == moment:
                one.frame(102, 0, [class7 | 1] * 60)  # noqa: B023 - called in this round

        runtime.image.before_read = call
        reading = look(state)
        assert reading.stacks is not None
        # The last reading follows links: at its end it is the frame before that is found.
        found = reading.stacks.by_thread[102].get(class7, 0)
        assert found in ((60,) if reading.tries > 1 else (0, 60))
        assert reading.tries <= 3
        assert set(reading.stacks.by_thread) == {101, 102, 103}


def test_a_frame_that_hides_its_slots_leaves_all_stacks_unknown() -> None:
    runtime = small()
    runtime.interpreters[0].frame(101, 0, [], stackpointer=0)
    assert stopped(state_of(runtime)).stacks is None


def test_without_the_offset_of_c_stack_refs_all_stacks_are_unknown() -> None:
    state = state_of(small())
    state.layout = state.layout._replace(c_stack_refs=None)
    assert stopped(state).stacks is None


def end_and_merge(one: Interpreter) -> None:
    """Let a thread end: its counts move into the headers."""
    for address in one.ids:
        one.image.add(address + 16, one.image.word(one.slot(101, address)) << 2)
    one.end_thread(101)


def collect_and_merge(one: Interpreter) -> None:
    """Let a collection move all counts into headers."""
    for address in one.ids:
        for native_id in (101, 102):
            slot = one.slot(native_id, address)
            one.image.add(address + 16, one.image.word(slot) << 2)
            one.image.put(slot, 0)
    one.set_collections(4, 2, 1)


def grow_arrays(one: Interpreter) -> None:
    """Let a thread get its array, as for its first count."""
    values = one.image.new(8 * one.capacity)
    one.image.put(one.threads[103] + one.shape.refcounts, values, one.capacity)


def grow_pool(one: Interpreter) -> None:
    """Let the table of ids move, twice as large."""
    table, size = one.image.new(16 * one.capacity), one.capacity
    for index in range(size):
        word = one.image.word(one.table + 8 * index)
        inside = one.table <= word < one.table + 8 * size
        one.image.put(table + 8 * index, word - one.table + table if inside else word)
    first = one.image.word(one.pool + 16) - one.table + table
    one.image.put(table + 8 * size, *range(table + 8 * size + 8, table + 16 * size, 8), 0)
    one.image.put(one.pool + 8, table, first, 2 * size)


def begin_thread(one: Interpreter) -> None:
    """Let a new thread begin."""
    one.thread(104)


CHANGES = [end_and_merge, collect_and_merge, grow_arrays, grow_pool, begin_thread]


@ways
@pytest.mark.parametrize("change", CHANGES)
def test_whatever_happens_at_any_moment_no_count_is_wrong(
    look: Callable[[InterpreterState], Reading], change: Callable[[Interpreter], None]
) -> None:
    runtime = small()
    look(state_of(runtime))
    for moment in range(runtime.image.calls):
        runtime = small()
        state = state_of(runtime)

        def happen(number: int, runtime: Runtime = runtime, moment: int = moment) -> None:
            if number == moment:
                change(runtime.interpreters[0])

        runtime.image.before_read = happen
        reading = look(state)
        assert counted(state, reading) == COUNTED, moment
        assert reading.tries <= 2
        assert not reading.bounds


@ways
@pytest.mark.parametrize("kind", ["thread", "table"])
def test_what_never_holds_still_is_unsettled(
    look: Callable[[InterpreterState], Reading], kind: str
) -> None:
    runtime = small()
    one = runtime.interpreters[0]
    state = state_of(runtime)

    def happen(number: int) -> None:
        if kind == "thread":
            if one.threads.pop(2000 + number - 1, 0):
                one.image.put(one.address + one.offsets["interpreter_state.threads_head"], 0)
            one.thread(2000 + number)
        else:
            one.image.put(one.pool + 8, one.table + 8 * (number % 31))

    runtime.image.before_read = happen
    with pytest.raises((Unsettled, LayoutError)) as caught:
        look(state)
    assert caught.value.hint


def test_the_dead_are_left_out_and_the_newborn_listed_unread() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    state = state_of(runtime)
    plan = plan_for(state)
    dead = plan.members[2]
    one.take_id(dead[1])
    born = runtime.heap.heap_type("Born")
    assert one.give_id(born) == dead[0]
    function = one.new_code("unasked")
    reading = match_members(state.memory, state.layout, read_plan(state.memory, state.layout, plan))
    assert dead not in reading.members
    assert reading.members[-1] == (dead[0], born, "type")
    assert reading.structures[-1] == b""
    assert len(reading.structures) == len(reading.members) == 8
    assert function not in [address for _, address, _ in reading.members]


def test_without_a_change_of_the_table_nothing_is_looked_at_again() -> None:
    state = state_of(small())
    plan = plan_for(state)
    reading = read_plan(state.memory, state.layout, plan)
    assert match_members(state.memory, state.layout, reading) is reading


def test_the_plan_before_is_used_again_where_nothing_was_born_or_collected() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    state = state_of(runtime)
    first = plan_for(state)
    one.image.add(one.slot(101, next(iter(one.ids))), 5)
    assert plan_for(state, first) is first
    one.set_collections(4, 2, 1)
    assert plan_for(state, first) is not first
    assert plan_for(state, first).members == first.members
    one.set_collections(3, 2, 1)
    one.new_type("Born")
    assert len(plan_for(state, first).members) == 9


def test_a_second_reading_of_what_rests_is_one_pass() -> None:
    runtime = small()
    state = state_of(runtime)
    first = running(state)
    reads = runtime.image.reads
    state.latest = first
    again = running(state)
    assert again.plan is first.plan
    assert runtime.image.reads - reads < 2 * len(first.plan.ranges)
    assert counted(state, again) == COUNTED


def test_what_changed_since_the_reading_before_is_read_until_it_agrees() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    class0, class1 = list(one.ids)[:2]
    state = state_of(runtime)
    first = running(state)
    one.image.add(one.slot(102, class0), 1000)
    one.image.add(class1 + 12, 100)
    state.latest = first
    again = running(state)
    assert again.plan is first.plan
    assert not again.bounds
    expected = {"app.Class0": 1022, "app.Class1": 109}
    assert counted(state, again) == {**COUNTED, **expected}


@pytest.mark.parametrize("change", CHANGES)
def test_a_reading_before_a_merge_is_not_taken_for_a_pass(
    change: Callable[[Interpreter], None],
) -> None:
    runtime = small()
    state = state_of(runtime)
    first = running(state)
    change(runtime.interpreters[0])
    state.latest = first
    again = running(state)
    assert again.plan is not first.plan
    assert counted(state, again) == COUNTED


@pytest.mark.parametrize("look", [own, own_again])
def test_a_class_in_the_place_of_another_one_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[InterpreterState], Reading]
) -> None:
    runtime = small()
    look(state_of(runtime))
    names: dict[bool, set[str]] = {False: set(), True: set()}
    for moment in range(runtime.image.calls):
        runtime = small()
        one = runtime.interpreters[0]
        state = state_of(runtime)
        place = list(one.ids)[2]

        def happen(
            number: int, runtime: Runtime = runtime, place: int = place, moment: int = moment
        ) -> None:
            if number == moment:
                runtime.interpreters[0].set_collections(4, 2, 1)
                other = runtime.heap.heap_type("Other")
                # Its id and its counts are those of the class that it takes the place of.
                size = layout_of_small().type_unique_id - HEADER_SIZE
                words = runtime.image.read(other + HEADER_SIZE, size)
                runtime.image.write(place + HEADER_SIZE, words)

        runtime.image.before_read = happen
        paused = []
        read_all = runtime.image.read_all

        def note(*ranges: Any, image: Image = runtime.image) -> Any:  # noqa: ANN401 - passed on
            paused.append(image.calls)  # noqa: B023 - called in this round
            return read_all(*ranges)  # noqa: B023 - called in this round

        monkeypatch.setattr(runtime.image, "read_all", note)
        reading = look(state)
        rows = Rows(state.memory, state.layout, 0).make_rows(reading)
        name = next(row.name for row in map(ObjectCount._make, rows) if row.address == place)
        names[moment <= paused[-1]].add(name)
    # After the pause, it is still the class that was there in the pause.
    assert names == {True: {"app.Other"}, False: {"app.Class2"}}


def test_a_class_that_was_half_made_is_read_once_more() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    own(state_of(runtime))
    for moment in range(runtime.image.calls):
        runtime = small()
        one = runtime.interpreters[0]
        state = state_of(runtime)
        at = list(one.ids)[2] + state.layout.type_unique_id
        identity = one.image.word(at)
        one.image.put(at, 0)

        def happen(
            number: int,
            one: Interpreter = one,
            at: int = at,
            identity: int = identity,
            moment: int = moment,
        ) -> None:
            if number == moment:
                one.image.put(at, identity)

        runtime.image.before_read = happen
        reading = own(state)
        assert reading.tries <= 2
        assert counted(state, reading) == COUNTED


def test_a_collection_under_way_is_waited_for_in_another_process() -> None:
    runtime = small()
    one = runtime.interpreters[0]
    state = state_of(runtime)
    one.set_collecting(on=True)

    def happen(number: int) -> None:
        if number > 60:
            one.set_collecting(on=False)

    runtime.image.before_read = happen
    reading = stopped(state)
    assert reading.tries > 1
    assert counted(state, reading) == COUNTED


@pytest.mark.parametrize("blocking", [False, True])
def test_a_process_that_is_torn_down_is_refused(*, blocking: bool) -> None:
    runtime = small()
    target = target_of(runtime)
    runtime.image.put(runtime.address + runtime.offsets["runtime_state.finalizing"], 0x5000)
    with pytest.raises(TargetChanged, match="finalizing"):
        target.snapshot(blocking=blocking)
    with pytest.raises(TargetChanged, match="finalizing"):
        target_of(runtime)


@ways
@pytest.mark.parametrize("size", [-1, -(2**62), 65, 2**62])
def test_an_array_that_cannot_be_is_never_read(
    look: Callable[[InterpreterState], Reading], size: int
) -> None:
    runtime = small()
    one = runtime.interpreters[0]
    one.image.put(one.threads[101] + one.shape.refcounts + 8, size)
    with pytest.raises(Unsettled):
        look(state_of(runtime))


class Held:
    """What a caller refers to while it reads."""


@pytest.mark.parametrize("look", [running, stopped, own])
def test_a_reading_that_was_tried_again_leaves_nothing_to_the_collector(
    look: Callable[[InterpreterState], Reading],
) -> None:
    runtime = small()
    state = state_of(runtime)

    def happen(number: int) -> None:
        if number == 8:
            begin_thread(runtime.interpreters[0])

    runtime.image.before_read = happen

    def read_holding(held: Held) -> tuple[int, weakref.ref[Held]]:
        return look(state).tries, weakref.ref(held)

    gc.collect()
    gc.disable()
    try:
        tries, held = read_holding(Held())
        assert tries > 1
        assert held() is None
    finally:
        gc.enable()
