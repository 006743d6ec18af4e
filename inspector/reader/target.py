"""A process that is attached to once and read as often as needed."""

from __future__ import annotations

import gc
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING

from inspector.cpython.published import spell_version
from inspector.errors import NoSuchObject, NoSuchTarget, NotAType, NotCounted
from inspector.process.own import OwnProcess
from inspector.process.own_world import CannotStop
from inspector.reader.discovery import find_layout
from inspector.reader.heap_target import PAUSE_LIMIT, HeapTarget
from inspector.reader.interpreter_state import read_interpreter_ids
from inspector.reader.lifetime import report_end
from inspector.reader.plan import RETRIES, Request
from inspector.reader.snapshot_reader import SnapshotReader
from inspector.snapshots.own_types import is_type, name_of
from inspector.snapshots.snapshot import KINDS, ObjectCount, Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping, Sequence

    from inspector.cpython.layout import Layout
    from inspector.cpython.refcount import Header
    from inspector.process.atomic_code import AtomicCode
    from inspector.process.other import OtherProcess
    from inspector.process.symbols import Function
    from inspector.reader.anatomy import Anatomy
    from inspector.reader.header_sampler import HeaderSampler
    from inspector.reader.heat_sampler import HeatSampler
    from inspector.reader.shared_objects import SharedObject
    from inspector.reader.thread_sampler import ThreadSampler

__all__ = ["PAUSE_LIMIT", "RETRIES", "Target"]


class Target(HeapTarget):
    """A free-threaded CPython process that is attached to.

    Attaching finds and validates the layout of CPython's structures, which stays valid for
    the life of the process.  Nothing is started or changed in the target.
    """

    def __init__(
        self,
        process: OwnProcess | OtherProcess,
        pause_limit: float = PAUSE_LIMIT,
        *,
        layout: Layout | None = None,
    ) -> None:
        """Find the layout, unless it is given; raise if the process cannot be read.

        Another process whose structures change too fast is stopped for at most
        ``pause_limit`` seconds at a time, and never for 0.
        """
        found, pause = (layout, None) if layout else find_layout(process, pause_limit)
        super().__init__(process, found)
        self.discovery_pause_ns = pause
        """Nanoseconds for which the process was stopped to find its layout; None if it was not."""
        self._reader = SnapshotReader(process, self.layout)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_own(self) -> bool:
        """Whether it is the process that runs this code."""
        return isinstance(self._process, OwnProcess)

    def __repr__(self) -> str:
        version = spell_version(self.layout.published.version)
        own = ", this process" if self.is_own else ""
        return f"<Target pid {self.pid}, Python {version}{own}>"

    def snapshot(
        self,
        *,
        kinds: Collection[str] = ("type",),
        unlisted: bool = True,
        interpreter: int | None = None,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        retries: int = RETRIES,
    ) -> Snapshot:
        """Read all objects of some kinds (of :data:`KINDS`) in every interpreter, or in one.

        Types without a unique id are found by walking from ``object`` to its subclasses,
        which is slow after classes or modules came or went; ``unlisted=False`` leaves them
        out.  The kind ``static`` adds static types, which CPython does not count.

        In the own process the calling thread's interpreter is read while all of its threads
        are stopped, and is exact, unless ``why_not_exact`` of the snapshot says why not.  All
        other interpreters run on: each is read until two passes agree, with at most
        ``retries`` further passes.  Another process runs on as well, or is stopped for at
        most ``pause_limit`` seconds if ``blocking``.

        Raises :class:`~inspector.errors.Unsettled` if the target changes too fast,
        :class:`NoSuchTarget` or :class:`TargetChanged` if it is gone, :class:`NoSuchObject`
        for an unknown interpreter, and :class:`~inspector.errors.Reentered` inside more than
        one other reading of the same thread (by a signal handler or a hook).
        """
        unknown = set(kinds).difference(KINDS)
        if unknown:
            raise ValueError(f"unknown kinds {sorted(unknown)}; known are {', '.join(KINDS)}")
        request = Request(tuple(kinds), unlisted=unlisted, interpreter=interpreter, retries=retries)
        with self._reading() as reader, report_end(self._process, self.layout.published):
            process, stopped = reader.process, None
            if blocking and not isinstance(process, OwnProcess):
                stopped = process.stopped(pause_limit)
            return reader.read(request, stopped)

    def refcount(self, subject: object) -> ObjectCount:
        """Read one type of the own process.

        Raises :class:`NotAType`, and :class:`NotCounted` for a static or immortal type.
        """
        if not is_type(subject):
            raise NotAType(
                f"{name_of(type(subject))} object is not a type",
                subject=subject,
                hint="true counts exist for types; sys.getrefcount is right for other objects",
            )
        # id() is an event for audit hooks, which may read, too: it has to be of this reading.
        with self._reading() as reader:
            request = Request(("type",), frozenset((id(subject),)))
            count = reader.read(request, None)[id(subject)]
        if count.state == "immortal":
            raise NotCounted(name_of(subject), subject=subject)
        return count

    def suspended(self) -> Mapping[int, int] | None:
        """Return references in suspended generators and coroutines: address -> how many.

        CPython counts them nowhere, and no total includes them.  They are found through
        the collector: None for another process, and where this one cannot be stopped.
        """
        if not isinstance(self._process, OwnProcess) or self._process.world.refusal:
            return None
        from inspector.reader.suspended import count_suspended_references

        # They have no subclasses; isinstance would ask every proxy for its __class__.
        kinds = {
            id(types.GeneratorType),
            id(types.CoroutineType),
            id(types.AsyncGeneratorType),
        }
        alive = [one for one in gc.get_objects() if id(type(one)) in kinds]
        with self._reading() as reader:
            places = [id(generator) for generator in alive]
            assert isinstance(reader.process, OwnProcess)  # noqa: S101 - for the type checker
            try:
                return count_suspended_references(reader.process.world, self.layout, places)
            except CannotStop:
                return None

    def sampler(self, snapshot: Snapshot) -> HeaderSampler:
        """Return a sampler of the headers of the objects of a snapshot of this target."""
        from inspector.reader.header_sampler import HeaderSampler

        chosen = self._find_interpreters([interpreter.id for interpreter in snapshot.interpreters])
        return HeaderSampler(self._process.memory, self.layout, chosen, snapshot)

    def thread_sampler(
        self, types: Mapping[int, str], heat: HeatSampler | None = None
    ) -> ThreadSampler:
        """Return a sampler of the threads of another process; ``types`` are names by address.

        ``heat`` samples objects at the same moments.

        Raises :class:`NoSuchTarget` for the own process, and
        :class:`~inspector.errors.LayoutError` if the state of threads is not found.
        """
        from inspector.reader.thread_sampler import ThreadSampler

        if isinstance(self._process, OwnProcess):
            raise NoSuchTarget(
                "a process cannot watch its own threads",
                pid=self.pid,
                hint="run `inspector why PID` beside it",
            )
        return ThreadSampler(self._process, self.layout, types, heat)

    def gil_users(self) -> list[str]:
        """Return the extension modules that asked for the GIL, in all interpreters."""
        from inspector.cpython.gil_users import list_gil_users

        memory, published = self._process.memory, self.layout.published
        found: dict[str, None] = {}
        for address in read_interpreter_ids(memory, self.layout):
            found.update(dict.fromkeys(list_gil_users(memory, published, address)))
        return list(found)

    def name_objects(
        self, addresses: Collection[int], snapshot: Snapshot | None = None
    ) -> dict[int, str]:
        """Return address -> path, as ``module.Class.attribute``, of objects near a module.

        ``snapshot`` is a reading of dictionaries and all types; one is made if there is none.
        """
        from inspector.reader.object_paths import find_paths

        rows = snapshot or self.snapshot(kinds=("dict", "type", "static"))
        modules = {row.address: row.name for row in rows if row.kind == "dict"}
        types = {row.address: row.name for row in rows if row.kind != "dict"}
        return find_paths(self._process.memory, self.layout, modules, types, addresses)

    def shared_objects(self, *, pause_limit: float = PAUSE_LIMIT) -> list[SharedObject]:
        """Return the objects that other threads than their owners refer to, but for types.

        Raises :class:`~inspector.errors.LayoutError` for an allocator that is not understood.
        """
        from inspector.reader.shared_objects import find_shared_objects

        with self._heap_reader() as reader:
            return find_shared_objects(self._process.memory, self.layout, reader, pause_limit)

    def heat_sampler(self, types: Container[int]) -> HeatSampler:
        """Return a sampler of the headers of any objects; ``types`` are addresses of types."""
        from inspector.reader.heat_sampler import HeatSampler

        chain = list(read_interpreter_ids(self._process.memory, self.layout))
        return HeatSampler(self._process.memory, self.layout, chain, types)

    def find_functions(self, names: Collection[str]) -> list[Function]:
        """Return where those of some functions of CPython are whose symbols its file has."""
        from inspector.process.symbols import find_functions

        return find_functions(self.pid, "_PyRuntime", self.layout.runtime, names)

    def atomic_code(self) -> AtomicCode:
        """Return what tells whether an instruction is near an atomic operation."""
        from inspector.process.atomic_code import AtomicCode

        return AtomicCode(self._process.memory)

    def read_headers(self, addresses: Sequence[int]) -> dict[int, Header]:
        """Return the headers of objects, without those that are gone."""
        from inspector.cpython.refcount import HEADER_SIZE, decode_header

        pieces = self._process.memory.read_many([(each, HEADER_SIZE) for each in addresses])
        return {
            address: decode_header(piece)
            for address, piece in zip(addresses, pieces, strict=True)
            if piece is not None
        }

    def anatomy(
        self,
        subject: type | str | int,
        *,
        blocking: bool = False,
        pause_limit: float = PAUSE_LIMIT,
        instances: bool = False,
    ) -> Anatomy:
        """Return one type in full, by type object, ``module.qualname`` or address.

        ``instances`` reads the heap, too, which takes longer than all else.

        Raises :class:`NoSuchObject`, :class:`~inspector.errors.AmbiguousName`, and
        what :meth:`snapshot` raises.
        """
        from inspector.reader.anatomy import read_anatomy

        snapshot = self.snapshot(
            kinds=("type", "static"), blocking=blocking, pause_limit=pause_limit
        )
        count = snapshot[subject]
        if instances:
            snapshot = self.add_heap(snapshot, blocking=blocking, pause_limit=pause_limit)
        memory = self._process.memory
        addresses = self._find_interpreters({count.interpreter})
        if not addresses:
            raise NoSuchObject(f"interpreter {count.interpreter} has just ended", subject=subject)
        suspended = self.suspended()
        held = None if suspended is None else suspended.get(count.address, 0)
        return read_anatomy(memory, self.layout, addresses[0], snapshot, count, held)

    def _find_interpreters(self, numbers: Container[int]) -> list[int]:
        """Return the addresses of the interpreters with these ids."""
        addresses = []
        for address, number in read_interpreter_ids(self._process.memory, self.layout).items():
            if number in numbers:
                addresses.append(address)
        return addresses

    @contextmanager
    def _reading(self) -> Iterator[SnapshotReader]:
        """Yield the reader of this process, or a separate one while that is in use."""
        with self._turns.take() as alone:
            if alone:
                yield self._reader
                return
            beside = self._reader.apart()
            try:
                yield beside
            finally:
                beside.process.close()
