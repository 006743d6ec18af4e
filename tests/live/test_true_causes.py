"""What an error says of its cause is true."""

from __future__ import annotations

import sys

import pytest

import inspector
from inspector import checks
from tests.support import TARGETS, free_threaded_only, printed_by


class Liar:
    """An object that says that it is a type."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Say so."""
        return type


class Trap(type):
    """Types that raise whatever one asks them."""

    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(name)


class Modest(metaclass=Trap):
    """A type that says nothing of itself."""


@free_threaded_only
def test_what_says_that_it_is_a_type_and_is_none_is_told_so() -> None:
    for refuse in (inspector.refcount, checks.refcount):
        with pytest.raises(inspector.NotAType, match=r"Liar object is not a type"):
            refuse(Liar())  # type: ignore[arg-type]


@free_threaded_only
def test_a_type_that_says_nothing_of_itself_is_one() -> None:
    assert (inspector.refcount(Modest).total or 0) > 0
    assert inspector.snapshot()[Modest].name.endswith(".Modest")


@free_threaded_only
def test_behind_a_filter_the_own_process_is_read_without_a_pause() -> None:
    found = printed_by(sys.executable, TARGETS / "sandboxed.py")
    assert not found["exact"]
    assert 1000 <= found["total"] < 1100


@free_threaded_only
@pytest.mark.parametrize("calls", ["0", "1", "01"])
def test_a_filter_that_comes_after_a_reading_is_named_and_read_around(calls: str) -> None:
    """Call 0 is process_vm_readv, 1 is process_vm_writev."""
    found = printed_by(sys.executable, TARGETS / "sandboxed.py", "late", *calls)
    own, other = found["after"]
    names = [("process_vm_readv", "process_vm_writev")[int(call)] for call in calls]
    why = f"this system refuses {' and '.join(names)}"
    assert (found["before"][0]["exact"], found["before"][0]["doctor"]) == (True, None)
    assert (own["exact"], own["why"], own["doctor"], own["suspended"]) == (False, why, why, False)
    assert own["total"] == own["refcount"] == found["before"][0]["total"]
    assert own["instances"] == other["instances"] == 1000
    assert other["total"] == found["before"][1]["total"]
    assert max(own["seconds"], other["seconds"]) < 30


@free_threaded_only
def test_where_every_way_to_read_the_own_process_is_refused_the_error_says_that() -> None:
    found = printed_by(sys.executable, TARGETS / "sandboxed.py", "file")
    assert found["error"] == "AccessDenied"
    assert "not allowed to read" in found["text"]
    assert "try again" not in found["hint"]
