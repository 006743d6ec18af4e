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
from inspector.audit.result import Audit, Audited, AuditInfo, Exercise
from inspector.audit.supervisor import AuditPlan, Case, WorkerSupervisor
from inspector.audit.unknown_names import refuse_unknown
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tell = Callable[[int, int, str], None]
    """Hears how many types are done, of how many, and the name of the next; or what is done
    before anybody knows how many there are."""

__all__ = ["AuditPlan", "audit_targets", "count_cores"]

MANY: Final = 300
"""Types from which on a second worker pays for what it has to import."""


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def audit_targets(plan: AuditPlan, tell: Tell) -> Audit:
    """Exercise every type of the targets.

    Raises :class:`NotImportable` for a target's module, :class:`NoSuchObject`,
    :class:`NotAType` and :class:`NotCounted` for a target's type, and :class:`UnknownName`
    for a factory of a type that the targets do not have.
    """
    begin = time.monotonic()
    with WorkerSupervisor(plan, lambda what: tell(0, 0, what)) as supervisor:
        foreign = supervisor.found["foreign"]
        refuse_unknown(plan, {name for name, _, _ in supervisor.found["types"]} | foreign.keys())
        cases = list(_list_cases(plan, supervisor.found["types"]))
        rows = _exercise_cases(plan, cases, supervisor, tell)
        rows += [_make_foreign_row(name, module) for name, module in foreign.items()]
        return Audit(
            ("the standard library",) if plan.standard else plan.targets or plan.alone,
            tuple(rows),
            supervisor.failed,
            supervisor.found["static"],
            _describe_run(plan, time.monotonic() - begin, gil=supervisor.found["gil"]),
        )


def _list_cases(plan: AuditPlan, types: list[tuple[str, int, bool]]) -> Iterator[Case]:
    """Yield what is exercised: the types that were found, then the expressions alone."""
    make = plan.factories.make
    for name, number, of_python in types:
        yield Case(name, number, make.get(name), "Python" if of_python else "C")
    known = {name for name, _, _ in types}
    for name in plan.alone:
        if name not in known:
            yield Case(name, None, make[name], "?")


def _exercise_cases(
    plan: AuditPlan, cases: list[Case], supervisor: WorkerSupervisor, tell: Tell
) -> list[Audited]:
    """Exercise all types, in two workers at once if there are many types and a second core."""
    waiting = deque(enumerate(cases))
    rows: dict[int, Audited] = {}

    def work(supervisor: WorkerSupervisor) -> None:
        while True:
            try:
                number, case = waiting.popleft()
            except IndexError:
                return
            tell(len(rows), len(cases), case.name)
            try:
                rows[number] = _audit_case(plan, case, supervisor)
            except BaseException:
                waiting.append((number, case))
                raise

    def work_apart() -> None:
        with suppress(InspectorError), WorkerSupervisor(plan) as own:
            work(own)  # what it cannot do is left to the other

    # A daemon: nobody who interrupts an audit waits for what it is just doing.
    second = threading.Thread(target=work_apart, name="audit", daemon=True)
    try:
        if len(cases) >= MANY and count_cores() > 1:
            second.start()
        work(supervisor)
    except BaseException:
        waiting.clear()
        raise
    if second.ident is not None:
        second.join()
        work(supervisor)
    return [rows[number] for number in range(len(cases))]


def _audit_case(plan: AuditPlan, case: Case, supervisor: WorkerSupervisor) -> Audited:
    """Exercise one type."""
    make = case.make if case.make is not None else f"{case.name}()"
    if why := plan.factories.reason(case.name):
        reason = f"left alone: {why}"
        return Audited(case.name, "", case.written_in, reason, skipped=True)
    name, reason = case.name, ""
    exercises: list[Exercise] = []
    try:
        for answer in supervisor.exercise(case):
            if "again" in answer:
                exercises.clear()
            elif "verdict" in answer:
                name = answer["name"] if case.number is None else name
                exercises.append(Exercise.from_dict(answer["exercise"]))
            else:
                reason = answer.get("not_exercised", "")
    except ChildEnded as ended:
        reason = str(ended)
    if reason and exercises:
        reason = f"then, with {plan.threads} threads: {reason}"
    return Audited(name, make, case.written_in, reason, tuple(exercises))


def _make_foreign_row(name: str, module: str) -> Audited:
    """Return the row of a type that a compiled module only imports."""
    return Audited(name, reason=f"imported from {module}, which is to be audited", foreign=module)


def _describe_run(plan: AuditPlan, seconds: float, *, gil: bool) -> AuditInfo:
    version = platform.python_version() + ("t" if "t" in sys.abiflags else "")
    build = " ".join(sys.version.split())
    machine = platform.machine()
    return AuditInfo(
        version, build, machine, count_cores(), plan.calls, plan.threads, round(seconds, 1), gil
    )
