"""Check a command line before anything heavy is imported: every key and value, in one line when it is refused."""

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from yolograft.cli.commands import COMMANDS
from yolograft.cli.flags import Flags, parse_flags
from yolograft.common.errors import UserError
from yolograft.config.compose import compose, container_of, first_line, parse, unswept
from yolograft.config.habits import quoted
from yolograft.config.search_path import initialized

if TYPE_CHECKING:
    from yolograft.runs.spec import RunSpec
    from yolograft.sweep.request import Request


@dataclass(frozen=True)
class CommandLine:
    """A checked command line.

    Attributes:
        arguments: The settings, as Hydra's grammar has them; `from=` is replaced by what it stands for.
        request: What `train` is to do; None for the other commands.
        config: The resolved config of a command other than `train`, with the options chosen in the groups under
            `choices`.
        shown: The composed config as YAML, where `--cfg` asks for it and nothing else.
        variants: With `-m`, of a command that looks at several models together: the config of each, by what
            distinguishes it.
    """

    arguments: list[str]
    request: "Request | None" = None
    config: dict[str, Any] = field(default_factory=dict)
    shown: str | None = None
    variants: "list[tuple[str, dict[str, Any]]]" = field(default_factory=list)

    @property
    def jobs(self) -> "list[RunSpec]":
        """The runs of `train`; of a search, which chooses them as it goes, none."""
        return self.request.specs if self.request else []


def check_command_line(command: str, arguments: Sequence[str]) -> CommandLine:
    """Compose and check what a command is asked for.

    Args:
        command: A name of `COMMANDS`.
        arguments: What follows it on the command line.

    Raises:
        UserError: For the first key or value that is refused, naming it and what would be right.
    """
    typed = shlex.join(["yolograft", command, *arguments])
    try:
        with initialized(command):
            return _checked(command, parse_flags(arguments), typed)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(first_line(error)) from None
    except RecursionError:  # of Hydra's grammar, or of OmegaConf
        longest = max(arguments, key=len)
        raise UserError(f"{longest[:60]}…: its brackets are nested too deep") from None


def _checked(command: str, flags: Flags, typed: str) -> CommandLine:
    arguments = [_quoted(argument) for argument in _expanded(command, flags.overrides)]
    if flags.multirun and command != "train" and not COMMANDS[command].variants:
        raise UserError(f"-m: only train sweeps; run yolograft {command} once for each")
    overrides = parse(arguments)
    composed = compose(command, unswept(overrides))
    # What Hydra refuses is refused by now. What follows loads pydantic and all that checks runs.
    from yolograft.cli.training_request import SweepLine, single_request
    from yolograft.config.check import validate
    from yolograft.runs.spec import choices_of

    if flags.multirun and command != "train":
        from yolograft.cli.variants import variants

        found = variants(command, overrides)
        shown = _shown(composed, flags) if flags.cfg else None
        return CommandLine(arguments, config=found[0][1], shown=shown, variants=found)
    if flags.multirun or composed.hydra.mode == RunMode.MULTIRUN or composed.get("seeds"):
        sweep = SweepLine.of(composed, overrides, typed)
        if flags.cfg:  # of several runs the first
            return CommandLine(arguments, shown=_shown(sweep.first_config(), flags))
        return CommandLine(arguments, sweep.request())
    _refuse_several(command, overrides)
    config = container_of(composed)
    choices = choices_of(composed.hydra)
    validate(COMMANDS[command].load_schema(), config, choices)
    if flags.cfg:
        return CommandLine(arguments, shown=_shown(composed, flags))
    if command != "train":
        return CommandLine(arguments, config={**config, "choices": choices})
    return CommandLine(arguments, single_request(composed, config, typed))


def _expanded(command: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `from=` replaced by what it stands for."""
    if not any(argument.startswith("from=") for argument in arguments):
        return list(arguments)
    from yolograft.cli.from_run import expand

    return expand(command, arguments)


_EXPRESSIONS = ("filter", "baseline", "constraint")
_PATHS = ("source", "out", "run")


def _quoted(argument: str) -> str:
    """Quote for Hydra a value that holds =, <, accents and the like by its nature, where the person has not."""
    key, equals, value = argument.partition("=")
    if not equals or not value or value == "null" or value[0] == value[-1] in "'\"":
        return argument
    if key in _EXPRESSIONS:
        return f"{key}={_in_quotes(value)}"
    if key not in _PATHS:
        return argument
    there = os.path.exists(value)  # noqa: PTH110 - Path's raises for a name too long
    if not there and value[0] == "[" and value[-1] == "]" and not set(value) & set("'\""):
        if not value[1:-1].strip():
            return argument
        return f"{key}=[{','.join(map(_in_quotes, value[1:-1].split(',')))}]"
    # Several runs without brackets are a mistake that is told.
    return f"{key}={_in_quotes(value)}" if there or (key != "run" and value[0] != "[") else argument


def _in_quotes(text: str) -> str:
    """Return a text as Hydra's grammar has it: backslashes are halved before a quote only."""
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text.strip()) + "'"


def _shown(composed: DictConfig, flags: Flags) -> str:
    """Return what `--cfg` asks for, as YAML."""
    plain = composed.copy()
    with flag_override(plain, ["struct", "readonly"], False):
        if flags.cfg == "job":
            plain.pop("hydra", None)
        elif flags.cfg == "hydra":
            plain = OmegaConf.create({"hydra": plain.hydra})
    try:
        return OmegaConf.to_yaml(plain, resolve=flags.resolve)
    except OmegaConfBaseException as error:
        raise UserError(f"--resolve: {first_line(error)}") from None


def _refuse_several(command: str, overrides: Sequence[Override]) -> None:
    fields = COMMANDS[command].load_schema().model_fields
    for override in overrides:
        if override.is_sweep_override():
            line = override.input_line or ""
            key, _, values = line.partition("=")
            kinds = _kinds(fields[key].annotation) if key in fields else {str}
            right = []
            if list in kinds:
                right.append(f"write {key}=[{values}]")
            if command == "train" or COMMANDS[command].variants:
                right.append(f"add -m to {'train one run' if command == 'train' else 'look at one'} for each")
            elif list not in kinds:
                right.append(f"{command} takes one")
            if str in kinds and list not in kinds:
                right.append(f"quote a single value: {quoted(line)}")
            raise UserError(f"{line}: several values; {', or '.join(right)}")


def _kinds(annotation: Any) -> set[Any]:
    """Return the classes of a field: str and list of `str | list[int] | None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return set().union(*map(_kinds, get_args(annotation)))
    return {origin or annotation}
