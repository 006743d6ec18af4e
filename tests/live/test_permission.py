"""What decides over the right to read a process, as the kernel itself decides."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from inspector.process.permission import advise_access, read_permission
from tests.live.puppets import Puppet
from tests.support import BECOME_NOBODY, environment, root_only

# As root, it becomes nobody once its modules are there, which nobody may not read.  A child
# hides its memory if that is asked for; the answer is what the parent may do with it.
AS_NOBODY = f"""
import ctypes, json, os, sys
from dataclasses import asdict
from inspector.process.permission import advise_access, read_permission
read_permission(os.getpid())
PR_SET_DUMPABLE = 4
{BECOME_NOBODY}
ready, told = os.pipe()
end, told_end = os.pipe()
child = os.fork()
if not child:
    os.close(told_end)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, int(sys.argv[1]), 0, 0, 0)
    os.write(told, b"1")
    os.read(end, 1)
    os._exit(0)
os.read(ready, 1)
facts = read_permission(child)
print(json.dumps({{**asdict(facts), "advice": advise_access(facts)}}))
os.close(told_end)
os.waitpid(child, 0)
"""


def child_of_nobody(dumpable: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AS_NOBODY, str(dumpable)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@root_only
def test_a_process_that_hides_its_memory_is_told_from_one_that_does_not() -> None:
    open_one, hidden = child_of_nobody(1), child_of_nobody(0)
    assert (open_one["readable"], open_one["dumpable"], open_one["advice"]) == (True, True, "")
    assert (hidden["readable"], hidden["dumpable"]) == (False, False)
    assert hidden["advice"].startswith("it hides its memory from its own user: ")
    for facts in (open_one, hidden):
        assert facts["same_user"] is True
        assert facts["descendant"] is True
        assert facts["capable"] is False


def test_a_child_may_be_read() -> None:
    with Puppet("cat", "/dev/null", "-", before=["sh", "-c", 'echo 0; exec "$@"', "sh"]) as target:
        facts = read_permission(target.pid)
        assert facts.readable is True
        assert facts.same_user is True
        assert facts.descendant is True
        assert facts.tracer is None
        assert facts.same_user_namespace is True
        assert facts.same_pid_namespace is True
        assert advise_access(facts) == ""


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    facts = asdict(read_permission(2**31 - 1))
    for name in ("readable", "target_user", "same_user", "dumpable", "descendant", "tracer"):
        assert facts[name] is None, name
    assert advise_access(read_permission(2**31 - 1)) == ""
