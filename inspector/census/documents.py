"""Snapshots out of their JSON documents; pure.

Knows: what :meth:`Snapshot.as_dict` writes, by this release or another one: what is
missing is unknown, and what is not known is left out.
"""

from __future__ import annotations

from typing import Any, TypeVar

from inspector.census.snapshot import (
    InterpreterCount,
    ObjectCount,
    PoolCount,
    PoolLife,
    Snapshot,
    TargetInfo,
    ThreadCount,
)

__all__ = ["row_of", "snapshot_of"]

Made = TypeVar("Made", TargetInfo, PoolCount, PoolLife, ThreadCount, InterpreterCount)


def snapshot_of(
    document: dict[str, Any], rows: tuple[tuple[Any, ...], ...] | None = None
) -> Snapshot:
    """Return the snapshot of a document; ``rows`` stand for its objects, if given.

    Raises LookupError, TypeError or ValueError for what is no such document.
    """
    if rows is None:
        rows = tuple(row_of(each) for each in document["objects"])
    interpreters = tuple(map(_interpreter, document["interpreters"]))
    if not interpreters:
        raise ValueError("a snapshot has an interpreter")
    return Snapshot(
        target=_made(TargetInfo, document["target"]),
        exact=bool(document["exact"]),
        pause_ns=document.get("pause_ns"),
        interpreters=interpreters,
        taken_ns=int(document["taken_ns"]),
        tries=int(document.get("tries", 1)),
        rows=rows,
    )


def row_of(values: dict[str, Any]) -> tuple[Any, ...]:
    """Return the fields of one row out of its JSON form."""
    row = {name: values.get(name) for name in ObjectCount._fields}
    for name in ("name", "kind", "address"):
        if not isinstance(row[name], int if name == "address" else str):
            raise TypeError(f"an object has no {name}")
    row["contributions"] = _by_thread(row["contributions"] or {})
    if row["stacks"] is not None:
        row["stacks"] = _by_thread(row["stacks"])
    if row["bounds"] is not None:
        row["bounds"] = tuple(row["bounds"])
    return tuple(row.values())


def _by_thread(values: dict[str, int]) -> dict[int, int]:
    """Return what JSON has with texts for keys."""
    return {int(thread): number for thread, number in values.items()}


def _interpreter(values: dict[str, Any]) -> InterpreterCount:
    number = int(values["id"])
    threads = [_made(ThreadCount, {**each, "interpreter": number}) for each in values["threads"]]
    made = {
        **values,
        "pool": _made(PoolCount, values["pool"]),
        "life": _made(PoolLife, values.get("life") or {}),
        "threads": tuple(threads),
    }
    return _made(InterpreterCount, made)


def _made(kind: type[Made], values: dict[str, Any]) -> Made:
    """Return a frozen value of the fields that it knows."""
    return kind(**{name: values[name] for name in kind._fields if name in values})
