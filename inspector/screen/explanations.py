"""Explanations of verdicts and findings, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.verdict.explanations import Explanation

__all__ = ["explanation_view", "names_view"]

INDENT: Final = 4


def explanation_view(explained: Explanation) -> Group:
    """Return one explanation, under headings."""
    parts: list[Text | Padding] = [
        Text.assemble((explained.name, "bold"), ": ", explained.summary),
    ]
    for heading, text in (
        ("In CPython", explained.meaning),
        ("Measured", explained.measured),
        ("Costs", explained.cost),
        ("How sure", explained.certainty),
    ):
        parts += [Text(heading, "bold"), Padding(Text(text), (0, 0, 0, INDENT))]
    parts.append(Text("To do", "bold"))
    for where, what in explained.fixes.items():
        line = Text.assemble((f"{where}: ", "bold"), what)
        parts.append(Padding(line, (0, 0, 0, INDENT)))
    return Group(*parts)


def names_view(explained: Sequence[Explanation]) -> Table:
    """Return the names with a line each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for each in explained:
        table.add_row(each.name, each.summary)
    return table
