"""One type in full: its count, its raw words, its structure, and how it is counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inspector.cpython.refcount import HEADER_SIZE, Header, decode_header
from inspector.cpython.type_object import find_python_dealloc, flag_names, read_structure
from inspector.snapshots.row_verdict import read_evidence
from inspector.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.cpython.layout import Layout
    from inspector.process.protocols import Memory
    from inspector.snapshots.heap import TypeUse
    from inspector.snapshots.snapshot import ObjectCount, Snapshot
    from inspector.verdict.evidence import Evidence
    from inspector.verdict.judge import Judgement

__all__ = ["Anatomy", "CountingPath", "read_anatomy"]


@dataclass(frozen=True)
class CountingPath:
    """How CPython counts one kind of reference to a type."""

    what: str
    how: str
    """``per thread``, ``header`` or ``?``."""
    why: str


@dataclass(frozen=True)
class Anatomy:
    """One type of a target: its count in a snapshot, and its structure right after that."""

    count: ObjectCount
    header: Header
    """The raw words, read after the snapshot: those of a busy type differ from its count."""
    owner_name: str
    """The name of the thread that owns the header; empty for none."""
    thread_names: Mapping[int, str]
    metatype: str
    basicsize: int
    flags: tuple[str, ...]
    """``Py_TPFLAGS_*`` that are set."""
    bases: tuple[str, ...]
    """The method resolution order, the type itself first."""
    subclasses: tuple[str, ...]
    paths: tuple[CountingPath, ...]
    suspended: int | None = None
    """References in suspended generators, which no count includes; None where unknown."""
    gil_enabled: bool | None = None
    use: TypeUse | None = None
    """Its instances; None where the heap was not read."""
    why_no_heap: str | None = None
    """Why the heap could not be read though it was asked for."""

    @property
    def evidence(self) -> Evidence:
        """What this one reading shows."""
        evidence = read_evidence(self.count, gil_enabled=self.gil_enabled)
        alive = None if self.use is None else self.use.instances
        return evidence._replace(instances_after=alive)

    @property
    def judged(self) -> Judgement | None:
        """The verdict on this one reading; None where one reading shows nothing."""
        return judge(self.evidence)

    @property
    def formula(self) -> str:
        """The sum that gives the count, with its numbers; ``?`` for what was not read."""
        count = self.count
        if count.local is None or count.shared is None:
            return "not counted"
        parts = f"{count.local} + {count.shared} - {count.bias} + {count.contributed}"
        stack = "?" if count.deferred is None else str(count.deferred)
        return (
            f"local + shared - bias + contributions = {parts} = {count.counted}; "
            f"counted + deferred = {count.counted} + {stack} = {count.total}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "count": self.count.as_dict(),
            "header": self.header._asdict(),
            "owner_name": self.owner_name,
            "thread_names": {str(key): name for key, name in self.thread_names.items()},
            "metatype": self.metatype,
            "basicsize": self.basicsize,
            "flags": list(self.flags),
            "mro": list(self.bases),
            "subclasses": list(self.subclasses),
            "paths": [asdict(path) for path in self.paths],
            "formula": self.formula,
            "suspended": self.suspended,
            "instances": None if self.use is None else self.use.instances,
            "bytes": None if self.use is None else self.use.bytes,
            "attached": None if self.use is None else self.use.attached,
            "verdict": None,
            "evidence": self.evidence.as_dict(),
            "advice": None,
            **(self.judged.as_dict() if self.judged else {}),
        }


def read_anatomy(
    memory: Memory,
    layout: Layout,
    interpreter: int,
    snapshot: Snapshot,
    count: ObjectCount,
    suspended: int | None,
) -> Anatomy:
    """Return everything about one type, which ``snapshot`` has as ``count``.

    ``snapshot`` has static types too, for the names of bases.  ``interpreter`` is the address
    of the type's interpreter, ``suspended`` the number for :attr:`Anatomy.suspended`.  Raises
    :class:`~inspector.errors.MemoryFault` if the type is gone.
    """
    types = [row.address for row in snapshot if row.kind == "type"]
    names = {row.address: row.name for row in snapshot}
    structure = read_structure(
        memory, layout, interpreter, count.address, find_python_dealloc(memory, layout, types)
    )
    header = decode_header(memory.read(count.address, HEADER_SIZE))
    threads = {thread.native_id: thread.name for thread in snapshot.threads}
    owner = structure.dealloc_owner
    return Anatomy(
        count=count,
        header=header,
        owner_name=threads.get(count.owner or 0, ""),
        thread_names=threads,
        metatype=names.get(header.ob_type, f"{header.ob_type:#x}"),
        basicsize=structure.basicsize,
        flags=tuple(flag_names(structure.flags)),
        bases=tuple(names.get(base, f"{base:#x}") for base in structure.mro),
        subclasses=tuple(names.get(derived, f"{derived:#x}") for derived in structure.subclasses),
        paths=_describe_paths(
            count, names.get(owner, "?"), owner, static=structure.dealloc_is_static
        ),
        suspended=suspended,
        gil_enabled=snapshot.target.gil_enabled,
        use=snapshot.find_use(count),
        why_no_heap=snapshot.why_no_heap,
    )


def _describe_paths(
    count: ObjectCount, owner_name: str, owner: int, *, static: bool
) -> tuple[CountingPath, ...]:
    """Return how references to the type are counted, as far as its structure shows."""
    if count.total is None:
        return (CountingPath("all references", "?", "the type is not counted"),)
    if not count.unique_id:
        why = "it has no unique id, so every instance counts in the header"
        return (
            CountingPath("instance made", "header", why),
            CountingPath("instance freed", "header", why),
            CountingPath("everything else", "header", "plain references always do"),
        )
    made = CountingPath("instance made", "per thread", f"unique id {count.unique_id}")
    if not owner:
        freed = CountingPath(
            "instance freed", "?", "no base with a deallocator of its own was found"
        )
    elif static:
        freed = CountingPath(
            "instance freed",
            "per thread",
            f"by Python's own code: the nearest deallocator is that of {owner_name}, a static type",
        )
    else:
        freed = CountingPath(
            "instance freed",
            "header",
            f"by the tp_dealloc of {owner_name}, a heap type written in C, which drops the "
            "reference with a plain Py_DECREF if it drops it at all",
        )
    return made, freed, CountingPath("everything else", "header", "plain references always do")
