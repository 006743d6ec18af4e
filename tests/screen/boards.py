"""States of the dashboard made by hand, and a screen that nobody looks at."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from inspector.screen.dashboard.state import Size, State, add_snapshot
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from tests.screen.builder import SECOND, interpreter, row, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from inspector.snapshots.snapshot import ObjectCount, Snapshot

THREADS = ((4242, "MainThread"), (4243, "worker-1"), (4244, "worker-2"))


def reading(
    number: int, *rows: ObjectCount, threads: Sequence[tuple[int, str]] = THREADS
) -> Snapshot:
    """Return the reading of second ``number``: by default a growing type and others."""
    rows = rows or (
        row("app.Order", local=2, contributions={4242: 100 * number, 4243: -10 * number}),
        row("re.Match", shared=-7 * number, contributions={4244: 7 * number}, deallocator="header"),
        row("app.views.Line", local=30),
        row("collections.deque", local=5, deferred=None),
    )
    return snapshot(*rows, interpreters=(interpreter(*threads),), taken_ns=number * SECOND)


def board(width: int = 120, height: int = 24, readings: int = 6, **fields: object) -> State:
    """Return the state after some readings."""
    state = replace(State(size=Size(width, height)), **fields)  # type: ignore[arg-type]
    for number in range(readings):
        state = clamp_scroll(add_snapshot(state, reading(number)))
    return state


def lines(state: State) -> list[str]:
    """Return the lines of the screen as text."""
    return [line.plain for line in screen_lines(clamp_scroll(state))]


def printed(view: RenderableType, width: int = 120) -> str:
    """Return what is printed, without blanks at the ends of lines."""
    console = Console(file=StringIO(), width=width, no_color=True)
    console.print(view)
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


class FakeScreen:
    """A screen of keys that were decided on before; each wait takes as long as it was told."""

    def __init__(self, *keys: str, width: int = 100, height: int = 20) -> None:
        self.keys = list(keys)
        self.frames: list[list[str]] = []
        self.waits: list[float] = []
        self.now = 0.0
        self.events: list[str] = []
        self._size = Size(width, height)

    def clock(self) -> float:
        return self.now

    def size(self) -> Size:
        return self._size

    def resize(self, width: int, height: int) -> None:
        self._size = Size(width, height)

    def draw(self, texts: Sequence[Text], *, anew: bool = False) -> None:
        self.frames.append([line.plain for line in texts])
        if anew:
            self.events.append("anew")

    def wait(self, timeout: float, also: Sequence[int] = ()) -> list[str]:
        del also
        self.waits.append(timeout)
        self.now += timeout
        return [self.keys.pop(0)] if self.keys else ["q"]

    def suspend(self) -> None:
        self.events.append("suspended")

    def resume(self) -> None:
        self.events.append("resumed")
