"""Assertions about references to types, right on free-threaded builds and others.

>>> from inspector import checks                             # doctest: +SKIP
>>> with checks.assert_no_type_leaks():                      # doctest: +SKIP
...     parse(document)
>>> checks.assert_no_leak_per_call(Widget)                   # doctest: +SKIP
>>> checks.assert_balanced(Widget, threads=4)                # doctest: +SKIP

Each ``assert_...`` raises :class:`CheckFailed`, an :class:`AssertionError`, and has
a twin ``check_...`` that returns (or, for a block, keeps in ``problem``) a
:class:`Problem` or None.  They need no pytest.

All of them collect garbage before they count, since garbage holds references too.
On a build with the GIL they count with :func:`sys.getrefcount`, which is the truth
there; ``balanced`` then means only that no reference is lost.  Where nobody counts
(another implementation, free-threaded 3.13) they raise
:class:`~inspector.errors.UnsupportedVersion`.  References that a thread's stack
holds are not counted on free-threaded builds, and are on the others.

Checks may be made in several threads.  Callables are run one after the other, each check
waiting for its turn; one that does not come raises :class:`~inspector.errors.Unsettled`.  A block
does not wait: what another thread may have taken while a check was open there does not fail it,
and is in ``noticed``.

Looked at are heap types alone, which classes are, and most types of extensions.  Leaked
instances of static types and built-in containers (a ``bytes`` or a ``dict`` per call) pass:
CPython does not count references to such types.
"""

from __future__ import annotations

from itertools import repeat as times
from typing import TYPE_CHECKING

from inspector.checks import balance
from inspector.checks.counts import collect_garbage, count_watched_type
from inspector.checks.evidence import compare_counts, split_findings
from inspector.checks.measuring import measure_changes
from inspector.checks.problem import CheckFailed, Finding, Problem, Verdict
from inspector.checks.rules import Rules
from inspector.checks.screening import Load
from inspector.checks.support import require_support
from inspector.checks.turns import Reading, Turn
from inspector.checks.watched_types import name_of, require_counted_types, watch_counted_type
from inspector.checks.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inspector.checks.watched_types import WatchedTypes

__all__ = [
    "CheckFailed",
    "Finding",
    "Problem",
    "Verdict",
    "Window",
    "assert_balanced",
    "assert_no_leak_per_call",
    "assert_no_type_leaks",
    "assert_refcount",
    "assert_refcount_unchanged",
    "check_balanced",
    "check_no_leak_per_call",
    "check_no_type_leaks",
    "check_refcount",
    "check_refcount_unchanged",
    "refcount",
]

ROUNDS = 3
"""How often the calls of a factory are repeated: a leak must show in every round."""


def refcount(subject: type) -> int:
    """Return the references to a type, after a collection: the true count of any build.

    Raises :class:`~inspector.errors.NotAType`, and
    :class:`~inspector.errors.NotCounted` for a static or immortal type.
    """
    refs = watch_counted_type(subject)
    del subject  # with the GIL, frames hold references like anybody
    return _count_after_collection(refs)


def check_refcount(subject: type, expected: int) -> Problem | None:
    """Return a problem unless :func:`refcount` of the type is ``expected``."""
    refs, name = watch_counted_type(subject), name_of(subject)
    del subject
    return compare_counts(name, expected, _count_after_collection(refs))


def assert_refcount(subject: type, expected: int) -> None:
    """Fail unless :func:`refcount` of the type is ``expected``."""
    __tracebackhide__ = True
    refs, name = watch_counted_type(subject), name_of(subject)
    del subject
    _raise_problem(compare_counts(name, expected, _count_after_collection(refs)))


def _count_after_collection(refs: WatchedTypes) -> int:
    """Count one type after a collection."""
    require_support()
    with Reading():
        collect_garbage()
        return count_watched_type(refs).total


def check_refcount_unchanged(*types: type, tolerance: int = 0) -> Window:
    """As :func:`assert_refcount_unchanged`, with the problem in ``problem``."""
    return _open_unchanged_window(types, tolerance, raises=False)


def assert_refcount_unchanged(*types: type, tolerance: int = 0) -> Window:
    """Fail if the references to one of the types are more, or fewer, after the block.

    ``tolerance`` is how many references a type may gain or lose.
    """
    return _open_unchanged_window(types, tolerance, raises=True)


def check_no_type_leaks(
    types: type | Iterable[type] | None = None,
    tolerance: int = 0,
    ignore: Iterable[type | str] = (),
) -> Window:
    """As :func:`assert_no_type_leaks`, with the problem in ``problem``."""
    return _open_leak_window(types, tolerance, ignore, raises=False)


def assert_no_type_leaks(
    types: type | Iterable[type] | None = None,
    tolerance: int = 0,
    ignore: Iterable[type | str] = (),
) -> Window:
    """Fail if there are more references to a type after the block than before.

    Looks at all types, or at ``types``.  ``tolerance`` is how many references each
    may gain, ``ignore`` holds types and patterns of ``module.qualname`` that may
    gain any number.  One block is one sample: what it fills once (a cache, a lazy
    import) counts, so warm up first, or use :func:`assert_no_leak_per_call`.
    """
    return _open_leak_window(types, tolerance, ignore, raises=True)


def check_no_leak_per_call(
    factory: Callable[[], object],
    repeat: int = 100,
    *,
    warmup: int | None = None,
    types: type | Iterable[type] | None = None,
    tolerance: int = 0,
    ignore: Iterable[type | str] = (),
) -> Problem | None:
    """As :func:`assert_no_leak_per_call`; return the problem, or None."""
    require_support()
    _require_positive("repeat", repeat)
    wanted = None if types is None else require_counted_types(types)
    rules = Rules.make(tolerance=tolerance, ignore=ignore)
    with Turn() as turn:
        for _ in times(None, repeat if warmup is None else warmup):
            factory()
            turn.go_on()

        def run() -> None:
            for _ in times(None, repeat):
                factory()
                turn.go_on()

        load = Load(run, ROUNDS, "call", repeat)
        return _make_problem(measure_changes(load, rules, wanted))


def assert_no_leak_per_call(
    factory: Callable[[], object],
    repeat: int = 100,
    *,
    warmup: int | None = None,
    types: type | Iterable[type] | None = None,
    tolerance: int = 0,
    ignore: Iterable[type | str] = (),
) -> None:
    """Fail if calling ``factory`` and dropping its result leaks references to any type.

    After ``warmup`` calls (as many as ``repeat`` by default) it is called ``repeat``
    times in each of several rounds.  Only a type that moves in every round, and not
    less and less, fails: what a call does once, or until a cache is full, does not.
    ``tolerance`` is how many references each call may add.
    """
    __tracebackhide__ = True
    _raise_problem(
        check_no_leak_per_call(
            factory, repeat, warmup=warmup, types=types, tolerance=tolerance, ignore=ignore
        )
    )


def check_balanced(
    factory: Callable[[], object], repeat: int = 1000, *, threads: int = 1
) -> Problem | None:
    """As :func:`assert_balanced`; return the problem, or None."""
    require_support()
    _require_positive("repeat", repeat)
    _require_positive("threads", threads)
    return _make_problem(balance.check_balance_of_calls(factory, repeat, threads))


def assert_balanced(factory: Callable[[], object], repeat: int = 1000, *, threads: int = 1) -> None:
    """Fail unless making and freeing what ``factory`` returns counts per thread alone.

    The factory is called ``repeat`` times in each of ``threads`` threads.  A type
    fails whose header the calls move (a plain decref, or another reason), that has no
    unique id, or that loses references.  One that is immortal passes.
    """
    __tracebackhide__ = True
    _raise_problem(check_balanced(factory, repeat, threads=threads))


def _open_unchanged_window(types: tuple[type, ...], tolerance: int, *, raises: bool) -> Window:
    """Return the window over some types."""
    require_support()
    wanted = require_counted_types(types)
    rules = Rules.make(tolerance=tolerance, wanted=wanted)
    return Window(rules, wanted, both_ways=True, raises=raises)


def _open_leak_window(
    types: type | Iterable[type] | None,
    tolerance: int,
    ignore: Iterable[type | str],
    *,
    raises: bool,
) -> Window:
    """Return the window over some types, or all."""
    require_support()
    wanted = None if types is None else require_counted_types(types)
    rules = Rules.make(tolerance=tolerance, ignore=ignore)
    return Window(rules, wanted, both_ways=False, raises=raises)


def _require_positive(name: str, number: int) -> None:
    """Refuse numbers that would check nothing."""
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")


def _make_problem(findings: list[Finding]) -> Problem | None:
    """Return the problem that some findings make, if any."""
    wrong, noticed = split_findings(findings)
    return Problem(wrong, noticed=noticed) if wrong else None


def _raise_problem(problem: Problem | None) -> None:
    """Fail if there is a problem."""
    __tracebackhide__ = True
    if problem is not None:
        raise CheckFailed(problem)
