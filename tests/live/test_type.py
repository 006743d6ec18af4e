"""One type in full, the other kinds of objects, and the pool, as the command line shows them."""

from __future__ import annotations

import collections
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import inspector
from inspector.cli import main
from tests.support import free_threaded_only

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = free_threaded_only


class Plain:
    """Freed by Python's own code."""


class Window(collections.deque):  # type: ignore[type-arg]
    """Freed by the deallocator of deque."""


class Problem(Exception):
    """Freed by the deallocator of a static type."""


Twin = type("Twin", (), {})
Other = type("Twin", (), {})


def printed(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command line; return its status, output and error output."""
    status = main(list(words))
    output, errors = capfd.readouterr()
    return status, output, errors


def document(capfd: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401 - JSON
    status, output, _ = printed(capfd, *words, "--json")
    assert status == 0
    return json.loads(output)


def paths(subject: type) -> Sequence[str]:
    return [path.how for path in inspector.attach().anatomy(subject).paths]


def test_who_frees_the_instances_decides_where_they_are_counted() -> None:
    assert paths(Plain) == ["per thread", "per thread", "header"]
    assert paths(Problem) == ["per thread", "per thread", "header"]
    assert paths(Window) == ["per thread", "header", "header"]
    assert paths(collections.deque) == ["per thread", "header", "header"]
    assert paths(re.Match) == ["per thread", "header", "header"]
    assert paths(int) == ["?"]


def test_structure_is_what_python_says() -> None:
    anatomy = inspector.attach().anatomy(Window)
    assert anatomy.bases == tuple(f"{each.__module__}.{each.__qualname__}" for each in Window.mro())
    assert anatomy.basicsize == Window.__basicsize__
    assert anatomy.metatype == "builtins.type"
    assert anatomy.count.address == id(Window)
    above = inspector.attach().anatomy(collections.deque)
    assert f"{Window.__module__}.Window" in above.subclasses


def test_the_formula_adds_up_to_the_total(capfd: pytest.CaptureFixture[str]) -> None:
    kept = [Plain() for _ in range(12)]
    found = document(capfd, "type", f"{Plain.__module__}.Plain")
    count = found["count"]
    contributed = sum(count["contributions"].values())
    assert count["counted"] == count["local"] + count["shared"] - count["bias"] + contributed
    assert count["total"] == count["counted"] + count["deferred"]
    assert f"= {count['total']}" in found["formula"]
    assert count["counted"] >= len(kept)
    status, output, _ = printed(capfd, "type", hex(id(Plain)))
    assert status == 0
    assert "ob_ref_shared" in output
    assert "how they are counted" in output


def test_a_name_that_two_types_have_is_refused_with_their_addresses(
    capfd: pytest.CaptureFixture[str],
) -> None:
    status, output, errors = printed(capfd, "type", f"{Plain.__module__}.Twin")
    assert (status, output) == (6, "")
    assert "2 objects are named" in errors
    assert hex(id(Twin)) in errors
    assert hex(id(Other)) in errors
    assert document(capfd, "type", hex(id(Other)))["count"]["address"] == id(Other)


def test_an_unknown_name_and_an_unknown_address_are_refused(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for word in ("no.such.Type", "0x10"):
        status, output, errors = printed(capfd, "type", word, "self")
        assert (status, output) == (6, "")
        assert errors.count("\n") == 2
        assert "hint:" in errors


def test_a_count_of_what_has_none_is_refused() -> None:
    with pytest.raises(inspector.NotCounted, match=r"builtins\.int is static or immortal"):
        inspector.refcount(int)
    with pytest.raises(inspector.NotAType, match="str object is not a type"):
        inspector.refcount("Plain")  # type: ignore[arg-type]
    with pytest.raises(inspector.NoSuchObject, match="no interpreter 99"):
        inspector.attach().snapshot(interpreter=99)


def test_static_types_are_listed_on_request_and_never_counted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = document(capfd, "dump", "--kind", "static")["objects"]
    assert "builtins.int" in [row["name"] for row in rows]
    assert {(row["state"], row["total"], row["local"]) for row in rows} == {
        ("immortal", None, None)
    }


def test_code_is_named_by_file_and_line_and_dictionaries_by_their_module(
    capfd: pytest.CaptureFixture[str],
) -> None:
    codes = {row["name"] for row in document(capfd, "dump", "--kind", "code")["objects"]}
    code = printed.__code__
    assert f"printed ({code.co_filename}:{code.co_firstlineno})" in codes
    dicts = {row["name"]: row for row in document(capfd, "dump", "--kind", "dict")["objects"]}
    assert dicts["collections"]["address"] == id(vars(collections))


def test_functions_made_in_a_loop_show_on_their_code() -> None:
    def make() -> object:
        return lambda: None

    target = inspector.attach()

    def references() -> int:
        return target.snapshot(kinds=("code",))[id(code)].counted or 0

    code = next(each for each in make.__code__.co_consts if hasattr(each, "co_code"))
    base = references()
    kept = [make() for _ in range(100)]
    assert references() == base + len(kept)


def test_the_pool_adds_up(capfd: pytest.CaptureFixture[str]) -> None:
    found = document(capfd, "dump", "--pool")
    assert "objects" not in found
    for each in found["interpreters"]:
        pool = each["pool"]
        assert pool["in_use"] + pool["free"] == pool["capacity"]
        assert pool["types"] + pool["codes"] + pool["dicts"] == pool["in_use"]
        assert all(thread["array_size"] <= pool["capacity"] for thread in each["threads"])
    status, output, _ = printed(capfd, "dump", "--pool")
    assert status == 0
    assert "ids in use" in output
