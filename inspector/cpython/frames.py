"""References on thread stacks that nobody counts, from the bytes of frames.

The collector visits, for every thread, the list ``c_stack_refs`` and the frames
from ``current_frame`` on: ``f_executable`` and the slots of ``localsplus`` up to
the stack pointer (Python/gc_free_threading.c, ``gc_visit_thread_stacks``; 3.14
and 3.15).  So does this module, and like the collector it does not look at
``f_funcobj``: a function can be freed while its frame still runs.
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
"""More than any frame has; a lying stack pointer ends here."""

FIRST_SLOTS: Final = 48
"""Slots of a frame that are read until a frame is seen to have more."""


class Stack(NamedTuple):
    """What one thread's stack was seen to hold."""

    references: Counter[int]
    """Address of an object -> references to it that nobody counts."""
    doubtful: Counter[int]
    """Of these, the ones in a frame that was caught while it ran: its stack pointer
    is where it was at the last call."""
    complete: bool
    """False where a frame hid its slots, and the collector too would not know them."""


class TooShort(Exception):
    """A chain went on, or a frame had more slots, than were read."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.slots = slots


def select_uncounted(words: Sequence[int]) -> list[int]:
    """Return the objects behind the stack references that nobody counts.

    ``Py_TAG_REFCNT`` (bit 0) marks a reference that is not counted on the object;
    1 alone is NULL; both low bits set are a small integer (pycore_stackref.h).
    """
    return [
        word & ~1
        for word in words
        if word & 1 and word != 1 and word & 3 != 3  # noqa: PLR2004 - Py_INT_TAG
    ]


def plan_stack(
    layout: Layout, thread: int, depths: tuple[int, int], slots: int
) -> tuple[LinkedList, LinkedList]:
    """Return the chains of a thread state: its frames, its C stack references.

    ``depths`` are the longest that each may be, ``slots`` the most of one frame.
    ``_PyInterpreterFrame.previous`` and ``_PyCStackRef.next`` are both the second word.
    """
    published = layout.published
    size = published["interpreter_frame.localsplus"] + 8 * slots
    frames, refs = depths
    head = thread + published["thread_state.current_frame"]
    # Without the offset of c_stack_refs there is nothing to follow: a chain of none.
    at = thread + layout.c_stack_refs if layout.c_stack_refs is not None else 0
    return (head, size, frames), (at, C_STACK_REF_SIZE, refs)


def count_used_slots(published: Published, address: int, words: bytes) -> int | None:
    """Return how many slots of a frame the collector visits, None where it cannot tell.

    While a thread runs, or closes a reference (gh-129236), the stack pointer of its
    frame can be NULL; at the end of a mapping it may not be there to read.  Entry
    frames have no slots in use.
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

    ``running`` says that it was caught in the middle of its top frame.

    Raises :class:`TooShort` where not all slots of a frame were read.
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
