"""Three threads that check at once, again and again; prints what each of them found.

The arguments are the directory of the extension and how often it is done.
"""

import importlib
import json
import sys
import threading
from collections.abc import Callable

from inspector import checks

sys.path.insert(0, sys.argv[1])
typerefs = importlib.import_module("typerefs")

Found = list[tuple[str, str]]


class Widget:
    pass


class Plain:
    pass


kept: list[object] = []

CALLS: dict[str, Callable[[], object]] = {
    "leaking": typerefs.Leaking,
    "kept": lambda: kept.append(Widget()),
    "clean": Plain,
}


def name_findings(problem: checks.Problem | None) -> Found:
    return [(each.type, each.verdict.value) for each in problem.findings] if problem else []


def check_calls(call: Callable[[], object], together: threading.Barrier) -> Found:
    together.wait()
    return name_findings(checks.check_no_leak_per_call(call, 10))


def check_overlapping(call: Callable[[], object], together: threading.Barrier) -> Found:
    together.wait()
    with checks.check_no_type_leaks() as window:
        together.wait()
        call()
        together.wait()
    return name_findings(window.problem)


def check_blocks(call: Callable[[], object], together: threading.Barrier) -> Found:
    together.wait()
    with checks.check_no_type_leaks() as window:
        call()
    return name_findings(window.problem)


def run_together(
    check: Callable[[Callable[[], object], threading.Barrier], Found],
) -> dict[str, Found]:
    found: dict[str, Found] = {}
    together = threading.Barrier(len(CALLS))

    def work(name: str) -> None:
        found[name] = check(CALLS[name], together)

    threads = [threading.Thread(target=work, args=(name,)) for name in CALLS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main() -> None:
    with checks.check_no_type_leaks():
        pass
    repeats = int(sys.argv[2])
    calls = [run_together(check_calls) for _ in range(repeats)]
    blocks = [run_together(check_overlapping) for _ in range(repeats // 10)]
    blocks += [run_together(check_blocks) for _ in range(repeats // 10)]
    print(json.dumps({"calls": calls, "blocks": blocks}))


main()
