"""How far a recording is: a line on standard error, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress"]


@contextmanager
def progress(duration: float | None) -> Iterator[Callable[[int, int, float], None]]:
    """Show progress; hand out what takes readings, bytes and seconds so far."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("recording"),
        BarColumn(20),
        TextColumn("{task.fields[readings]:,} readings"),
        TextColumn("{task.fields[size]}"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("recording", total=duration, readings=0, size=decimal(0))

        def tell(readings: int, size: int, seconds: float) -> None:
            done = seconds if duration is None else min(seconds, duration)
            bar.update(task, completed=done, readings=readings, size=decimal(size))

        yield tell
