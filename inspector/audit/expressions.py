"""Python expressions given as text: the modules that they name, and functions made of them."""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import TYPE_CHECKING, Any

from inspector.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["compile_factory", "compile_loop", "parse_expression"]

LOOP = "def loop(calls):\n    for _ in calls:\n        result\n"
"""The expression takes the place of ``result``: a call less, and nothing that threads share."""


def parse_expression(text: str) -> ast.expr:
    """Return the syntax of an expression; raise :class:`ExpressionError` if it is none."""
    try:
        return ast.parse(text.strip(), "<expression>", "eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(
            f"{text!r} is not a Python expression: {reason}",
            expression=text,
            hint="write one that makes an instance, as in 'collections.deque([1])'; "
            "modules that it names are imported",
        ) from error


def compile_factory(text: str) -> Callable[[], object]:
    """Return a function of no arguments that evaluates an expression.

    Raises :class:`ExpressionError`, and whatever the import of a module raises.
    """
    body = parse_expression(text)
    tree = ast.parse("lambda: None", mode="eval")
    assert isinstance(tree.body, ast.Lambda)
    tree.body.body = body
    code = compile(ast.fix_missing_locations(tree), f"<{text}>", "eval")
    made: Callable[[], object] = eval(code, _import_named_modules(body))  # noqa: S307 - its user's own text
    return made


def compile_loop(text: str) -> Callable[[Iterable[object]], None]:
    """Return a function that evaluates an expression once for each item of an iterable.

    Its code belongs to it alone: each thread takes one of its own, so that threads
    share nothing but what the expression itself names.
    """
    body = parse_expression(text)
    tree = ast.parse(LOOP)
    function: Any = tree.body[0]
    function.body[0].body[0].value = body
    namespace = _import_named_modules(body)
    exec(compile(ast.fix_missing_locations(tree), f"<{text}>", "exec"), namespace)  # noqa: S102 - its user's own text
    loop: Callable[[Iterable[object]], None] = namespace["loop"]
    return loop


def _import_named_modules(body: ast.expr) -> dict[str, Any]:
    """Return the global names of an expression: the modules that it names."""
    bound: set[str] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    namespace: dict[str, Any] = {}
    for root, attributes in _find_dotted_names(body):
        if root in bound or hasattr(builtins, root):
            continue
        try:
            found = importlib.import_module(root)
        except ModuleNotFoundError as error:
            if error.name != root:
                raise
            continue  # a NameError says so when it runs
        namespace[root] = found
        _import_below(found, root, attributes)
    return namespace


def _find_dotted_names(body: ast.expr) -> Iterator[tuple[str, list[str]]]:
    """Yield each name that is read, with the attributes that follow it."""
    for node in ast.walk(body):
        attributes: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            attributes.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            yield inner.id, attributes


def _import_below(found: object, path: str, attributes: list[str]) -> None:
    """Import the submodules that attributes name and a package has not imported yet."""
    for name in attributes:
        path = f"{path}.{name}"
        if not hasattr(found, name):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError as error:
                if error.name != path and not path.startswith(f"{error.name}."):
                    raise
                return
        found = getattr(found, name, None)
