"""The part of a program's dashboard that runs in the program's own process.

The dashboard itself is another process (:mod:`inspector.launch.viewer`), which reads this one
from outside, so that nothing it does changes the program's counts.  This part redirects the
program's output to the dashboard, and restores it when the user leaves.  The program keeps
its main thread, its signals and its exit status.  While the dashboard is on the terminal a
standard input that is the terminal is empty: ``input()`` raises EOFError.

One thread waits for the dashboard.  It is started with :mod:`_thread`, since programs count
and join the threads of :mod:`threading`.  This file imports nothing that Python has not loaded
anyway, since the types of such modules would be among the program's;
:mod:`inspector.launch.startup.sitecustomize` loads this file without its package.
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
"""Forks, so that the viewer is no child of the program, which may wait for its children."""

PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
PR_SET_PTRACER = 0x59616D61
"""include/uapi/linux/prctl.h"""


PARENT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The directory that the package is in."""


class Channel:
    """Lines of text between this process and another one, through two pipes."""

    def __init__(self, heard: int, said: int) -> None:
        """Take the descriptor to read from, ``heard``, and the one to write to, ``said``."""
        self.heard = heard
        self._said = said

    def say(self, line: str) -> None:
        """Write a line; do nothing if the other process is gone."""
        try:
            os.write(self._said, f"{line}\n".encode())
        except OSError:
            pass

    def hear(self) -> str:
        """Wait for the next line and return it; return an empty one at the end of the pipe."""
        line = b""
        while not line.endswith(b"\n"):
            # Byte by byte: select must still report the lines after this one.
            byte = os.read(self.heard, 1)
            if not byte:
                return ""
            line += byte
        return line[:-1].decode()


class Board:
    """A dashboard of this process, from :meth:`begin` to :meth:`end`; both may be called once."""

    def __init__(self, options: str, output: str | None = None) -> None:
        """Take the options and the file for the program's output.

        ``options`` is the text of :class:`~inspector.launch.board_options.BoardOptions`.
        Without an ``output`` file a pane of the dashboard shows what the program writes.
        """
        self._options = options
        self._output = output
        self._asked = False
        self._begun = False
        self._done = _thread.allocate_lock()
        self._before: dict[int, int] = {}
        """Redirected descriptor of the program -> a duplicate of what it was."""
        self._viewer: Channel

    def begin(self) -> None:
        """Start the viewer and redirect output to it; do nothing without a terminal.

        Raises the error that the viewer met when it tried to read this process.
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
        self._redirect(write)
        self._done.acquire()
        self._begun = True
        _thread.start_new_thread(self._wait, ())

    def end(self, told: str) -> None:
        """Tell the viewer how the program ended, and wait until the user leaves."""
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
        """Return where the viewer reads output (-1 for a file) and where the program writes it."""
        if self._output is None:
            return os.pipe()
        return -1, os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _start_viewer(self, *descriptors: int) -> None:
        """Start the viewer in this process's environment; it inherits the descriptors."""
        if not sys.executable:
            raise _error_of("Python does not know its own executable", "start it by its path")
        command = [sys.executable, "-P", "-c", START, self._options, str(os.getpid())]
        actions = []
        for descriptor in descriptors:
            command.append(str(descriptor))
            if descriptor >= 0:
                # Duplicated onto itself a descriptor is inherited, and by this child alone.
                actions.append((os.POSIX_SPAWN_DUP2, descriptor, descriptor))
        command += ["--", PARENT, *sys.path]
        child = os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass  # SIGCHLD is ignored

    def _introduce(self) -> None:
        """Let the viewer read this process; raise the error if it cannot."""
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

    def _redirect(self, write: int) -> None:
        """Redirect output to the viewer or a file, and input from the terminal to /dev/null."""
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
        """Wait until the user leaves or the viewer ends; runs in a thread of its own."""
        if sys.version_info >= (3, 14):
            _thread.set_name("inspector")
        self._viewer.hear()
        for number, before in self._before.items():
            os.dup2(before, number)
            os.close(before)
        self._viewer.say("given")
        self._viewer.hear()  # until the viewer has printed the last lines of output
        self._begun = False
        self._done.release()


def _close_all(*descriptors: int) -> None:
    for descriptor in descriptors:
        if descriptor >= 0:
            os.close(descriptor)


def _allow_reader(pid: int) -> None:
    """Let a process read this one where Yama allows that to ancestors only."""
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
    """Return the error that the viewer met, from its JSON: class name and attributes."""
    import json

    import inspector.errors

    name, fields = json.loads(text)
    kind = getattr(inspector.errors, name)
    error: InspectorError = kind.__new__(kind, fields["message"])
    vars(error).update(fields)
    return error
