"""The fixture ``type_refcounts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import pytest

from inspector import checks
from inspector.checks.counts import collect_garbage, count_references, count_watched_type
from inspector.checks.support import find_support
from inspector.checks.turns import Reading
from inspector.checks.watched_types import watch_counted_type
from inspector.plugin.settings import settings_of

if TYPE_CHECKING:
    from inspector.checks.counts import TypeCount
    from inspector.checks.window import Window

__all__ = ["TypeRefcounts", "make_type_refcounts", "require_counts"]


class TypeRefcounts(Protocol):
    """References to types, counted truly on every build that can.

    ``type_refcounts(T)`` is the number after a collection,
    ``type_refcounts.count(T)`` what stands where right now, and
    ``with type_refcounts.unchanged(T): ...`` fails unless the number is the same after.
    """

    def __call__(self, subject: type, /) -> int:
        """Return the references to a type, after a collection."""
        ...

    def count(self, subject: type, /) -> TypeCount:
        """Return total, header and contributions per thread, without a collection."""
        ...

    def unchanged(self, *types: type, tolerance: int = 0) -> Window:
        """Return :func:`inspector.checks.assert_refcount_unchanged`."""
        ...


def make_type_refcounts() -> TypeRefcounts:
    """Return a plain function with the others on it.

    Not an instance: a call of one passes a tuple that holds a reference to the type.
    """

    def type_refcounts(subject: type, /) -> int:
        refs = watch_counted_type(subject)
        del subject  # with the GIL, frames hold references like anybody
        with Reading():
            collect_garbage()
            return count_watched_type(refs).total

    type_refcounts.count = count_references  # type: ignore[attr-defined]
    type_refcounts.unchanged = checks.assert_refcount_unchanged  # type: ignore[attr-defined]
    return cast("TypeRefcounts", type_refcounts)


def require_counts(config: pytest.Config) -> None:
    """Skip a test that asks for counts where there are none, or fail it if that is the rule."""
    reason = find_support().reason
    if reason and settings_of(config).unsupported == "fail":
        pytest.fail(f"type_refcounts: {reason}", pytrace=False)
    if reason:
        pytest.skip(f"type_refcounts: {reason}")
