"""`inspector PID` on a service that grows and whose threads wait: both questions, answered."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import inspector
from inspector.diagnosis.findings import look_at_process
from tests.live.puppets import Puppet, Restless, inspect
from tests.support import TARGETS, free_threaded_only, interpreters, python_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_plugins = ["tests.extension.fixture"]

versions = pytest.mark.parametrize("version", interpreters(debug=False))


@versions
def test_a_pid_alone_tells_what_grows_and_which_lock_threads_wait_for(version: str) -> None:
    with Restless(python_of(version), TARGETS / "growing.py") as service:
        done = inspect(service.pid, "--fail-on", "growing,lock", "--json", "-d", "5")
        assert done.status == 9
        document = json.loads(done.output)
        found = {each["name"]: each for each in document["findings"]}
        assert "__main__.Session" in found, document
        grown = found["__main__.Session"]
        assert grown["kind"] == "growing"
        assert grown["rate"] > 1
        lock = found["_thread.lock __main__.LOCK"]
        assert lock["kind"] == "lock"
        assert lock["share"] > 0.5
        assert lock["lines"][0]["function"] == "handle"
        kinds = [each["kind"] for each in document["findings"]]
        assert kinds.index("growing") < kinds.index("lock")
        holders = inspect("holders", "Session", service.pid)  # the end of a name is enough
        assert "__main__.cache[tuple]" in holders.output
        unknown = inspect("holders", "Sesion", service.pid)
        assert unknown.status == 6
        assert "did you mean __main__.Session?" in unknown.errors
        page = inspect("-p", service.pid, "-d", "0.5")
        assert page.status == 0
        assert len(page.output.splitlines()) <= 20
        assert f"inspector why {service.pid}" in page.output


@versions
def test_what_is_lost_while_it_is_watched_leads_where_it_may_be_stopped(
    version: str, typerefs_for: Callable[[str], Path]
) -> None:
    with Puppet(python_of(version), TARGETS / "losses.py", typerefs_for(version)) as target:
        looks = look_at_process(inspector.attach(target.pid), duration=2.0, pause_limit=10)
        first = next(looks)
        assert not first.final
        target.ask("lose", "bytes", 300)
        last = list(looks)[-1]
    assert last.final
    assert last.lost_searched
    found = last.findings[0]
    assert (found.kind, found.name) == ("leaking", "builtins.bytes")
    assert "that nothing holds" in found.text


@free_threaded_only
def test_a_process_that_ends_meanwhile_leaves_what_was_seen_until_then() -> None:
    with Restless(sys.executable, TARGETS / "growing.py") as service:
        looks = look_at_process(inspector.attach(service.pid), duration=2.0)
        assert not next(looks).ended
        service.process.kill()
        service.process.wait()
        (last,) = looks
    assert last.ended
    assert last.final
    assert "lock" in {each.kind for each in last.findings}
