"""The exact census of the own process against what CPython itself says."""

from __future__ import annotations

import _thread
import ctypes
import gc
import importlib
import subprocess
import sys
import threading

import pytest

import inspector
from tests.heap import BIAS
from tests.support import (
    TARGETS,
    environment,
    free_threaded_only,
    interpreters,
    printed_by,
    python_of,
)

pytestmark = free_threaded_only

MODULES = """
    argparse ast asyncio base64 bz2 calendar cmd code codecs collections configparser contextlib
    copy csv ctypes dataclasses datetime decimal difflib dis email.message enum fractions
    functools gzip hashlib heapq html http.client inspect io json logging lzma mimetypes
    multiprocessing pathlib pickle platform pprint queue random re sched selectors shelve socket
    sqlite3 ssl statistics string struct subprocess tempfile textwrap tokenize traceback types
    typing unittest urllib.request uuid xml.etree.ElementTree zipfile zlib
"""


# Metaclasses of other tests may refuse to answer.
flags_of = type.__dict__["__flags__"].__get__
module_of = type.__dict__["__module__"].__get__
qualname_of = type.__dict__["__qualname__"].__get__


def import_much() -> None:
    """Import more than forty modules of the standard library and use some in threads."""
    done = 0
    for name in MODULES.split():
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        done += 1
    assert done > 40

    def work() -> None:
        deque, pattern = sys.modules["collections"].deque, sys.modules["re"]
        for number in range(200):
            deque([number]).append(pattern.match("a", "ab"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def all_types() -> list[type]:
    """Return every class that can be reached from object."""
    found: dict[int, type] = {}
    stack: list[type] = [object]
    while stack:
        each = stack.pop()
        if id(each) not in found:
            found[id(each)] = each
            stack.extend(type.__subclasses__(each))
    return list(found.values())


class Held:
    """Its instances are counted per thread until a collection."""


def collect() -> None:
    """Collect until nothing is left, whatever finalizers do."""
    while gc.collect():
        pass


def test_collection_moves_contributions_but_not_the_total() -> None:
    import_much()
    collect()
    target = inspector.attach()
    kept = target.snapshot()
    collect()
    gc.disable()  # it would merge what is made next
    try:
        instances = [Held() for _ in range(10)]
        before = target.snapshot()
    finally:
        gc.enable()
    del kept
    collect()
    after = target.snapshot()
    # `before` is alive now as `kept` was then, and both were planned anew.
    changed = [
        (each.name, each.counted, after[each.address].counted)
        for each in before
        if each.address in after and each.counted != after[each.address].counted
    ]
    assert len(before) > 500
    assert len(instances) == 10
    assert changed == []
    assert any(each.contributions for each in before)
    merged = [
        each.name
        for each in before
        if each.address in after and each.header != after[each.address].header
    ]
    assert merged


def test_total_is_what_getrefcount_says_once_a_collection_has_merged_all() -> None:
    import_much()
    types = all_types()
    inspector.snapshot()
    collect()
    gc.disable()
    try:
        before = {id(each): sys.getrefcount(each) for each in types}
        snapshot = inspector.snapshot()
        after = {id(each): sys.getrefcount(each) for each in types}
    finally:
        gc.enable()
    # Nothing is added where there is no unique id, as with pybind11's types of another test.
    counted = [each for each in snapshot if each.unique_id and each.state != "immortal"]
    assert {each.bias for each in counted} == {BIAS}
    # What the reading itself held in its moment: values of ours, the type of a result.
    own = {
        each.address
        for each in snapshot
        if each.name.startswith("inspector.") or each.address == id(ctypes.c_ssize_t)
    }
    compared = [
        # What was counted per thread since the collection is not in the header yet.
        (each, (each.counted or 0) - (each.contributed or 0) - before[each.address] + each.bias)
        for each in snapshot
        if each.address in before
        and each.state != "immortal"
        and before[each.address] == after[each.address]
        and each.address not in own
    ]
    assert len(compared) > 500
    # The loop above holds one counted reference to the type that it asks for: in 3.14 to any.
    all_counted = sys.version_info < (3, 15)
    wrong = [
        (each.name, difference)
        for each, difference in compared
        if difference != (-1 if all_counted or not each.bias else 0)
    ]
    assert wrong == []


def test_names_are_those_that_python_gives() -> None:
    import_much()
    types = {id(each): each for each in all_types()}
    rows = [each for each in inspector.snapshot() if each.address in types]
    said = []
    for row in rows:
        each = types[row.address]
        module = module_of(each)
        if isinstance(module, str):
            said.append((row.name, f"{module}.{qualname_of(each)}"))
    assert len(said) > 500
    assert [pair for pair in said if pair[0] != pair[1]] == []


def test_every_heap_type_of_the_interpreter_is_listed() -> None:
    import_much()
    heap = 1 << 9
    types = [each for each in all_types() if flags_of(each) & heap]
    listed = {each.address for each in inspector.snapshot()}
    missing = [each for each in types if id(each) not in listed]
    assert missing == []


@pytest.mark.parametrize("version", interpreters(alone=True))
@pytest.mark.parametrize("gil", ["0", "1"])
def test_instances_move_the_total_by_exactly_their_number(version: str, gil: str) -> None:
    stages = printed_by(python_of(version), TARGETS / "instances.py", PYTHON_GIL=gil)
    assert stages == {
        "contributions": [300] * 5,
        "alive": 1500,
        "ended": 1500,
        "left": 0,
        "dropped": 0,
        "gil": gil == "1",
    }


@pytest.mark.parametrize("version", interpreters(debug=False, alone=True))
def test_a_thousand_snapshots_leave_no_trace(version: str) -> None:
    left = printed_by(python_of(version), TARGETS / "trace.py")
    assert left["types"] > 200
    assert (left["threads"], left["new"], left["changed"]) == (1, [], [])


def test_reading_does_not_turn_the_gil_on() -> None:
    code = (
        "import sys, inspector; seen = inspector.snapshot().target.gil_enabled; "
        "print(seen, sys._is_gil_enabled())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False False\n"


def test_collections_are_counted_as_gc_counts_them() -> None:
    gc.disable()
    try:
        counted = inspector.snapshot().interpreters[0].collections
        assert counted is not None
        assert counted == sum(each["collections"] for each in gc.get_stats())
        gc.collect()
        assert inspector.snapshot().interpreters[0].collections == counted + 1
    finally:
        gc.enable()


def test_each_interpreter_has_its_own_pool_and_says_whether_it_is_exact() -> None:
    subinterpreters = importlib.import_module("concurrent.interpreters")

    before = len(inspector.snapshot().interpreters)
    other = subinterpreters.create()
    try:
        other.exec("class Lonely: pass\nkept = [Lonely() for _ in range(7)]")
        snapshot = inspector.snapshot()
        own, *rest = snapshot.interpreters
        mine = next(each for each in rest if each.id == other.id)
        assert len(snapshot.interpreters) == before + 1
        assert own.exact
        assert not mine.exact
        assert not snapshot.exact
        assert mine.threads == ()
        row = snapshot["__main__.Lonely"]
        assert (row.interpreter, row.settled) == (other.id, True)
        other.exec("kept.clear()")
        again = inspector.snapshot()["__main__.Lonely"]
        assert row.total is not None
        assert again.total == row.total - 7
    finally:
        other.close()
    assert len(inspector.snapshot().interpreters) == before


def test_a_thread_that_threading_does_not_know_has_the_name_the_kernel_has() -> None:
    ready, done, left = (_thread.allocate_lock() for _ in range(3))
    for lock in (ready, done, left):
        lock.acquire()

    def work() -> None:
        _thread.set_name("foreign")  # type: ignore[attr-defined]
        ready.release()
        done.acquire()
        left.release()

    _thread.start_new_thread(work, ())
    ready.acquire()
    try:
        assert "foreign" not in {each.name for each in threading.enumerate()}
        names = [each.name for each in inspector.snapshot().threads]
    finally:
        done.release()
        left.acquire()
    assert names.count("foreign") == 1
    assert names.count("MainThread") == 1


@pytest.mark.parametrize("version", interpreters(alone=True))
def test_no_object_is_asked_what_it_is_nor_any_class_its_name(version: str) -> None:
    # In a process apart: other tests here ask all classes that there are.
    assert printed_by(python_of(version), TARGETS / "unasked.py") == 10
