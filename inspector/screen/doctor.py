"""A diagnosis as Rich renderables; pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from inspector.process.permission import SCOPE_CAPABILITY, SCOPE_DESCENDANTS, SCOPE_NOBODY
from inspector.screen.cells import bare_table
from inspector.screen.text import GIL_ON, escape_text, format_count, format_duration, on_off

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from inspector.diagnosis.doctor import Diagnosis
    from inspector.diagnosis.timing import Phase, Timing
    from inspector.process.permission import Permission

__all__ = ["diagnosis_view"]

SCOPES: Final = {
    None: "the kernel has no Yama",
    0: "0: no restriction of its own",
    1: "1: only descendants, without the capability",
    2: "2: only with the capability",
    3: "3: nobody, until the machine is restarted",
}

YES_NO: Final = {True: "yes", False: "no", None: "unknown"}


def diagnosis_view(diagnosis: Diagnosis, timing: Timing | None = None) -> Group:
    """Return all that was found out about a process, and what it comes to in the last line."""
    version = f" · Python {diagnosis.version}" if diagnosis.version else ""
    if diagnosis.gil_enabled is not None:
        version += f" GIL {on_off(diagnosis.gil_enabled)}"
    head = Text(f"inspector · pid {diagnosis.pid}{version}", "bold")
    if diagnosis.gil_enabled:
        head.append(f"\n{GIL_ON}", "bold yellow")
    rights = _own_rights_table if diagnosis.is_own else _rights_table
    parts: list[Table | Text] = [head, Text(""), rights(diagnosis.permission), Text("")]
    if diagnosis.checked_offsets:
        parts += [_layout_table(diagnosis), Text("")]
    parts += _offset_tables(diagnosis)
    if diagnosis.discovery_pause_ns is not None:
        pause = format_duration(diagnosis.discovery_pause_ns)
        parts += [Text(f"the process was stopped for {pause} to find its layout"), Text("")]
    if diagnosis.why_not_exact:
        reason = escape_text(diagnosis.why_not_exact)
        parts += [Text(f"not exact, for this process cannot be stopped: {reason}"), Text("")]
    if timing is not None:
        for title, phases in (
            ("ATTACHING", timing.attach),
            ("FIRST READING", timing.first),
            ("NEXT READING", timing.next),
        ):
            parts += [_timing_table(title, phases), Text("")]
    return Group(*parts, _verdict_line(diagnosis))


def _make_table(*heads: str, right: Iterable[str] = ()) -> Table:
    table = bare_table()
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    return table


def _rights_table(facts: Permission) -> Table:
    """Return what decides over the right to read the process."""
    target = "?" if facts.target_user is None else str(facts.target_user)
    user = f"reader {facts.own_user}, process {target}"
    return _facts_table(
        {
            "memory can be opened": YES_NO[facts.readable],
            "users": f"{user} (the same: {YES_NO[facts.same_user]})",
            "capabilities cover the process's": YES_NO[facts.capabilities_covered],
            "dumpable": YES_NO[facts.dumpable],
            "process is a descendant of the reader": YES_NO[facts.descendant],
            "same user namespace, pid namespace": f"{YES_NO[facts.same_user_namespace]}, "
            f"{YES_NO[facts.same_pid_namespace]}",
            "process is traced by": "nobody" if facts.tracer is None else str(facts.tracer),
            **_reader_facts(facts),
        }
    )


def _own_rights_table(facts: Permission) -> Table:
    """Return what decides over the right to read other processes."""
    reach = {
        None: "those of this user",
        SCOPE_DESCENDANTS: "descendants of the reader",
        SCOPE_CAPABILITY: "none without the capability",
        SCOPE_NOBODY: "none",
    }
    others = reach.get(facts.ptrace_scope, reach[None])
    if facts.capable and facts.ptrace_scope != SCOPE_NOBODY:
        others = "those of all users"
    return _facts_table({"other processes that can be read": others, **_reader_facts(facts)})


def _reader_facts(facts: Permission) -> dict[str, str]:
    """Return what holds of the reader, whatever is read."""
    return {
        "reader has the capability SYS_PTRACE": YES_NO[facts.capable],
        "reader is behind a seccomp filter": YES_NO[facts.sandboxed],
        "reader's container": facts.container or "none seen",
        "reader's security label": escape_text(facts.security_label or "none"),
        "kernel.yama.ptrace_scope": SCOPES.get(facts.ptrace_scope, str(facts.ptrace_scope)),
    }


def _facts_table(facts: dict[str, str]) -> Table:
    table = _make_table("RIGHTS", "")
    for name, value in facts.items():
        table.add_row(Text(name), Text(value))
    return table


def _layout_table(diagnosis: Diagnosis) -> Table:
    """Return every offset with its origin and evidence."""
    table = _make_table("FIELD", "OFFSET", "SOURCE", "", "EVIDENCE", right=["OFFSET"])
    marks = {True: "ok", False: "NO", None: "?"}
    styles = {True: "", False: "bold red", None: "dim"}
    for checked in diagnosis.checked_offsets:
        offset = checked.offset
        value = "?" if offset.value is None else str(offset.value)
        table.add_row(
            Text(offset.field),
            Text(value),
            Text(offset.source),
            Text(marks[checked.ok]),
            Text(offset.evidence),
            style=styles[checked.ok],
        )
    return table


def _offset_tables(diagnosis: Diagnosis) -> list[Table | Text]:
    """Return what the heap and samples of threads rest on, or why they cannot be read.

    A field of the allocator that this version does not have is ``-``, one that was not found
    is ``?``.
    """
    parts: list[Table | Text] = []
    for title, what, missing, offsets, failure in (
        ("HEAP", "the heap cannot be read", "-", diagnosis.heap, diagnosis.heap_error),
        ("THREADS", "no samples of threads", "?", diagnosis.threads, diagnosis.threads_error),
    ):
        if failure is not None:
            parts += [Text(f"{what}: {escape_text(str(failure))}", "bold red"), Text("")]
        elif offsets:
            table = _make_table(title, "OFFSET", "SOURCE", "EVIDENCE", right=["OFFSET"])
            for offset in offsets:
                value = missing if offset.value is None else str(offset.value)
                words = (offset.field, value, offset.source, offset.evidence)
                table.add_row(*(Text(word) for word in words))
            parts += [table, Text("")]
    return parts


def _timing_table(title: str, phases: Sequence[Phase]) -> Table:
    """Return where the time went."""
    table = _make_table(title, "TIME", "READS", "KIB", right=["TIME", "READS", "KIB"])
    nanoseconds = calls = size = 0
    for phase in phases:
        table.add_row(phase.name, *_format_costs(phase.ns, phase.calls, phase.bytes))
        nanoseconds += phase.ns
        calls += phase.calls
        size += phase.bytes
    table.add_row("together", *_format_costs(nanoseconds, calls, size), style="bold")
    return table


def _format_costs(nanoseconds: int, calls: int, size: int) -> tuple[str, str, str]:
    return format_duration(nanoseconds), format_count(calls), format_count(size >> 10)


def _verdict_line(diagnosis: Diagnosis) -> Text:
    """Return the one line that it all comes to."""
    error = diagnosis.error
    if error is not None:
        hint = f"; {escape_text(error.hint)}" if error.hint else ""
        return Text(f"no: {escape_text(str(error))}{hint}", "bold red")
    who = "this process" if diagnosis.is_own else f"process {diagnosis.pid}"
    tested = sum(checked.ok is not None for checked in diagnosis.checked_offsets)
    rest = len(diagnosis.checked_offsets) - tested
    untested = f" ({rest} could not be tested)" if rest else ""
    text = f"yes: {who} can be read, and all {tested} offsets agree with what is there{untested}"
    return Text(text, "bold green")
