"""Who holds what a service keeps, told from outside in one command."""

from __future__ import annotations

import json

import pytest

import inspector
from inspector.diagnosis.holders import find_holders
from tests.live.puppets import Puppet, inspect
from tests.support import TARGETS, interpreters, python_of

KEEPS = TARGETS / "keeps.py"
NUMBER = 2000

PATHS = {
    "__main__.Order": (NUMBER, "__main__.service.orders[str]", "builtins.dict"),
    "__main__.Handler": (NUMBER, "__main__.registry[*].__self__", "builtins.method"),
    "__main__.Context": (NUMBER, "__main__.pending[*].gi_frame.context", "builtins.generator"),
    "__main__.Node": (NUMBER, "__main__.revived[*]", "builtins.list"),
}
"""What a service keeps -> how many, the path to them, the type of what holds them."""


@pytest.mark.parametrize("version", interpreters())
def test_what_a_service_keeps_is_counted_and_its_holder_named(version: str) -> None:
    with Puppet(python_of(version), KEEPS) as target:
        attached = inspector.attach(target.pid)
        instances = {row.name: row.instances for row in attached.histogram(blocking=True).types}
        held = {
            name: find_holders(attached.referrers(name, blocking=True))
            for name in (*PATHS, "__main__.Local", "__main__.Service")
        }
        mark = find_holders(attached.referrers(target.ready[1], blocking=True))
    for name, (number, path, kind) in PATHS.items():
        first = held[name].holders[0]
        assert (first.path, first.type, first.objects) == (path, kind, number)
        assert instances[name] in (number, number + 1)
        assert held[name].objects == instances[name]
        assert held[name].unheld == 0
    paths = [each.path for each in held["__main__.Order"].holders]
    assert "__main__.service.last" in paths
    local = held["__main__.Local"].holders[0]
    assert local.objects == 10
    assert "in work (" in local.path
    assert local.path.endswith(": local mine>[*]")
    assert [each.path for each in held["__main__.Service"].holders] == ["__main__.service"]
    assert [each.path for each in mark.holders] == ["__main__.marks[2][1]"]


@pytest.mark.parametrize("version", interpreters(debug=False)[1:])
def test_keys_are_named_by_their_type_unless_values_are_asked_for(version: str) -> None:
    with Puppet(python_of(version), KEEPS) as target:
        words = ("holders", "__main__.Order", target.pid, "--blocking")
        plain = inspect(*words, "--json")
        table = inspect(*words, COLUMNS="120")
        order = find_order(target.pid)
        shown = inspect("holders", hex(order), target.pid, "--show-values", "--json")
        hidden = inspect("holders", hex(order), target.pid, "--json")
    document = plain.document
    assert document["subject"] == "__main__.Order"
    assert document["holders"][0]["path"] == "__main__.service.orders[str]"
    assert "__main__.service.orders[str]" in table.output
    assert "secret" not in plain.output + table.output + hidden.output
    assert "orders['secret " in json.dumps(shown.document)


def find_order(pid: int) -> int:
    """Return the address of an order that a dictionary holds."""
    held = inspector.attach(pid).referrers("__main__.Order", blocking=True)
    found = held.find_referrers(held.addresses)
    return next(
        order for order, several in found.items() if any(each.step == "[str]" for each in several)
    )


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_every_reference_to_a_type_is_accounted_for(version: str) -> None:
    with Puppet(python_of(version), KEEPS) as target:
        words = ("type", "__main__.Handler", target.pid, "--blocking")
        document = inspect(*words, "--accounting", "--json").document
        table = inspect(*words, "--accounting").output
        without = inspect(*words, "--json").document
    found = document["accounting"]
    held = {each["by"]: each["references"] for each in found["held"]}
    assert held["instances"] == NUMBER
    assert held["builtins.dict"] == held["builtins.tuple"] == 1  # the module's, and its own mro
    assert (found["total"], found["difference"]) == (sum(held.values()), 0)
    assert found["pause_ns"]
    assert "references held by" in table
    assert "accounting" not in without


@pytest.mark.parametrize("version", interpreters(debug=False)[:1])
def test_what_is_not_there_is_one_clear_error(version: str) -> None:
    with Puppet(python_of(version), KEEPS) as target:
        no_type = inspect("holders", "app.Nothing", target.pid)
        no_object = inspect("holders", "0x10", target.pid)
        small = inspect("holders", "__main__.Order", target.pid, "--memory", 1)
    gone = inspect("holders", "__main__.Order", 2**31 - 1)
    found = [no_type, no_object, small, gone]
    assert [each.status for each in found] == [6, 6, 8, 3]
    assert "no instance of a type named app.Nothing" in no_type.errors
    assert not any("Traceback" in each.errors for each in found)
