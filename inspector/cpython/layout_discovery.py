"""Discovers the offsets that CPython does not publish, by the structure of live memory.

Offsets inside ``PyInterpreterState`` and ``_PyThreadStateImpl`` change with patch releases (a
newer vendored mimalloc was enough) and with build options, so no table of them can be right.
How the structures refer to each other does not change: every object with a unique id holds its
own index in the pool, and a free id has no count in any thread.  An offset is accepted only if
it is the only one for which all of these statements hold.

The pool is found here, the ids in objects by :mod:`~inspector.cpython.id_offsets`, and the
fields of thread states by :mod:`~inspector.cpython.thread_offsets`.  If the target changes
between two reads, a true offset may be refused, but a false one is never accepted.  The caller
then tries again, or reads a stopped target.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import compress
from typing import TYPE_CHECKING, Final

from inspector.cpython.id_offsets import IdOffsets, find_id_offsets, read_type_offsets
from inspector.cpython.layout import POOL_SIZE, Layout, Offset
from inspector.cpython.pool import Pool, follow_freelist
from inspector.cpython.runtime_lists import read_interpreters
from inspector.cpython.thread_offsets import find_thread_offsets
from inspector.cpython.words import decode_unsigned
from inspector.errors import LayoutError, MemoryFault
from inspector.process.vectors import PAGE

if TYPE_CHECKING:
    from inspector.cpython.published import Published
    from inspector.process.protocols import Memory

__all__ = ["discover_layout"]

_POOL_SIZES: Final = frozenset(1 << power for power in range(3, 27))


def discover_layout(memory: Memory, published: Published, runtime: int) -> Layout:
    """Return the validated layout of the process behind ``memory``.

    ``runtime`` is the address of ``_PyRuntime``.  Raises :class:`LayoutError` with the first
    field for which no offset, or more than one, fits, and :class:`MemoryFault` if the target
    freed memory meanwhile.
    """
    chain = read_interpreters(memory, published, runtime)
    if not chain:
        raise LayoutError("runtime_state.interpreters_head", expected="an interpreter", found="0")
    # The main interpreter is the oldest: at the end of the list.
    interpreter = chain[-1]
    types = read_type_offsets(published)
    found: list[tuple[int, IdOffsets]] = []
    refused: list[LayoutError] = []
    for offset, pool in _find_pool_candidates(memory, published, interpreter):
        try:
            ids = find_id_offsets(memory, published, types, pool)
        except LayoutError as refusal:
            # Its traceback would refer to this frame, and so to the list that holds the error.
            refused.append(refusal.with_traceback(None))
        else:
            found.append((offset, ids))
    if len(found) != 1:
        if refused and not found:
            raise refused.pop(0)
        raise LayoutError(
            "PyInterpreterState.unique_ids",
            expected="one structure that is a pool of ids",
            found=str(len(found)),
        )
    offset, ids = found[0]
    states = find_thread_offsets(memory, published, interpreter, interpreter + offset)
    return Layout(
        runtime=runtime,
        published=published,
        unique_ids=offset,
        refcounts=states.refcounts,
        c_stack_refs=states.c_stack_refs,
        type_unique_id=ids.type_unique_id,
        code_unique_id=ids.code_unique_id,
        dict_watcher_tag=ids.dict_watcher_tag,
        code_type=ids.code_type,
        offsets=(
            Offset(
                "PyInterpreterState.unique_ids",
                offset,
                "discovered",
                f"its free list visits all free ids; {ids.members} members are objects",
            ),
            *ids.offsets,
            *states.offsets,
        ),
    )


def _find_pool_candidates(
    memory: Memory, published: Published, interpreter: int
) -> list[tuple[int, Pool]]:
    """Return (offset, pool) of each place in ``PyInterpreterState`` that looks like a pool."""
    size = published["interpreter_state.size"] // 8 * 8
    data = memory.read(interpreter, size)
    found = []
    last = memoryview(data).cast("Q")[POOL_SIZE // 8 - 1 :]
    # A pool ends with its size.  C functions exclude nearly all of tens of thousands of words.
    for offset in compress(range(0, size, 8), map(_POOL_SIZES.__contains__, last)):
        pool = Pool.decode(data[offset : offset + POOL_SIZE])
        if pool.plausible and _is_pool(memory, pool):
            found.append((offset, pool))
    if not found:
        raise LayoutError(
            "PyInterpreterState.unique_ids",
            expected="{mutex, table, freelist, size of a power of two}",
            found=f"none in {size} bytes",
        )
    return found


def _is_pool(memory: Memory, pool: Pool) -> bool:
    """Whether the free entries of the table are those that the free list visits."""
    try:
        # Only the last free entry holds NULL, so a first page with more of them is no table.
        head = decode_unsigned(memory.read(pool.table, min(PAGE, 8 * pool.size)))
        words = decode_unsigned(memory.read(*pool.table_range)) if head.count(0) <= 1 else []
    except MemoryFault:
        return False
    visited = follow_freelist(words, pool)
    if visited is None:
        return False
    # A free entry holds NULL or the address of another one; all others hold objects.
    words.sort()
    first, end = pool.table, pool.table + 8 * pool.size
    free = bisect_left(words, 1) + bisect_left(words, end) - bisect_left(words, first)
    # An id that is taken or given back between the two reads changes one entry.
    moving = 64
    return free < len(words) and abs(len(visited) - free) <= moving
