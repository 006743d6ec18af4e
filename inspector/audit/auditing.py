"""The audit: types are found and exercised by a process that is replaced when it fails."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from inspector.audit.child import ChildEnded
from inspector.audit.result import Audit, Audited, Exercise, Made
from inspector.audit.unknown import refuse_unknown
from inspector.audit.workshop import Case, Plan, Workshop
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tell = Callable[[int, int, str], None]
    """Hears how many types are done, of how many, and the name of the next; or what is done
    before anybody knows how many there are."""

__all__ = ["Plan", "audit", "cores"]

MANY: Final = 300
"""Types from which on a second worker pays for what it has to import."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def audit(plan: Plan, tell: Tell) -> Audit:
    """Exercise every type of the targets.

    Raises :class:`NotImportable` for a target's module, :class:`NoSuchObject`,
    :class:`NotAType` and :class:`NotCounted` for a target's type, and :class:`UnknownName`
    for a factory of a type that the targets do not have.
    """
    begin = time.monotonic()
    with Workshop(plan, lambda what: tell(0, 0, what)) as workshop:
        foreign = workshop.found["foreign"]
        refuse_unknown(plan, {name for name, _, _ in workshop.found["types"]} | foreign.keys())
        cases = list(_cases(plan, workshop.found["types"]))
        rows = _rows(plan, cases, workshop, tell)
        rows += [_foreign(name, module) for name, module in foreign.items()]
        return Audit(
            ("the standard library",) if plan.standard else plan.targets or plan.alone,
            tuple(rows),
            workshop.failed,
            workshop.found["static"],
            _made(plan, time.monotonic() - begin, gil=workshop.found["gil"]),
        )


def _cases(plan: Plan, types: list[tuple[str, int, bool]]) -> Iterator[Case]:
    """Yield what is exercised: the types that were found, then the expressions alone."""
    make = plan.factories.make
    for name, number, of_python in types:
        yield Case(name, number, make.get(name), "Python" if of_python else "C")
    known = {name for name, _, _ in types}
    for name in plan.alone:
        if name not in known:
            yield Case(name, None, make[name], "?")


def _rows(plan: Plan, cases: list[Case], workshop: Workshop, tell: Tell) -> list[Audited]:
    """Exercise all types, in two workers at once if there are many types and a second core."""
    waiting = deque(enumerate(cases))
    rows: dict[int, Audited] = {}

    def work(workshop: Workshop) -> None:
        while True:
            try:
                number, case = waiting.popleft()
            except IndexError:
                return
            tell(len(rows), len(cases), case.name)
            try:
                rows[number] = _audited(plan, case, workshop)
            except BaseException:
                waiting.append((number, case))
                raise

    def work_apart() -> None:
        with suppress(InspectorError), Workshop(plan) as own:
            work(own)  # what it cannot do is left to the other

    # A daemon: nobody who interrupts an audit waits for what it is just doing.
    second = threading.Thread(target=work_apart, name="audit", daemon=True)
    try:
        if len(cases) >= MANY and cores() > 1:
            second.start()
        work(workshop)
    except BaseException:
        waiting.clear()
        raise
    if second.ident is not None:
        second.join()
        work(workshop)
    return [rows[number] for number in range(len(cases))]


def _audited(plan: Plan, case: Case, workshop: Workshop) -> Audited:
    """Exercise one type."""
    make = case.make if case.make is not None else f"{case.name}()"
    if why := plan.factories.reason(case.name):
        reason = f"left alone: {why}"
        return Audited(case.name, "", case.written_in, reason, skipped=True)
    name, exercises, reason = case.name, [], ""
    try:
        for answer in workshop.exercise(case):
            if "verdict" in answer:
                name = answer["name"] if case.number is None else name
                exercises.append(Exercise.from_dict(answer["exercise"]))
            else:
                reason = answer.get("not_exercised", "")
    except ChildEnded as ended:
        reason = str(ended)
    if reason and exercises:
        reason = f"then, with {plan.threads} threads: {reason}"
    return Audited(name, make, case.written_in, reason, tuple(exercises))


def _foreign(name: str, module: str) -> Audited:
    """Return the row of a type that a compiled module only imports."""
    return Audited(name, reason=f"imported from {module}, which is to be audited", foreign=module)


def _made(plan: Plan, seconds: float, *, gil: bool) -> Made:
    version = platform.python_version() + ("t" if "t" in sys.abiflags else "")
    build = " ".join(sys.version.split())
    machine = platform.machine()
    return Made(version, build, machine, cores(), plan.calls, plan.threads, round(seconds, 1), gil)
