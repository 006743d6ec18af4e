"""Snapshots from JSON documents; pure.

Reads what :meth:`Snapshot.as_dict` of this or another release writes: fields that are missing
are unknown, and fields that this release does not have are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from inspector.snapshots.heap import Histogram, TypeUse
from inspector.snapshots.snapshot import (
    InterpreterCount,
    ObjectCount,
    PoolCount,
    PoolLife,
    Snapshot,
    TargetInfo,
    ThreadCount,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MEASURED",
    "PARSE_ERRORS",
    "parse_histogram",
    "parse_row",
    "parse_snapshot",
    "parse_type_use",
]

PARSE_ERRORS: Final = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What parsing raises for JSON that is not a snapshot, or is nested too deep."""

Value = TypeVar("Value", TargetInfo, PoolCount, PoolLife, ThreadCount, InterpreterCount, TypeUse)

WORD: Final = 1 << 64
"""Absolute numbers in a snapshot are smaller."""


def _is_number(value: object) -> bool:
    return isinstance(value, int) and -WORD < value < WORD


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _are_numbers(values: Iterable[object]) -> bool:
    for value in values:
        if not _is_number(value):
            return False
    return True


def _is_count_by_thread(value: object) -> bool:
    return isinstance(value, dict) and _are_numbers(value.values())


def _is_pair(value: object) -> bool:
    return isinstance(value, list | tuple) and [_is_number(n) for n in value] == [True, True]


VALUE_CHECKS: Final[dict[str, Callable[[object], bool]]] = {
    "int": _is_number,
    "str": _is_text,
    "bool": _is_flag,
    "Mapping[int, int]": _is_count_by_thread,
    "tuple[int, int]": _is_pair,
}
"""Annotation of a field -> check whether a value from a file fits it."""

OPTIONAL: Final = " | None"


def _list_field_checks(kind: type) -> dict[str, tuple[Callable[[object], bool], bool]]:
    """Return the check for each field of a class, and whether the field may be None."""
    found = {}
    for name, annotation in kind.__annotations__.items():
        # Named tuples keep an annotation in quotes as a ForwardRef.
        word = str(getattr(annotation, "__forward_arg__", annotation))
        test = VALUE_CHECKS.get(word.removesuffix(OPTIONAL))
        if test is not None:
            found[name] = (test, word.endswith(OPTIONAL))
    return found


FIELD_CHECKS: Final[dict[type, dict[str, tuple[Callable[[object], bool], bool]]]] = {
    kind: _list_field_checks(kind)
    for kind in (
        *(TargetInfo, PoolCount, PoolLife, ThreadCount, InterpreterCount, ObjectCount, TypeUse),
        Histogram,
    )
}


MEASURED: Final = tuple(
    name for name in TypeUse._fields if name not in {"delta", "delta_bytes", "steps", "growing"}
)
"""Fields of a histogram's type that do not come from a comparison."""


def _check_fields(kind: type, values: dict[str, Any]) -> None:
    """Raise TypeError for a value that does not fit its field."""
    for name, (test, optional) in FIELD_CHECKS[kind].items():
        value = values.get(name)
        if value is None:
            # A missing field may have a default; rows have no defaults.
            if optional or (name not in values and kind is not ObjectCount):
                continue
            raise TypeError(f"{name} is missing")
        if not test(value):
            raise TypeError(f"{name} cannot be {value!r:.40}")


def parse_snapshot(
    document: dict[str, Any], rows: tuple[tuple[Any, ...], ...] | None = None
) -> Snapshot:
    """Return the snapshot of a JSON document; ``rows``, if given, replace its objects.

    Raises one of :data:`PARSE_ERRORS` for a document that is not a snapshot.
    """
    for name in ("pause_ns", "taken_ns", "tries"):
        if not _is_number(document.get(name, 0)) and (name, document[name]) != ("pause_ns", None):
            raise TypeError(f"{name} is no number")
    if rows is None:
        rows = tuple([parse_row(values) for values in document["objects"]])
    interpreters = tuple(map(_make_interpreter, document["interpreters"]))
    if not interpreters:
        raise ValueError("a snapshot has an interpreter")
    return Snapshot(
        target=_make_value(TargetInfo, document["target"]),
        exact=bool(document["exact"]),
        pause_ns=document.get("pause_ns"),
        interpreters=interpreters,
        taken_ns=document["taken_ns"],
        tries=document.get("tries", 1),
        rows=rows,
        why_not_exact=_text_or_none(document.get("why_not_exact")),
        heap=None if document.get("heap") is None else parse_histogram(document["heap"]),
        why_no_heap=_text_or_none(document.get("why_no_heap")),
    )


def parse_histogram(document: dict[str, Any]) -> Histogram:
    """Return the histogram of a JSON document of ``histo --json``.

    Changes that the document has from a comparison of its own are left out.
    Raises one of :data:`PARSE_ERRORS` for a document that is not a histogram.
    """
    _check_fields(Histogram, {name: value for name, value in document.items() if name != "types"})
    if document["exactness"] not in {"exact", "estimate"}:
        raise ValueError("it is neither exact nor an estimate")
    types = tuple(parse_type_use(values) for values in document["types"])
    count = document.get("type_count")
    return Histogram(
        target=_make_value(TargetInfo, document["target"])._asdict(),
        exact=document["exactness"] == "exact",
        pause_ns=document["pause_ns"],
        taken_ns=document["taken_ns"],
        pages=document["pages"],
        uncertain=document["uncertain"],
        types=types,
        rss=document.get("rss"),
        type_count=None if count == len(types) else count,
    )


def parse_type_use(values: dict[str, Any]) -> TypeUse:
    """Return one type of a histogram from its JSON form, without changes since a baseline.

    Raises one of :data:`PARSE_ERRORS`.
    """
    return _make_value(TypeUse, {name: values[name] for name in MEASURED})


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def parse_row(values: dict[str, Any]) -> tuple[Any, ...]:
    """Return the fields of an :class:`ObjectCount` from its JSON form.

    Raises one of :data:`PARSE_ERRORS`.
    """
    fields: dict[str, Any] = {name: values.get(name) for name in ObjectCount._fields}
    _check_fields(ObjectCount, fields)
    fields["contributions"] = _parse_thread_counts(fields["contributions"])
    if fields["stacks"] is not None:
        fields["stacks"] = _parse_thread_counts(fields["stacks"])
    if fields["bounds"] is not None:
        fields["bounds"] = tuple(fields["bounds"])
    return tuple(fields.values())


def _parse_thread_counts(values: dict[str, int]) -> dict[int, int]:
    """Return counts by thread id; JSON has the ids as strings."""
    return {int(thread): number for thread, number in values.items()}


def _make_interpreter(values: dict[str, Any]) -> InterpreterCount:
    number = values["id"]
    threads = []
    for thread in values["threads"]:
        threads.append(_make_value(ThreadCount, {**thread, "interpreter": number}))
    made = {
        **values,
        "pool": _make_value(PoolCount, values["pool"]),
        "life": _make_value(PoolLife, values.get("life") or {}),
        "threads": tuple(threads),
    }
    return _make_value(InterpreterCount, made)


def _make_value(kind: type[Value], values: dict[str, Any]) -> Value:
    """Return an instance of a class, from the fields that it has."""
    _check_fields(kind, values)
    fields: dict[str, Any] = {}
    for name in kind._fields:
        if name in values:
            fields[name] = values[name]
    return kind(**fields)
