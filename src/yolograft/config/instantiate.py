"""The only place where a `_target_` becomes an object, and what a file may name there.

What a person writes on the command line or in their own config is trusted. What a file of weights says is not: there a
name must stand for a part, loss or data reader that was *defined* in one of `ROOMS` and takes what such a thing takes,
unless the person trusts its package.
"""

import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.parts import MODEL_GROUPS

_MODEL = ("yolograft.model", "ultralytics.nn", "timm", "torch.nn")

ROOMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(MODEL_GROUPS, _MODEL),
    "dataset": ("yolograft.data.sources",),
}
"""For each group the packages that a file may name things of; of other groups (callbacks) it may name none."""

_INPUTS: Mapping[str, tuple[str, ...]] = {
    "backbone": ("scale",),
    "context": ("features", "scale"),
    "neck": ("features", "scale"),
    "head": ("features", "nc"),
    "attention": ("channels",),
    "loss": ("model",),
    "dataset": (),
}
"""What each group's constructors are given; all else are keyword-only options."""


def locate(target: str, group: str, trust: Sequence[str] | None = ()) -> Callable[..., Any]:
    """Return the class or function that a dotted name stands for.

    Args:
        target: `package.module.Name`.
        group: What it is to be: a key of `ROOMS`, or whatever an error shall call it.
        trust: Packages beside `ROOMS` that may be named; None where the name is the person's own.

    Raises:
        UserError: It is not allowed, its module cannot be imported, or there is no such thing.
    """
    module_name, _, attribute = target.rpartition(".")
    rooms = ROOMS.get(group, ())
    if trust is not None and not is_within(module_name, (*rooms, *trust)):
        package = target.split(".", maxsplit=1)[0]
        raise UserError(
            f"{group}: '{target}' is not from {', '.join(rooms) or 'the command line'}; "
            f"if you trust it, name its package: trust=[{package}]"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a module of the person's own may fail in any way
        raise UserError(f"{group}: cannot import '{module_name}' for '{target}': {describe_error(error)}") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        near = difflib.get_close_matches(attribute, [name for name in vars(module) if name[0] != "_"], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(f"{group}: '{module_name}' has no '{attribute}'{hint}")
    if trust is not None and not _may_be_named(found, group, trust):
        raise UserError(f"{group}: '{target}' is no layer, loss or builder of a trusted package")
    return found


def call(
    found: Callable[..., Any], label: str, inputs: Sequence[Any] = (), options: Mapping[str, Any] | None = None
) -> Any:
    """Call what was located, telling an option that it does not have from a fault inside it.

    Args:
        found: What `locate` returned.
        label: What an error shall call it.
        inputs: What every thing of its group is given.
        options: Its own options.

    Raises:
        UserError: An option is unknown, or one that is needed is missing.
    """
    options = options or {}
    try:
        signature(found).bind(*inputs, **options)
    except TypeError as error:
        raise UserError(f"{label}: {one_line(error)}") from error
    return found(*inputs, **options)


def signature(found: Callable[..., Any]) -> inspect.Signature:
    """Return what a class or function takes, with the options that a constructor passes on to the next class's.

    A constructor passes on what it takes as `**options`; only where that ends in a constructor that names all of its
    options, they are known, else `**options` stays.

    Args:
        found: The class or function.

    Raises:
        TypeError: As of `inspect.signature`.
        ValueError: Likewise.
    """
    own = inspect.signature(found)
    rest = [p for p in own.parameters.values() if p.kind is p.VAR_KEYWORD]
    if not rest or not inspect.isclass(found):
        return own
    owner = next(each for each in found.__mro__ if "__init__" in vars(each))
    passed_on = signature(owner.__mro__[1]).parameters.values()
    named = {p.name: p for p in passed_on if p.kind is p.KEYWORD_ONLY}
    if not named or any(p.kind is p.VAR_KEYWORD for p in passed_on):
        return own
    named |= {p.name: p for p in own.parameters.values() if p.kind is p.KEYWORD_ONLY}
    inputs = [p for p in own.parameters.values() if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    return own.replace(parameters=[*inputs, *named.values()])


def instantiate(settings: Mapping[str, Any], group: str, trust: Sequence[str] | None = None) -> Any:
    """Call what `_target_` names with the other keys.

    Args:
        settings: A group of the config.
        group: As for `locate`.
        trust: As for `locate`.

    Raises:
        UserError: As for `locate` and `call`.
    """
    target = str(settings.get("_target_", ""))
    options = {key: value for key, value in settings.items() if key != "_target_"}
    return call(locate(target, group, trust), f"{group} {target}", (), options)


def is_within(module: str, packages: Sequence[str]) -> bool:
    """Return whether a module is one of the packages, or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks."""
    return " ".join(str(error).split())


def describe_error(error: BaseException, file: str | None = None) -> str:
    """Return kind, message and place of an error in code that is not ours, in one line.

    Args:
        error: The error, as it was caught.
        file: The file that the person wrote: its innermost line is named. None: the innermost line of all.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames[-1:]
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"


def _may_be_named(found: Callable[..., Any], group: str, trust: Sequence[str]) -> bool:
    """Return whether a file may name this: it was defined where it may be, and is what the group is made of."""
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        return False
    home, name = str(found.__module__), found.__name__
    # What a module of a room has merely imported (`torch.nn.x.os.system`) was not defined in one.
    if getattr(sys.modules.get(home), name, None) is not found:
        return False
    if is_within(home, trust):
        return True
    if not is_within(home, ROOMS.get(group, ())) or name.startswith("_"):
        return False
    if group == "dataset" and not home.endswith(f".{name}"):  # a reader bears its file's name; others are its helpers
        return False
    if group == "loss" and not inspect.isclass(found):
        return False
    # So no constructor that was not made for it is called: those of ultralytics evaluate text, timm's read files.
    try:
        parameters = signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    return tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY) == _INPUTS[group]
