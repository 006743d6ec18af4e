"""Counts the references on thread stacks that no reference count includes.

The collector visits, for every thread, the list ``c_stack_refs`` and the frames
from ``current_frame`` on: ``f_executable`` and the slots of ``localsplus`` up to
the stack pointer (Python/gc_free_threading.c, ``gc_visit_thread_stacks``; 3.14
and 3.15).  This module visits the same, and like the collector not
``f_funcobj``, because a function can be freed while its frame still runs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from inspector.cpython.words import decode_unsigned, word_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.cpython.layout import Layout
    from inspector.cpython.published import Published
    from inspector.process.protocols import LinkedList, Node

__all__ = [
    "OWNED_BY_INTERPRETER",
    "Stack",
    "TooShort",
    "count_deferred_references",
    "count_used_slots",
    "plan_stack",
    "select_uncounted",
]

OWNED_BY_INTERPRETER: Final = 3
"""``FRAME_OWNED_BY_INTERPRETER`` and above: entry frames, which hold nothing
(Include/internal/pycore_interpframe_structs.h)."""

C_STACK_REF_SIZE: Final = 16
"""``struct _PyCStackRef`` {ref, next} (Include/internal/pycore_stackref.h)."""

MOST_SLOTS: Final = 1 << 16
"""More than any frame has; a corrupt stack pointer is refused here."""

INT_TAG: Final = 3
"""``Py_INT_TAG`` (Include/internal/pycore_stackref.h)."""

FIRST_SLOTS: Final = 48
"""Slots that are read of each frame until a frame has more."""


class Stack(NamedTuple):
    """The uncounted references on one thread's stack."""

    references: Counter[int]
    """Address of an object -> uncounted references to it."""
    doubtful: Counter[int]
    """Those of them in a frame that was running when it was read: its stack pointer is that
    of its last call."""
    complete: bool
    """False if a frame had no valid stack pointer, which the collector would need as well."""


class TooShort(Exception):
    """A list had more nodes, or a frame more slots, than were read."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.slots = slots


def select_uncounted(words: Sequence[int]) -> list[int]:
    """Return the objects of those stack references that are not counted.

    ``Py_TAG_REFCNT`` (bit 0) marks a reference that is not counted on the object;
    1 alone is NULL; both low bits set are a small integer (pycore_stackref.h).
    """
    return [word & ~1 for word in words if word & 1 and word != 1 and word & INT_TAG != INT_TAG]


def plan_stack(
    layout: Layout, thread: int, depths: tuple[int, int], slots: int
) -> tuple[LinkedList, LinkedList]:
    """Return the linked lists of a thread state: its frames, its C stack references.

    ``depths`` are the most nodes of each, ``slots`` the most slots of one frame.
    ``_PyInterpreterFrame.previous`` and ``_PyCStackRef.next`` are both the second word.
    """
    published = layout.published
    size = published["interpreter_frame.localsplus"] + 8 * slots
    frames, refs = depths
    head = thread + published["thread_state.current_frame"]
    # Without the offset of c_stack_refs, the second list is empty.
    at = thread + layout.c_stack_refs if layout.c_stack_refs is not None else 0
    return (head, size, frames), (at, C_STACK_REF_SIZE, refs)


def count_used_slots(published: Published, address: int, words: bytes) -> int | None:
    """Return how many slots of a frame the collector visits, None if that is unknown.

    The stack pointer of a frame can be NULL while its thread runs, or closes a reference
    (gh-129236).  ``words`` may be too short at the end of a mapping.  Entry frames use no
    slots.
    """
    if len(words) < published["interpreter_frame.localsplus"]:
        return None
    if words[published["interpreter_frame.owner"]] >= OWNED_BY_INTERPRETER:
        return 0
    top = word_at(words, published["interpreter_frame.stackpointer"])
    size = top - address - published["interpreter_frame.localsplus"]
    return size // 8 if top and size % 8 == 0 and 0 <= size <= 8 * MOST_SLOTS else None


def count_deferred_references(
    published: Published, frames: Sequence[Node], refs: Sequence[Node], *, running: bool
) -> Stack:
    """Count the references in the frames and C stack references of one thread.

    ``running``: the thread was running its top frame when that was read.

    Raises :class:`TooShort` if not all slots of a frame were read.
    """
    found: Counter[int] = Counter()
    doubtful: Counter[int] = Counter()
    complete = True
    executable = published["interpreter_frame.executable"]
    owner = published["interpreter_frame.owner"]
    localsplus = published["interpreter_frame.localsplus"]
    for address, words in frames:
        if len(words) < localsplus:
            raise TooShort(0)
        if words[owner] >= OWNED_BY_INTERPRETER:
            continue
        used = count_used_slots(published, address, words)
        if used is None:
            complete = False
            continue
        end = localsplus + 8 * used
        if end > len(words):
            raise TooShort(used)
        found.update(select_uncounted([word_at(words, executable)]))
        slots = select_uncounted(decode_unsigned(words[localsplus:end]))
        found.update(slots)
        if running:
            doubtful.update(slots)
            running = False
    for _, words in refs:
        found.update(select_uncounted([word_at(words, 0)]))
    return Stack(found, doubtful, complete)
