"""The command `inspector`: the only place that turns an error into an exit status.

One module per verb.  typer only parses: it is let go of before a verb does its
work, and its import, the slowest part of a start, happens nowhere else, and not at
all for what :mod:`inspector.cli.fast_dump` understands.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inspector.cli.codes import BROKEN_PIPE, INTERRUPTED
from inspector.cli.fast_dump import parse_dump
from inspector.errors import InspectorError
from inspector.screen.sizes import drop_invalid_sizes
from inspector.screen.streams import (
    drop_unwritten,
    hold_descriptors,
    print_error,
    print_failure,
    standard_output,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command line says (by default ``sys.argv``) and return the exit status."""
    try:
        return _run_command(arguments)
    except InspectorError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except (MemoryError, OSError) as failure:
        return print_failure(failure)
    finally:
        if arguments is None:
            drop_unwritten()
            # Python ends now, and would look through everything once more.
            gc.freeze()


def _run_command(arguments: Sequence[str] | None) -> int:
    """Do what a command line says, and return the exit status; raise what keeps it from that."""
    if arguments is None:
        hold_descriptors()
    words = sys.argv[1:] if arguments is None else list(arguments)
    with _no_collections():
        brief = parse_dump(words)
        if brief is not None:
            brief()
            if arguments is None:
                _exit_at_once()
            return 0
        work = _parse_words(words)
    return work if isinstance(work, int) else work() or 0


def _exit_at_once() -> None:
    """End this process at once; to take it apart object by object takes as long as a reading.

    Return if anybody waits for that end: a callback of :mod:`atexit`, a profiler, a tracer,
    or ``python -i``.
    """
    callbacks = atexit._ncallbacks()  # noqa: SLF001 - of the library
    if not (callbacks or sys.getprofile() or sys.gettrace() or sys.flags.inspect):
        os._exit(0)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Let the collector rest: nothing of a start is garbage, and looking for some takes a tenth."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _parse_words(words: Sequence[str]) -> Callable[[], int | None] | int:
    """Return what a command line asks for, or the exit status if that is done already."""
    from inspector.cli.app import parse_words

    with drop_invalid_sizes(), standard_output(flush=False) as stream:
        found = parse_words(words)
        if isinstance(found, int):
            stream.flush()
        return found
