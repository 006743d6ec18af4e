"""What Python runs at its start, before the program of `inspector run`.

Knows: :mod:`inspector.launch.program` put this directory first on ``PYTHONPATH``, so that
:mod:`site` imports this file.  It takes that back, hands over to the
``sitecustomize`` that would have been found without it, and leaves behind one
atexit callback and, with ``--at``, one thread.  All else, from ``sys.argv`` to the
frames of a traceback, is then Python's own work.

Without ``--at`` nothing is imported before the program has ended that is not
loaded anyway: every type that a module makes would be in the program's census.

Does not know what a report is: see :mod:`inspector.launch.reporter`.
"""

# pathlib and contextlib would be loaded; __future__ would be, too.
# ruff: noqa: PTH100, PTH120, SIM105

import _thread
import atexit
import os
import sys

TYPE_CHECKING = False  # typing would be loaded
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import IO

    from inspector.launch.reporter import Reporter

HERE = os.path.dirname(os.path.abspath(__file__))

# Named in inspector.launch.program too; importing that would load more than this file may.
PLAN, MOMENTS, PYTHONPATH = "INSPECTOR_RUN", "INSPECTOR_RUN_AT", "INSPECTOR_RUN_PYTHONPATH"


def withdraw() -> None:
    """Undo what brought this file here: entries of sys.path and the environment."""
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    sys.path_importer_cache.pop(HERE, None)
    if PLAN in os.environ:
        before = os.environ.pop(PYTHONPATH, None)
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def watch(plan: str, moments: list[float]) -> None:
    """See to a report at each moment, in seconds from now.

    A program that ends before the last moment, or has none, is reported when it
    ends: after its threads were joined and its own atexit callbacks ran.
    """
    pid = os.getpid()
    due = len(moments) or 1
    lock = _thread.allocate_lock()
    path = list(sys.path)
    with_reporter = reporting(plan)

    def report(when: str) -> None:
        nonlocal due
        due -= 1
        with_reporter(lambda reporter: reporter.report(when))

    def at_end() -> None:
        nonlocal due
        # A forked child runs this too, perhaps without the thread that has the lock.
        if os.getpid() == pid:
            with lock:
                if due:
                    flush(sys.stdout)
                    flush(sys.stderr)
                    theirs = sys.path
                    sys.path = path
                    try:
                        report("at its end")
                    finally:
                        sys.path = theirs
                due = 0

    def at_moments() -> None:
        if sys.version_info >= (3, 14):
            _thread.set_name("inspector")
        for moment in moments:
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            with lock:
                if due:
                    report(f"after {moment:g} s")

    atexit.register(at_end)
    if moments:
        import time  # noqa: PLC0415 - see the module's docstring

        begin = time.monotonic()
        # Now, while nobody else imports anything and no reading waits for it.
        with_reporter(lambda reporter: reporter.prepare())
        # threading does not get to know it: programs count and join what
        # threading.enumerate() lists.  It ends with the process.
        _thread.start_new_thread(at_moments, ())


def reporting(plan: str) -> "Callable[[Callable[[Reporter], None]], None]":
    """Return what does work with the reporter, which it makes when first needed.

    While that works our package is in sys.modules, and else the program's own, if it
    has one of that name.
    """
    package: dict[str, ModuleType] = {}
    reporters: list[Reporter] = []

    def with_reporter(work: "Callable[[Reporter], None]") -> None:
        loaded = list(sys.modules)
        theirs = take_package()
        sys.modules.update(package)
        try:
            if not reporters:
                reporters.append(reporter_class()(plan, loaded))
            work(reporters[0])
        finally:
            package.update(take_package())
            sys.modules.update(theirs)

    return with_reporter


def reporter_class() -> "type[Reporter]":
    """Return the reporter's class, imported from where this file is."""
    parent = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
    sys.path.insert(0, parent)
    try:
        from inspector.launch.reporter import Reporter  # noqa: PLC0415 - see above
    finally:
        sys.path.remove(parent)
    return Reporter


def take_package() -> "dict[str, ModuleType]":
    """Take the modules of the package called inspector out of sys.modules."""
    names = [name for name in sys.modules if name == "inspector" or name.startswith("inspector.")]
    return {name: sys.modules.pop(name) for name in names}


def flush(stream: "IO[str]") -> None:
    """Let what the program printed come before the report where both go to one place."""
    try:
        stream.flush()
    except Exception:  # noqa: BLE001, S110 - Python tries again, and tells
        pass


withdraw()
if PLAN in os.environ:
    watch(
        os.environ.pop(PLAN),
        [float(word) for word in os.environ.pop(MOMENTS, "").split()],
    )
# Whatever comes next is what site asked for.  If there is none, its ImportError
# tells site so, and no module of this name stays behind.
sys.modules.pop("sitecustomize", None)
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
