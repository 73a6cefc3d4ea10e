"""Check a command line before anything heavy is imported: every key and value, in one line when it is refused."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from yolograft.cli.commands import COMMANDS
from yolograft.cli.flags import Flags, parse_flags
from yolograft.cli.from_run import expand
from yolograft.common.errors import UserError
from yolograft.config.check import validate
from yolograft.config.compose import compose, container_of, first_line, parse
from yolograft.config.habits import quoted
from yolograft.config.search_path import initialized
from yolograft.runs.places import check_folders, refuse_links, refuse_unwritable
from yolograft.runs.spec import RunSpec, choices_of, run_spec
from yolograft.sweep.absent import refuse_absent
from yolograft.sweep.executors.settings import EXECUTORS, check_executor
from yolograft.sweep.grid import grid, sweep_folder, where_it_was
from yolograft.sweep.request import Request, SearchRequest, sweep_request
from yolograft.sweep.search_space import (
    check_folder,
    check_space,
    check_sweeper,
    holds_search,
    probes,
    refuse_intervals,
    signature,
)
from yolograft.training.config import TrainConfig


@dataclass(frozen=True)
class CommandLine:
    """A command line that was checked.

    Attributes:
        arguments: The settings, as Hydra's grammar has them; `from=` is replaced by what it stands for.
        request: What `train` is to do; None for the other commands.
        config: The resolved config of a command other than `train`, with the options chosen in the groups under
            `choices`.
        shown: The composed config as YAML, where `--cfg` asks for it and nothing else.
    """

    arguments: list[str]
    request: Request | None = None
    config: dict[str, Any] = field(default_factory=dict)
    shown: str | None = None

    @property
    def jobs(self) -> list[RunSpec]:
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


def _checked(command: str, flags: Flags, typed: str) -> CommandLine:
    arguments = [_quoted(argument) for argument in expand(command, flags.overrides)]
    if flags.multirun and command != "train":
        raise UserError(f"-m: only train sweeps; run yolograft {command} once for each")
    overrides = parse(arguments)
    composed = compose(command, [o for o in overrides if not o.is_sweep_override()])
    if flags.multirun or composed.hydra.mode == RunMode.MULTIRUN or composed.get("seeds"):
        return _sweep(composed, overrides, arguments, flags, typed)
    _refuse_several(command, overrides)
    config = container_of(composed)
    validate(COMMANDS[command].load_schema(), config)
    if flags.cfg:
        return CommandLine(arguments, shown=_shown(composed, flags))
    if command != "train":
        return CommandLine(arguments, config={**config, "choices": choices_of(composed.hydra)})
    _refuse_callbacks(composed)
    single = [run_spec(composed, config, command=typed)]
    refuse_unwritable(single)
    check_folders(single, None)
    refuse_links(spec.folder for spec in single)
    refuse_absent(single)
    return CommandLine(arguments, Request(typed, single))


def _sweep(
    composed: DictConfig, overrides: Sequence[Override], arguments: list[str], flags: Flags, typed: str
) -> CommandLine:
    """Compose and check what a sweep is asked for."""
    _refuse_callbacks(composed)
    sweeper = _plain(composed.hydra, "sweeper")
    settings = check_sweeper(_choice(composed, "sweeper"), sweeper)
    swept = parse([f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()])
    executor = check_executor(_choice(composed, "launcher"), _plain(composed.hydra, "launcher"))
    every = [*swept, *overrides]
    if (seeds := composed.get("seeds")) is not None:
        every += parse([_seed_axis(seeds, every)])
    _refuse_swept_hydra(every)
    folder, before = sweep_folder(composed, every)
    if settings is None:
        refuse_intervals(every)
    else:
        check_space(every)
    lines = list(probes(every) if settings else grid(every))
    if flags.cfg:  # of several runs the first
        first = next(_specs(lines[:1], folder, typed))[1]
        return CommandLine(arguments, shown=_shown(first, flags))
    specs = [spec for spec, _ in _specs(lines, folder, typed)]
    refuse_unwritable(specs, sweep=True)
    check_folders(specs, folder)
    search = None
    if settings:
        _refuse_for_search(specs[0].config)
        search = SearchRequest(settings, every, signature(settings, every, specs[0].config))
        folder = before if holds_search(before, search.signature) else folder
        check_folder(folder, search.signature)
    elif (there := where_it_was(specs, folder, before)) != folder:
        folder = there
        specs = [spec for spec, _ in _specs(lines, folder, typed)]
    refuse_links((spec.folder for spec in specs if not search), folder)
    if not EXECUTORS[executor].elsewhere:
        refuse_absent(specs)
    sweep = sweep_request(composed, every, folder, executor, search)
    return CommandLine(arguments, Request(typed, [], sweep, specs) if search else Request(typed, specs, sweep))


def _specs(lines: Iterable[Sequence[str]], folder: Path, typed: str) -> Iterator[tuple[RunSpec, DictConfig]]:
    """Compose and check the runs of a sweep, each once."""
    for number, line in enumerate(lines):
        composed = compose("train", parse(line))
        config = container_of(composed)
        validate(TrainConfig, config)
        yield run_spec(composed, config, folder, number, typed), composed


def _choice(composed: DictConfig, group: str) -> str:
    return str(composed.hydra.runtime.choices[f"hydra/{group}"])


def _plain(hydra: DictConfig, key: str) -> dict[str, Any]:
    """Return a part of Hydra's config as plain containers."""
    plain = OmegaConf.to_container(hydra[key], resolve=True) if isinstance(hydra.get(key), DictConfig) else None
    if not isinstance(plain, dict):
        raise UserError(f"hydra.{key}: is set by hydra/{key}=NAME, and its keys by hydra.{key}.KEY=VALUE")
    return {str(key): value for key, value in plain.items()}


_EXPRESSIONS = ("filter", "baseline", "constraint")


def _quoted(argument: str) -> str:
    """Quote for Hydra a value that holds =, < and the like by its nature, where the person has not."""
    key, equals, value = argument.partition("=")
    if key not in _EXPRESSIONS or not equals or not value or value == "null" or value[0] == value[-1] in "'\"":
        return argument
    return "{}='{}'".format(key, value.replace("\\", "\\\\").replace("'", "\\'"))


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


def _refuse_callbacks(composed: DictConfig) -> None:
    """Refuse callbacks of Hydra's, which nobody would call."""
    for name in composed.hydra.get("callbacks") or {}:
        raise UserError(
            f"hydra.callbacks.{name}: Hydra's callbacks are not called here; one of Lightning's is added by "
            f"+callbacks.{name}._target_=MODULE.CLASS"
        )


def _refuse_swept_hydra(overrides: Iterable[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override() and override.is_hydra_override():
            raise UserError(f"{override.input_line}: several values are written in brackets, [a,b]")


def _seed_axis(seeds: Any, overrides: Sequence[Override]) -> str:
    """Return the override that `seeds=3` stands for."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UserError(f"seeds={seeds}: must be a number from 1 on; seeds=3 trains each variant with seed=0,1,2")
    for override in overrides:
        if override.key_or_group == "seed":
            raise UserError(f"seeds={seeds} {override.input_line}: say either how many seeds or which, as seed=0,1,2")
    return f"seed={','.join(map(str, range(seeds)))}"


def _refuse_for_search(config: dict[str, Any]) -> None:
    """Refuse what needs to know the runs beforehand: a search chooses them as it goes."""
    for key in ("plan", "constraint", "seeds"):
        if config[key]:
            raise UserError(f"{key}={config[key]}: not with hydra/sweeper=optuna, which chooses its runs as it goes")


def _refuse_several(command: str, overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            if override.key_or_group == "device":
                raise UserError(f"{override.input_line}: several devices are written device=[0,1]")
            sweep = "add -m to train one run for each" if command == "train" else f"{command} takes one"
            line = override.input_line or ""
            right = quoted(line)
            raise UserError(f"{line}: several values; {sweep}, or quote a single value: {right}")
