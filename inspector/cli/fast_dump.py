"""The commonest command lines, understood without typer.

Its import takes longer than all else that one reading does.  Whatever is not said just
so is typer's to parse, or to refuse.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from inspector.cli.choose import OWN, choose_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["parse_dump"]

LONGEST: Final = 20
"""Letters of a word that is understood here."""


def parse_dump(words: Sequence[str]) -> Callable[[], None] | None:
    """Return what ``dump [PID] [--json] [--blocking]`` asks for; None for anything else."""
    verb, *rest = words or [""]
    if verb != "dump":
        return None
    flags: list[str] = []
    pids: list[str] = []
    for word in rest:
        if word in ("--json", "--blocking") and word not in flags:
            flags.append(word)
        elif len(word) <= LONGEST and not pids and (word == OWN or _is_pid(word)):
            pids.append(word)
        else:
            return None
    from inspector.cli.show import ReadOptions, print_snapshot
    from inspector.screen.selection import View

    pid = _find_process(pids[0]) if pids else choose_process(own=True)
    return partial(
        print_snapshot, pid, View(json="--json" in flags), ReadOptions("--blocking" in flags)
    )


def _is_pid(word: str) -> bool:
    """Whether a word is a number of at least 1."""
    return word.isdecimal() and word.isascii() and bool(word.strip("0"))


def _find_process(word: str) -> int:
    """Return the process that a word means."""
    return os.getpid() if word == OWN else int(word)
