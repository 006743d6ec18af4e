"""Whose turn it is to read: readings that are interrupted, and those that wait for another."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from inspector.reader import reading_lock
from inspector.reader.reading_lock import ReadingLock

if TYPE_CHECKING:
    from types import FrameType


def taken_in_another_thread(taken: ReadingLock) -> bool:
    """Return whether another thread gets the turn."""
    found = []

    def take() -> None:
        with taken.take() as alone:
            found.append(alone)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("call", ["acquire", "release"])
def test_what_a_signal_handler_raises_at_the_end_of_a_call_leaves_nothing_taken(call: str) -> None:
    taken = ReadingLock()

    def profile(frame: FrameType, event: str, arg: Any) -> None:  # noqa: ANN401 - sys's
        if (
            event == "c_return"
            and arg.__name__ == call
            and frame.f_code.co_filename == reading_lock.__file__
        ):
            sys.setprofile(None)
            raise KeyboardInterrupt

    def interrupted() -> None:
        with taken.take():
            pass

    sys.setprofile(profile)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    finally:
        sys.setprofile(None)
    assert taken_in_another_thread(taken)
    with taken.take() as alone:
        assert alone


def test_where_one_thread_has_waited_in_vain_the_next_do_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = ReadingLock()
    with taken.take():
        monkeypatch.setattr(reading_lock, "MAX_WAIT", 0.01)
        assert not taken_in_another_thread(taken)
        monkeypatch.setattr(reading_lock, "MAX_WAIT", threading.TIMEOUT_MAX)
        assert not taken_in_another_thread(taken)
        assert not taken_in_another_thread(taken)
    assert taken_in_another_thread(taken)
