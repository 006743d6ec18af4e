"""A table as HTML, for a notebook; pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["format_known", "make_html_table"]


def make_html_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a name in the first column and numbers to its right."""
    lines = ["<table>", f"<caption>{escape(caption)}</caption>", "<thead><tr>"]
    lines += [f"<th>{escape(head)}</th>" for head in heads]
    lines.append("</tr></thead><tbody>")
    for name, *cells in rows:
        numbers = "".join(f'<td style="text-align: right">{escape(cell)}</td>' for cell in cells)
        lines.append(f'<tr><td style="text-align: left">{escape(name)}</td>{numbers}</tr>')
    lines.append("</tbody></table>")
    return "\n".join(lines)


def format_known(number: int | None, *, signed: bool = False) -> str:
    """Return a number with commas, and ``?`` for one that is unknown."""
    if number is None:
        return "?"
    return f"{number:+,}" if signed else f"{number:,}"
