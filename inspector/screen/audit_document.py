"""An audit as Markdown; pure functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inspector.screen.audits import format_numbers, sort_by_severity, write_caption
from inspector.screen.text import escape_markdown
from inspector.verdict.advice import explain_verdict
from inspector.verdict.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inspector.audit.result import Audit, Audited

__all__ = ["audit_markdown"]


def audit_markdown(audit: Audit) -> str:
    """Return the audit as a document.

    Balanced classes written in Python, of which there is little to say, are a list.
    """
    made = audit.made
    verdicts = audit.verdicts()
    targets = ", ".join(escape_markdown(target) for target in audit.targets)
    lines = [
        f"# Audit of {targets} on Python {escape_markdown(made.python)}",
        "",
        f"{escape_markdown(made.build)}, {escape_markdown(made.machine)}.",
        f"{escape_markdown(write_caption(audit))}.",
        "",
    ]
    for verdict in Verdict:
        if verdicts[verdict]:
            lines.append(f"- **{verdict}** ({verdicts[verdict]:,}): {explain_verdict(verdict)}")
    rows, listed = [], []
    for row in sort_by_severity(audit.exercised()):
        if _is_plain_python(row):
            listed.append(escape_markdown(row.type))
        else:
            rows.append(row)
    lines += _table_lines(rows, made.threads)
    if listed:
        lines += ["", f"## Written in Python, balanced ({len(listed):,})", "", ", ".join(listed)]
    if left_out := audit.left_out():
        lines += ["", f"## Not exercised ({len(left_out):,})", ""]
        lines += _group_reasons([(_generalize_reason(row.reason), row.type) for row in left_out])
    if foreign := audit.foreign():
        lines += ["", f"## Foreign ({len(foreign):,})", ""]
        lines += _group_reasons([(row.reason, row.type) for row in foreign])
    if audit.failed:
        lines += ["", f"## Not imported ({len(audit.failed):,})", ""]
        lines += _group_reasons([(why, module) for module, why in sorted(audit.failed.items())])
    return "\n".join(lines) + "\n"


def _is_plain_python(row: Audited) -> bool:
    return row.verdict is Verdict.BALANCED and row.written_in == "Python" and not row.reason


def _table_lines(rows: list[Audited], threads: int) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"| type | verdict | lost | header | {threads} threads | heat | made by |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- |"
    for row in rows:
        note = f" ({escape_markdown(row.reason)})" if row.reason else ""
        made_by = "" if row.make == f"{row.type}()" else escape_markdown(row.make)
        cells = [
            escape_markdown(row.type),
            f"{row.verdict}{note}",
            *format_numbers(row),
            made_by,
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield (
        "Lost and header: references per call, in one thread; then those counted in the header "
        "when several threads call. Heat: the samples in which the header had moved meanwhile. "
        "Made by: the type without arguments, where nothing is said."
    )


def _group_reasons(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return each reason once, the commonest first, with everything that it is true of."""
    grouped: dict[str, list[str]] = {}
    for reason, name in pairs:
        grouped.setdefault(reason, []).append(escape_markdown(name))
    lines = []
    for reason in sorted(grouped, key=lambda reason: len(grouped[reason]), reverse=True):
        names = grouped[reason]
        lines.append(f"- {escape_markdown(reason)} ({len(names):,}): {', '.join(names)}")
    return lines


def _generalize_reason(reason: str) -> str:
    """Return a reason without the names that only one type has."""
    reason = re.sub(r"^(TypeError): \S+ (missing .*?arguments?)\b.*", r"\1: \2", reason)
    reason = re.sub(r"^(TypeError): Can't instantiate abstract class.*", r"\1: abstract", reason)
    return re.sub(r"^(TypeError): cannot create '.*' instances$", r"\1: no constructor", reason)
