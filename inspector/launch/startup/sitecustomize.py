"""Python runs this file at its start, before the program of ``inspector run``.

:mod:`inspector.launch.program` has put this directory first on ``PYTHONPATH``, so that
:mod:`site` imports this file.  It restores ``PYTHONPATH``, prepares the report, the dashboard
or the verdicts, and then imports the ``sitecustomize`` that Python would have found without it.
It leaves one atexit callback behind; with ``--at`` one thread; with ``--verdicts`` callbacks
of the collector, of new threads and of calls.

A report at the end imports nothing before the program has ended: the types of modules that
inspector imports would be counted as the program's.  :mod:`inspector.launch.reporter` makes
the reports.
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

# inspector.launch.program has the same names; to import it would load too much.
PLAN, MOMENTS, PYTHONPATH = "INSPECTOR_RUN", "INSPECTOR_RUN_AT", "INSPECTOR_RUN_PYTHONPATH"
LIVE, VERDICTS = "live", "verdicts"
"""Stand in place of the moments for a dashboard, and for verdicts at the end."""
RECURSION = 1000
"""The recursion limit with which Python starts (``sys.getrecursionlimit``)."""


def restore_environment() -> None:
    """Remove this directory from sys.path, and restore PYTHONPATH."""
    while HERE in sys.path:
        sys.path.remove(HERE)
    sys.path_importer_cache.pop(HERE, None)
    if PLAN in os.environ:
        before = os.environ.pop(PYTHONPATH, None)
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def watch_end(plan: str) -> None:
    """Arrange a report when the program ends; ``plan`` is the text of its options."""
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
    """Arrange a report at each moment, in seconds from now.

    If the program ends before the last moment, there is one more report at its end.
    """
    import time

    # Imports happen now: later the program may hold the import lock.
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
    # Not with threading: programs count and join what threading.enumerate() lists.
    started.acquire()
    _thread.start_new_thread(report_each, ())
    # Waits until the thread runs: the program may then use up all memory or all threads.
    started.acquire()


def watch_live(handed: str) -> None:
    """Start a dashboard, which stays until the user leaves it; ``handed`` as in run_program."""
    # Loaded without its package, whose types would be counted as the program's.
    name, path = "inspector.launch.live", f"{os.path.dirname(HERE)}/live.py"
    live = type(sys)(name)
    live.__file__ = path
    SourceFileLoader(name, path).exec_module(live)
    options, _, output = handed.partition("\n")
    board = live.Board(options, output or None)

    def begin() -> None:
        try:
            board.begin()
        except Exception as error:  # InspectorError is imported only once something failed
            from inspector.errors import InspectorError
            from inspector.screen.streams import print_error

            if not isinstance(error, InspectorError):
                raise
            print_error(error)  # the program runs without a dashboard

    with_package(begin)
    at_end(lambda: board.end("the program ended"))


def watch_whole(plan: str) -> None:
    """Watch the program from now on, and arrange verdicts when it ends."""
    loaded = list(sys.modules)
    watching = []

    def begin() -> None:
        from inspector.launch.verdicts import Verdicts

        watching.append(Verdicts(plan, loaded))
        watching[0].begin()

    with_package(begin)
    at_end(watching[0].end)


def at_end(work: "Callable[[], None]") -> None:
    """Call ``work`` when this process ends, after the program's threads and atexit callbacks.

    Python calls the callback that was registered first last.
    """
    pid = os.getpid()

    def work_unless_forked() -> None:
        # A forked child runs this too, perhaps without the thread that holds a lock.
        if os.getpid() == pid:
            flush_stream(sys.stdout)
            flush_stream(sys.stderr)
            with_room(work)

    atexit.register(work_unless_forked)


def with_room(work: "Callable[[], None]") -> None:
    """Call ``work`` with at least the usual recursion limit, which the program may have lowered.

    Prints a line in place of the report if that fails, for example without memory or
    descriptors; the program's exit status stays.
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
    """Write why there is no report to standard error, without opening or importing anything."""
    try:
        line = f"inspector: error: there is no report: {str(error) or type(error).__name__}\n"
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except (OSError, MemoryError):
        pass


def flush_stream(stream: "IO[str]") -> None:
    """Flush what the program printed, so that it comes before the report."""
    try:
        stream.flush()
    except Exception:  # noqa: S110 - Python flushes again at its end, and reports the error
        pass


def with_reporter(plan: str, work: "Callable[[Reporter], None]") -> "Reporter":
    """Make a reporter, call ``work`` with it, and return it."""
    loaded = list(sys.modules)
    reporters = []

    def make() -> None:
        from inspector.launch.reporter import Reporter

        reporters.append(Reporter(plan, loaded))
        work(reporters[0])

    with_package(make)
    return reporters[0]


def with_package(work: "Callable[[], None]") -> None:
    """Call ``work`` while inspector's package is in sys.modules; remove it afterwards.

    The program may have a package of that name itself.
    """
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
    """Remove the modules of a package called inspector from sys.modules, and return them."""
    taken = {}
    for name in list(sys.modules):
        if name == "inspector" or name.startswith("inspector."):
            taken[name] = sys.modules.pop(name)
    return taken


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
# Imports the sitecustomize that site looked for.  If there is none, site handles the
# ImportError, and no module of this name is left.
sys.modules.pop("sitecustomize", None)
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
