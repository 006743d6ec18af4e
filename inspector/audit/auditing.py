"""The audit: types are found and exercised by a process that is replaced when it fails."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from inspector.audit.child import Child, ChildEnded
from inspector.audit.factories import Factories
from inspector.audit.result import Audit, Audited, Exercise, Made
from inspector.census.verdict import Verdict
from inspector.errors import InspectorError, NoSuchObject, NotAType, NotCounted, NotImportable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    Tell = Callable[[int, int, str], None]
    """Hears how many types are done, of how many, and the name of the next."""

__all__ = ["Plan", "audit", "cores"]

IMPORT_SECONDS: Final = 60.0
"""That the import of one module may take."""


@dataclass(frozen=True)
class Plan:
    """What is audited, and how."""

    targets: tuple[str, ...] = ()
    """``module``, with all that is below it, or ``module:Type``."""
    standard: bool = False
    """Every module of the standard library instead."""
    factories: Factories = field(default_factory=Factories)
    alone: tuple[str, ...] = ()
    """Names of factories that are exercised even if no target has such a type."""
    calls: int = 100
    threads: int = 2
    seconds: float = 10.0
    """That one type may take."""


@dataclass(frozen=True)
class Case:
    """A type to exercise, as the worker finds it again."""

    name: str
    number: int | None
    """Among those of its name; None for whatever the expression makes."""
    make: str | None
    written_in: str


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def audit(plan: Plan, tell: Tell) -> Audit:
    """Exercise every type of the targets.

    Raises :class:`NotImportable` for a target's module, :class:`NoSuchObject`,
    :class:`NotAType` and :class:`NotCounted` for a target's type.
    """
    begin = time.monotonic()
    with Workshop(plan) as workshop:
        cases = list(_cases(plan, workshop.found["types"]))
        rows = []
        for done, case in enumerate(cases):
            tell(done, len(cases), case.name)
            rows.append(_audited(plan, case, workshop))
        tell(len(cases), len(cases), "")
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


def _audited(plan: Plan, case: Case, workshop: Workshop) -> Audited:
    """Exercise one type."""
    make = case.make if case.make is not None else f"{case.name}()"
    if why := plan.factories.reason(case.name):
        return Audited(case.name, None, "", case.written_in, f"left alone: {why}")
    name, verdicts, exercises, reason = case.name, [], [], ""
    try:
        for answer in workshop.exercise(case):
            if "verdict" in answer:
                name = answer["name"] if case.number is None else name
                verdicts.append(Verdict(answer["verdict"]))
                exercises.append(Exercise.from_dict(answer["exercise"]))
            else:
                reason = answer.get("not_exercised", "")
    except ChildEnded as ended:
        reason = str(ended)
    if reason and exercises:
        reason = f"then, with {plan.threads} threads: {reason}"
    verdict = min(verdicts, key=list(Verdict).index, default=None)
    return Audited(name, verdict, make, case.written_in, reason, tuple(exercises))


def _made(plan: Plan, seconds: float, *, gil: bool) -> Made:
    version = platform.python_version() + ("t" if "t" in sys.abiflags else "")
    build = " ".join(sys.version.split())
    machine = platform.machine()
    return Made(version, build, machine, cores(), plan.calls, plan.threads, round(seconds, 1), gil)


class Workshop:
    """A context manager over the one worker at a time, which has imported the targets."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        skip = plan.factories.skip if plan.standard else {}
        self.failed: dict[str, str] = {}
        self._leave_out = set(skip)
        self._child, self.found = self._started()
        self._check_targets()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.end()

    def exercise(self, case: Case) -> Iterator[dict[str, Any]]:
        """Yield what the worker answers on one type; raise :class:`ChildEnded` if it fails."""
        if self._child.ended:
            self._child, _ = self._started()
        request = {
            "do": "exercise",
            "name": case.name,
            "number": case.number,
            "make": case.make,
            "calls": self._plan.calls,
            "threads": self._plan.threads,
        }
        for answer in self._child.ask(request, self._plan.seconds):
            yield answer
            if "verdict" not in answer:
                return

    def _started(self) -> tuple[Child, dict[str, Any]]:
        """Return a worker that has imported everything that it can, and what it found."""
        modules = [target for target in self._plan.targets if ":" not in target]
        single = [target.split(":", 1) for target in self._plan.targets if ":" in target]
        while True:
            child = Child()
            importing = ""
            request = {
                "do": "find",
                "modules": modules,
                "single": single,
                "standard": self._plan.standard,
                "leave_out": sorted(self._leave_out),
            }
            try:
                for answer in child.ask(request, IMPORT_SECONDS):
                    if "importing" not in answer:
                        self.failed = {**answer["failed"], **self.failed}
                        return child, answer
                    importing = answer["importing"]
            except ChildEnded as ended:
                if not importing:
                    raise InspectorError(
                        f"{sys.executable} does not start to exercise types: {ended}",
                        hint="can it import inspector?",
                    ) from ended
                self.failed[importing] = str(ended)
                self._refuse(importing)
                self._leave_out.add(importing)
            except BaseException:
                child.end()
                raise

    def _check_targets(self) -> None:
        """Raise for a target that names nothing that can be audited."""
        try:
            for module in self.failed:
                self._refuse(module)
            for target, what in self.found["wrong"]:
                raise _wrong(target, what)
        except InspectorError:
            self._child.end()
            raise

    def _refuse(self, module: str) -> None:
        """Raise for a module that cannot be imported, if it was asked for by name."""
        why = self.failed[module]
        for target in self._plan.targets:
            if target.partition(":")[0] != module:
                continue
            hint = "it is imported as `python -m` would, from the working directory too"
            if why.startswith("ModuleNotFoundError") and "." in module and ":" not in target:
                owner, _, name = module.rpartition(".")
                hint = f"for a type write {owner}:{name}"
            raise NotImportable(f"cannot import {module}: {why}", module=module, hint=hint)


def _wrong(target: str, what: str) -> InspectorError:
    """Return the error on a target that names no heap type."""
    if what == "static":
        return NotCounted(
            f"{target} is static: CPython does not count its references",
            subject=target,
            hint="only heap types, made by class statements or PyType_FromSpec, are counted",
        )
    if what == "missing":
        module = target.partition(":")[0]
        return NoSuchObject(
            f"no type {target}", subject=target, hint=f"`inspector audit {module}` lists all"
        )
    return NotAType(f"{target} is not a type", subject=target, hint="write module:Type")
