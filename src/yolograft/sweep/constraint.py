"""`constraint="params<3e6 and gflops<7"`: which variants are worth a training."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yolograft.common import expression
from yolograft.common.errors import UserError
from yolograft.common.expression import SIGNS
from yolograft.common.metrics import BUILT
from yolograft.common.parts import PARTS
from yolograft.config.suggestions import did_you_mean
from yolograft.runs.spec import RunSpec

MEASURED = (*BUILT, *(f"{part}_params" for part in PARTS))
"""What is known of a variant only when it was built."""

Dropped = tuple[RunSpec, str]
"""A job that is not to be trained, and why."""


class Constraint:
    """A condition on variants, in the words of Python: comparisons, `and`, `or`, `not`, `in`, numbers and names.

    Args:
        text: Such as `params < 3e6 and backbone != "mbv3"`.

    Attributes:
        names: The names in it.

    Raises:
        UserError: It cannot be read, or does more than compare.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._tree = expression.read(text, '"params<3e6 and gflops<7"')
        except ValueError as error:
            raise self._refused(str(error)) from None
        self.names = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        if not self.names:
            raise self._refused("names nothing that a variant has, such as params")

    @property
    def needs_building(self) -> bool:
        """Whether a variant must be built to know."""
        return not self.names.isdisjoint(MEASURED)

    def check_names(self, known: Iterable[str]) -> None:
        """Refuse names that no variant has.

        Raises:
            UserError: Naming the first, and the nearest that there is.
        """
        known = list(known)
        for name in sorted(self.names.difference(known)):
            raise self._refused(f"there is no {name}{did_you_mean(name, known)} Known: {', '.join(known)}")

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether a variant with these values is to be trained.

        Raises:
            UserError: The values cannot be compared so.
        """
        try:
            return bool(self._value(self._tree, values))
        except (TypeError, ArithmeticError) as error:
            raise self._refused(str(error)) from error

    def reason(self, values: Mapping[str, Any]) -> str:
        """Say of a variant that is dropped what it has: `params=9,458,752, gflops=21.7`."""
        return ", ".join(f"{name}={_shown(values[name])}" for name in sorted(self.names))

    def _refused(self, why: str) -> UserError:
        return UserError(f"constraint={self.text}: {why}")

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(self._value(part, values) for part in parts)
            case ast.BoolOp(values=parts):
                return any(self._value(part, values) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, values)
            case ast.UnaryOp(operand=operand):
                return -self._number(operand, values)
            case ast.BinOp(left=left, op=op, right=right):
                return SIGNS[type(op)](self._number(left, values), self._number(right, values))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [self._value(side, values) for side in (left, *others)]
                return all(_met(op, *pair) for op, *pair in zip(ops, sides[:-1], sides[1:], strict=True))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return [self._value(part, values) for part in parts]
            case ast.Name(id=name):
                return values[name]
            case ast.Constant(value=value):
                return value
        raise AssertionError(ast.dump(node))  # nothing else is read

    def _number(self, node: ast.expr, values: Mapping[str, Any]) -> float:
        value = self._value(node, values)
        if not isinstance(value, int | float):
            raise self._refused(f"{ast.unparse(node)} is no number to calculate with")
        return value


def _met(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.In():
            return left in right
        case ast.NotIn():
            return left not in right
    return bool(SIGNS[type(op)](left, right))


def select(jobs: Sequence[RunSpec]) -> tuple[list[RunSpec], list[Dropped]]:
    """Part the jobs that satisfy their constraint from those that do not.

    Raises:
        UserError: A constraint cannot be read, or names what no variant has.
    """
    constraints = {text: Constraint(text) for job in jobs if (text := job.config["constraint"])}
    for job in jobs:  # all are refused before any variant is built
        if (text := job.config["constraint"]) is not None:
            constraints[text].check_names([*MEASURED, *_said(job)])
    kept: list[RunSpec] = []
    dropped: list[Dropped] = []
    for job in jobs:
        if (text := job.config["constraint"]) is None:
            kept.append(job)
            continue
        values, constraint = _said(job), constraints[text]
        if constraint.needs_building:
            from yolograft.sweep.measure import measurer

            values |= measurer().variant(job.config).values
        if constraint.holds(values):
            kept.append(job)
        else:
            dropped.append((job, constraint.reason(values)))
    return kept, dropped


def _said(job: RunSpec) -> dict[str, Any]:
    """Return what a job's config says by itself: choices, and the plain values at its root."""
    plain = {key: value for key, value in job.config.items() if isinstance(value, int | float | str)}
    return {**plain, **job.choices}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
