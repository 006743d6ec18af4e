"""Exit statuses: what each one tells the shell.

Those of errors are the ``exit_code`` of the classes in :mod:`inspector.errors`.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BROKEN_PIPE", "EXIT_CODES", "INTERRUPTED", "USAGE"]

USAGE: Final = 2
INTERRUPTED: Final = 130
"""128 and SIGINT's number, as shells write it."""
BROKEN_PIPE: Final = 141
"""128 and SIGPIPE's number."""

EXIT_CODES: Final = {
    0: "done",
    1: "another error",
    USAGE: "wrong usage, or a program, module or file cannot be opened",
    3: "no such process, or it ended",
    4: "access to the process is denied",
    5: "not a Python that can be inspected",
    6: "no such object, or one without a count",
    7: "memory or CPython's structures cannot be read",
    8: "the process changed faster than it could be read",
    9: "what --fail-on names was found",
    INTERRUPTED: "interrupted",
    BROKEN_PIPE: "output pipe closed",
}
"""Of every verb; `run` ends with its program's status once that has started."""
