"""One object, or all instances of a type, in an image, and who refers to what there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from inspector.errors import AmbiguousName, NoSuchObject
from inspector.reader.heap_copy import Buffer
from inspector.reader.heap_image import copy_image
from inspector.reader.heap_tally import Types
from inspector.reader.orphans import OB_TYPE, list_addresses, list_types
from inspector.reader.referrers import ReferrerSearch
from inspector.snapshots.name_search import find_names, suggest_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from inspector.cpython.heap_layout import HeapLayout
    from inspector.cpython.layout import Layout
    from inspector.process.other import OtherProcess
    from inspector.reader.heap_image import HeapImage
    from inspector.reader.leaks import LeakRequest
    from inspector.snapshots.holders import Referrer

__all__ = ["HeldObjects", "find_held_objects", "read_heap_image"]


class HeldObjects(NamedTuple):
    """Objects whose holders are sought."""

    target: dict[str, Any]
    name: str
    addresses: list[int]
    bytes: int
    """Of their own blocks."""
    pause_ns: int | None
    """None for a process that ran on."""
    find_referrers: Callable[[Collection[int]], dict[int, list[Referrer]]]
    """Returns who refers to each of some objects."""


def find_held_objects(
    process: OtherProcess,
    layout: Layout,
    heap: HeapLayout,
    target: dict[str, Any],
    subject: str | int,
    request: LeakRequest,
) -> HeldObjects:
    """Return the object at an address, or the instances of the type of a name.

    Raises :class:`NoSuchObject` where there is none, :class:`AmbiguousName` for several types
    of one name, and what :func:`~inspector.reader.heap_image.copy_image` raises.
    """
    image, types, search = read_heap_image(process, layout, heap, request)
    if isinstance(subject, int):
        addresses = [subject]
        words = image.read_words(subject, OB_TYPE + 1)
        if words is None or words[-1] not in types.facts:
            raise NoSuchObject(
                f"no object at {subject:#x} in process {process.pid}",
                subject=subject,
                hint="`inspector leaks` and a repr in the process tell addresses",
            )
        name = f"{search.type_name(words[-1])} at {subject:#x}"
    else:
        name = subject
        addresses = _find_instances(image, search, types, subject)
    blocks = [found for address in addresses if (found := image.find_block(address)) is not None]
    size = sum(page.page.block for page, _ in blocks)
    return HeldObjects(target, name, addresses, size, image.pause_ns, search.find)


def read_heap_image(
    process: OtherProcess, layout: Layout, heap: HeapLayout, request: LeakRequest
) -> tuple[HeapImage, Types, ReferrerSearch]:
    """Return an image of a process, the types in it, and who refers to what there."""
    image = copy_image(
        process,
        layout,
        heap,
        Buffer(),
        pause_limit=request.pause_limit,
        memory=request.memory,
    )
    types = Types(process.memory, layout)
    pages = [page for page in image.pages if page.header >= 0]
    columns = [page.words.column(page.header + OB_TYPE, page.stride) for page in pages]
    types.learn({word for column in columns for word in column})
    types.learn(list(list_types(pages, columns, types.facts)))
    search = ReferrerSearch(process, layout, image, types, values=request.values)
    return image, types, search


def _find_instances(image: HeapImage, search: ReferrerSearch, types: Types, name: str) -> list[int]:
    """Return the addresses of the instances of a type."""
    words = list(types.facts)
    names = search.type_names(words)
    meant = find_names(set(names), name)
    named = [word for word, found in zip(words, names, strict=True) if found in meant]
    found: dict[int, list[int]] = {}
    for page in image.pages:
        if page.header < 0:
            continue
        column = page.words.column(page.header + OB_TYPE, page.stride)
        for word in named:
            if word in column:
                pairs = zip(list_addresses(page), column, strict=False)
                found.setdefault(word, []).extend(at for at, each in pairs if each == word)
    if len(found) > 1:
        places = ", ".join(f"{word:#x}" for word in found)
        raise AmbiguousName(
            f"{len(found)} types are named {name}: {places}",
            subject=name,
            hint=f"give the address of one instance, or more of the name: {', '.join(meant)}",
        )
    if not found:
        alike = [] if meant else suggest_names(set(names), name)
        hint = "names are module.qualname, as `inspector histo` shows them"
        if alike:
            hint = f"did you mean {' or '.join(alike)}?"
        raise NoSuchObject(f"no instance of a type named {name}", subject=name, hint=hint)
    return next(iter(found.values()))
