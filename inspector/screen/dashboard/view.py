"""From a state to the lines of the screen: pure, and the only thing that is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from inspector.screen.cells import cut_to_width
from inspector.screen.dashboard.actions import FAR
from inspector.screen.dashboard.details import detail_lines
from inspector.screen.dashboard.findings_page import findings_lines, visible_range
from inspector.screen.dashboard.heading import head_lines
from inspector.screen.dashboard.heap_page import heap_lines
from inspector.screen.dashboard.keys import BINDINGS, is_applicable
from inspector.screen.dashboard.sizes import body_height, table_height
from inspector.screen.dashboard.table import table_lines
from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.screen.dashboard.state import State

__all__ = ["clamp_scroll", "screen_lines"]

LEGEND: Final = (
    "TOTAL = LOCAL + SHARED + THREADS + STACK; ? is not known, ~ moved while it was read",
    "SHARED  ob_ref_shared without CPython's bias; THREADS  the threads' arrays, since a merge",
    "BY THREAD  the busiest threads, as the process lists them; hanging bars are below zero",
    "UPDATES/s  of the header, at least, since the baseline; the sort by them begins with types",
    "that several threads use. USED BY  most threads that counted a type between two readings",
    "MOVED IN  share of samples since the baseline in which ob_ref_shared moved, other than by",
    "a collection; ? where only readings are taken",
    "growing  the total nearly always rose; new  not there at the baseline",
    "INSTANCES, BYTES  of the heap, which is read less often than the counts: m says when",
)


def screen_lines(state: State) -> list[Text]:
    """Return as many lines as the screen has, none wider than it is."""
    body = PAGES[state.mode](state)
    room = body_height(state)
    if state.mode != "table":
        first = min(state.scroll, max(0, len(body) - room))
        body = body[first : first + room]
    lines = [*head_lines(state), *body[:room]]
    lines += [Text("")] * (state.size.height - 1 - len(lines))
    lines = [*lines[: max(0, state.size.height - 1)], footer_line(state)]
    for line in lines:
        line.no_wrap = True
        # A number whose end is missing would be another number.
        line.truncate(state.size.width, overflow="ellipsis")
    return lines


def clamp_scroll(state: State) -> State:
    """Return the state with the cursor on the screen, and nothing scrolled past its end."""
    if state.mode == "table":
        room = table_height(state)
        top = max(state.cursor - room + 1, min(state.top, state.cursor))
        return replace(state, top=max(0, min(top, max(0, len(state.order) - room))))
    last = max(0, len(PAGES[state.mode](state)) - body_height(state))
    if state.mode == "findings" and state.look is not None and state.look.findings:
        return replace(state, scroll=_scroll_to_finding(state, last))
    # At the end of what a program writes one stays at the end.
    end = FAR if state.mode == "output" else last
    return replace(state, scroll=end if state.scroll >= last else state.scroll)


def _scroll_to_finding(state: State, last: int) -> int:
    """Return the lines above the screen where the chosen finding is on it.

    With the first or the last one comes what stands before and after.
    """
    findings = () if state.look is None else state.look.findings
    if state.chosen == 0:
        return 0
    if state.chosen == len(findings) - 1:
        return last
    first, end = visible_range(state)
    return min(last, max(end - body_height(state), min(state.scroll, first)))


def help_lines(state: State) -> list[Text]:
    """Return every key that does something, in one or two columns, and what words mean."""
    keys = [binding for binding in BINDINGS if is_applicable(binding, state)]
    width = state.size.width
    cells = []
    for binding in keys:
        shown = spell_arrows(binding.shown, state)
        cells.append(Text.assemble((f"{shown:>8}", "bold"), f"  {binding.text}"))
    columns = 2 if width >= 110 else 1  # noqa: PLR2004 - twice the longest line
    height = -(-len(cells) // columns)
    lines = []
    for number in range(height):
        line = cells[number].copy()
        if columns > 1 and number + height < len(cells):
            line.truncate(width // 2 - 1, pad=True)
            line.append_text(cells[number + height])
        lines.append(line)
    return [*lines, Text(""), *(Text(line, "dim") for line in LEGEND)]


def spell_arrows(text: str, state: State) -> str:
    """Spell arrows where they cannot be drawn."""
    if state.unicode:
        return text
    for arrow, word in {"←": "Left", "→": "Right", "↑": "Up", "↓": "Down"}.items():
        text = text.replace(arrow, word)
    return text


def output_lines(state: State) -> list[Text]:
    """Return what the program wrote, the last lines of it."""
    if not state.output:
        return [Text("the program has written nothing", "dim")]
    return [Text(escape_text(line)) for line in state.output]


def footer_line(state: State) -> Text:
    """Return what is typed, or said, or the keys and the place in the table."""
    width = state.size.width
    if state.prompt is not None:
        what = "export to" if state.prompt.purpose == "export" else "filter"
        return Text.assemble(
            (f"{what}: ", "bold"),
            escape_text(state.prompt.text),
            ("▏" if state.unicode else "_", "bold"),
        )
    if state.message:
        return Text(escape_text(state.message), "bold yellow")
    place = _describe_place(state)
    line = Text()
    for binding in BINDINGS:
        if not binding.footer or not is_applicable(binding, state):
            continue
        key = "⏎" if binding.keys[0] == "enter" and state.unicode else binding.shown.split()[-1]
        key = "+/-" if binding.shown == "+" else binding.shown.split()[0] if key == "p" else key
        if line.cell_len + len(key) + len(binding.footer) + 3 + cell_len(place) > width:
            break
        line.append(key, "bold")
        line.append(f" {binding.footer}  ")
    line.append(" " * max(0, width - line.cell_len - cell_len(place)))
    return line.append(cut_to_width(place, width), "dim")


def _describe_place(state: State) -> str:
    """Return which rows are on the screen, of how many, in which order."""
    if state.mode == "findings" and state.look is not None and state.look.findings:
        return f"{state.chosen + 1}/{len(state.look.findings)}  F types"
    if state.mode != "table" or state.snapshot is None:
        return "Esc back" if state.mode != "table" else ""
    if not state.order:
        return "none matches" if len(state.snapshot) else "nothing to show"
    last = min(len(state.order), state.top + table_height(state))
    of = format_count(len(state.order))
    if len(state.order) < len(state.snapshot):
        of += f" ({format_count(len(state.snapshot) - len(state.order))} hidden)"
    turned = " up" if state.reverse else ""
    return f"by {state.sort}{turned}  {state.top + 1}-{last} of {of}"


PAGES: Final[dict[str, Callable[[State], list[Text]]]] = {
    "details": detail_lines,
    "findings": findings_lines,
    "heap": heap_lines,
    "help": help_lines,
    "output": output_lines,
    "table": table_lines,
}
"""What each mode shows between the heading and the footer."""
