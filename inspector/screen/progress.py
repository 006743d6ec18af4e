"""How far it is: a line on standard error, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from inspector.screen.sizes import sensible_environment
from inspector.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["recording", "sampling", "steps"]


def _bar(what: str, *columns: ProgressColumn) -> Progress:
    """Return what shows the progress of something, and nothing where there is no terminal."""
    console = Console(stderr=True, _environ=sensible_environment())
    all_columns = (SpinnerColumn(), TextColumn(what), BarColumn(20), *columns)
    return Progress(*all_columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def recording(duration: float | None) -> Iterator[Callable[[int, int, float], None]]:
    """Show progress; hand out what takes readings, bytes and seconds so far."""
    columns = (
        TextColumn("{task.fields[readings]:,} readings"),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    with _bar("recording", *columns) as bar:
        task = bar.add_task("", total=duration, readings=0, size=decimal(0))

        def tell(readings: int, size: int, seconds: float) -> None:
            done = seconds if duration is None else min(seconds, duration)
            bar.update(task, completed=done, readings=readings, size=decimal(size))

        yield tell


@contextmanager
def sampling(duration: float) -> Iterator[Callable[[float, int], None]]:
    """Show progress; hand out what takes seconds and samples so far."""
    columns = (TextColumn("{task.fields[samples]:,} samples"), TimeElapsedColumn())
    with _bar("sampling", *columns) as bar:
        task = bar.add_task("", total=duration, samples=0)

        def tell(seconds: float, samples: int) -> None:
            bar.update(task, completed=min(seconds, duration), samples=samples)

        yield tell


@contextmanager
def steps(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show progress; hand out what takes steps done, steps in all, and the name of the next."""
    name_column = TextColumn("{task.fields[name]}", markup=False)
    with _bar(what, MofNCompleteColumn(), TimeElapsedColumn(), name_column) as bar:
        task = bar.add_task("", total=None, name="")

        def tell(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, name=plain(name, 60))

        yield tell
