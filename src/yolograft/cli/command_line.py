"""Check a command line before anything heavy is imported: every key and value, in one line when it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra import initialize_config_dir
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from yolograft.cli.commands import COMMANDS
from yolograft.cli.flags import Flags, parse_flags
from yolograft.cli.from_run import expand
from yolograft.common.errors import UserError
from yolograft.config import search_path
from yolograft.config.check import check_values, validate
from yolograft.config.compose import compose, container_of, first_line, parse
from yolograft.config.habits import quoted
from yolograft.config.locations import conf_dir
from yolograft.runs import resolvers
from yolograft.runs.links import refuse_links
from yolograft.runs.spec import RunSpec, check_folders, choices_of, grid, run_spec, sweep_folder, where_it_was
from yolograft.runs.writable import refuse_unwritable
from yolograft.sweep.absent import ELSEWHERE, refuse_absent
from yolograft.sweep.launchers.settings import launcher_model
from yolograft.sweep.search_space import (
    Search,
    check_folder,
    check_space,
    holds_search,
    is_search,
    probes,
    refuse_intervals,
    settings,
    signature,
)


@dataclass(frozen=True)
class CommandLine:
    """A command line that was checked.

    Attributes:
        arguments: For Hydra: the settings as given, and for a sweep also its folder.
        config: The resolved config of a command other than `train`, with the options chosen in the groups under
            `choices`.
        sweep: Whether it asks for several runs.
        jobs: What `train` is to do; empty for the other commands, and where only the doing shows it (a search).
        shown: The composed config as YAML, where `--cfg` asks for it and nothing else.
        launcher: Where a sweep's runs are done, as the word after `hydra/launcher=`.
        probes: Of a search, jobs that have every value of its space once.
    """

    arguments: list[str]
    config: dict[str, Any] = field(default_factory=dict)
    sweep: bool = False
    jobs: list[RunSpec] = field(default_factory=list)
    shown: str | None = None
    launcher: str = "basic"
    probes: list[RunSpec] = field(default_factory=list)


def check_command_line(command: str, arguments: Sequence[str]) -> CommandLine:
    """Check the arguments of a command and complete them for Hydra.

    Args:
        command: A name of `COMMANDS`.
        arguments: What follows it on the command line.

    Raises:
        UserError: For the first key or value that is refused, naming it and what would be right.
    """
    try:
        return _checked(command, parse_flags(arguments))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(first_line(error)) from None


def _checked(command: str, flags: Flags) -> CommandLine:
    search_path.register()
    resolvers.register()
    arguments = [_quoted(argument) for argument in expand(command, flags.overrides)]
    if flags.multirun and command != "train":
        raise UserError(f"-m: only train sweeps; run yolograft {command} once for each")
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name=command):
        overrides = parse(arguments)
        fixed = [o for o in overrides if not o.is_sweep_override()]
        composed = compose(command, fixed)
        multirun = flags.multirun or composed.hydra.mode == RunMode.MULTIRUN
        seeds = composed.get("seeds")
        if not multirun and not seeds:
            _refuse_sweep(command, overrides)
            config = container_of(composed)
            validate(COMMANDS[command].load_schema(), config)
            if flags.cfg:
                return CommandLine(list(arguments), shown=_shown(composed, flags))
            if command != "train":
                return CommandLine(list(arguments), {**config, "choices": choices_of(composed.hydra)})
            single = [run_spec(composed, config)]
            refuse_unwritable(single)
            check_folders(single, None)
            refuse_links(job.folder for job in single)
            refuse_absent(single)
            return CommandLine(list(arguments), jobs=single)
        params = parse([f"{key}={value}" for key, value in (composed.hydra.sweeper.get("params") or {}).items()])
        _check_launcher(composed)
        every = [*params, *overrides]
        if seeds is not None:
            every += parse([_seed_axis(seeds, every)])
        folder, before = sweep_folder(composed, every)
        search = _search(composed, every)
        jobs: list[RunSpec] = []
        tried: list[RunSpec] = []
        for number, job in enumerate(probes(every) if search else grid(every)):
            composed = compose(command, parse(job))
            config = container_of(composed)
            validate(COMMANDS[command].load_schema(), config)
            jobs.append(run_spec(composed, config, folder, number))
            if flags.cfg:  # of several runs the first
                return CommandLine(list(arguments), shown=_shown(composed, flags))
        refuse_unwritable(jobs, sweep=True)
        check_folders(jobs, folder)
        if search:
            _refuse_for_search(composed)
            wanted = signature(search, every, jobs[0].config)
            folder = before if holds_search(before, wanted) else folder
            check_folder(folder, wanted)
            tried, jobs = jobs, []
        elif jobs:
            jobs = where_it_was(jobs, before)
            folder = jobs[0].folder.parent
        refuse_links((job.folder for job in jobs), folder)
        # Ours in the place of Hydra's own; not as the default in conf/train.yaml, over which an experiment had no say.
        basic = composed.hydra.runtime.choices["hydra/sweeper"] == "basic"
        added = [f"hydra.sweep.dir={folder.as_posix()}", *(["hydra/sweeper=grid"] if basic else [])]
        launcher = str(composed.hydra.runtime.choices["hydra/launcher"])
        if launcher not in ELSEWHERE:
            refuse_absent(jobs or tried)
        told = ["--multirun", *arguments, *added]
        return CommandLine(told, sweep=True, jobs=jobs, launcher=launcher, probes=tried)


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


def _check_launcher(composed: DictConfig) -> None:
    if model := launcher_model(str(composed.hydra.runtime.choices["hydra/launcher"])):
        told = OmegaConf.to_container(composed.hydra.launcher, resolve=False)
        assert isinstance(told, dict)
        values = {str(key): value for key, value in told.items() if key not in ("_target_", "_convert_")}
        check_values(model, values, prefix="hydra.launcher.")


def _seed_axis(seeds: Any, overrides: Sequence[Override]) -> str:
    """Return the override that `seeds=3` stands for."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UserError(f"seeds={seeds}: must be a number from 1 on; seeds=3 trains each variant with seed=0,1,2")
    for override in overrides:
        if override.key_or_group == "seed":
            raise UserError(f"seeds={seeds} {override.input_line}: say either how many seeds or which, as seed=0,1,2")
    return f"seed={','.join(map(str, range(seeds)))}"


def _refuse_for_search(composed: DictConfig) -> None:
    """Refuse what needs to know the runs beforehand: a search chooses them as it goes."""
    for key in ("plan", "constraint", "seeds"):
        if composed[key]:
            raise UserError(f"{key}={composed[key]}: not with hydra/sweeper=optuna, which chooses its runs as it goes")


def _search(composed: DictConfig, overrides: Sequence[Override]) -> Search | None:
    """Return what a search was asked for; None for a grid."""
    if not is_search(composed.hydra.sweeper):
        refuse_intervals(overrides)
        return None
    wanted = settings(composed.hydra.sweeper)
    check_values(Search, wanted, prefix="hydra.sweeper.")
    check_space(overrides)
    return Search.model_validate(wanted)


def _refuse_sweep(command: str, overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            if override.key_or_group == "device":
                raise UserError(f"{override.input_line}: several devices are written device=[0,1]")
            sweep = "add -m to train one run for each" if command == "train" else f"{command} takes one"
            line = override.input_line or ""
            right = quoted(line)
            raise UserError(f"{line}: several values; {sweep}, or quote a single value: {right}")
