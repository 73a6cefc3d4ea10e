"""`filter="neck == 'gsconv' and params < 3e6"`: a condition on the columns of a table, read without running it."""

import ast
import re
from collections.abc import Callable
from typing import Any

from yolograft.common import expression
from yolograft.common.errors import UserError
from yolograft.common.expression import SIGNS

_HYPHENATED = "mAP50-95", "mAP50__95"
"""The one name that Python would take for a subtraction, and what it is read as."""


class Condition:
    """A condition in the words of Python: comparisons, `and`, `or`, `not`, `in`, + - * /, numbers, texts and names.

    What is unknown of a row meets no comparison but `!=`.

    Args:
        key: The setting that holds it, for messages.
        text: Such as `neck == 'gsconv' and params < 3e6`.

    Attributes:
        names: The names in it.

    Raises:
        UserError: It cannot be read, or does more than compare.
    """

    def __init__(self, key: str, text: str) -> None:
        self._shown = f"{key}={text}"
        readable = re.sub(rf"\b{_HYPHENATED[0]}\b", _HYPHENATED[1], text)
        try:
            self._tree = expression.read(readable, "\"neck == 'gsconv' and params < 3e6\"", dotted=True)
        except ValueError as error:
            raise self._refused(str(error)) from None
        self.names = _names_in(self._tree)
        if not self.names:
            raise self._refused("names no column")

    def holds(self, value_of: Callable[[str], Any]) -> bool:
        """Whether a row meets it.

        Args:
            value_of: A column's value by its key: None where it is unknown, a tuple where it goes by several names.

        Raises:
            UserError: The values cannot be compared so.
        """
        return bool(self._value(self._tree, value_of))

    def _value(self, node: ast.expr, value_of: Callable[[str], Any]) -> Any:
        match node:
            case ast.BoolOp(op=op, values=parts):
                whole = all if isinstance(op, ast.And) else any
                return whole(self._value(part, value_of) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, value_of)
            case ast.UnaryOp(operand=operand):
                return self._applied(SIGNS[ast.Mult], -1, self._value(operand, value_of))
            case ast.BinOp(left=left, op=op, right=right):
                return self._applied(SIGNS[type(op)], self._value(left, value_of), self._value(right, value_of))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [self._value(side, value_of) for side in (left, *others)]
                return all(self._met(op, *pair) for op, *pair in zip(ops, sides[:-1], sides[1:], strict=True))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return [self._value(part, value_of) for part in parts]
            case ast.Constant(value=value):
                return value
        return value_of(_name(node))

    def _met(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        match op:
            case ast.NotEq():
                return not self._met(ast.Eq(), left, right)
            case ast.NotIn():
                return not self._met(ast.In(), left, right)
            case ast.In() if isinstance(right, list):
                return any(self._met(ast.Eq(), left, one) for one in right)
            case ast.In():
                return any(str(a) in str(b) for a in _names(left) for b in _names(right))
            case ast.Eq():
                return any(_equal(a, b) for a in _names(left) for b in _names(right))
        return any(self._applied(SIGNS[type(op)], a, b) for a in _names(left) for b in _names(right))

    def _applied(self, sign: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        numbers = [_number(side) for side in (left, right)]
        if None in (left, right):
            return None
        if None in numbers:
            text = left if numbers[0] is None else right
            raise self._refused(f"{text!r} is no number")
        try:
            return sign(*numbers)
        except ArithmeticError:
            return None

    def _refused(self, why: str) -> UserError:
        return UserError(f"{self._shown}: {why}")


def _names_in(node: ast.AST) -> list[str]:
    """The names in a tree, in their order; `optim.lr0` is one."""
    if isinstance(node, ast.Name | ast.Attribute):
        return [_name(node)]
    return [name for part in ast.iter_child_nodes(node) for name in _names_in(part)]


def _name(node: ast.expr) -> str:
    """A name, with dots as settings have them (`optim.lr0`)."""
    return ast.unparse(node).replace(_HYPHENATED[1], _HYPHENATED[0])


def _names(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _equal(left: Any, right: Any) -> bool:
    numbers = _number(left), _number(right)
    return left == right or (numbers[0] is not None and numbers[0] == numbers[1])


def _number(value: Any) -> float | None:
    """A number, also one that is the text of a setting."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
