"""Objects of CPython laid into an image: headers, strings, dictionaries, types, code.

The offsets come from the tables that the inspector itself has of what CPython
publishes; their values, and all that is not published, are of no real build.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from inspector.cpython.layout import _FROM_TP_NAME
from inspector.cpython.published import _TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.image import Image

BIAS: Final = (2**63 - 1) // 8
DEFERRED, TRACKED = 64, 1
IMMORTAL: Final = 0xFFFF_FFFF
HEAP_TYPE, DICT_SUBCLASS, TYPE_SUBCLASS = 1 << 9, 1 << 29, 1 << 31
STATES: Final = {"owned": 0, "weakref": 1, "queued": 2, "merged": 3}

OFFSETS: Final = {
    "runtime_state.size": 8192,
    "runtime_state.finalizing": 2064,
    "runtime_state.interpreters_head": 2080,
    "interpreter_state.size": 12288,
    "interpreter_state.id": 7048,
    "interpreter_state.next": 7056,
    "interpreter_state.threads_head": 7096,
    "interpreter_state.gc": 7400,
    "interpreter_state.ceval_gil": 7016,
    "interpreter_state.gil_runtime_state_enabled": 24,
    "thread_state.size": 856,
    "thread_state.next": 8,
    "thread_state.interp": 16,
    "thread_state.status": 56,
    "thread_state.current_frame": 72,
    "thread_state.thread_id": 168,
    "thread_state.native_thread_id": 176,
    "interpreter_frame.executable": 0,
    "interpreter_frame.previous": 8,
    "interpreter_frame.stackpointer": 72,
    "interpreter_frame.owner": 82,
    "interpreter_frame.localsplus": 96,
    "code_object.size": 264,
    "code_object.filename": 120,
    "code_object.qualname": 136,
    "code_object.firstlineno": 76,
    "pyobject.size": 32,
    "pyobject.ob_type": 24,
    "type_object.size": 456,
    "type_object.tp_name": 40,
    "type_object.tp_flags": 192,
    "type_object.tp_basicsize": 48,
    "tuple_object.ob_size": 32,
    "tuple_object.ob_item": 48,
    "dict_object.size": 96,
    "dict_object.ma_keys": 56,
    "dict_object.ma_values": 64,
    "unicode_object.state": 48,
    "unicode_object.length": 32,
    "unicode_object.asciiobject_size": 56,
    "gc.size": 400,
    "gc.collecting": 208,
    "gc.generation_stats": 320,
    "gc.generation_stats_size": 216,
    "gen_object.gi_frame_state": 67,
    "gen_object.gi_iframe": 80,
}
"""What the target publishes; every other offset of its block is 8, every other size 128."""


@dataclass(frozen=True)
class Shape:
    """What the target does not publish: offsets that no real build has."""

    unique_ids: int = 9016
    refcounts: int = 5144
    qsbr: int = 936
    """``c_stack_refs`` is the third word behind it."""
    type_unique_id: int = 1016
    heap_type_size: int = 1080
    code_unique_id: int = 232
    dict_watcher_tag: int = 80
    static_states: int = 10240
    """Where the interpreter has what it knows of its static types."""


def offsets_of(version: int, changes: Mapping[str, int]) -> dict[str, int]:
    """Return what a version publishes, in the order of its words."""
    names = _TABLES.get(version >> 16, _TABLES[max(_TABLES)])
    values = {**OFFSETS, **changes}
    return {name: values.get(name, 128 if name.endswith(".size") else 8) for name in names}


class Heap:
    """Objects in an image; all methods return addresses."""

    def __init__(self, image: Image, offsets: Mapping[str, int], shape: Shape) -> None:
        self.image, self.offsets, self.shape = image, offsets, shape
        self._texts: dict[str, int] = {}
        self.type_type = self.static_type("type", TYPE_SUBCLASS)
        self.header(self.type_type, self.type_type, immortal=True)
        basicsize = self.offsets["type_object.tp_name"] + _FROM_TP_NAME["tp_basicsize"]
        image.put(self.type_type + basicsize, shape.heap_type_size)
        self.object_type = self.static_type("object")
        self.str_type = self.static_type("str", base=self.object_type)
        self.dict_type = self.static_type("dict", DICT_SUBCLASS, base=self.object_type)
        self.code_type = self.static_type("code", base=self.object_type)
        self.weakref_type = self.static_type("weakref.ReferenceType", base=self.object_type)
        image.put(self.type_type + self.type_field("tp_base"), self.object_type)

    def type_field(self, name: str) -> int:
        """Return the offset of a member of ``PyTypeObject``."""
        return self.offsets["type_object.tp_name"] + _FROM_TP_NAME[name]

    def header(  # noqa: PLR0913 - the words of a header
        self,
        address: int,
        ob_type: int,
        *,
        references: int = 1,
        local: int = 0,
        tid: int = 0,
        state: str = "merged",
        deferred: bool = True,
        immortal: bool = False,
    ) -> None:
        """Write ``PyObject_HEAD``; ``references`` are those in ``ob_ref_shared``."""
        shared = 0 if immortal else (references + (BIAS if deferred else 0)) * 4 + STATES[state]
        bits = TRACKED | (DEFERRED if deferred else 0)
        local = IMMORTAL if immortal else local
        self.image.write(address, struct.pack("<QHBBIqQ", tid, 0, 0, bits, local, shared, ob_type))

    def static_type(self, name: str, flags: int = 0, base: int = 0) -> int:
        """Lay out a type that is no heap type, of an immortal kind."""
        address = self.image.new(self.offsets["type_object.size"])
        self.header(address, getattr(self, "type_type", 0), immortal=True)
        text = name.encode() + b"\0"
        place = self.image.new(len(text) + 64)
        self.image.write(place, text)
        self.image.put(address + self.offsets["type_object.tp_name"], place)
        self.image.put(address + self.offsets["type_object.tp_flags"], flags)
        self.image.put(address + self.type_field("tp_base"), base)
        return address

    def heap_type(
        self,
        qualname: str,
        module: str | None = "app",
        *,
        references: int = 1,
        tag: int = 7,
        namespace: int | None = None,
    ) -> int:
        """Lay out a class; its version tag is ``tag``."""
        address = self.image.new(self.shape.heap_type_size)
        self.header(address, self.type_type, references=references)
        if namespace is None:
            entries = {} if module is None else {"__module__": self.text(module)}
            namespace = self.dict({"__doc__": self.object_type, **entries})
        put = self.image.put
        put(address + self.offsets["type_object.tp_flags"], HEAP_TYPE)
        put(address + self.type_field("tp_base"), self.object_type)
        put(address + self.type_field("tp_dict"), namespace)
        put(address + self.type_field("tp_dealloc"), 0x55AA_0010)
        put(address + self.type_field("tp_version_tag"), tag)
        put(address + self.type_field("tp_mro"), self.tuple([address, self.object_type]))
        put(address + self.shape.type_unique_id - 64, self.text(qualname))
        return address

    def code(self, qualname: str, filename: str = "app.py", line: int = 4001) -> int:
        """Lay out a code object."""
        address = self.image.new(self.offsets["code_object.size"])
        self.header(address, self.code_type)
        self.image.put(address + self.offsets["code_object.qualname"], self.text(qualname))
        self.image.put(address + self.offsets["code_object.filename"], self.text(filename))
        place = address + self.offsets["code_object.firstlineno"]
        self.image.write(place, struct.pack("<i", line))
        return address

    def dict(self, entries: Mapping[str, int]) -> int:
        """Lay out a dictionary with strings for keys."""
        items = [word for key, value in entries.items() for word in (self.text(key), value)]
        return self._dict(items, kind=1, width=2)

    def general_dict(self, values: Sequence[int]) -> int:
        """Lay out a dictionary with keys of any kind, as ``tp_subclasses`` is one."""
        items = [word for value in values for word in (value * 31 % 2**61, self.str_type, value)]
        return self._dict(items, kind=0, width=3)

    def split_dict(self, values: int) -> int:
        """Lay out a dictionary whose values stand elsewhere, as in instances."""
        address = self._dict([self.text("__name__"), 0], kind=2, width=2)
        self.image.put(address + self.offsets["dict_object.ma_values"], values)
        return address

    def _dict(self, items: Sequence[int], kind: int, width: int) -> int:
        """Lay out a dictionary and its keys: header, indices, entries."""
        log2_index_bytes = 3
        keys = self.image.new(32 + (1 << log2_index_bytes) + 8 * max(len(items), width))
        count = max(len(items) // width, 1)
        head = struct.pack("<qBBBBIqq", 1, 3, log2_index_bytes, kind, 0, 1, 0, count)
        self.image.write(keys, head)
        self.image.put(keys + 32 + (1 << log2_index_bytes), *items)
        address = self.image.new(self.offsets["dict_object.size"])
        self.header(address, self.dict_type)
        self.image.put(address + self.offsets["dict_object.ma_keys"], keys)
        return address

    def tuple(self, items: Sequence[int]) -> int:
        """Lay out a tuple."""
        address = self.image.new(self.offsets["tuple_object.ob_item"] + 8 * len(items))
        self.header(address, self.object_type, deferred=False)
        self.image.put(address + self.offsets["tuple_object.ob_size"], len(items))
        self.image.put(address + self.offsets["tuple_object.ob_item"], *items)
        return address

    def weakref(self, to: int) -> int:
        """Lay out a weak reference."""
        address = self.image.new(72)
        self.header(address, self.weakref_type, deferred=False)
        self.image.put(address + 32, to)
        return address

    def subclasses(self, of: int, types: Sequence[int]) -> int:
        """Let types be the subclasses of a heap type; return the dictionary."""
        address = self.general_dict([self.weakref(each) for each in types])
        self.image.put(of + self.type_field("tp_subclasses"), address)
        return address

    def text(self, text: str) -> int:
        """Return the string, the same one for the same text, as if it were interned."""
        if text not in self._texts:
            self._texts[text] = self.string(text)
        return self._texts[text]

    def string(self, text: str, *, alone: bool = False) -> int:
        """Lay out a new string of the narrowest kind that holds the text."""
        top = max(map(ord, text), default=0)
        kind, codec = (
            (1, "latin-1")
            if top < 0x100
            else (2, "utf-16-le")
            if top < 0x10000
            else (4, "utf-32-le")
        )
        data = text.encode(codec, "surrogatepass" if kind > 1 else "strict")
        size = self.offsets["unicode_object.asciiobject_size"] + (0 if top < 0x80 else 16)
        address = self.image.new(size + len(data) + kind, alone=alone)
        self.header(address, getattr(self, "str_type", 0), immortal=True)
        state = 1 | kind << 8 | 1 << 11 | (1 << 12 if top < 0x80 else 0)
        self.image.put(address + self.offsets["unicode_object.length"], len(text))
        self.image.put(address + self.offsets["unicode_object.state"], state)
        self.image.write(address + size, data)
        return address
