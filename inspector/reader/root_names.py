"""Names of places outside of the heap that hold objects: frames, stacks, static memory."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.code_lines import CodeLines
from inspector.cpython.frames import OWNED_BY_INTERPRETER
from inspector.cpython.runtime_lists import read_interpreters, read_threads
from inspector.cpython.text import read_strings
from inspector.cpython.words import decode_unsigned, word_at
from inspector.errors import LayoutError, MemoryFault
from inspector.process import proc

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.process.protocols import Memory

__all__ = ["RootNames"]

MOST_FRAMES: Final = 1 << 14
MOST_LOCALS: Final = 1 << 12
LEFT: Final = 1 << 16
"""Bytes around a frame in which words are left from frames that ended, if not of another one."""


class _Frame(NamedTuple):
    """A frame of a thread."""

    address: int
    end: int
    """Behind its stack of values, as far as that is known."""
    native_id: int
    code: int
    pointer: int
    """``instr_ptr``."""
    copy: int
    """``tlbc_index``."""


class RootNames:
    """Names words that are not in the heap."""

    def __init__(self, process: OtherProcess, memory: Memory, layout: Layout) -> None:
        self._process = process
        self._memory = memory
        self._layout = layout
        self._lines = CodeLines(memory, layout.published)
        self._frames: list[_Frame] | None = None
        self._stacks: dict[int, int] = {}
        """``_Py_ThreadId()``, an address at the end of a thread's stack -> native id."""
        self._mappings: list[proc.Mapping] | None = None

    def name(self, address: int) -> tuple[str, str] | None:
        """Return how a place is called and what it is; None for what is left of a frame."""
        if not address:
            return "<registers>", "registers"
        frame = self._find_frame(address)
        if frame is not None:
            return self._name_local(frame, address), "frame"
        mapping = self._find_mapping(address)
        if mapping is None or self._is_left_over(address):
            return None
        return self._name_mapping(mapping)

    def _name_mapping(self, mapping: proc.Mapping) -> tuple[str, str]:
        """Return how memory outside of the heap is called, and what it is."""
        if mapping.path.startswith("/"):
            return f"<static memory of {mapping.path.rpartition('/')[2]}>", "static memory"
        if mapping.path == "[stack]":
            return "<C stack of the main thread>", "C stack"
        for place, native_id in self._stacks.items():
            if mapping.start <= place < mapping.end:
                return f"<C stack of thread {native_id}>", "C stack"
        return "<memory of another allocator>", "other memory"

    def _find_mapping(self, address: int) -> proc.Mapping | None:
        """Return the mapping that an address is in."""
        if self._mappings is None:
            try:
                self._mappings = list(proc.read_mappings(self._process.pid))
            except OSError:
                self._mappings = []
        place = bisect_right(self._mappings, address, key=lambda each: each.start) - 1
        if place < 0 or address >= self._mappings[place].end:
            return None
        found = self._mappings[place]
        # What the loader adds behind the data of a file is that file's .bss.
        if not found.path and place and self._mappings[place - 1].end == found.start:
            before = self._mappings[place - 1]
            if before.path.startswith("/") and before.writable:
                return before
        return found

    def _find_frame(self, address: int) -> _Frame | None:
        """Return the frame that an address is in."""
        if self._frames is None:
            self._frames = sorted(self._read_frames())
        place = bisect_right(self._frames, address, key=lambda each: each.address) - 1
        if place < 0 or address >= self._frames[place].end:
            return None
        return self._frames[place]

    def _is_left_over(self, address: int) -> bool:
        """Whether a word is near a frame, and so in memory for frames."""
        frames = self._frames or []
        place = bisect_right(frames, address, key=lambda each: each.address) - 1
        near = frames[max(place, 0) : place + 2]
        return any(each.address - LEFT < address < each.end + LEFT for each in near)

    def _read_frames(self) -> list[_Frame]:
        """Return the frames of all threads."""
        published = self._layout.published
        frames: list[_Frame] = []
        try:
            chain = read_interpreters(self._memory, published, self._layout.runtime)
            for interpreter in chain:
                for thread in read_threads(
                    self._memory, published, interpreter, self._layout.refcounts
                ):
                    self._stacks[thread.thread_id] = thread.native_id
                    frames += self._read_thread(thread.address, thread.native_id)
        except (LayoutError, MemoryFault):
            return frames
        return frames

    def _read_thread(self, thread: int, native_id: int) -> list[_Frame]:
        """Return the frames of one thread."""
        published = self._layout.published
        at = {
            name: published[f"interpreter_frame.{name}"]
            for name in ("previous", "executable", "instr_ptr", "localsplus", "owner")
        }
        pointer_at = published["interpreter_frame.stackpointer"]
        copy_at = published["interpreter_frame.tlbc_index"]
        size = max(*at.values(), pointer_at, copy_at) + 8
        head = self._memory.read(thread + published["thread_state.current_frame"], 8)
        address = word_at(head, 0)
        frames: list[_Frame] = []
        while address and len(frames) < MOST_FRAMES:
            words = self._memory.read(address, size)
            if words[at["owner"]] < OWNED_BY_INTERPRETER:
                code = word_at(words, at["executable"]) & ~3
                top = word_at(words, pointer_at)
                end = max(top, address + at["localsplus"] + 8 * self._count_locals(code))
                copy = int.from_bytes(words[copy_at : copy_at + 4], "little")
                frames.append(
                    _Frame(address, end, native_id, code, word_at(words, at["instr_ptr"]), copy)
                )
            address = word_at(words, at["previous"])
        return frames

    def name_generator_local(self, generator: int, offset: int) -> str | None:
        """Return the name of a local variable of a suspended generator; None for anything else."""
        published = self._layout.published
        frame = published["gen_object.gi_iframe"]
        at = generator + frame + published["interpreter_frame.executable"]
        piece = self._memory.read_many([(at, 8)])[0]
        names = self._read_local_names(word_at(piece, 0) & ~3) if piece else []
        number = (offset - frame - published["interpreter_frame.localsplus"]) // 8
        if not 0 <= number < len(names):
            return None
        local = read_strings(self._memory, published, [names[number]])[0]
        return f"gi_frame.{local}" if local else None

    def _count_locals(self, code: int) -> int:
        """Return how many local variables, cells and free variables a code object has."""
        return len(self._read_local_names(code))

    def _read_local_names(self, code: int) -> list[int]:
        """Return the addresses of the names of ``co_localsplusnames``."""
        published = self._layout.published
        try:
            names = word_at(
                self._memory.read(code + published["code_object.localsplusnames"], 8), 0
            )
            count = word_at(self._memory.read(names + published["tuple_object.ob_size"], 8), 0)
            items = self._memory.read(
                names + published["tuple_object.ob_item"], 8 * min(count, MOST_LOCALS)
            )
        except MemoryFault:
            return []
        return decode_unsigned(items)

    def _name_local(self, frame: _Frame, address: int) -> str:
        """Return the thread, the function, the line, and the local variable of a frame."""
        location = self._lines.find([(frame.code, frame.pointer, frame.copy)])[0]
        where = "?"
        if location is not None:
            where = f"{location.function} ({location.file}:{location.line or '?'})"
        number = address - frame.address - self._layout.published["interpreter_frame.localsplus"]
        names = self._read_local_names(frame.code)
        local = None
        if 0 <= number // 8 < len(names):
            local = read_strings(self._memory, self._layout.published, [names[number // 8]])[0]
        what = f"local {local}" if local else "a value in use"
        return f"<thread {frame.native_id} in {where}: {what}>"
