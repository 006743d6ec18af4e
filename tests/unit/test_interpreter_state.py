"""Interpreters that come and go between readings, and while they are read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from inspector.reader import retries
from tests.process import target_of
from tests.runtime import small

if TYPE_CHECKING:
    from tests.runtime import Interpreter, Runtime


def close(runtime: Runtime, interpreter: Interpreter) -> None:
    """Take the newest interpreter out of the list; its memory is somebody else's."""
    link = runtime.offsets["interpreter_state.next"]
    head = runtime.address + runtime.offsets["runtime_state.interpreters_head"]
    runtime.image.put(head, runtime.image.word(interpreter.address + link))
    runtime.image.put(interpreter.pool, -1, -1, -1, -1)


def close_at(call: int, runtime: Runtime, interpreter: Interpreter, now: int) -> None:
    """Close an interpreter before one of the reads."""
    if now == call:
        close(runtime, interpreter)


@pytest.mark.parametrize("blocking", [False, True])
def test_an_interpreter_that_is_closed_while_it_is_read_is_left_out_or_right(
    monkeypatch: pytest.MonkeyPatch, *, blocking: bool
) -> None:
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0)
    left_out = 0
    for call in range(60):
        runtime = small()
        other = runtime.interpreter(capacity=16)
        other.new_type("Other")
        target = target_of(runtime)
        runtime.image.calls = 0
        runtime.image.before_read = partial(close_at, call, runtime, other)
        snapshot = target.snapshot(blocking=blocking)
        assert snapshot["app.Class0"].counted == 22
        if len(snapshot.interpreters) == 1:
            left_out += 1
        else:
            assert snapshot["app.Other"].counted == 1
    assert left_out > 30


def test_an_interpreter_in_the_place_of_another_one_begins_its_own_life() -> None:
    runtime = small()
    other = runtime.interpreter(capacity=16)
    other.new_type("Other")
    target = target_of(runtime)
    target.snapshot()
    other.new_type("Later")
    assert target.snapshot().interpreters[1].life.types_born == 1
    runtime.image.put(other.address + runtime.offsets["interpreter_state.id"], 7)
    other.new_type("Latest")
    again = target.snapshot().interpreters[1]
    assert (again.id, again.life.types_born) == (7, 0)


def test_what_was_known_of_closed_interpreters_is_forgotten() -> None:
    runtime = small()
    other = runtime.interpreter(capacity=16)
    target = target_of(runtime)
    target.snapshot()
    assert {each.id for each in target._reader.states.values()} == {0, 1}
    close(runtime, other)
    target.snapshot()
    assert [each.id for each in target._reader.states.values()] == [0]
