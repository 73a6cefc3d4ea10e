"""Conditions in the words of Python, as `constraint=` and `filter=` take them: read into a tree, never run."""

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any

_LONGEST = 1000
"""Characters of a condition."""
_DEEPEST = 30
"""Levels of nesting; Python's parser and our own reading are recursive."""

SIGNS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
"""What may stand between two values, besides `in`; + - * / between numbers only, so that no value grows large."""


def read(text: str, example: str, *, dotted: bool = False) -> ast.expr:
    """Read a condition that compares, and does nothing else.

    Args:
        text: Such as `params < 3e6 and neck != "conv"`.
        example: One that is right, for the message.
        dotted: Whether names may have dots, as `optim.lr0`.

    Returns:
        Its tree, of comparisons, `and`, `or`, `not`, `in`, + - * /, numbers, texts, lists and names.

    Raises:
        ValueError: It cannot be read, is too long, or does more than compare; the message is one line.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on the style of an expression
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot be read; write it as {example}") from None
    _check(tree, dotted, 0)
    return tree


def _check(node: ast.expr, dotted: bool, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} levels deep")
    parts: list[ast.expr]
    match node:
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(
            type(op) in SIGNS or isinstance(op, ast.In | ast.NotIn) for op in ops
        ):
            parts = [left, *others]
        case ast.Attribute(value=ast.Name() | ast.Attribute() as inner) if dotted:
            parts = [inner]
        case ast.Name() | ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case _:
            raise ValueError(f"{_shown(node)} is not allowed; only comparisons, and, or, not, + - * /, numbers, names")
    for part in parts:
        _check(part, dotted, depth + 1)


def _shown(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return "that much nesting"
