"""The page of findings, and the line that says them on every page; pure."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from inspector.analysis.findings import GROWTH_KINDS
from inspector.screen.findings import (
    STYLES,
    describe_growth,
    describe_threads,
    list_findings,
    write_progress,
)
from inspector.screen.text import escape_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.analysis.findings import Attention
    from inspector.diagnosis.findings import FirstLook
    from inspector.screen.dashboard.state import State

__all__ = ["findings_lines", "summary_line", "visible_range"]

SELECTED: Final = "reverse"
LONGEST_NAME: Final = 40
PATH_PARTS: Final = 2
"""Parts of a file's path that its end is told by."""

LEAST_WIDTH: Final = 20

LINES_EACH: Final = 2
"""Lines of a finding: what it is, and where and how to go on."""

LOOKING: Final = "looking at what grows and what threads wait for: some seconds"
LOST: Final = "references that nothing holds (inspector leaks --blocking finds them)"


class Part(NamedTuple):
    """Findings of one sort, in a few words."""

    texts: tuple[str, ...]
    """The longest first; which one is shown depends on the room."""
    style: str


def summary_line(state: State) -> Text:
    """Return all findings in one line, the worst first."""
    look = state.look
    if look is None:
        return Text(escape_text(state.look_trouble) or LOOKING, "dim")
    parts = _summarize(look.findings)
    if not parts:
        when = "nothing found" if look.final else "nothing found yet"
        return Text(f"{when}; not visible: {_list_unseen(look)}", "dim")
    room = state.size.width - cell_len(" · ".join(part.texts[-1] for part in parts))
    line = Text()
    for number, part in enumerate(parts):
        least = cell_len(part.texts[-1])
        shown = next(text for text in part.texts if cell_len(text) - least <= max(0, room))
        room -= cell_len(shown) - least
        line.append(" · " if number else "")
        line.append(shown, part.style)
    return line


def _summarize(findings: Sequence[Attention]) -> list[Part]:
    """Return findings by what they are, the worst first."""
    parts = []
    for kind in GROWTH_KINDS:
        found = [each for each in findings if each.kind == kind]
        if found:
            head, name = f"{len(found):,} {kind}", _shorten_name(found[0])
            texts = (f"{head}: {name}{_describe_rate(found[0])}", f"{head}: {name}", head)
            parts.append(Part(texts, STYLES[kind]))
    for kind, words in (("stop-the-world", "world stopped"), ("gil", "GIL waited for")):
        found = [each for each in findings if each.kind == kind]
        if found:
            share = "" if found[0].share is None else f" {found[0].share:.0%}"
            head, line = f"{words}{share}", _describe_line(found[0])
            whole = f"{head} of threads' time{line}" if share else f"{head}{line}"
            parts.append(Part((whole, f"{head}{line}", head), STYLES[kind]))
    rest = [each for each in findings if each.kind in {"lock", "object", "type"}]
    if rest:
        head = f"{len(rest):,} contended"
        name = escape_text(rest[0].name, LONGEST_NAME)
        texts = (f"{head}: {name}, {rest[0].text}", f"{head}: {name}", head)
        parts.append(Part(texts, STYLES[rest[0].kind]))
    return parts


def _shorten_name(finding: Attention) -> str:
    return escape_text(finding.name.removeprefix("builtins."), LONGEST_NAME)


def _describe_rate(finding: Attention) -> str:
    """Return how fast something grows, if it is known to."""
    rate = finding.rate
    if rate is None or rate <= 0:
        first = finding.text.partition(", ")[0]
        return f" {first}" if first.startswith("+") else ""
    return f" +{rate:,.0f}/s" if rate >= 10 else f" +{rate:.1f}/s"  # noqa: PLR2004 - two digits


def _describe_line(finding: Attention) -> str:
    """Return the line that most of a finding's samples are at."""
    if not finding.lines:
        return ""
    line = finding.lines[0]
    file = "/".join(line.file.split("/")[-PATH_PARTS:])
    return f" by {escape_text(file)}:{'?' if line.line is None else line.line}"


def _list_unseen(look: FirstLook) -> str:
    """Return what a look cannot show, and what it could not read."""
    unseen = [f"{what} ({escape_text(why)})" for what, why in look.unread.items()]
    if not look.lost_searched:
        unseen.append(LOST)
    if look.parallelism is not None:
        unseen += look.parallelism.unseen
    return "; ".join(unseen)


def findings_lines(state: State) -> list[Text]:
    """Return the page: both questions with their findings, the chosen one marked."""
    look, width = state.look, state.size.width
    if look is None:
        lines = [Text(LOOKING if state.look_trouble == "" else "there are no findings", "bold")]
        if state.look_trouble:
            lines.append(Text(escape_text(state.look_trouble), "yellow"))
        return [*lines, Text("F shows the types meanwhile", "dim")]
    growth, apart = _split(look)
    lines = [
        write_progress(look),
        Text(f"What grows: {describe_growth(look, growth)}", "bold"),
        *list_findings(growth, "", width, most=len(growth)),
        Text(f"What keeps threads apart: {describe_threads(look, apart)}", "bold"),
        *list_findings(apart, "", width, most=len(apart)),
    ]
    unseen = wrap(f"not visible: {_list_unseen(look)}", max(width, LEAST_WIDTH))
    lines += [Text(line, "dim") for line in unseen]
    if state.look_trouble:
        lines.append(Text(f"not renewed: {escape_text(state.look_trouble)}", "yellow"))
    if growth or apart:
        first, _ = visible_range(state)
        line = Text(lines[first].plain, SELECTED, no_wrap=True)
        line.truncate(width, overflow="ellipsis", pad=True)
        lines[first] = line
    return lines


def visible_range(state: State) -> tuple[int, int]:
    """Return the first line of the chosen finding on the page, and the one after its last."""
    look = state.look
    if look is None or not look.findings:
        return 0, 0
    growth = _split(look)[0]
    before = 2 if state.chosen < len(growth) else 3
    first = before + LINES_EACH * state.chosen
    return first, first + LINES_EACH


def _split(look: FirstLook) -> tuple[list[Attention], list[Attention]]:
    """Return the findings on growth, and on threads."""
    growth = [finding for finding in look.findings if finding.kind in GROWTH_KINDS]
    apart = [finding for finding in look.findings if finding.kind not in GROWTH_KINDS]
    return growth, apart
