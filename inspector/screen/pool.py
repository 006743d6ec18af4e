"""The pool of ids and the threads' arrays, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table
from inspector.screen.text import escape_text, format_count, format_share

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import InterpreterCount, Snapshot

__all__ = ["pool_view"]


def pool_view(snapshot: Snapshot) -> Group:
    """Return the occupancy of every interpreter's pool, and the array of every thread."""
    return Group(*(_interpreter_table(interpreter) for interpreter in snapshot.interpreters))


def _interpreter_table(interpreter: InterpreterCount) -> Group:
    """Return one interpreter's pool and threads."""
    pool = interpreter.pool
    life = interpreter.life
    text = (
        f"interpreter {interpreter.id}: {format_count(pool.in_use)} of "
        f"{format_count(pool.capacity)} ids in use "
        f"({format_share(pool.in_use, max(1, pool.capacity))}), {format_count(pool.free)} free: "
        f"{format_count(pool.types)} types, {format_count(pool.codes)} code objects, "
        f"{format_count(pool.dicts)} dicts\n"
        f"{format_count(interpreter.collections)} collections so far, "
        "each moves all contributions to headers\n"
        f"since attached, at least: {life.types_born:,} types born, {life.types_gone:,} gone, "
        f"{life.reused:,} ids re-used, {life.collections:,} collections, "
        f"{life.threads_ended:,} threads ended"
    )
    table = bare_table()
    for title in ("THREAD", "NATIVE ID", "ARRAY", "OF POOL", "STATE"):
        table.add_column(title, justify="left" if title in {"THREAD", "STATE"} else "right")
    for thread in interpreter.threads:
        state = "finalized: counts in headers" if thread.finalized else "counts per thread"
        if not thread.finalized and thread.array_size == 0:
            state = "no count yet"
        table.add_row(
            Text(escape_text(thread.name)),
            str(thread.native_id),
            format_count(thread.array_size),
            format_share(thread.array_size, max(1, pool.capacity)),
            state,
        )
    if not interpreter.threads:
        return Group(Text(text), Text("no threads: all its counts are in headers\n", "dim"))
    return Group(Text(text + "\n"), table, Text(""))
