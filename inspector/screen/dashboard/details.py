"""One object in full: its anatomy, or the formula with its numbers, and what it did; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from inspector.screen import cells
from inspector.screen.anatomy import anatomy_view, make_grid
from inspector.screen.console import lines_of
from inspector.screen.dashboard.glyphs import draw_sparkline, draw_thread_bars
from inspector.screen.text import escape_text, format_count, format_plural
from inspector.verdict.advice import describe_evidence
from inspector.verdict.judge import judge
from inspector.verdict.share import Share

if TYPE_CHECKING:
    from inspector.analysis.history import History
    from inspector.screen.dashboard.state import State
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.evidence import Evidence

__all__ = ["detail_lines"]

STATES: Final = {
    "owned": "one thread counts in local; the others count in shared or their arrays",
    "weakref": "weak references to it may exist",
    "queued": "waits until its owner merges local into shared",
    "merged": "local was merged into shared: no thread owns it",
    "immortal": "its references are not counted at all",
    "?": "it changed while it was read",
}


def detail_lines(state: State) -> list[Text]:
    """Return the lines about the object that was chosen."""
    row, history = state.subject_row, state.history
    if row is None or history is None:
        return [Text("nothing is selected", "dim")]
    snapshot = history.latest
    known = state.subject in history.readings[-1].places
    name = escape_text(row.name)
    width = max(1, state.size.width)
    lines = [] if known else [Text("it is gone: these are its last numbers", "bold red")]
    if state.anatomy is not None:
        lines += [
            *lines_of(anatomy_view(state.anatomy), width),
            Text(""),
            Text("over time", "bold"),
        ]
    else:
        lines += [Text(name[at : at + width], "bold") for at in range(0, len(name), width)]
        lines += [
            Text(""),
            *_formula_lines(row),
            Text(""),
            *_fact_lines(row, snapshot, width),
            Text(""),
        ]
    lines += [*_over_time(state, row, history), Text(""), *_thread_lines(state, row, snapshot)]
    return lines


def _formula_lines(row: ObjectCount) -> list[Text]:
    """Return the parts of the total, one in a line."""
    parts = [
        ("  ", "local", row.local, "ob_ref_local, counted by its owner alone"),
        ("+ ", "shared", row.shared, "ob_ref_shared, counted atomically"),
        ("- ", "bias", row.bias, "added by CPython to keep it alive: nobody's reference"),
        ("+ ", "threads", row.contributed, "the threads' arrays, since the last merge"),
        ("= ", "counted", row.counted, ""),
        ("+ ", "stack", row.deferred, "on stacks, not counted by anybody"),
        ("= ", "total", row.total, _describe_certainty(row)),
    ]
    wide = max(len(format_count(value)) for _, _, value, _ in parts)
    lines = []
    for sign, what, value, why in parts:
        style = "bold" if what == "total" else "dim" if value in {0, None} else ""
        line = Text(f"{sign}{what:<8}")
        line.append(format_count(value).rjust(wide + 1), style)
        line.append(f"   {why}", "dim")
        lines.append(line)
    return lines


def _describe_certainty(row: ObjectCount) -> str:
    if row.bounds is not None and not row.settled:
        low, high = row.bounds
        return f"moved while it was read: {format_count(low)} to {format_count(high)} seen"
    if row.deferred is None and row.total is not None:
        return "stacks were not read: --blocking does"
    return "" if row.settled else "moved while it was read"


def _fact_lines(row: ObjectCount, snapshot: Snapshot, width: int) -> list[Text]:
    names = {thread.native_id: thread.name for thread in snapshot.threads}
    flags = "; ".join(STATES[each] for each in row.state.split(" ") if each in STATES)
    owner = (
        "nobody" if row.owner is None else f"{escape_text(names.get(row.owner, ''))} {row.owner}"
    )
    where = f"{row.kind} at {row.address:#x}, interpreter {row.interpreter}, id {row.unique_id}"
    facts = [
        ("what", where),
        ("state", f"{row.state}: {flags}" if flags else row.state),
        ("owner", owner),
        ("sys.getrefcount", "?" if row.getrefcount is None else str(row.getrefcount)),
    ]
    return lines_of(make_grid(facts), width)


def _over_time(state: State, row: ObjectCount, history: History) -> list[Text]:
    """Return how the total went, and what follows from that."""
    totals = history.totals(row)
    known = [total for total in totals if total is not None]
    evidence = history.evidence(row)
    judged = judge(evidence)
    since = cells.format_clock(history.baseline.taken_ns)
    span = f"{format_count(min(known))} to {format_count(max(known))}" if known else "?"
    facts = [
        ("trend", f"{draw_sparkline(totals, 40, unicode=state.unicode).strip()}  {span}"),
        ("growth", f"{cells.format_signed(history.growth(row), 20)} since the baseline at {since}"),
        ("rate", f"{cells.format_rate(history.rate(row))} per second"),
        *_describe_instances(state, row, history),
        ("header", _describe_header(evidence, unicode=state.unicode)),
        ("verdict", "none" if judged is None else f"{judged.verdict}: {judged.advice}"),
    ]
    if judged is not None:
        facts.append(("evidence", describe_evidence(evidence)))
    return lines_of(make_grid(facts), state.size.width)


def _describe_instances(state: State, row: ObjectCount, history: History) -> list[tuple[str, str]]:
    """Return how many instances there are and were, where the heap was read."""
    use, heap = history.find_use(row), history.heap
    if use is None or heap is None:
        return []
    trend = draw_sparkline(heap.list_instances(row.key), 40, unicode=state.unicode).strip()
    about = "" if use.instances == use.low else "~"
    grown = cells.format_signed(heap.measure_growth(row.key), 20)
    read = cells.format_clock(heap.latest.taken_ns)
    blocks = f"{cells.format_compact(use.bytes)}B"
    now = f"{about}{format_count(use.instances)} in {blocks}, {grown}, read at {read}"
    return [("instances", f"{trend}  {now}")]


def _describe_header(evidence: Evidence, *, unicode: bool) -> str:
    """Say how often the header is updated, as far as samples and readings tell."""
    rate = cells.format_lower_bound(evidence.updates_per_second, unicode=unicode)
    threads = evidence.threads
    by = "" if threads is None else f", used by {format_plural(threads, 'thread')} at a time"
    if evidence.samples:
        share = Share(evidence.moved or 0, evidence.samples)
        low, high = share.interval
        seen = (
            f"moved in {share.value:.1%} of {evidence.samples:,} samples"
            f" (95 %: {low:.1%} to {high:.1%})"
        )
    else:
        seen = f"moved between {evidence.shifted:,} of {evidence.steps:,} readings; no samples"
    return f"{rate} updates per second{by}; {seen}"


def _thread_lines(state: State, row: ObjectCount, snapshot: Snapshot) -> list[Text]:
    """Return a line per thread that has a part in it, the largest first."""
    stacks = row.stacks
    names = {thread.native_id: thread.name for thread in snapshot.threads}
    involved = [
        thread
        for thread in names.keys() | row.contributions.keys()
        if row.contributions.get(thread) or (stacks and stacks.get(thread))
    ]
    involved.sort(key=lambda thread: (-abs(row.contributions.get(thread, 0)), thread))
    if not involved:
        return [Text("no thread has a part in it", "dim")]
    largest = max(map(abs, row.contributions.values()), default=0)
    lines = [Text(f"{'THREAD':<24} {'ID':>9} {'CONTRIBUTION':>14} {'ON STACK':>9}", "bold")]
    for thread in involved:
        value = row.contributions.get(thread, 0)
        name = cells.cut_to_width(escape_text(names.get(thread, "?")), 24)
        on_stack = "?" if stacks is None else format_count(stacks.get(thread, 0))
        line = Text(name)
        line.pad_right(24 - line.cell_len)
        line.append(f" {thread:>9} {cells.format_signed(value, 14):>14} {on_stack:>9}  ")
        line.append(draw_thread_bars([value], largest, unicode=state.unicode), "cyan")
        lines.append(line)
    return lines
