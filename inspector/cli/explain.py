"""`inspector explain`: what a verdict or a finding means, and what to do about it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from inspector.cli import options
from inspector.cli.completion import complete_words
from inspector.screen.streams import standard_output
from inspector.verdict.explanations import EXPLANATIONS, find_explanation

if TYPE_CHECKING:
    from inspector.verdict.explanations import Explanation

__all__ = ["explain"]

NAMES = [each.name for each in EXPLANATIONS]


def explain(
    context: typer.Context,
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]",
            autocompletion=complete_words([each.replace(" ", "-") for each in NAMES]),
            help="A verdict or a finding, such as lock or plain-decref; none lists them.",
        ),
    ] = None,
    *,
    as_json: options.JsonOption = False,
) -> None:
    """Explain a verdict or a finding.

    Says what it is in CPython, how it is measured, what it costs, how to fix it in C, Cython,
    PyO3, pybind11 and Python, and how sure it is.
    """
    chosen: tuple[Explanation, ...] = EXPLANATIONS
    if name:
        found = find_explanation(" ".join(name))
        if found is None:
            raise typer.BadParameter(f"{' '.join(name)!r} is none of {', '.join(NAMES)}")
        chosen = (found,)
    context.obj.append(partial(print_explanations, chosen, whole=bool(name), as_json=as_json))


def print_explanations(chosen: tuple[Explanation, ...], *, whole: bool, as_json: bool) -> None:
    """Write explanations, or a list of them, to standard output."""
    with standard_output() as stream:
        if as_json:
            document = {"schema": 1, "explanations": [each._asdict() for each in chosen]}
            stream.write(json.dumps(document) + "\n")
            return
        from inspector.screen.console import console_for
        from inspector.screen.explanations import explanation_view, names_view

        view = explanation_view(chosen[0]) if whole else names_view(chosen)
        console_for(stream).print(view)
