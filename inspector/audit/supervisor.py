"""What is audited, and the worker process that does it, which is replaced when it fails."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from inspector.audit.child import Child, ChildEnded
from inspector.audit.factories import Factories
from inspector.errors import InspectorError, NoSuchObject, NotAType, NotCounted, NotImportable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["AuditPlan", "Case", "WorkerSupervisor"]

IMPORT_SECONDS: Final = 60.0
"""Most seconds that the import of one module may take."""

SLACK: Final = 10.0
"""Seconds that the worker has, beyond those of a type, to end work that does not answer."""


@dataclass(frozen=True)
class AuditPlan:
    """What is audited, and how."""

    targets: tuple[str, ...] = ()
    """``module``, with all that is below it, or ``module:Type``."""
    standard: bool = False
    """Every module of the standard library instead."""
    factories: Factories = field(default_factory=Factories)
    alone: tuple[str, ...] = ()
    """Names of factories that are exercised even if no target has such a type."""
    given: tuple[str, ...] = ()
    """Names of all factories that a user gave."""
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


class WorkerSupervisor:
    """A context manager that keeps one worker running, with the targets imported."""

    def __init__(self, plan: AuditPlan, tell: Callable[[str], object] = lambda _: None) -> None:
        """``tell`` hears what is done until the types are found."""
        for target in plan.targets:
            _check_spelling(target)
        self._plan = plan
        self._tell = tell
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
        """Yield what the worker answers on one type; raise :class:`ChildEnded` if it fails.

        ``{"again": True}`` takes back the answers before it.
        """
        if self._child.ended:
            self._child, _ = self._started()
        request = {
            "do": "exercise",
            "name": case.name,
            "number": case.number,
            "make": case.make,
            "calls": self._plan.calls,
            "threads": self._plan.threads,
            "seconds": self._plan.seconds,
        }
        for answer in self._child.ask(request, self._plan.seconds + SLACK):
            if "ended" in answer:
                raise ChildEnded(answer["ended"])
            yield answer
            if not ("verdict" in answer or "again" in answer):
                return

    def _started(self) -> tuple[Child, dict[str, Any]]:
        """Return a worker that has imported everything that it can, and what it found."""
        modules = []
        single = []
        for target in self._plan.targets:
            if ":" in target:
                single.append(target.split(":", 1))
            else:
                modules.append(target)
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
                self._tell("starting Python")
                for answer in child.ask(request, IMPORT_SECONDS):
                    if "listing" in answer:
                        self._tell("listing types")
                        continue
                    if "importing" not in answer:
                        self.failed = {**answer["failed"], **self.failed}
                        return child, answer
                    importing = answer["importing"]
                    self._tell(f"importing {importing}")
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
                raise _make_target_error(target, what)
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
            if module.endswith(".py"):
                hint = "give the module's name, not its file's"
            elif why.startswith("ModuleNotFoundError") and "." in module and ":" not in target:
                owner, _, name = module.rpartition(".")
                hint = f"for a type write {owner}:{name}"
            raise NotImportable(f"cannot import {module}: {why}", module=module, hint=hint)


def _check_spelling(target: str) -> None:
    """Raise :class:`NotImportable` for a target that no module or type can have as its name."""
    module, colon, qualname = target.partition(":")
    hint = "write MODULE, PACKAGE.MODULE or MODULE:TYPE"
    parts = [*module.split("."), *(qualname.split(".") if colon else ())]
    if any(not part or part != part.strip() or not part.isprintable() for part in parts):
        raise NotImportable(
            f"{target!r} is not the name of a module or a type", module=module, hint=hint
        )
    if "/" in module:
        hint = (
            "give the module's name, not its file's; it is looked for in the working directory too"
        )
        raise NotImportable(f"{target!r} is a path", module=module, hint=hint)
    if module == "__main__":
        raise NotImportable(
            "__main__ is another module in each process, and here the audit's own",
            module=module,
            hint="give the name by which the module can be imported",
        )


def _make_target_error(target: str, what: str) -> InspectorError:
    """Return the error on a target that names no heap type."""
    if what == "static":
        return NotCounted(target, subject=target)
    if what == "missing":
        module = target.partition(":")[0]
        return NoSuchObject(
            f"no type {target}", subject=target, hint=f"`inspector audit {module}` lists all"
        )
    return NotAType(f"{target} is not a type", subject=target, hint="write module:Type")
