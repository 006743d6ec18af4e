"""The dashboard as a file: a picture, a page, or the numbers of every row that matches."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.terminal_theme import TerminalTheme

from inspector.errors import FileError
from inspector.screen.console import record_console
from inspector.screen.dashboard.view import clamp_scroll, screen_lines
from inspector.screen.dashboard.watch_options import SUFFIXES
from inspector.screen.streams import open_output
from inspector.screen.svg import place_words
from inspector.screen.text import escape_markdown, escape_text, format_count
from inspector.snapshots.snapshot import ObjectCount
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from inspector.screen.dashboard.state import State

__all__ = [
    "export_console_html",
    "export_console_svg",
    "export_text",
    "protect_spreadsheet",
    "write_export",
]

THEME: Final = TerminalTheme(
    (24, 26, 31),
    (208, 212, 220),
    [
        *((24, 26, 31), (240, 113, 120), (127, 200, 120), (229, 192, 105)),
        *((104, 160, 240), (200, 140, 220), (90, 200, 205), (208, 212, 220)),
    ],
)
FIELDS: Final = (
    *("name", "kind", "address", "interpreter", "state", "total", "counted", "local", "shared"),
    *("bias", "contributed", "deferred", "settled", "growth", "rate", "heat", "verdict"),
    *("updates_per_second", "threads", "instances", "bytes", "attached", "advice"),
)


def write_export(state: State, path: str) -> None:
    """Write a file in the format that its suffix names; raise :class:`FileError`."""
    text = export_text(state, path)
    with open_output(path, "w") as stream:
        stream.write(text)


def export_text(state: State, path: str) -> str:
    """Return the text of a file of this name."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError(
            f"cannot export to {path!r}: its suffix is none of {', '.join(SUFFIXES)}",
            path=path,
            hint="the suffix tells the format",
        )
    return FORMATS[suffix](state)


def _record_screen(state: State) -> Console:
    """Return a console that has recorded the screen."""
    size = state.size
    console = record_console(size.width, size.height, no_color=False)
    for line in screen_lines(clamp_scroll(state)):
        console.print(line, no_wrap=True, overflow="ignore", crop=True)
    return console


def _export_svg(state: State) -> str:
    snapshot = state.snapshot
    title = "inspector" if snapshot is None else f"inspector {snapshot.target.pid}"
    return export_console_svg(_record_screen(state), title)


def export_console_svg(console: Console, title: str) -> str:
    """Return what a console has recorded as a picture."""
    text = place_words(console.export_svg(title=title, theme=THEME, unique_id="inspector"))
    # A picture that asks another machine for its font tells that machine who looks at it.
    text = re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL)
    return text.replace("Fira Code, monospace", "monospace")


def _export_html(state: State) -> str:
    return export_console_html(_record_screen(state))


def export_console_html(console: Console) -> str:
    """Return what a console has recorded as a page."""
    return console.export_html(theme=THEME, inline_styles=True)


def _export_rows(state: State) -> Iterator[dict[str, Any]]:
    """Return the rows that match, up to the limit, with what the readings before tell."""
    history = state.history
    if history is None:
        return
    for number in state.order[: state.limit or None]:
        row = ObjectCount._make(history.latest.rows[number])
        evidence = history.evidence(row)
        judged = judge(evidence)
        use = history.find_use(row)
        yield {
            **row.as_dict(),
            "instances": None if use is None else use.instances,
            "bytes": None if use is None else use.bytes,
            "attached": None if use is None else use.attached,
            "contributed": row.contributed,
            "growth": history.growth(row),
            "rate": history.rate(row),
            "heat": history.share(row).value,
            "updates_per_second": evidence.updates_per_second,
            "threads": evidence.threads,
            "verdict": None,
            "evidence": evidence.as_dict(),
            "advice": None,
            **(judged.as_dict() if judged else {}),
        }


def _export_json(state: State) -> str:
    if state.snapshot is None:
        return "{}\n"
    snapshot = state.snapshot
    if state.history is not None and state.history.heap is not None:
        snapshot = snapshot._replace(heap=state.history.heap.latest)
    document = snapshot.as_dict()
    document["objects"] = list(_export_rows(state))
    return json.dumps(document) + "\n"


def _export_csv(state: State) -> str:
    stream = StringIO()
    writer = csv.DictWriter(stream, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for record in _export_rows(state):
        name = protect_spreadsheet(escape_text(record["name"]))
        writer.writerow({**record, "name": name})
    return stream.getvalue()


def protect_spreadsheet(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula to work out."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _export_markdown(state: State) -> str:
    head = ("type", "total", "growth", "local", "shared", "contributed", "deferred", "verdict")
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * 6} --- |"]
    for record in _export_rows(state):
        shared = None if record["shared"] is None else record["shared"] - record["bias"]
        cells = [
            escape_markdown(record["name"]),
            format_count(record["total"]),
            format_count(record["growth"]),
            format_count(record["local"]),
            format_count(shared),
            format_count(record["contributed"]),
            format_count(record["deferred"]),
            record["verdict"] or "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


FORMATS: Final[dict[str, Callable[[State], str]]] = {
    ".svg": _export_svg,
    ".html": _export_html,
    ".json": _export_json,
    ".csv": _export_csv,
    ".md": _export_markdown,
}
"""What writes each of :data:`SUFFIXES`."""
