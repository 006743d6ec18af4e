"""Names of types, code objects and dictionaries, and how long they are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inspector.cpython.names import Names
from inspector.reader.kinds import list_structure_sizes
from tests.runtime import V314, V315, small

if TYPE_CHECKING:
    from inspector.cpython.layout import Layout
    from inspector.cpython.names import Named
    from tests.runtime import Runtime


class NamedProcess:
    """Names of a process, asked for by kind and address."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.layout: Layout = runtime.layout()
        self.names = Names(runtime.image, self.layout)

    def named(self, kind: str, address: int) -> Named:
        """Return an object with its structure as it is now."""
        size = list_structure_sizes(self.layout)[kind]
        return kind, address, self.runtime.image.read_many([(address, size)])[0] or b""

    def __call__(self, kind: str, address: int, epoch: int | None = None) -> str:
        return self.names.of([self.named(kind, address)], epoch)[0]

    def retag(self, address: int, tag: int) -> None:
        """Change a type's version tag."""
        at = address + self.layout.type_field("tp_version_tag")
        self.runtime.image.put(at, tag)

    def rename(self, address: int, qualname: str) -> None:
        """Let a type have another name."""
        text = self.runtime.heap.text(qualname)
        self.runtime.image.put(address + self.layout.ht_qualname, text)


@pytest.fixture(params=[V314, V315], ids=["3.14", "3.15"])
def process(request: pytest.FixtureRequest) -> NamedProcess:
    return NamedProcess(small(request.param))


def test_a_type_is_named_by_module_and_qualname(process: NamedProcess) -> None:
    heap = process.runtime.heap
    assert process("type", heap.heap_type("Order.Line", "app.orders")) == "app.orders.Order.Line"


def test_a_type_without_a_module_is_named_by_its_qualname(process: NamedProcess) -> None:
    heap = process.runtime.heap
    assert process("type", heap.heap_type("Order", None)) == "Order"
    assert process("type", heap.heap_type("Order", "app", namespace=0)) == "Order"


def test_a_module_that_is_no_string_is_left_out(process: NamedProcess) -> None:
    heap = process.runtime.heap
    namespace = heap.dict({"__module__": heap.object_type})
    assert process("type", heap.heap_type("Order", namespace=namespace)) == "Order"


@pytest.mark.parametrize("qualname", ["", ".", "a.b", "two\nlines", "\ud800", "\0"])
@pytest.mark.parametrize("module", ["", "trail.", "m"])
def test_any_text_is_a_name(process: NamedProcess, module: str, qualname: str) -> None:
    heap = process.runtime.heap
    assert process("type", heap.heap_type(qualname, module)) == f"{module}.{qualname}"
    assert process("type", heap.heap_type(qualname, None)) == qualname


@pytest.mark.parametrize("pointer", [0, 8, 2**64 - 8])
def test_a_type_whose_name_is_nowhere_is_unknown(process: NamedProcess, pointer: int) -> None:
    address = process.runtime.heap.heap_type("Order")
    process.runtime.image.put(address + process.layout.ht_qualname, pointer)
    assert process("type", address) == "?"


@pytest.mark.parametrize("kind", ["type", "dict", "static"])
def test_an_object_that_could_not_be_read_is_unknown(process: NamedProcess, kind: str) -> None:
    assert process.names.of([(kind, 0x1000, b"")]) == ["?"]


def test_a_code_object_is_named_by_qualname_file_and_line(process: NamedProcess) -> None:
    heap = process.runtime.heap
    assert process("code", heap.code("Order.total", "app/orders.py", 41)) == (
        "Order.total (app/orders.py:41)"
    )
    assert process("code", heap.code("<module>", "x", -1)) == "<module> (x:-1)"
    assert process.names.of([("code", 0x1000, b"")]) == ["? (?:?)"]


def test_a_dictionary_is_named_by_its_module(process: NamedProcess) -> None:
    heap = process.runtime.heap
    assert process("dict", heap.dict({"x": 0, "__name__": heap.text("app.orders")})) == "app.orders"
    assert process("dict", heap.dict({"x": 0})) == "?"


def test_static_types_are_named_by_tp_name(process: NamedProcess) -> None:
    heap = process.runtime.heap
    assert process("static", heap.object_type) == "builtins.object"
    assert process("static", heap.weakref_type) == "weakref.ReferenceType"
    strange = heap.static_type(
        "x" * 30 + "\udc80".encode("utf-8", "surrogatepass").decode("latin-1")
    )
    assert process("static", strange).startswith("builtins.xxx")


def test_names_come_in_the_order_of_their_objects(process: NamedProcess) -> None:
    heap = process.runtime.heap
    objects = [
        process.named("type", heap.heap_type("B")),
        process.named("code", heap.code("f", "a.py", 1)),
        process.named("type", heap.heap_type("A")),
        process.named("static", heap.str_type),
    ]
    assert process.names.of(objects) == ["app.B", "f (a.py:1)", "app.A", "builtins.str"]


def test_a_type_that_was_renamed_has_its_new_name(process: NamedProcess) -> None:
    address = process.runtime.heap.heap_type("Order", tag=7)
    assert process("type", address) == "app.Order"
    process.rename(address, "Bill")
    assert process("type", address) == "app.Bill"


def test_a_change_of_the_tag_has_the_module_read_again(process: NamedProcess) -> None:
    heap, image = process.runtime.heap, process.runtime.image
    address = heap.heap_type("Order", "app", tag=7)
    assert process("type", address) == "app.Order"
    namespace = image.word(address + process.layout.type_field("tp_dict"))
    keys = image.word(namespace + process.layout.published["dict_object.ma_keys"])
    image.put(keys + 32 + 8 + 16 + 8, heap.text("shop"))
    assert process("type", address) == "app.Order"
    process.retag(address, 8)
    assert process("type", address) == "shop.Order"


def take_over(process: NamedProcess, tag: int) -> int:
    """Name a type, and put one of another module in its place with the same tag."""
    heap, image = process.runtime.heap, process.runtime.image
    address = heap.heap_type("Order", "app", tag=tag)
    assert process("type", address, 3) == "app.Order"
    namespace = image.word(address + process.layout.type_field("tp_dict"))
    keys = image.word(namespace + process.layout.published["dict_object.ma_keys"])
    image.put(keys + 32 + 8 + 16 + 8, heap.text("shop"))
    return address


def test_a_type_without_a_tag_is_named_again_after_a_collection(process: NamedProcess) -> None:
    address = take_over(process, tag=0)
    assert process("type", address, 3) == "app.Order"
    assert process("type", address, 4) == "shop.Order"


def test_a_type_without_a_tag_is_named_again_where_collections_are_unknown(
    process: NamedProcess,
) -> None:
    address = take_over(process, tag=0)
    assert process("type", address, None) == "shop.Order"


def test_a_type_with_a_tag_keeps_its_name_across_collections(process: NamedProcess) -> None:
    address = take_over(process, tag=7)
    assert process("type", address, 4) == "app.Order"


def test_an_object_of_another_kind_at_the_same_address_is_named_anew(process: NamedProcess) -> None:
    heap = process.runtime.heap
    address = heap.heap_type("Order")
    assert process("type", address, 3) == "app.Order"
    assert process("dict", address, 3) == "?"


def test_names_that_are_kept_cost_no_reads(process: NamedProcess) -> None:
    named = [
        process.named("type", process.runtime.heap.heap_type(f"T{each}")) for each in range(20)
    ]
    first = process.names.of(named, 3)
    before = process.runtime.image.bytes_read
    assert process.names.of(named, 3) == first
    assert process.runtime.image.bytes_read == before


def test_names_of_objects_that_are_gone_are_forgotten(process: NamedProcess) -> None:
    named = [("static", 0x1000 + each, b"") for each in range(1200)]
    process.names.of(named)
    process.names.forget_others([0x1000 + each for each in range(700)])
    assert len(process.names._known) == 1200
    process.names.forget_others([0x1000, 0x1001])
    assert set(process.names._known) == {0x1000, 0x1001}
