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
from inspector.screen.text import escape_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["show_recording", "show_sampling", "show_steps"]


def _progress_bar(*columns: ProgressColumn) -> Progress:
    """Return what shows the progress of something, and nothing where there is no terminal."""
    console = Console(stderr=True, _environ=sensible_environment())
    what = TextColumn("{task.description}", markup=False)
    all_columns = (SpinnerColumn(), what, BarColumn(20), *columns)
    return Progress(*all_columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def show_recording(duration: float | None) -> Iterator[Callable[[int, int, float], None]]:
    """Show progress; hand out what takes readings, bytes and seconds so far."""
    columns = (
        TextColumn("{task.fields[readings]:,} readings"),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    with _progress_bar(*columns) as bar:
        task = bar.add_task("recording", total=duration, readings=0, size=decimal(0))

        def tell(readings: int, size: int, seconds: float) -> None:
            done = seconds if duration is None else min(seconds, duration)
            bar.update(task, completed=done, readings=readings, size=decimal(size))

        yield tell


@contextmanager
def show_sampling(duration: float) -> Iterator[Callable[..., None]]:
    """Show progress; hand out what takes seconds and samples so far, and what is done next."""
    columns = (TextColumn("{task.fields[samples]:,} samples"), TimeElapsedColumn())
    with _progress_bar(*columns) as bar:
        task = bar.add_task("sampling", total=duration, samples=0)

        def tell(seconds: float, samples: int, what: str = "sampling") -> None:
            done = min(seconds, duration)
            bar.update(task, description=what, completed=done, samples=samples)

        yield tell


@contextmanager
def show_steps(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show progress; hand out what takes steps done, steps in all, and the name of the next.

    As long as nobody knows how many steps there are, their number is 0.
    """
    name_column = TextColumn("{task.fields[name]}", markup=False)
    with _progress_bar(MofNCompleteColumn(), TimeElapsedColumn(), name_column) as bar:
        task = bar.add_task(what, total=None, name="")

        def tell(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total or None, name=escape_text(name, 60))

        yield tell
