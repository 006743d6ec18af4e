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
    1: "anything else went wrong",
    USAGE: "wrong usage, or a program, module or file cannot be opened",
    3: "no such process, or it ended",
    4: "access to the process is denied",
    5: "not a Python that can be inspected",
    6: "no such object, or one without a count",
    7: "memory or CPython's structures cannot be read",
    8: "the process moved faster than it could be read",
    9: "what --fail-on names was found",
    INTERRUPTED: "interrupted",
    BROKEN_PIPE: "nobody reads the output",
}
"""Of every verb but run, which ends as its program does once that has started."""
