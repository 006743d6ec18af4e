"""Checks of the offsets that lead to interpreters, threads and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.cpython.frames import OWNED_BY_INTERPRETER
from inspector.cpython.runtime_lists import read_gil_enabled, read_interpreters, read_threads
from inspector.cpython.words import word_at
from inspector.process.linked_lists import follow_lists
from inspector.process.vectors import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.cpython.runtime_lists import Thread
    from inspector.diagnosis.layout_checks.field_check import FieldCheck, ProcessView

__all__ = ["check_chains"]

FINALIZING: Final = "runtime_state.finalizing"

BOOLEANS: Final = (b"\0\0\0\0", b"\1\0\0\0")

DEEPEST: Final = 1 << 12
"""Frames of one thread that are checked, at most."""

HIGHEST: Final = 1 << 20
"""Bytes of a frame, at most: many times the largest one of any real program."""

TRIES: Final = 20
"""Attempts on threads that come and go."""

LARGEST_TASK: Final = 1 << 22
"""``PID_MAX_LIMIT`` (include/linux/threads.h)."""


def check_chains(process: ProcessView, tasks: Callable[[], Collection[int]]) -> list[FieldCheck]:
    """Check what leads to interpreters and threads; ``tasks`` returns the kernel's thread ids."""
    memory, layout, published = process.memory, process.layout, process.layout.published
    chain = read_interpreters(memory, published, layout.runtime)
    (finalizing,) = process.read_pointers([layout.runtime], published[FINALIZING])
    # struct pyinterpreters {mutex, head, main, next_id}, pycore_interp_structs.h.
    head = layout.runtime + published["runtime_state.interpreters_head"]
    main, next_id = process.read_pointers((head + 8, head + 16))
    ends = [chain[-1:] == [main]] * len(chain)
    ids = process.read_pointers(chain, published["interpreter_state.id"])
    # Ids count from 0, the newest interpreter is the first.
    descending = ids == sorted(set(ids), reverse=True) and ids[-1] == 0
    right = [descending and number < next_id for number in ids]
    at = published["interpreter_state.gc"] + published["gc.collecting"]
    quiet, gils = [], []
    for interpreter in chain:
        quiet.append(memory.read_many([(interpreter + at, 4)])[0] in BOOLEANS)
        gils.append(read_gil_enabled(memory, published, interpreter) is not None)
    found = f"interpreters, with the ids {', '.join(map(str, sorted(ids)))}"
    check = process.check_published
    return [
        check("runtime_state.interpreters_head", chain, ends, found),
        check(FINALIZING, [layout.runtime], [not finalizing], "is 0: not finalizing"),
        check("interpreter_state.next", chain, ends, "are before the main interpreter, or it"),
        check("interpreter_state.id", chain, right, "are in order"),
        check("interpreter_state.gc", chain, quiet, "lead to a collector's state"),
        check("gc.collecting", chain, quiet, "are 0 or 1"),
        check("interpreter_state.ceval_gil", chain, gils, "lead to a GIL's state"),
        *_check_threads(process, chain, tasks),
        *_check_frames(process, _list_threads(process, chain)),
    ]


def _list_threads(process: ProcessView, chain: list[int]) -> list[Thread]:
    memory, layout = process.memory, process.layout
    found = []
    for interpreter in chain:
        found += read_threads(memory, layout.published, interpreter, layout.refcounts)
    return found


def _check_threads(
    process: ProcessView, chain: list[int], tasks: Callable[[], Collection[int]]
) -> list[FieldCheck]:
    """Check the members of thread states; the walk has compared ``interp`` already.

    Threads may come and go: repeats the reading until none did during it.
    """
    published = process.layout.published
    for _ in range(TRIES):
        states = _list_threads(process, chain)
        addresses = [state.address for state in states]
        links = process.read_pointers(addresses, published["thread_state.prev"])
        listed = tasks()
        native_ids = [state.native_id for state in states]
        if [state.native_id for state in _list_threads(process, chain)] == native_ids:
            break
    mains = process.read_pointers(chain, published["interpreter_state.threads_main"])
    complete = set(mains) - {0} <= set(addresses)
    before = {state.next: state.address for state in states}
    back = []
    for link, address in zip(links, addresses, strict=True):
        back.append(complete and link == before.get(address, 0))
    # A thread state that is not yet bound to a thread has no ids; not all are like that.
    bound = [state for state in states if state.native_id] or states
    bound_at, known, real = [], [], []
    for state in bound:
        bound_at.append(state.address)
        known.append(state.native_id in listed)
        # pthread_self() on x86-64, tpidr_el0 on aarch64: an address, and no native id.
        real.append(state.thread_id > LARGEST_TASK)
    same = [True] * len(addresses)
    check = process.check_published
    return [
        check("interpreter_state.threads_head", addresses, back, "thread states in order"),
        check("thread_state.next", addresses, back, "are followed back by prev"),
        check("thread_state.interp", addresses, same, "lead to their interpreter"),
        check("thread_state.native_thread_id", bound_at, known, "are of the process"),
        check("thread_state.thread_id", bound_at, real, "are addresses"),
    ]


def _check_frames(process: ProcessView, states: list[Thread]) -> list[FieldCheck]:
    """Check the frames of threads that wait: a running thread changes its own meanwhile."""
    layout, published = process.layout, process.layout.published
    head = published["thread_state.current_frame"]
    localsplus = published["interpreter_frame.localsplus"]
    waiting, lists = [], []
    for state in states:
        if not state.attached and state.native_id:
            waiting.append(state.address)
            lists.append((state.address + head, localsplus, DEEPEST))
    stacks = follow_lists(process.memory, lists)
    owner = published["interpreter_frame.owner"]
    frames: dict[int, bytes] = {}
    ends = {}
    for thread, stack in zip(waiting, stacks, strict=True):
        found: dict[int, bytes] = {}
        for address, words in stack or ():
            if owner < localsplus == len(words) and words[owner] < OWNED_BY_INTERPRETER:
                found[address] = words
        frames |= found
        # A thread that runs no Python code has no frame, and shows nothing.  A list without
        # an end shows that the offset is wrong.
        if found or stack is None:
            ends[thread] = stack is not None
    executables, above = [], []
    for address, words in frames.items():
        executables.append(word_at(words, published["interpreter_frame.executable"]) & ~1)
        pointer = word_at(words, published["interpreter_frame.stackpointer"])
        above.append(not pointer or 0 <= pointer - address - localsplus < HIGHEST)
    code = [kind == layout.code_type for kind in process.read_types(executables)]
    second = [published["interpreter_frame.previous"] == WORD] * len(ends)
    last = [published["interpreter_frame.size"] == localsplus + WORD] * len(frames)
    check = process.check_published
    return [
        check("thread_state.current_frame", ends, list(ends.values()), "lead to lists that end"),
        check("interpreter_frame.previous", ends, second, "lists are linked by it"),
        check("interpreter_frame.executable", frames, code, "frames run a code object"),
        check("interpreter_frame.owner", frames, code, "frames run a code object"),
        check("interpreter_frame.stackpointer", frames, above, "lie behind the locals"),
        check("interpreter_frame.localsplus", frames, last, "frames end with them"),
    ]
