"""Snapshots made by hand."""

from __future__ import annotations

from typing import Any

from inspector.analysis.history import History
from inspector.cpython.refcount import Header
from inspector.process.permission import Permission
from inspector.reader.anatomy import Anatomy, CountingPath
from inspector.snapshots.heap import Histogram, TypeUse
from inspector.snapshots.snapshot import (
    InterpreterCount,
    ObjectCount,
    PoolCount,
    Snapshot,
    TargetInfo,
    ThreadCount,
)
from tests.heap import BIAS

SECOND = 1_000_000_000
"""In nanoseconds."""


RIGHTS = Permission(
    pid=4242,
    readable=True,
    own_user=1000,
    target_user=1000,
    same_user=True,
    capable=False,
    capabilities_covered=True,
    dumpable=True,
    ptrace_scope=0,
    descendant=False,
    same_user_namespace=True,
    same_pid_namespace=True,
    sandboxed=False,
    container=None,
    security_label=None,
    tracer=None,
)
"""Rights of a reader over a process that nothing stands against."""


def row(name: str, **values: Any) -> ObjectCount:  # noqa: ANN401 - any field
    """Return a row whose counted and total follow from the parts given."""
    contributions = values.get("contributions", {})
    local, header = values.pop("local", 0), values.pop("shared", 0)
    counted = local + header + sum(contributions.values())
    fields = {
        "kind": "type",
        "address": 0x10000 + 16 * (sum(map(ord, name)) % 4096),
        "interpreter": 0,
        "unique_id": 7,
        "state": "weakref",
        "owner": None,
        "local": local,
        "shared": header + BIAS,
        "bias": BIAS,
        "contributions": contributions,
        "counted": counted,
        "deferred": None,
        "total": counted + (values.get("deferred") or 0),
        "settled": True,
        "bounds": None,
    }
    return ObjectCount(**(dict.fromkeys(ObjectCount._fields) | fields | values | {"name": name}))  # type: ignore[arg-type]


def unread(name: str) -> ObjectCount:
    """Return a row of which nothing could be told."""
    unknown: dict[str, Any] = dict.fromkeys(("local", "shared", "counted", "total"))
    return row(name, state="?", bias=0, settled=False)._replace(**unknown)


def interpreter(
    *threads: tuple[int, str], number: int = 0, exact: bool = True, collections: int = 3
) -> InterpreterCount:
    """Return an interpreter with threads of these native ids and names."""
    return InterpreterCount(
        id=number,
        exact=exact,
        pool=PoolCount(capacity=8192, in_use=4812, free=3380),
        collections=collections,
        threads=tuple(
            ThreadCount(native, name, number, 8192, finalized=False) for native, name in threads
        ),
    )


def snapshot(*rows: ObjectCount, **values: Any) -> Snapshot:  # noqa: ANN401 - any field
    """Return a snapshot of these rows."""
    fields: dict[str, Any] = {
        "target": TargetInfo(4242, "3.14.7", gil_enabled=False, command="app/server.py"),
        "exact": True,
        "pause_ns": 54_321,
        "interpreters": (interpreter((4242, "MainThread"), (4243, "worker-1")),),
        "taken_ns": 1_700_000_000_000_000_000,
        "tries": 1,
    }
    return Snapshot(rows=tuple(map(tuple, rows)), **(fields | values))


def use(name: str, instances: int, size: int = 32, **values: Any) -> TypeUse:  # noqa: ANN401 - any field
    """Return the instances of a type, with the address that :func:`row` gives it."""
    address = 0x10000 + 16 * (sum(map(ord, name)) % 4096)
    made = TypeUse(name, address, 0, instances, instances, 0, instances * size, None)
    return made._replace(**values)


def heap(second: int, *types: TypeUse, pid: int = 4242, **values: Any) -> Histogram:  # noqa: ANN401 - any field
    """Return a histogram taken in a second, of the process of :func:`snapshot`."""
    target = snapshot().target._replace(pid=pid)._asdict()
    fields: dict[str, Any] = {"exact": True, "pause_ns": None, "pages": 1, "uncertain": 0}
    fields |= {"target": target, "taken_ns": second * SECOND, "types": types}
    return Histogram(**{**fields, **values})


def large(local: int = 1) -> Snapshot:
    """Return a snapshot that no pipe takes at once."""
    return snapshot(*(row(f"app.Type{number}", local=local) for number in range(5000)))


def history(*snapshots: Snapshot) -> History:
    """Return what several readings come to."""
    whole = History.begin(snapshots[0])
    for each in snapshots[1:]:
        whole = whole.add(each)
    return whole


def anatomy(count: ObjectCount) -> Anatomy:
    """Return the type of a row in full."""
    return Anatomy(
        count=count,
        header=Header(4242, 0, 0, 64 | 1, count.local or 0, count.shared or 0, 0x9000),
        owner_name="MainThread",
        thread_names={4242: "MainThread"},
        metatype="builtins.type",
        basicsize=48,
        flags=("HEAPTYPE", "BASETYPE"),
        bases=(count.name, "builtins.object"),
        subclasses=(),
        paths=(CountingPath("instance made", "per thread", "unique id 7"),),
    )
