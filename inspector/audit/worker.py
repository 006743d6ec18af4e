"""The process that exercises types: ``python -m inspector.audit.worker READ WRITE``.

It reads requests and writes answers as lines of JSON, over two pipes whose descriptors are
its arguments; its standard streams are empty.  An import may block, end or crash it, so it
says the name of each module first.  Types are exercised in a forked copy, which may block,
end or crash as well, and may change anything in its process: then the next ones get another
copy.  What is not as it should be is exercised again in a copy that nothing else has used.

Requests, and the answers to each:

``{"do": "find", "modules": [...], "single": [[module, qualname] …], "standard": false,
"leave_out": [...]}``
    ``{"importing": name}`` …, ``{"listing": true}``, ``{"types": [[name, number, of_python] …],
    "static": n, "foreign": {name: module}, "failed": {module: why}, "wrong": [[target, what] …],
    "gil": false}``
``{"do": "exercise", "name": …, "number": 0, "make": expression or null, "calls": n, "threads": n,
"seconds": s}``
    ``{"name": …, "verdict": …, "exercise": …}`` …, ``{"done": true}`` or ``{"not_exercised":
    why}`` or ``{"ended": why}``; ``{"again": true}`` takes back all answers before it; with a
    number of null it is whatever type the expression makes

``{"do": "rounds", …}``
    see :mod:`inspector.audit.throughput`
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

from inspector.audit.exercise import NotExercised, exercise_type
from inspector.audit.expressions import compile_factory
from inspector.audit.forked_work import ForkedCopy, die_with_parent, keep_orphans
from inspector.audit.module_types import (
    describe_error,
    find_type,
    find_types,
    import_modules,
    is_made_by_python,
    list_standard_modules,
)
from inspector.audit.process_state import list_attributes
from inspector.checks.support import require_support
from inspector.checks.watched_types import is_type, name_of
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = dict[str, Any]

__all__ = ["main"]

MOST_TYPES: Final = 200
"""That one copy exercises: what it keeps of them stays small."""

PATIENCE: Final = 2.0
"""Seconds without an answer after which a type is tried again in a copy of its own."""

FAULTS: Final = {Verdict.LEAKING, Verdict.OVER_DECREF, Verdict.GROWING, Verdict.KEPT}
"""Verdicts that are given only of what happens in a copy of its own."""


class Worker:
    """The types that this process has found, kept from request to request."""

    def __init__(self, private: tuple[int, ...] = ()) -> None:
        self.types: dict[str, list[type]] = {}
        self._private = private
        """File descriptors that nothing that is exercised gets."""
        self._attributes: dict[int, list[int]] = {}
        """What each type's class and metaclass defined, by the type's identity."""
        self._copy: ForkedCopy | None = None

    def find(self, request: Answer, tell: Callable[[Answer], None]) -> Iterator[Answer]:
        """Import the modules and list their types."""
        modules = list_standard_modules() if request["standard"] else request["modules"]
        leave_out = set(request["leave_out"])
        failed = import_modules(modules, leave_out, lambda name: tell({"importing": name}))
        tell({"listing": True})
        found_types = find_types(set(modules))
        self.types = found_types.heap
        wrong: list[tuple[str, str]] = []
        for module, qualname in request["single"]:
            tell({"importing": module})
            try:
                found = find_type(module, qualname)
            except BaseException as error:
                failed[module] = describe_error(error)
                continue
            if is_type(found):
                same = self.types.setdefault(name_of(found), [])
                # By address: a metaclass may define what equality means.
                if id(found) not in map(id, same):
                    same.append(found)
            else:
                wrong.append((f"{module}:{qualname}", str(found)))
        self._make_ready()
        types = []
        for name, same in self.types.items():
            for number, subject in enumerate(same):
                types.append((name, number, is_made_by_python(subject)))
        yield {
            "types": types,
            "static": found_types.static,
            "foreign": found_types.foreign,
            "failed": failed,
            "wrong": wrong,
            "gil": bool(getattr(sys, "_is_gil_enabled", bool)()),
        }

    def exercise(self, request: Answer, _: Callable[[Answer], None]) -> Iterator[Answer]:
        """Make and free instances of one type, in a copy of this process."""
        copy = self._find_copy()
        if copy.asked:
            fine = True
            for answer in copy.ask(request, min(PATIENCE, request["seconds"])):
                fine = fine and _is_fine(answer)
                if fine:
                    yield answer
            if fine:
                return
            copy.end()
            yield {"again": True}
            copy = self._find_copy()
        yield from copy.ask(request, request["seconds"])

    def _find_copy(self) -> ForkedCopy:
        """Return the copy that is used, or another one in its place."""
        copy = self._copy
        if copy is not None and copy.asked >= MOST_TYPES:
            copy.end()
        if copy is None or copy.ended:
            copy = self._copy = ForkedCopy(self._exercised, self._private)
        return copy

    def _make_ready(self) -> None:
        """Do once what every copy of this process would otherwise repeat."""
        require_support()
        types = [each for same in self.types.values() for each in same]
        self._attributes = {id(each): list_attributes(each) for each in types}
        # A collection writes to every object, and a copy has to copy each page written to.
        gc.collect()
        gc.freeze()

    def _is_refusal(self, error: BaseException, subject: type | None) -> bool:
        """Tell whether a constructor refused to be called without arguments.

        That follows from what the class defines: none of its code has run.
        """
        if type(error) is not TypeError or subject is None or error.__traceback__ is None:
            return False
        *_, last = walk_tb(error.__traceback__)
        frame, _ = last
        return frame.f_code is exercise_type.__code__ and self._attributes.get(
            id(subject)
        ) == list_attributes(subject)

    def _exercised(self, request: Answer) -> Iterator[Answer]:
        number = request["number"]
        same = dict(enumerate(self.types.get(request["name"], ())))
        if number is not None and number not in same:
            yield {"not_exercised": "there was no such type when it was imported again"}
            return
        subject = None if number is None else same[number]
        try:
            factory = subject if request["make"] is None else compile_factory(request["make"])
            assert factory is not None
            for step in exercise_type(factory, subject, request["calls"], request["threads"]):
                yield {
                    "name": step.name,
                    "verdict": step.verdict.value,
                    "exercise": step.exercise.as_dict(),
                }
        except NotExercised as reason:
            yield {"not_exercised": str(reason)}
        except BaseException as error:
            refusal = self._is_refusal(error, subject)
            yield {"not_exercised": describe_error(error), "refusal": refusal}
        else:
            yield {"done": True}

    def rounds(self, request: Answer, _: Callable[[Answer], None]) -> Iterator[Answer]:
        """Measure throughput."""
        from inspector.audit.throughput import run_rounds  # noqa: PLC0415 - audits need none of it

        yield from run_rounds(request)

    def spin(self, request: Answer, _: Callable[[Answer], None]) -> Iterator[Answer]:
        """Run one expression for some time."""
        from inspector.audit.throughput import keep_running  # noqa: PLC0415 - likewise

        yield from keep_running(request)


def _is_fine(answer: Answer) -> bool:
    """Tell whether what happened to a type can be believed in a copy that others have used."""
    if "verdict" in answer:
        return Verdict(answer["verdict"]) not in FAULTS
    return "done" in answer or answer.get("refusal", False)


def main(reading: int, writing: int) -> None:
    """Answer until nobody asks any more."""
    # Whoever asked is gone: do not stay behind in an import that blocks.
    die_with_parent()
    keep_orphans()
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's: whoever asked decides
    for each in (reading, writing):
        os.set_inheritable(each, False)  # noqa: FBT003 - os takes it so
    worker = Worker((reading, writing))
    answers = os.fdopen(writing, "w", encoding="utf-8", buffering=1)

    def tell(answer: Answer) -> None:
        answers.write(json.dumps(answer) + "\n")

    with os.fdopen(reading, encoding="utf-8") as requests:
        for line in requests:
            request = json.loads(line)
            for answer in getattr(worker, request["do"])(request, tell):
                tell(answer)
    # Finalization would crash on types that lost too many references.
    os._exit(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
