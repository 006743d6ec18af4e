"""The commonest command lines, understood without typer.

Its import takes longer than all else that one reading does.  Whatever is not said just
so is typer's to parse, or to refuse.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["parse_dump"]

LONGEST: Final = 20
"""Letters of a word that is understood here."""


def parse_dump(words: Sequence[str]) -> Callable[[], None] | None:
    """Return what ``dump [PID] [--json] [--blocking]`` asks for; None for anything else."""
    verb, *rest = words or [""]
    if max(map(len, rest), default=0) > LONGEST:
        return None
    flags = {each for each in rest if each in ("--json", "--blocking")}
    pids = [each for each in rest if each.isdecimal() and each.isascii() and each.strip("0")]
    if verb != "dump" or len(pids) > 1 or len(flags) + len(pids) != len(rest):
        return None
    from inspector.cli.show import ReadOptions, print_snapshot
    from inspector.screen.selection import View

    pid = int(pids[0]) if pids else None
    return partial(
        print_snapshot, pid, View(json="--json" in flags), ReadOptions("--blocking" in flags)
    )
