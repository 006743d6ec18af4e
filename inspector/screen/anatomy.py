"""One type in full, as a Rich renderable; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from inspector.screen.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.reader.anatomy import Anatomy

__all__ = ["anatomy_view", "grid"]

MOST: Final = 40
"""Subclasses, or threads, that are listed."""


def anatomy_view(anatomy: Anatomy) -> Group:
    """Return everything about one type."""
    row, header = anatomy.count, anatomy.header
    owner = f"{header.ob_tid:#x}"
    if row.owner is not None:
        owner += f", thread {row.owner} {plain(anatomy.owner_name)}".rstrip()
    words = [
        ("ob_tid", owner),
        ("ob_flags", f"{header.ob_flags:#x}"),
        ("ob_mutex", f"{header.ob_mutex:#x}"),
        ("ob_gc_bits", f"{header.ob_gc_bits:#x}" + (", deferred" if header.deferred else "")),
        ("ob_ref_local", f"{header.ob_ref_local:,}" + (", immortal" if header.immortal else "")),
        ("ob_ref_shared", f"{header.ob_ref_shared:#x}, {row.state}"),
        ("ob_type", f"{header.ob_type:#x}, {plain(anatomy.metatype)}"),
    ]
    facts = [
        ("address", f"{row.address:#x}, interpreter {row.interpreter}"),
        ("unique id", str(row.unique_id) if row.unique_id else "none"),
        ("instances", f"{anatomy.basicsize:,} bytes each"),
        ("flags", " ".join(anatomy.flags)),
        ("mro", _names(anatomy.bases)),
        ("subclasses", _names(anatomy.subclasses) or "none"),
    ]
    sums = [
        ("local", count(row.local)),
        ("shared - bias", count(row.unbiased)),
        *_threads("contributed by", row.contributions, anatomy.thread_names),
        ("counted", _bounded(anatomy, row.counted)),
        *_threads("on the stack of", row.stacks or {}, anatomy.thread_names),
        ("deferred", count(row.deferred)),
        ("total", _bounded(anatomy, row.total)),
        ("in suspended generators", f"{count(anatomy.suspended)}, part of no count"),
        ("sys.getrefcount", "?" if row.getrefcount is None else str(row.getrefcount)),
    ]
    paths = [(path.what, f"{path.how}: {path.why}") for path in anatomy.paths]
    judged = anatomy.judged
    said = [] if judged is None else [(judged.verdict, judged.advice)]
    return Group(
        Text(plain(row.name), "bold"),
        grid(facts),
        _section("header, right after the counts", words),
        _section("references", sums),
        Text(f"  {anatomy.formula}", "dim"),
        _section("how they are counted", paths),
        *([_section("verdict", said)] if said else []),
    )


def _section(title: str, lines: Iterable[tuple[str, str]]) -> Group:
    """Return a title and the lines under it."""
    return Group(Text(""), Text(title, "bold"), grid(lines))


def grid(lines: Iterable[tuple[str, str]]) -> Table:
    """Return lines of a word and what it stands for."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for word, meaning in lines:
        grid.add_row(Text(f"  {word}", "dim"), Text(meaning))
    return grid


def _names(names: tuple[str, ...]) -> str:
    """Return names in a row, and how many were left out."""
    more = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return ", ".join(map(plain, names[:MOST])) + more


def _threads(
    what: str, numbers: Mapping[int, int], names: Mapping[int, str]
) -> list[tuple[str, str]]:
    """Return a line per thread, the largest first."""
    ranked = sorted(numbers.items(), key=lambda item: -abs(item[1]))
    lines = [
        (f"{what} {native}", f"{number:+,}  {plain(names.get(native, ''))}".rstrip())
        for native, number in ranked[:MOST]
    ]
    if len(ranked) > MOST:
        rest = sum(number for _, number in ranked[MOST:])
        lines.append((f"{what} {len(ranked) - MOST} others", f"{rest:+,}"))
    return lines


def _bounded(anatomy: Anatomy, number: int | None) -> str:
    """Return a number, with the bounds of one that moved while it was read."""
    row = anatomy.count
    if row.settled or row.bounds is None:
        return count(number)
    return f"~{count(number)}, seen {count(row.bounds[0])} to {count(row.bounds[1])}"
