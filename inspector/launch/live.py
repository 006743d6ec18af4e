"""The dashboard of a program, as far as it is part of the program's own process.

The dashboard itself is another process, which reads this one from outside
(:mod:`inspector.launch.viewer`): nothing that it does is among the program's numbers.  Here
the program's output is led to it, and given back when somebody leaves it.  The program has
its main thread, its signals and its exit status to itself.  Its standard input, where that
is the terminal, is empty meanwhile: ``input()`` raises EOFError.

Knows: the one thread that waits for the dashboard is none of :mod:`threading`'s, which
programs count and join.  Loads nothing, for what is loaded here would be among the program's
types; :mod:`inspector.launch.startup.sitecustomize` loads this file alone.
"""

# typing, pathlib and contextlib would be loaded.

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from inspector.errors import InspectorError

__all__ = ["Board", "Channel"]

START = """\
import os
if os.fork():
    os._exit(0)
import sys
number = sys.argv.index("--")
sys.path[:] = sys.argv[number + 1 :]
del sys.argv[number:]
from inspector.launch.viewer import main
main()
"""
"""Makes the viewer nobody's child: no program finds it among its own."""

PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
PR_SET_PTRACER = 0x59616D61
"""include/uapi/linux/prctl.h"""


PARENT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The directory that the package is in."""


class Channel:
    """Lines that this process and another one say to each other through two pipes."""

    def __init__(self, heard: int, said: int) -> None:
        """``heard`` is read from and ``said`` written to."""
        self.heard = heard
        self._said = said

    def say(self, line: str) -> None:
        """Say a line, if anybody is there to hear it."""
        try:
            os.write(self._said, f"{line}\n".encode())
        except OSError:
            pass

    def hear(self) -> str:
        """Return the next line; an empty one when there will be no more."""
        line = b""
        while not line.endswith(b"\n"):
            # No more than it, for another line is waited for by select.
            byte = os.read(self.heard, 1)
            if not byte:
                return ""
            line += byte
        return line[:-1].decode()


class Board:
    """A dashboard of this process, from :meth:`begin` to :meth:`end`; both may be called once."""

    def __init__(self, options: str, output: str | None = None) -> None:
        """Prepare.

        ``options`` are :class:`~inspector.launch.board_options.BoardOptions` as text;
        ``output`` is a file for what the program writes, None for a pane.
        """
        self._options = options
        self._output = output
        self._asked = False
        self._begun = False
        self._done = _thread.allocate_lock()
        self._before: dict[int, int] = {}
        """Descriptors of the program -> what they were."""
        self._viewer: Channel

    def begin(self) -> None:
        """Start the viewer, and lead input and output to it; without a terminal do nothing.

        Raises what keeps the viewer from reading this process.
        """
        self._asked = True
        terminal = os.environ.get("TERM", "") not in {"", "dumb"}
        if not (terminal and sys.__stdin__ and sys.__stdout__ and sys.stdout.isatty()):
            return
        sys.stdout.flush()
        sys.stderr.flush()
        pane, write = self._open_output()
        read, viewer_said = os.pipe()
        viewer_heard, said = os.pipe()
        self._viewer = Channel(read, said)
        try:
            self._start_viewer(pane, viewer_heard, viewer_said)
            _close_all(pane, viewer_heard, viewer_said)
            self._introduce()
        except BaseException:
            _close_all(write, read, said)
            raise
        self._lead(write)
        self._done.acquire()
        self._begun = True
        _thread.start_new_thread(self._wait, ())

    def end(self, told: str) -> None:
        """Say that the program ended, and wait until the dashboard was left."""
        if not self._begun:
            return
        self._viewer.say(f"told {told}")
        try:
            self._done.acquire()
        except KeyboardInterrupt:
            self._viewer.say("leave")
            self._done.acquire()

    def __del__(self) -> None:
        if not getattr(self, "_asked", True):
            import warnings

            text = "inspector.dashboard() shows nothing unless it is used as `with …:`"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end("the block ended" if kind is None else f"the block ended by {kind.__name__}")

    def _open_output(self) -> tuple[int, int]:
        """Return where the viewer reads output, -1 for nowhere, and where the program writes."""
        if self._output is None:
            return os.pipe()
        return -1, os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _start_viewer(self, *descriptors: int) -> None:
        """Start the viewer with some descriptors, and in this process's environment."""
        if not sys.executable:
            raise _error_of("Python does not know its own executable", "start it by its path")
        words = [self._options, str(os.getpid()), *map(str, descriptors)]
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-c", START, *words, "--", PARENT, *sys.path],
            os.environ,
            # Onto itself: it is inherited by this child alone.
            file_actions=[(os.POSIX_SPAWN_DUP2, each, each) for each in descriptors if each >= 0],
        )
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass  # SIGCHLD is ignored

    def _introduce(self) -> None:
        """Let the viewer read this process; raise what keeps it from that."""
        word, _, viewer = self._viewer.hear().partition(" ")
        if word == "pid":
            _allow_reader(int(viewer))
            self._viewer.say("go")
            word, _, fields = self._viewer.hear().partition(" ")
            if word == "ready":
                return
            if word == "error":
                raise _error_from(fields)
        hint = f"does `{sys.executable} -m inspector attach` say why?"
        raise _error_of("the dashboard did not start", hint)

    def _lead(self, write: int) -> None:
        """Lead output to the viewer, or to a file, and take the terminal's input away."""
        for number in (1, 2):
            self._before[number] = os.dup(number)
            os.dup2(write, number)
        os.close(write)
        if os.isatty(0):
            self._before[0] = os.dup(0)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)
        self._viewer.say("begin")

    def _wait(self) -> None:
        """Wait until the dashboard is left or gone, in a thread of its own."""
        if sys.version_info >= (3, 14):
            _thread.set_name("inspector")
        self._viewer.hear()
        for number, before in self._before.items():
            os.dup2(before, number)
            os.close(before)
        self._viewer.say("given")
        self._viewer.hear()  # the last lines of what was written are on the terminal
        self._begun = False
        self._done.release()


def _close_all(*descriptors: int) -> None:
    for each in descriptors:
        if each >= 0:
            os.close(each)


def _allow_reader(pid: int) -> None:
    """Let a process read this one where Yama would let only ancestors do so."""
    try:
        with open(PTRACE_SCOPE, encoding="ascii") as file:
            restricted = file.read().strip() == "1"
    except OSError:
        return
    if restricted:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(pid), 0, 0, 0)


def _error_of(message: str, hint: str) -> InspectorError:
    """Return an error of the dashboard's own."""
    from inspector.errors import InspectorError

    return InspectorError(message, hint=hint)


def _error_from(text: str) -> InspectorError:
    """Return the error that the viewer met."""
    import json

    import inspector.errors

    name, fields = json.loads(text)
    kind = getattr(inspector.errors, name)
    error: InspectorError = kind.__new__(kind, fields["message"])
    vars(error).update(fields)
    return error
