"""A whole CPython process laid into an image: runtime, interpreters, threads, pool, frames."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import pytest

from inspector.cpython.layout_discovery import discover_layout
from inspector.cpython.published import read_published
from inspector.process.runtime import COOKIE
from tests.heap import Heap, Shape, offsets_of
from tests.image import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.cpython.layout import Layout

V314, V315, NEWER = 0x030E07F0, 0x030F00C2, 0x031000A0
"""``PY_VERSION_HEX``."""

both_versions = pytest.mark.parametrize("version", [V314, V315], ids=["3.14", "3.15"])

TO_ID: Final = {"type": "type_unique_id", "code": "code_unique_id", "dict": "dict_watcher_tag"}

ACTIVE: Final = 1 << 4
BOUND: Final = 0b11


class Runtime:
    """A process: its memory, and where ``_PyRuntime`` is."""

    def __init__(self, version: int = V314, shape: Shape | None = None, **changes: int) -> None:
        """Lay out a runtime; ``changes`` are published offsets, ``__`` for the dot."""
        self.image = Image()
        self.shape = shape or Shape()
        self.offsets = offsets_of(
            version, {name.replace("__", ".", 1): value for name, value in changes.items()}
        )
        self.address = self.image.new(self.offsets["runtime_state.size"])
        self.image.write(self.address, COOKIE + struct.pack("<QQ", version, 1))
        self.image.put(self.address + 24, *self.offsets.values())
        self.heap = Heap(self.image, self.offsets, self.shape)
        self.interpreters: list[Interpreter] = []

    def interpreter(self, capacity: int = 64) -> Interpreter:
        """Add an interpreter with a pool of so many ids."""
        made = Interpreter(self, len(self.interpreters), capacity)
        self.interpreters.append(made)
        return made

    def layout(self) -> Layout:
        """Return what the inspector finds out by itself."""
        return discover_layout(self.image, read_published(self.image, self.address), self.address)


class Interpreter:
    """One interpreter: its pool and its threads."""

    def __init__(self, runtime: Runtime, number: int, capacity: int) -> None:
        self.image, self.heap, self.shape = runtime.image, runtime.heap, runtime.shape
        self.offsets = offsets = runtime.offsets
        self.address = self.image.new(offsets["interpreter_state.size"])
        self._set("interpreter_state.id", number)
        head = runtime.address + offsets["runtime_state.interpreters_head"]
        self._set("interpreter_state.next", self.image.word(head))
        self.image.put(head, self.address)
        self._set("interpreter_state.ceval_gil", self.image.new(64))
        self.gc = self.address + offsets["interpreter_state.gc"]
        self.stats = self.gc + offsets["gc.collecting"] - 72
        if "gc.generation_stats" in offsets:
            self.stats = self.image.new(216)
            self.image.put(self.gc + offsets["gc.generation_stats"], self.stats)
        self.capacity = capacity
        self.pool = self.address + runtime.shape.unique_ids
        self.table = self.image.new(8 * capacity)
        entries = range(self.table + 8, self.table + 8 * capacity, 8)
        self.image.put(self.table, *entries, 0)
        self.image.put(self.pool, 0, self.table, self.table, capacity)
        self.ids: dict[int, int] = {}
        """Address of an object -> its unique id."""
        self.threads: dict[int, int] = {}
        """Native id -> address of the thread state."""

    def _set(self, name: str, value: int) -> None:
        self.image.put(self.address + self.offsets[name], value)

    def give_id(self, address: int, kind: str = "type") -> int:
        """Put an object into the pool; return its id."""
        entry = self.image.word(self.pool + 16)
        assert entry, "the pool is full"
        unique_id = (entry - self.table) // 8 + 1
        self.image.put(self.pool + 16, self.image.word(entry))
        self.image.put(entry, address)
        word = unique_id << 32 if kind == "dict" else unique_id
        self.image.put(address + getattr(self.shape, TO_ID[kind]), word)
        self.ids[address] = unique_id
        return unique_id

    def take_id(self, address: int) -> None:
        """Give an object's id back, as the collector does when the object dies."""
        entry = self.table + 8 * (self.ids.pop(address) - 1)
        self.image.put(entry, self.image.word(self.pool + 16))
        self.image.put(self.pool + 16, entry)

    def new_type(self, qualname: str, references: int = 1) -> int:
        """Add a class with an id."""
        address = self.heap.heap_type(qualname, references=references)
        self.give_id(address)
        return address

    def new_code(self, qualname: str, line: int = 4001) -> int:
        """Add a code object."""
        address = self.heap.code(qualname, line=line)
        self.give_id(address, "code")
        return address

    def new_module(self, name: str, **names: int) -> int:
        """Add a module's dictionary."""
        address = self.heap.dict({"__doc__": 0, "__name__": self.heap.text(name), **names})
        self.give_id(address, "dict")
        return address

    def thread(
        self,
        native_id: int,
        contributions: Mapping[int, int] | None = None,
        size: int | None = None,
    ) -> int:
        """Add a thread state; ``contributions`` are by the objects' addresses."""
        shape, offsets, put = self.shape, self.offsets, self.image.put
        address = self.image.new(shape.refcounts + 512)
        head = self.address + offsets["interpreter_state.threads_head"]
        put(address + offsets["thread_state.next"], self.image.word(head))
        put(head, address)
        put(address + offsets["thread_state.interp"], self.address)
        put(address + offsets["thread_state.thread_id"], thread_id(native_id))
        put(address + offsets["thread_state.native_thread_id"], native_id)
        put(address + offsets["thread_state.status"], BOUND)
        brc = address + shape.refcounts - 40
        put(brc, brc, brc, thread_id(native_id), 0, 0)
        qsbr = self.image.new(64)
        put(qsbr + 16, address)
        ring = address + shape.qsbr + 8
        put(address + shape.qsbr, qsbr, ring, ring, 0)
        if size is None:
            size = self.capacity
        if size:
            put(address + shape.refcounts, self.image.new(8 * size), size, 0)
        self.threads[native_id] = address
        for each, number in (contributions or {}).items():
            put(self.slot(native_id, each), number)
        return address

    def slot(self, native_id: int, address: int) -> int:
        """Return where a thread counts its references to an object."""
        values = self.image.word(self.threads[native_id] + self.shape.refcounts)
        return values + 8 * (self.ids[address] - 1)

    def end_thread(self, native_id: int) -> None:
        """Take a thread state out of the list."""
        gone = self.threads.pop(native_id)
        link = self.offsets["thread_state.next"]
        before = self.address + self.offsets["interpreter_state.threads_head"]
        while self.image.word(before) != gone:
            before = self.image.word(before) + link
        self.image.put(before, self.image.word(gone + link))

    def frame(
        self,
        native_id: int,
        executable: int,
        slots: Sequence[int],
        *,
        owner: int = 0,
        stackpointer: int | None = None,
    ) -> int:
        """Push a frame onto a thread's stack; the words are stack references as they are."""
        localsplus = self.offsets["interpreter_frame.localsplus"]
        # With room behind it, as in a chunk of a stack.
        address = self.image.new(localsplus + 8 * (len(slots) + 64))
        head = self.threads[native_id] + self.offsets["thread_state.current_frame"]
        self.image.put(address, executable, self.image.word(head))
        if stackpointer is None:
            stackpointer = address + localsplus + 8 * len(slots)
        self.image.put(address + self.offsets["interpreter_frame.stackpointer"], stackpointer)
        self.image.write(address + self.offsets["interpreter_frame.owner"], bytes([owner]))
        self.image.put(address + localsplus, *slots)
        self.image.put(head, address)
        return address

    def stack_reference(self, native_id: int, word: int) -> int:
        """Push a C stack reference of a thread."""
        head = self.threads[native_id] + self.shape.qsbr + 24
        address = self.image.new(16)
        self.image.put(address, word, self.image.word(head))
        self.image.put(head, address)
        return address

    def set_active(self, native_id: int) -> None:
        """Let a thread be one that runs Python code."""
        self.image.put(
            self.threads[native_id] + self.offsets["thread_state.status"], BOUND | ACTIVE
        )

    def set_collections(self, *counts: int) -> None:
        """Set the number of collections of the three generations."""
        for number, count in enumerate(counts):
            at = 16 + 72 * number if "gc.generation_stats" in self.offsets else 24 * number
            self.image.put(self.stats + at, count)

    def set_collecting(self, *, on: bool) -> None:
        """Let a collection be under way, or not."""
        place = self.gc + self.offsets["gc.collecting"]
        self.image.write(place, struct.pack("<i", on))

    def manage(self, static: int, subclasses: Sequence[int]) -> None:
        """Let a static type's subclasses stand in the interpreter, as CPython has it."""
        number = 1
        self.image.put(static + self.heap.type_field("tp_subclasses"), number)
        found = self.heap.general_dict([self.heap.weakref(each) for each in subclasses])
        state = self.address + self.shape.static_states + 64 * number
        self.image.put(state, static, 0, 0, self.heap.dict({}), found)


def thread_id(native_id: int) -> int:
    """Return the ``_Py_ThreadId()`` of a thread, which is an address."""
    return 0x7E00_0000_0000 + 0x1000 * native_id


def small(version: int = V314, shape: Shape | None = None, **changes: int) -> Runtime:
    """Return a process with an interpreter, classes, code, modules, threads and frames."""
    runtime = Runtime(version, shape, **changes)
    one = runtime.interpreter()
    classes = [one.new_type(f"Class{number}", references=10 + number) for number in range(8)]
    functions = [one.new_code(f"function{number}", 4000 + number) for number in range(8)]
    one.new_module("app", Class0=classes[0])
    one.new_module("other")
    one.thread(101, {classes[0]: 5, classes[1]: -2, functions[0]: 1})
    one.thread(102, {classes[0]: 7, functions[1]: 3})
    one.thread(103, size=0)
    one.manage(runtime.heap.object_type, [*classes, runtime.heap.dict_type])
    one.set_collections(3, 2, 1)
    one.frame(101, functions[0] | 1, [classes[0] | 1, 1, classes[1]])
    one.frame(101, functions[1] | 1, [classes[0] | 1, 7])
    one.frame(102, functions[2] | 1, [classes[2] | 1])
    one.stack_reference(102, classes[0] | 1)
    return runtime
