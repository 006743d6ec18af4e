"""A program started in this process by Python itself.

Knows: how to replace this process's image by Python running a program, with a
start-up file of ours (:mod:`inspector.launch.startup.sitecustomize`) before it.  The
process keeps its id, its terminal and its open files.

Running the program from Python code of ours instead would leave our frames under
its own, our modules in its census, and ``sys.orig_argv`` and ``__main__`` wrong for
programs that restart themselves or spawn workers.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from inspector.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LIVE",
    "VERDICTS",
    "check_program",
    "drop_interpreter",
    "find_interpreter_options",
    "run_program",
    "split_interpreter",
]

STARTUP: Final = str(Path(__file__).absolute().parent / "startup")

# Named in inspector.launch.startup.sitecustomize too.
LIVE, VERDICTS = "live", "verdicts"

PYTHON: Final = re.compile(r"python[\d.]*t?")
"""How an executable of CPython is called."""

LETTERS: Final = re.compile(r"(--.*|-[^-cmWX]*)([cmWX]?)(.*)", re.DOTALL)
"""A word of options: flags, then perhaps one that takes the rest or the next word."""


def split_interpreter(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the path of the Python that a command line begins with, and the program after it.

    The path is empty where it begins with the program: ``app.py`` rather than ``python app.py``.
    """
    first, *rest = words
    path = shutil.which(first) if PYTHON.fullmatch(Path(first).name) and rest else None
    return ("", list(words)) if path is None else (path, rest)


def drop_interpreter(words: Sequence[str]) -> list[str]:
    """Return the program of a command line that may begin with this Python.

    Raises :class:`ProgramError` for another Python, which this process cannot become.
    """
    path, program = split_interpreter(words)
    if path and not _is_this_python(path):
        raise ProgramError(
            f"{path} is another Python than that of inspector, {sys.executable}",
            program=path,
            hint=f"start inspector with it, `{path} -m inspector run …`, or use `inspector record`",
        )
    return program


def _is_this_python(path: str) -> bool:
    """Whether an executable is the one that runs, in the same environment."""
    found, own = Path(path).absolute(), Path(sys.executable)
    same_file = found.resolve() == own.resolve()
    return same_file and found.parent.resolve() == own.parent.resolve()


def check_program(words: Sequence[str]) -> None:
    """Raise :class:`ProgramError` for a program that Python could not begin to run.

    ``words`` are what one would write after ``python``: ``-m MODULE``, ``-c CODE``, or
    a path, with the program's arguments.  Whether a module exists is left to Python,
    which may have to import its parents to know.
    """
    if sys.flags.no_site or sys.flags.ignore_environment:
        raise ProgramError(
            "Python was started without its site module or environment",
            program=words[0],
            hint="do without -I, -E and -S: a program is watched through PYTHONPATH",
        )
    if os.pathsep in STARTUP:
        raise ProgramError(
            f"PYTHONPATH cannot hold {STARTUP}",
            program=words[0],
            hint=f"install inspector where no directory has {os.pathsep!r} in its name",
        )
    if not sys.executable:
        raise ProgramError("Python does not know its own executable", program=words[0])
    if words[0] in {"-m", "-c"} and len(words) == 1:
        raise ProgramError(f"argument expected for the {words[0]} option", program=words[0])
    if not words[0].startswith("-"):
        _check_script(words[0])


def _check_script(path: str) -> None:
    """Raise :class:`ProgramError` unless this is a readable file, or a directory that runs."""
    # Not opened: to open and close a named pipe would end whoever writes to it.
    try:
        Path(path).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
    else:
        reason = "" if os.access(path, os.R_OK) else os.strerror(errno.EACCES)
        if Path(path).is_dir() and not Path(path, "__main__.py").exists():
            reason = "it is a directory without a __main__.py"
    if reason:
        raise ProgramError(
            f"can't open file {path!r}: {reason}",
            program=path,
            hint="give a script's path, or -m MODULE for one that is installed",
        )


def run_program(words: Sequence[str], plan: str, when: Sequence[float] | str) -> NoReturn:
    """Replace this process by Python running a program; see :func:`check_program`.

    ``plan`` is the text that a :class:`~inspector.launch.reporter.Reporter` is made of in
    the new image; it reports at each of the moments in ``when`` (seconds) or when the
    program ends.  :data:`VERDICTS` stands for verdicts then, and for :data:`LIVE` the
    text is that of :class:`~inspector.launch.board_options.BoardOptions`, and on the next line
    the file that takes the program's output.
    """
    environment = dict(os.environ)
    before = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [STARTUP, before]))
    environment["INSPECTOR_RUN"] = plan
    environment["INSPECTOR_RUN_AT"] = (
        when if isinstance(when, str) else " ".join(map(repr, sorted(when)))
    )
    if before is not None:
        environment["INSPECTOR_RUN_PYTHONPATH"] = before
    options = find_interpreter_options(sys.orig_argv)
    try:
        os.execve(sys.executable, [sys.executable, *options, *words], environment)  # noqa: S606
    except OSError as error:
        raise ProgramError(
            f"cannot start {sys.executable}: {error.strerror}", program=words[0]
        ) from error


def find_interpreter_options(command: Sequence[str]) -> list[str]:
    """Return the options for Python itself in its command line, ``sys.orig_argv``.

    They end where the program begins: at ``-m``, ``-c`` or the first word that is no
    option (Python/initconfig.c, config_parse_cmdline).
    """
    options: list[str] = []
    words = iter(command[1:])
    for word in words:
        if not word.startswith("-") or word in {"-", "--"}:
            break
        flags, special, value = LETTERS.fullmatch(word).groups()  # type: ignore[union-attr]
        if special and special in "mc":
            options += [flags] if flags != "-" else []
            break
        options.append(word)
        if (special and not value) or word == "--check-hash-based-pycs":
            options.append(next(words, ""))
    return options
