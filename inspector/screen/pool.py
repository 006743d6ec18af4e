"""The pool of ids and the threads' arrays, as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from inspector.screen.cells import bare_table
from inspector.screen.text import count, plain, share

if TYPE_CHECKING:
    from inspector.snapshots.snapshot import InterpreterCount, Snapshot

__all__ = ["pool_view"]


def pool_view(snapshot: Snapshot) -> Group:
    """Return the occupancy of every interpreter's pool, and the array of every thread."""
    return Group(*(_interpreter(each) for each in snapshot.interpreters))


def _interpreter(each: InterpreterCount) -> Group:
    """Return one interpreter's pool and threads."""
    pool = each.pool
    life = each.life
    text = (
        f"interpreter {each.id}: {count(pool.in_use)} of {count(pool.capacity)} ids in use "
        f"({share(pool.in_use, max(1, pool.capacity))}), {count(pool.free)} free: "
        f"{count(pool.types)} types, {count(pool.codes)} code objects, {count(pool.dicts)} dicts\n"
        f"{count(each.collections)} collections so far, each moves all contributions to headers\n"
        f"since attached, at least: {life.types_born:,} types born, {life.types_gone:,} gone, "
        f"{life.reused:,} ids re-used, {life.collections:,} collections, "
        f"{life.threads_ended:,} threads ended"
    )
    table = bare_table()
    for title in ("THREAD", "NATIVE ID", "ARRAY", "OF POOL", "STATE"):
        table.add_column(title, justify="left" if title in {"THREAD", "STATE"} else "right")
    for thread in each.threads:
        state = "finalized: counts in headers" if thread.finalized else "counts per thread"
        if not thread.finalized and thread.array_size == 0:
            state = "no count yet"
        table.add_row(
            Text(plain(thread.name)),
            str(thread.native_id),
            count(thread.array_size),
            share(thread.array_size, max(1, pool.capacity)),
            state,
        )
    if not each.threads:
        return Group(Text(text), Text("no threads: all its counts are in headers\n", "dim"))
    return Group(Text(text + "\n"), table, Text(""))
