"""What Python runs at its start, before the program of `inspector run`.

Knows: :mod:`inspector.launch.program` put this directory first on ``PYTHONPATH``, so that
:mod:`site` imports this file.  It takes that back, hands over to the
``sitecustomize`` that would have been found without it, and leaves behind one
atexit callback and, with ``--at``, one thread; with ``--verdicts`` callbacks of the
collector, of new threads and of calls.  All else, from ``sys.argv`` to the
frames of a traceback, is then Python's own work.

Without ``--at`` nothing is imported before the program has ended that is not
loaded anyway: every type that a module makes would be in the program's census.

Does not know what a report is: see :mod:`inspector.launch.reporter`.
"""

# pathlib and contextlib would be loaded; __future__ would be, too.

import _thread
import atexit
import os
import sys
from _frozen_importlib_external import SourceFileLoader

TYPE_CHECKING = False  # typing would be loaded
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import IO

    from inspector.launch.reporter import Reporter

HERE = os.path.dirname(os.path.abspath(__file__))

# Named in inspector.launch.program too; importing that would load more than this file may.
PLAN, MOMENTS, PYTHONPATH = "INSPECTOR_RUN", "INSPECTOR_RUN_AT", "INSPECTOR_RUN_PYTHONPATH"
LIVE, VERDICTS = "live", "verdicts"
"""Stand for the moments: all the time, and from the start to a verdict at the end."""
RECURSION = 1000
"""What Python begins with (Py_C_RECURSION_LIMIT aside: ``sys.getrecursionlimit``)."""


def restore_environment() -> None:
    """Undo what brought this file here: entries of sys.path and the environment."""
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    sys.path_importer_cache.pop(HERE, None)
    if PLAN in os.environ:
        before = os.environ.pop(PYTHONPATH, None)
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def watch_end(plan: str) -> None:
    """See to a report when the program ends."""
    path = list(sys.path)

    def report() -> None:
        theirs = sys.path
        sys.path = path
        try:
            with_reporter(plan, lambda reporter: reporter.at_end())
        finally:
            sys.path = theirs

    at_end(report)


def watch_moments(plan: str, moments: list[float]) -> None:
    """See to a report at each moment, in seconds from now.

    If the program ends before the last one, there is a report when it does.
    """
    import time

    # Now, while nobody else imports anything and no reading waits for it.
    reporter = with_reporter(plan, lambda reporter: reporter.prepare())
    begin = time.monotonic()
    due = list(moments)
    lock, started = _thread.allocate_lock(), _thread.allocate_lock()

    def report_each() -> None:
        try:
            started.release()
            if sys.version_info >= (3, 14):
                _thread.set_name("inspector")
            for moment in moments:
                time.sleep(max(0.0, begin + moment - time.monotonic()))
                with lock:
                    if due:
                        due.remove(moment)
                        reporter.after(moment)
        except Exception as error:
            say_why(error)

    def report_missed() -> None:
        with lock:
            if due:
                due.clear()
                reporter.at_end()

    at_end(report_missed)
    # threading does not get to know it: programs count and join what
    # threading.enumerate() lists.  It ends with the process.
    started.acquire()
    _thread.start_new_thread(report_each, ())
    # What a new thread needs is there before the program takes all there is.
    started.acquire()


def watch_live(handed: str) -> None:
    """See to a dashboard from now on, which stays when the program has ended."""
    # The package, and what it imports, would be in the program's census: this file is not.
    name, path = "inspector.launch.live", f"{os.path.dirname(HERE)}/live.py"
    live = type(sys)(name)
    live.__file__ = path
    SourceFileLoader(name, path).exec_module(live)
    options, _, output = handed.partition("\n")
    board = live.Board(options, output or None)

    def begin() -> None:
        try:
            board.begin()
        except Exception as error:  # the class is not known before there is one
            from inspector.errors import InspectorError
            from inspector.screen.streams import print_error

            if not isinstance(error, InspectorError):
                raise
            print_error(error)  # the program runs all the same

    with_package(begin)
    at_end(lambda: board.end("the program ended"))


def watch_whole(plan: str) -> None:
    """See to verdicts at the end, from all that happens until then."""
    loaded = list(sys.modules)
    watching = []

    def begin() -> None:
        from inspector.launch.verdicts import Verdicts

        watching.append(Verdicts(plan, loaded))
        watching[0].begin()

    with_package(begin)
    at_end(watching[0].end)


def at_end(work: "Callable[[], None]") -> None:
    """Work when this process ends.

    By then its threads were joined and the program's own atexit callbacks ran, which
    were registered later.
    """
    pid = os.getpid()

    def work_unless_forked() -> None:
        # A child ends too, perhaps without the thread that has a lock.
        if os.getpid() == pid:
            flush_stream(sys.stdout)
            flush_stream(sys.stderr)
            with_room(work)

    atexit.register(work_unless_forked)


def with_room(work: "Callable[[], None]") -> None:
    """Work with the recursion that Python has by itself, whatever the program left of it.

    A program may also have used up its files or its memory: then there is a line in place
    of a report, and nothing else changes.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION))
    try:
        work()
    except Exception as error:
        say_why(error)
    finally:
        sys.setrecursionlimit(before)


def say_why(error: Exception) -> None:
    """Say why there is no report, with nothing that takes a file or an import."""
    try:
        line = f"inspector: error: there is no report: {str(error) or type(error).__name__}\n"
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except (OSError, MemoryError):
        pass


def flush_stream(stream: "IO[str]") -> None:
    """Let what the program printed come before the report where both go to one place."""
    try:
        stream.flush()
    except Exception:  # noqa: S110 - Python tries again, and tells
        pass


def with_reporter(plan: str, work: "Callable[[Reporter], None]") -> "Reporter":
    """Make a reporter, and work with it; return it."""
    loaded = list(sys.modules)
    reporters = []

    def make() -> None:
        from inspector.launch.reporter import Reporter

        reporters.append(Reporter(plan, loaded))
        work(reporters[0])

    with_package(make)
    return reporters[0]


def with_package(work: "Callable[[], None]") -> None:
    """Work while our package is in sys.modules, and no longer: a program may have its own."""
    theirs = take_package()
    parent = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
    sys.path.insert(0, parent)
    try:
        work()
    finally:
        sys.path.remove(parent)
        take_package()
        sys.modules.update(theirs)


def take_package() -> "dict[str, ModuleType]":
    """Take the modules of the package called inspector out of sys.modules."""
    names = [name for name in sys.modules if name == "inspector" or name.startswith("inspector.")]
    return {name: sys.modules.pop(name) for name in names}


restore_environment()
if PLAN in os.environ:
    handed_over = os.environ.pop(PLAN)
    words = os.environ.pop(MOMENTS).split()
    if words == [LIVE]:
        watch_live(handed_over)
    elif words == [VERDICTS]:
        watch_whole(handed_over)
    elif words:
        watch_moments(handed_over, [float(word) for word in words])
    else:
        watch_end(handed_over)
# Whatever comes next is what site asked for.  If there is none, its ImportError
# tells site so, and no module of this name stays behind.
sys.modules.pop("sitecustomize", None)
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
