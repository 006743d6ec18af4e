"""Arrays of contributions, brought up to date from reading to reading."""

from __future__ import annotations

import random
from array import array

import pytest

from inspector.cpython.runtime_lists import Thread
from inspector.reader.contributions import Contributions, find_moved_slots


def thread(native_id: int, address: int = 0) -> Thread:
    """Return a thread state."""
    words = (address or native_id * 0x1000, 0, 0, native_id, 0x5000, 8)
    return Thread(*words, finalized=False, attached=False, bound=True)


def data(*values: int) -> bytes:
    """Return the bytes of an array."""
    return array("q", values).tobytes()


def test_zeros_are_left_out_and_signs_kept() -> None:
    found = Contributions().update([thread(1), thread(2)], [data(0, 3, -4), data(0, 5)])
    assert found == {1: {1: 3, 2: 5}, 2: {1: -4}}


def test_thread_states_of_one_thread_are_added_up() -> None:
    one, other = thread(1, 0x1000), thread(1, 0x2000)
    counts = Contributions()
    assert counts.update([one, other], [data(3, 1), data(4, -1)]) == {0: {1: 7}}
    assert counts.update([one, other], [data(3, 1), data(-3, 2)]) == {1: {1: 3}}
    assert counts.update([other], [data(-3, 2)]) == {0: {1: -3}, 1: {1: 2}}


def test_a_thread_that_ends_takes_its_counts_with_it() -> None:
    counts = Contributions()
    counts.update([thread(1), thread(2)], [data(3), data(4)])
    assert counts.update([thread(2)], [data(4)]) == {0: {2: 4}}
    assert counts.update([], []) == {}


def test_a_thread_in_the_place_of_another_starts_anew() -> None:
    counts = Contributions()
    counts.update([thread(1, 0x1000)], [data(3, 2)])
    assert counts.update([thread(2, 0x1000)], [data(0, 2)]) == {1: {2: 2}}


def test_what_an_earlier_reading_holds_does_not_change() -> None:
    counts = Contributions()
    before = counts.update([thread(1)], [data(3, 1)])[0]
    counts.update([thread(1)], [data(9, 1)])
    assert before == {1: 3}


def test_an_interrupted_update_does_not_spoil_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Contributions()
    counts.update([thread(1), thread(2)], [data(3, 1), data(5)])

    def interrupt(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr("inspector.reader.contributions._note_changes", interrupt)
        with pytest.raises(TimeoutError):
            counts.update([thread(1), thread(2)], [data(4, 1), data(5)])
    assert counts.update([thread(1)], [data(4, 2)]) == {0: {1: 4}, 1: {1: 2}}
    assert counts.changed == {0, 1}


@pytest.mark.parametrize("seed", range(20))
def test_updates_say_what_a_fresh_look_says(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test that runs the same each time
    counts = Contributions()
    arrays: dict[tuple[int, int], list[int]] = {}
    for _ in range(60):
        if chance.random() < 0.3:
            arrays[chance.randrange(1, 9) * 0x1000, chance.randrange(1, 5)] = [0] * 16
        if arrays and chance.random() < 0.15:
            del arrays[chance.choice(list(arrays))]
        for values in arrays.values():
            if chance.random() < 0.1:
                values.extend([0] * len(values))
            for _ in range(chance.choice([0, 0, 1, 4])):
                values[chance.randrange(len(values))] = chance.randrange(-3, 4)
        threads = [thread(native, address) for address, native in arrays]
        pieces = [data(*values) for values in arrays.values()]
        assert counts.update(threads, pieces) == Contributions().update(threads, pieces)


def test_the_indices_that_differ_are_those_of_any_thread() -> None:
    first = [data(1, 2, 3), data(4, 5), b""]
    assert find_moved_slots(first, first) == set()
    assert find_moved_slots(first, [data(1, 0, 3), data(4, 5), b""]) == {1}
    assert find_moved_slots(first, [data(0, 2, 3), data(4, -5), b""]) == {0, 1}
