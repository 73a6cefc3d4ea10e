"""What a `_target_` accepts, read from its source text without importing it.

A part (backbone, neck, data set, …) states its options once, as typed keyword-only parameters. Reading them from the
text keeps a refused override fast: importing the part would import torch.
"""

import ast
import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Optional, Union

from yolograft.errors import UserError

_TYPES = {
    "Any": Any,
    "Literal": Literal,
    "Optional": Optional,
    "Union": Union,
    "bool": bool,
    "dict": dict,
    "float": float,
    "int": int,
    "list": list,
    "str": str,
    "tuple": tuple,
}


@lru_cache
def options(target: str) -> Mapping[str, tuple[Any, Any]]:
    """Return the options of a class or function as `{name: (type, default)}`.

    Args:
        target: Dotted path, for example `yolograft.model.backbones.efficientnet.EfficientNetV1`.

    Returns:
        The keyword-only parameters in the order written; the default is `...` (Ellipsis) where one must be given.

    Raises:
        UserError: If there is no such module, or no such class or function in it.
    """
    module, _, name = target.rpartition(".")
    tree = _parse(module, target)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _keyword_only(node, tree)
        if isinstance(node, ast.ClassDef) and node.name == name:
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            return _keyword_only(inits[0], tree) if inits else {}
    raise UserError(f"_target_={target}: {module} has no class or function {name}")


def _parse(module: str, target: str) -> ast.Module:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise UserError(f"_target_={target}: there is no module {module or target!r} to take it from")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _keyword_only(function: ast.FunctionDef, tree: ast.Module) -> dict[str, tuple[Any, Any]]:
    aliases = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        found[argument.arg] = (_annotation(argument.annotation, aliases), _default(default))
    return found


def _annotation(node: ast.expr | None, aliases: Mapping[str, ast.expr]) -> Any:
    """Return the type that an annotation stands for; anything beyond plain types is left to the part itself."""
    if node is None:
        return Any
    if isinstance(node, ast.Name) and node.id in aliases:
        node = aliases[node.id]
    try:
        # Only the plain types above can be named: no builtins, nothing of the module.
        return eval(compile(ast.Expression(node), "<signature>", "eval"), {"__builtins__": {}}, dict(_TYPES))
    except (NameError, TypeError, AttributeError):
        return Any


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return ...
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
