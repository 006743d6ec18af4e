"""Tests of the offsets that lead to interpreters and threads."""

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
    from inspector.diagnosis.agreement.trial import Look, Trial

__all__ = ["chain_trials"]

FINALIZING: Final = "runtime_state.finalizing"

BOOLEANS: Final = (b"\0\0\0\0", b"\1\0\0\0")

DEEPEST: Final = 1 << 12
"""Frames of a thread that are looked at."""

HIGHEST: Final = 1 << 20
"""Bytes of the largest frame that a real program has, many times over."""

TRIES: Final = 20
"""Looks at threads that come and go."""

LARGEST_TASK: Final = 1 << 22
"""``PID_MAX_LIMIT`` (include/linux/threads.h)."""


def chain_trials(look: Look, tasks: Callable[[], Collection[int]]) -> list[Trial]:
    """Test what leads to interpreters and threads; ``tasks`` gives the kernel's thread ids."""
    memory, layout, published = look.memory, look.layout, look.layout.published
    chain = read_interpreters(memory, published, layout.runtime)
    running = [not at for at in look.pointers([layout.runtime + published[FINALIZING]])]
    # struct pyinterpreters {mutex, head, main, next_id}, pycore_interp_structs.h.
    head = layout.runtime + published["runtime_state.interpreters_head"]
    main, next_id = look.pointers((head + 8, head + 16))
    ends = [chain[-1:] == [main]] * len(chain)
    ids = look.pointers(each + published["interpreter_state.id"] for each in chain)
    # Ids count from 0, the newest interpreter is the first.
    falling = [ids == sorted(set(ids), reverse=True) and ids[-1] == 0] * len(ids)
    right = [good and each < next_id for good, each in zip(falling, ids, strict=True)]
    at = published["interpreter_state.gc"] + published["gc.collecting"]
    quiet = [each in BOOLEANS for each in memory.read_many([(each + at, 4) for each in chain])]
    gils = [read_gil_enabled(memory, published, each) is not None for each in chain]
    known = f"interpreters, with the ids {', '.join(map(str, sorted(ids)))}"
    return [
        look.published("runtime_state.interpreters_head", chain, ends, f"{known}"),
        look.published(FINALIZING, [layout.runtime], running, "is 0: not finalizing"),
        look.published(
            "interpreter_state.next", chain, ends, "are before the main interpreter, or it"
        ),
        look.published("interpreter_state.id", chain, right, "are in order"),
        look.published("interpreter_state.gc", chain, quiet, "lead to a collector's state"),
        look.published("gc.collecting", chain, quiet, "are 0 or 1"),
        look.published("interpreter_state.ceval_gil", chain, gils, "lead to a GIL's state"),
        *_threads(look, chain, tasks),
        *_frames(look, _states(look, chain)),
    ]


def _states(look: Look, chain: list[int]) -> list[Thread]:
    """Return the thread states of all interpreters."""
    memory, layout = look.memory, look.layout
    return [
        t for each in chain for t in read_threads(memory, layout.published, each, layout.refcounts)
    ]


def _threads(look: Look, chain: list[int], tasks: Callable[[], Collection[int]]) -> list[Trial]:
    """Test the members of thread states; the walk has compared ``interp`` already.

    Threads may come and go: what counts is a look during which none did.
    """
    published = look.layout.published
    for _ in range(TRIES):
        states = _states(look, chain)
        at = [each.address for each in states]
        links = look.pointers(each + published["thread_state.prev"] for each in at)
        listed = tasks()
        if [each.native_id for each in _states(look, chain)] == [e.native_id for e in states]:
            break
    before = {each.next: each.address for each in states if each.next}
    back = [link == before.get(each, 0) for link, each in zip(links, at, strict=True)]
    mains = look.pointers(each + published["interpreter_state.threads_main"] for each in chain)
    complete = all(each in at for each in mains if each)
    back = [good and complete for good in back]
    # A thread state that is not yet bound to a thread has no ids; not all are like that.
    bound = [each for each in states if each.native_id] or states
    bound_at = [each.address for each in bound]
    known = [each.native_id in listed for each in bound]
    # pthread_self() on x86-64, tpidr_el0 on aarch64: an address, and no native id.
    real = [each.thread_id > LARGEST_TASK for each in bound]
    same = [True] * len(at)
    return [
        look.published("interpreter_state.threads_head", at, back, "thread states in order"),
        look.published("thread_state.next", at, back, "are followed back by prev"),
        look.published("thread_state.interp", at, same, "lead to their interpreter"),
        look.published("thread_state.native_thread_id", bound_at, known, "are of the process"),
        look.published("thread_state.thread_id", bound_at, real, "are addresses"),
    ]


def _frames(look: Look, states: list[Thread]) -> list[Trial]:
    """Test the frames of threads that wait: those of others change under the reader."""
    layout, published = look.layout, look.layout.published
    head = published["thread_state.current_frame"]
    localsplus = published["interpreter_frame.localsplus"]
    waiting = [each.address for each in states if not each.attached and each.native_id]
    stacks = follow_lists(look.memory, [(each + head, localsplus, DEEPEST) for each in waiting])
    owner = published["interpreter_frame.owner"]
    frames: dict[int, bytes] = {}
    ends = {}
    for thread, stack in zip(waiting, stacks, strict=True):
        found = {
            address: words
            for address, words in stack or ()
            if owner < localsplus == len(words) and words[owner] < OWNED_BY_INTERPRETER
        }
        frames |= found
        # A thread may run no Python code at all; a list without an end is no list.
        if found or stack is None:
            ends[thread] = stack is not None
    at = published["interpreter_frame.executable"]
    types = look.pointers(
        (word_at(words, at) & ~1) + published["pyobject.ob_type"] for words in frames.values()
    )
    code = [each == layout.code_type for each in types]
    at = published["interpreter_frame.stackpointer"]
    above = [
        not word_at(words, at) or 0 <= word_at(words, at) - each - localsplus < HIGHEST
        for each, words in frames.items()
    ]
    second = [published["interpreter_frame.previous"] == WORD] * len(ends)
    lists = list(ends.values())
    last = [published["interpreter_frame.size"] == localsplus + WORD] * len(frames)
    return [
        look.published("thread_state.current_frame", ends, lists, "lead to lists that end"),
        look.published("interpreter_frame.previous", ends, second, "lists are linked by it"),
        look.published("interpreter_frame.executable", frames, code, "frames run a code object"),
        look.published("interpreter_frame.owner", frames, code, "frames run a code object"),
        look.published("interpreter_frame.stackpointer", frames, above, "lie behind the locals"),
        look.published("interpreter_frame.localsplus", frames, last, "frames end with them"),
    ]
