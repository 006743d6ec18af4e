"""One type in full, as a Rich renderable; a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from inspector.screen.cells import format_compact
from inspector.screen.text import escape_text, format_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inspector.reader.anatomy import Anatomy
    from inspector.snapshots.holders import Accounting

__all__ = ["accounting_view", "anatomy_view", "make_grid"]

MOST: Final = 40
"""Subclasses, or threads, that are listed."""


def anatomy_view(anatomy: Anatomy) -> Group:
    """Return everything about one type."""
    row, header = anatomy.count, anatomy.header
    owner = f"{header.ob_tid:#x}"
    if row.owner is not None:
        owner += f", thread {row.owner} {escape_text(anatomy.owner_name)}".rstrip()
    words = [
        ("ob_tid", owner),
        ("ob_flags", f"{header.ob_flags:#x}"),
        ("ob_mutex", f"{header.ob_mutex:#x}"),
        ("ob_gc_bits", f"{header.ob_gc_bits:#x}" + (", deferred" if header.deferred else "")),
        ("ob_ref_local", f"{header.ob_ref_local:,}" + (", immortal" if header.immortal else "")),
        ("ob_ref_shared", f"{header.ob_ref_shared:#x}, {row.state}"),
        ("ob_type", f"{header.ob_type:#x}, {escape_text(anatomy.metatype)}"),
    ]
    facts = [
        ("address", f"{row.address:#x}, interpreter {row.interpreter}"),
        ("unique id", str(row.unique_id) if row.unique_id else "none"),
        ("instances", _describe_instances(anatomy)),
        ("flags", " ".join(anatomy.flags)),
        ("mro", _join_names(anatomy.bases)),
        ("subclasses", _join_names(anatomy.subclasses) or "none"),
    ]
    sums = [
        ("local", format_count(row.local)),
        ("shared - bias", format_count(row.unbiased)),
        *_list_threads("contributed by", row.contributions, anatomy.thread_names),
        ("counted", _format_bounds(anatomy, row.counted)),
        *_list_threads("on the stack of", row.stacks or {}, anatomy.thread_names),
        ("deferred", format_count(row.deferred)),
        ("total", _format_bounds(anatomy, row.total)),
        ("in suspended generators", f"{format_count(anatomy.suspended)}, part of no count"),
        ("sys.getrefcount", "?" if row.getrefcount is None else str(row.getrefcount)),
    ]
    paths = [(path.what, f"{path.how}: {path.why}") for path in anatomy.paths]
    parts: list[RenderableType] = [
        Text(escape_text(row.name), "bold"),
        make_grid(facts),
        _make_section("header, right after the counts", words),
        _make_section("references", sums),
        Text(f"  {anatomy.formula}", "dim"),
        _make_section("how they are counted", paths),
    ]
    if anatomy.judged is not None:
        verdict = (anatomy.judged.verdict, anatomy.judged.advice)
        parts.append(_make_section("verdict", [verdict]))
    return Group(*parts)


def accounting_view(accounting: Accounting) -> Group:
    """Return who holds the references to a type, the most first."""
    rows = [(escape_text(each.by), f"{each.references:,}") for each in accounting.held]
    rows.append(("counted", f"{accounting.total:,}"))
    if accounting.difference > 0:
        rows.append(("found in no aligned word", f"{accounting.difference:,}"))
    elif accounting.difference < 0:
        rows.append(("words that are left from before", f"{-accounting.difference:,}"))
    return _make_section("references held by", rows)


def _describe_instances(anatomy: Anatomy) -> str:
    """Return how many instances are alive, where that was read, and how large one is."""
    each = f"{anatomy.basicsize:,} bytes each"
    use = anatomy.use
    if use is None:
        why = anatomy.why_no_heap
        return f"? ({escape_text(why)}), {each}" if why else each
    about = "" if use.instances == use.low else "~"
    attached = f", {format_compact(use.attached)}B attached" if use.attached else ""
    blocks = f"blocks of {format_compact(use.bytes)}B{attached}"
    return f"{about}{use.instances:,} alive in {blocks}, {each}"


def _make_section(title: str, lines: Iterable[tuple[str, str]]) -> Group:
    """Return a title and the lines under it."""
    return Group(Text(""), Text(title, "bold"), make_grid(lines))


def make_grid(lines: Iterable[tuple[str, str]]) -> Table:
    """Return lines of a word and what it stands for."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for word, meaning in lines:
        grid.add_row(Text(f"  {word}", "dim"), Text(meaning))
    return grid


def _join_names(names: tuple[str, ...]) -> str:
    """Return names in a row, and how many were left out."""
    more = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
    return ", ".join([escape_text(name) for name in names[:MOST]]) + more


def _list_threads(
    what: str, numbers: Mapping[int, int], names: Mapping[int, str]
) -> list[tuple[str, str]]:
    """Return a line per thread, the largest first."""
    ranked = sorted(numbers, key=lambda native: abs(numbers[native]), reverse=True)
    lines = []
    for native in ranked[:MOST]:
        name = escape_text(names.get(native, ""))
        lines.append((f"{what} {native}", f"{numbers[native]:+,}  {name}".rstrip()))
    if others := ranked[MOST:]:
        total = sum(numbers[native] for native in others)
        lines.append((f"{what} {len(others)} others", f"{total:+,}"))
    return lines


def _format_bounds(anatomy: Anatomy, number: int | None) -> str:
    """Return a number, with the bounds of one that moved while it was read."""
    row = anatomy.count
    if row.settled or row.bounds is None:
        return format_count(number)
    low, high = row.bounds
    return f"~{format_count(number)}, seen {format_count(low)} to {format_count(high)}"
