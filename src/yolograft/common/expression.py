"""The expression language of `filter=` and `constraint=`: Python's comparisons, parsed into a tree and never run.

An expression has comparisons (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, chained as in `1 < x < 2`), `and`,
`or`, `not`, `+ - * /` between numbers, parentheses, lists, numbers, quoted text and names. A name is a metric or cost
(`mAP50-95`, `params`), a config group (`neck`) or a dotted setting (`optim.lr0`). Nothing else is accepted: no calls,
no attributes of objects, no indexing, no powers. Text that reads as a number is compared as a number, because the
settings of finished runs are text: `optim.lr0 == 0.01` holds for `"0.010"`.
"""

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.metrics import METRIC
from yolograft.common.suggestions import did_you_mean

_MAX_LENGTH = 1000
"""Characters of an expression."""
_MAX_DEPTH = 30
"""Levels of nesting; Python's parser and our evaluation are recursive."""

_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
"""Operators between two numbers; none that lets a short expression make a large value."""

_HYPHENATED = METRIC, METRIC.replace("-", "__")
"""The one name that Python would parse as a subtraction, and its stand-in."""


class Expression:
    """A parsed expression.

    Args:
        key: The option that holds it (`filter`, `constraint`), for messages.
        text: Such as `neck == 'gsconv' and params < 3e6`.
        strict: Refuse arithmetic without a result (division by zero, overflow) instead of treating it as unknown.

    Attributes:
        names: The names in it, in order of appearance, each once.

    Raises:
        UserError: It cannot be parsed, is too long or too deep, does more than compare, or names nothing; in one line.

    Example:
        >>> small = Expression("filter", "params < 3e6 and neck in ['conv', 'gsconv']")
        >>> small.names
        ('params', 'neck')
        >>> small.holds({"params": 2_500_000, "neck": "conv"}.get)
        True
        >>> small.holds({"params": None, "neck": "conv"}.get)  # unknown
        False
    """

    def __init__(self, key: str, text: str, *, strict: bool = False) -> None:
        self._option, self._strict = f"{key}={text}", strict
        if len(text) > _MAX_LENGTH:
            raise self._refused(f"is longer than {_MAX_LENGTH} characters")
        readable = re.sub(rf"\b{_HYPHENATED[0]}\b", _HYPHENATED[1], text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's remarks on the style of an expression
                self._tree = ast.parse(readable.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            example = f"{key}=\"neck == 'gsconv' and params < 3e6\""
            raise self._refused(f"cannot be read; write it as {example}") from None
        self._check(self._tree, 0)
        self.names = tuple(dict.fromkeys(_names_in(self._tree)))
        if not self.names:
            raise self._refused("names no value, such as params or neck")

    def check_names(self, known: Iterable[str], shown: Sequence[str]) -> None:
        """Refuse names that do not exist.

        Args:
            known: All names that exist.
            shown: Those that the message lists; the others are settings.

        Raises:
            UserError: It names the first unknown name and the nearest known one.
        """
        known = list(known)
        for name in self.names:
            if name not in known:
                raise self._refused(no_such_name(name, known, shown))

    def holds(self, value_of: Callable[[str], Any]) -> bool:
        """Return whether the expression is true.

        A comparison with an unknown value is false, except `!=` and `not in`.

        Args:
            value_of: Returns the value of a name: None where it is unknown, a tuple where it has several spellings
                (`("effv1", "effv1-b0")`), of which one has to match.

        Raises:
            UserError: Text is compared or calculated with as if it were a number.
        """
        return bool(self._value(self._tree, value_of))

    def _check(self, node: ast.expr, depth: int) -> None:
        """Refuse every kind of node that is not listed here."""
        if depth > _MAX_DEPTH:
            raise self._refused(f"is nested more than {_MAX_DEPTH} levels deep")
        parts: list[ast.expr]
        match node:
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
                pass
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                parts = [operand]
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
                parts = [left, right]
            case ast.Compare(left=left, ops=ops, comparators=others) if not any(
                isinstance(op, ast.Is | ast.IsNot) for op in ops
            ):
                parts = [left, *others]
            case ast.Attribute(value=ast.Name() | ast.Attribute() as inner):  # a dotted name
                parts = [inner]
            case ast.Name() | ast.Constant(value=bool() | int() | float() | str() | None):
                return
            case _:
                allowed = "only comparisons, and, or, not, + - * /, numbers, text in quotes, names"
                raise self._refused(f"{_source(node)} is not allowed; {allowed}")
        for part in parts:
            self._check(part, depth + 1)

    def _value(self, node: ast.expr, value_of: Callable[[str], Any]) -> Any:
        match node:
            case ast.BoolOp(op=op, values=parts):
                combine = all if isinstance(op, ast.And) else any
                return combine(self._value(part, value_of) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, value_of)
            case ast.UnaryOp(operand=operand):
                return self._calculated(ast.Mult, -1, self._value(operand, value_of))
            case ast.BinOp(left=left, op=op, right=right):
                return self._calculated(type(op), self._value(left, value_of), self._value(right, value_of))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [self._value(side, value_of) for side in (left, *others)]
                return all(self._compared(op, *pair) for op, *pair in zip(ops, sides[:-1], sides[1:], strict=True))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return [self._value(part, value_of) for part in parts]
            case ast.Constant(value=value):
                return value
        return value_of(_name(node))

    def _compared(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        match op:
            case ast.NotEq():
                return not self._compared(ast.Eq(), left, right)
            case ast.NotIn():
                return not self._compared(ast.In(), left, right)
            case ast.In() if isinstance(right, list):
                return any(self._compared(ast.Eq(), left, one) for one in right)
            case ast.In():
                return any(str(a) in str(b) for a in _spellings(left) for b in _spellings(right))
            case ast.Eq():
                return any(_equal(a, b) for a in _spellings(left) for b in _spellings(right))
        return any(self._calculated(type(op), a, b) for a in _spellings(left) for b in _spellings(right))

    def _calculated(self, op: type[ast.AST], left: Any, right: Any) -> Any:
        """Return the result of an operator between numbers; None where a side is unknown."""
        if left is None or right is None:
            return None
        first, second = _number(left), _number(right)
        if first is None or second is None:
            raise self._refused(f"{(left if first is None else right)!r} is no number")
        try:
            return _OPERATORS[op](first, second)
        except ArithmeticError as error:
            if self._strict:
                raise self._refused(str(error)) from error
            return None

    def _refused(self, why: str) -> UserError:
        return UserError(f"{self._option}: {why}")


def no_such_name(name: str, known: Iterable[str], shown: Sequence[str], what: str = "name") -> str:
    """Return the message for a name that does not exist, with the nearest one and those there are."""
    near = did_you_mean(name, known)
    return f"there is no such {what}{near} There are {', '.join(shown)}, and every setting, such as optim.lr0"


def _names_in(node: ast.AST) -> list[str]:
    """Return the names in a tree in order of appearance; `optim.lr0` is one name."""
    if isinstance(node, ast.Name | ast.Attribute):
        return [_name(node)]
    return [name for part in ast.iter_child_nodes(node) for name in _names_in(part)]


def _name(node: ast.expr) -> str:
    return ast.unparse(node).replace(_HYPHENATED[1], _HYPHENATED[0])


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node).replace(_HYPHENATED[1], _HYPHENATED[0])
    except RecursionError:
        return "that much nesting"


def _spellings(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _equal(left: Any, right: Any) -> bool:
    if left == right:
        return True
    if isinstance(left, bool) or isinstance(right, bool):  # a setting of a finished run is the text "True"
        return str(left) == str(right)
    numbers = _number(left), _number(right)
    return numbers[0] is not None and numbers[0] == numbers[1]


def _number(value: Any) -> float | None:
    """Return a number, also of a setting that is text; None for what is no number."""
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
