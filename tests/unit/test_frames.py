"""References on thread stacks, from the bytes of frames."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from inspector.cpython.frames import (
    TooShort,
    count_deferred_references,
    plan_stack,
    select_uncounted,
)
from inspector.process.linked_lists import follow_lists
from tests.runtime import Interpreter, Runtime, small

if TYPE_CHECKING:
    from inspector.cpython.frames import Stack

CODE, TYPE, OTHER = 0x5000, 0x6000, 0x7000


@pytest.fixture
def runtime() -> Runtime:
    made = small()
    made.interpreters[0].thread(201)
    return made


@pytest.fixture
def one(runtime: Runtime) -> Interpreter:
    return runtime.interpreters[0]


def stack_of(runtime: Runtime, *, slots: int = 48, running: bool = False) -> Stack:
    """Read the stack of thread 201."""
    layout = runtime.layout()
    thread = runtime.interpreters[0].threads[201]
    frames, refs = follow_lists(runtime.image, plan_stack(layout, thread, (99, 99), slots))
    assert frames is not None
    assert refs is not None
    return count_deferred_references(layout.published, frames, refs, running=running)


@pytest.mark.parametrize(
    ("word", "objects"),
    [
        (0, []),
        (1, []),
        (TYPE, []),
        (TYPE | 1, [TYPE]),
        (TYPE | 2, []),
        (TYPE | 3, []),
        (7, []),
        (2**64 - 1, []),
        (2**64 - 3, [2**64 - 4]),
    ],
    ids=["0", "null", "counted", "deferred", "invalid", "int", "int 1", "int -1", "top"],
)
def test_only_references_that_nobody_counts_are_tagged_so(word: int, objects: list[int]) -> None:
    assert select_uncounted([word]) == objects


def test_executables_and_slots_of_all_frames_are_counted(
    runtime: Runtime, one: Interpreter
) -> None:
    one.frame(201, CODE | 1, [TYPE | 1, TYPE, 1, TYPE | 1, 15])
    one.frame(201, CODE, [OTHER | 1])
    one.frame(201, CODE | 1, [])
    stack = stack_of(runtime)
    assert stack.references == Counter({CODE: 2, TYPE: 2, OTHER: 1})
    assert stack.complete
    assert not stack.doubtful


def test_slots_above_the_stack_pointer_are_not_looked_at(
    runtime: Runtime, one: Interpreter
) -> None:
    frame = one.frame(201, CODE | 1, [TYPE | 1])
    above = frame + runtime.offsets["interpreter_frame.localsplus"] + 8
    runtime.image.put(above, OTHER | 1)
    assert stack_of(runtime).references == Counter({CODE: 1, TYPE: 1})


@pytest.mark.parametrize("owner", [3, 4, 255])
def test_frames_of_the_interpreter_hold_nothing(
    runtime: Runtime, one: Interpreter, owner: int
) -> None:
    one.frame(201, CODE | 1, [TYPE | 1])
    one.frame(201, OTHER | 1, [OTHER | 1], owner=owner, stackpointer=0)
    stack = stack_of(runtime)
    assert stack.references == Counter({CODE: 1, TYPE: 1})
    assert stack.complete


@pytest.mark.parametrize("owner", [0, 1, 2])
def test_frames_of_threads_generators_and_frame_objects_are_counted(
    runtime: Runtime, one: Interpreter, owner: int
) -> None:
    one.frame(201, CODE | 1, [], owner=owner)
    assert stack_of(runtime).references == Counter({CODE: 1})


def test_a_frame_without_a_stack_pointer_is_incomplete(runtime: Runtime, one: Interpreter) -> None:
    one.frame(201, CODE | 1, [TYPE | 1])
    one.frame(201, CODE | 1, [OTHER | 1], stackpointer=0)
    stack = stack_of(runtime)
    assert stack.references == Counter({CODE: 1, TYPE: 1})
    assert not stack.complete


@pytest.mark.parametrize("change", [-8, 4, -(2**40)], ids=["before", "unaligned", "far before"])
def test_a_stack_pointer_that_cannot_be_is_incomplete(
    runtime: Runtime, one: Interpreter, change: int
) -> None:
    frame = one.frame(201, CODE | 1, [])
    localsplus = frame + runtime.offsets["interpreter_frame.localsplus"]
    runtime.image.put(
        frame + runtime.offsets["interpreter_frame.stackpointer"], localsplus + change
    )
    assert not stack_of(runtime).complete


def test_a_frame_of_more_slots_than_were_read_is_too_short(
    runtime: Runtime, one: Interpreter
) -> None:
    one.frame(201, CODE | 1, [TYPE | 1] * 60)
    with pytest.raises(TooShort) as caught:
        stack_of(runtime, slots=48)
    assert caught.value.slots == 60
    assert stack_of(runtime, slots=60).references[TYPE] == 60


def test_a_frame_that_ends_in_its_fixed_part_is_too_short(runtime: Runtime) -> None:
    published = runtime.layout().published
    with pytest.raises(TooShort):
        count_deferred_references(published, [(0x1000, bytes(32))], [], running=False)


def test_the_slots_of_a_running_threads_top_frame_are_doubtful(
    runtime: Runtime, one: Interpreter
) -> None:
    one.frame(201, CODE | 1, [TYPE | 1])
    one.frame(201, CODE | 1, [TYPE | 1, OTHER | 1])
    one.frame(201, 0, [], owner=3)
    stack = stack_of(runtime, running=True)
    assert stack.references == Counter({CODE: 2, TYPE: 2, OTHER: 1})
    assert stack.doubtful == Counter({TYPE: 1, OTHER: 1})


def test_stack_references_of_c_code_are_counted(runtime: Runtime, one: Interpreter) -> None:
    for word in (TYPE | 1, OTHER, 1, 15, TYPE | 1):
        one.stack_reference(201, word)
    assert stack_of(runtime).references == Counter({TYPE: 2})


def test_a_thread_without_frames_holds_nothing(runtime: Runtime) -> None:
    stack = stack_of(runtime)
    assert (stack.references, stack.complete) == (Counter(), True)


def test_without_the_offset_of_c_stack_refs_frames_are_counted_all_the_same(
    runtime: Runtime, one: Interpreter
) -> None:
    one.frame(201, CODE | 1, [])
    one.stack_reference(201, TYPE | 1)
    for thread in one.threads.values():
        runtime.image.put(thread + runtime.shape.qsbr, 0)
    assert runtime.layout().c_stack_refs is None
    assert stack_of(runtime).references == Counter({CODE: 1})
