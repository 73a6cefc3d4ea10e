"""What a `_target_` accepts, read from its source text without importing it.

A part (backbone, neck, data set, …) states its options once, as typed keyword-only parameters. Reading them from the
text keeps a refused override fast: importing the part would import torch.
"""

import ast
import importlib.util
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field

from yolograft.common.errors import UserError
from yolograft.common.suggestions import did_you_mean

_TYPES = {
    "Annotated": Annotated,
    "Any": Any,
    "Field": Field,
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
        The keyword-only parameters in the order written, after those of the class that it is derived from where there
        is no constructor or it passes them on (`**options`); the default is `...` (Ellipsis) where one must be given.

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
            passed_on = _inherited(node, tree, module) if not inits or inits[0].args.kwarg else {}
            return {**passed_on, **(_keyword_only(inits[0], tree) if inits else {})}
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    near = did_you_mean(name, names).removesuffix(".")
    raise UserError(f"_target_={target}: {module} has no class or function {name}{near}")


def _inherited(node: ast.ClassDef, tree: ast.Module, module: str) -> Mapping[str, tuple[Any, Any]]:
    """Return the options of the first base class that is written in the same file or imported by name."""
    imported = {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level
        for alias in statement.names
    }
    written = {statement.name for statement in tree.body if isinstance(statement, ast.ClassDef)}
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        if name in written:
            return options(f"{module}.{name}")
        if name in imported:
            return options(imported[name])
    return {}


def source_file(module: str) -> Path | None:
    """Return the source of a module without importing it (its parent packages are), or None where there is none."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, SyntaxError):
        return None
    # Modules that are compiled, or frozen into the interpreter, have no source.
    written = spec is not None and spec.has_location and str(spec.origin).endswith(".py")
    return Path(str(spec.origin)) if spec is not None and written else None


def _beside(module: str) -> list[str]:
    """Return the modules of the package that a module would be in; of the working folder if it would be in none."""
    package = module.rpartition(".")[0]
    if not package:
        return [found.name for found in pkgutil.iter_modules([str(Path.cwd())])]
    file = source_file(package)
    folder = [] if file is None or file.name != "__init__.py" else [str(file.parent)]
    return [found.name for found in pkgutil.iter_modules(folder, f"{package}.")]


def _parse(module: str, target: str) -> ast.Module:
    file = source_file(module)
    if file is None:
        near = did_you_mean(module, _beside(module)).removesuffix(".")
        raise UserError(
            f"_target_={target}: there is no module {module or target!r} written in Python to take it from{near}"
        )
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise UserError(f"_target_={target}: {file}:{error.lineno}: {error.msg}") from None


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
        # Only the types above and their limits can be named: no builtins, nothing of the module.
        return eval(compile(ast.Expression(node), "<signature>", "eval"), {"__builtins__": {}}, dict(_TYPES))  # noqa: S307
    except (NameError, TypeError, AttributeError):
        return Any


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return ...
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
