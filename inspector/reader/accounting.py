"""Every reference to a type, named by who holds it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from inspector.errors import NoSuchObject
from inspector.reader.held_objects import read_heap_image
from inspector.reader.orphans import count_references
from inspector.snapshots.holders import Accounting, HeldBy

if TYPE_CHECKING:
    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.reader.leaks import LeakRequest

__all__ = ["account_for_type"]

TABLE_OF_IDS: Final = "other memory"
"""What the table of unique ids is: it has the address of each of its objects."""


def account_for_type(
    process: OtherProcess, layout: Layout, heap: HeapLayout, address: int, request: LeakRequest
) -> Accounting:
    """Return who holds the references to a type; weak ones, which are not counted, left out.

    Raises :class:`NoSuchObject` for what is no type of the heap, and what
    :func:`~inspector.reader.heap_image.copy_image` raises.
    """
    image, _, search = read_heap_image(process, layout, heap, request)
    total = count_references(image, address)
    if total is None:
        raise NoSuchObject(
            f"no counted type at {address:#x} in process {process.pid}", subject=address
        )
    words: Counter[str] = Counter()
    for referrer in search.find([address]).get(address, ()):
        words[referrer.type] += 1
    listed = any(address in counters.by_address for counters in image.counters)
    if listed and words[TABLE_OF_IDS]:
        words[TABLE_OF_IDS] -= 1
    instances = search.count_instances(address)
    held = [HeldBy("instances", instances)] if instances else []
    held += [HeldBy(by, number) for by, number in words.most_common() if number]
    return Accounting(total, tuple(held), image.pause_ns)
