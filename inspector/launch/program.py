"""Starts a program in this process: replaces it by Python running the program (exec).

The process keeps its id, its terminal and its open files.  Python first runs
:mod:`inspector.launch.startup.sitecustomize`, which it finds through ``PYTHONPATH``.

To run the program from Python code of inspector instead would leave frames of inspector below
the program's, count the types of inspector's modules as the program's, and give programs that
restart themselves or start workers the wrong ``sys.orig_argv`` and ``__main__``.
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

# inspector.launch.startup.sitecustomize has the same names: it imports nothing.
LIVE, VERDICTS = "live", "verdicts"

PYTHON: Final = re.compile(r"python[\d.]*t?")
"""How an executable of CPython is called."""

LETTERS: Final = re.compile(r"(--.*|-[^-cmWX]*)([cmWX]?)(.*)", re.DOTALL)
"""An option of Python: flags, then perhaps a letter that takes the rest or the next word."""


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
    """Whether an executable is this Python, and of the same virtual environment."""
    found, own = Path(path).absolute(), Path(sys.executable)
    same_file = found.resolve() == own.resolve()
    return same_file and found.parent.resolve() == own.parent.resolve()


def check_program(words: Sequence[str]) -> None:
    """Raise :class:`ProgramError` for a program that Python cannot begin to run.

    ``words`` is the command line after ``python``: ``-m MODULE``, ``-c CODE`` or a path, and
    the program's arguments.  Does not look for a module, since that may import its parents.
    """
    if sys.flags.no_site or sys.flags.ignore_environment:
        raise ProgramError(
            "Python was started without its site module or environment",
            program=words[0],
            hint="leave out -I, -E and -S: inspector is loaded through PYTHONPATH",
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
    """Raise :class:`ProgramError` unless a path is a readable file or has a __main__.py."""
    # Not opened: the writer of a named pipe would be killed when it is closed.
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
    """Replace this process by Python running a program; ``words`` as in :func:`check_program`.

    ``when`` says what the program's process does besides:

    - moments in seconds, ascending or not: a report at each of them; none: a report at the
      end.  ``plan`` is the text of :class:`~inspector.launch.report_options.ReportOptions`.
    - :data:`VERDICTS`: verdicts at the end; ``plan`` as above.
    - :data:`LIVE`: a dashboard.  ``plan`` is the text of
      :class:`~inspector.launch.board_options.BoardOptions`, a newline, and the file for the
      program's output, empty for none.

    Raises :class:`ProgramError` when Python cannot be started.
    """
    environment = dict(os.environ)
    before = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{STARTUP}{os.pathsep}{before}" if before else STARTUP
    environment["INSPECTOR_RUN"] = plan
    if not isinstance(when, str):
        when = " ".join(repr(moment) for moment in sorted(when))
    environment["INSPECTOR_RUN_AT"] = when
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

    The program begins at ``-m``, ``-c`` or the first word that is not an option
    (Python/initconfig.c, config_parse_cmdline).
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
