"""Check a command line before anything heavy is imported: every key and value, in one line when it is refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from yolograft.config import resolvers, search_path
from yolograft.config.flags import Flags, parse_flags
from yolograft.config.from_run import expand
from yolograft.config.habits import advice, quoted, quoting
from yolograft.config.help import groups
from yolograft.config.jobs import Job, check_folders, grid, job_of, sweep_folder, where_it_was
from yolograft.config.launchers import launcher_model
from yolograft.config.links import refuse_links
from yolograft.config.locations import conf_dir
from yolograft.config.schema import COMMANDS, DATASET_OPTIONS, DatasetOptions
from yolograft.config.search import (
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
from yolograft.config.signature import options
from yolograft.config.suggestions import did_you_mean
from yolograft.config.writable import refuse_unwritable
from yolograft.errors import UserError

# Groups whose option names a class or function by `_target_`; its signature says what it takes.
PART_GROUPS = ("backbone", "context", "neck", "head", "loss", "dataset")


@dataclass(frozen=True)
class CommandLine:
    """A command line that was checked.

    Attributes:
        arguments: For Hydra: the settings as given, and for a sweep also its folder.
        sweep: Whether it asks for several runs.
        jobs: What `train` is to do; empty for the other commands, and where only the doing shows it (a search).
        shown: The composed config as YAML, where `--cfg` asks for it and nothing else.
        launcher: Where a sweep's runs are done, as the word after `hydra/launcher=`.
        probes: Of a search, jobs that have every value of its space once.
    """

    arguments: list[str]
    sweep: bool = False
    jobs: list[Job] = field(default_factory=list)
    shown: str | None = None
    launcher: str = "basic"
    probes: list[Job] = field(default_factory=list)


def check_command_line(command: str, arguments: Sequence[str]) -> CommandLine:
    """Check the arguments of a command and complete them for Hydra.

    Args:
        command: A name of `schema.COMMANDS`.
        arguments: What follows it on the command line.

    Raises:
        UserError: For the first key or value that is refused, naming it and what would be right.
    """
    try:
        return _checked(command, parse_flags(arguments))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_first_line(error)) from None


def _checked(command: str, flags: Flags) -> CommandLine:
    search_path.register()
    resolvers.register()
    arguments = [_quoted(argument) for argument in expand(command, flags.overrides)]
    if flags.multirun and command != "train":
        raise UserError(f"-m: only train sweeps; run yolograft {command} once for each")
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name=command):
        overrides = _parse(arguments)
        fixed = [o for o in overrides if not o.is_sweep_override()]
        composed = _compose(command, fixed)
        multirun = flags.multirun or composed.hydra.mode == RunMode.MULTIRUN
        seeds = composed.get("seeds")
        if not multirun and not seeds:
            _refuse_sweep(command, overrides)
            config = _container(composed)
            validate(command, config)
            if flags.cfg:
                return CommandLine(list(arguments), shown=_shown(composed, flags))
            single = [job_of(composed, config)] if command == "train" else []
            refuse_unwritable(single)
            check_folders(single, None)
            refuse_links(job.folder for job in single)
            return CommandLine(list(arguments), jobs=single)
        params = _parse([f"{key}={value}" for key, value in (composed.hydra.sweeper.get("params") or {}).items()])
        _check_launcher(composed)
        every = [*params, *overrides]
        if seeds is not None:
            every += _parse([_seed_axis(seeds, every)])
        folder, before = sweep_folder(composed, every)
        search = _search(composed, every)
        jobs: list[Job] = []
        tried: list[Job] = []
        for number, job in enumerate(probes(every) if search else grid(every)):
            composed = _compose(command, _parse(job))
            config = _container(composed)
            validate(command, config)
            jobs.append(job_of(composed, config, folder, number))
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
        raise UserError(f"--resolve: {_first_line(error)}") from None


def validate(command: str, config: Mapping[str, Any]) -> None:
    """Check a composed config against the command's schema and the signatures of the parts it names.

    Args:
        command: A name of `schema.COMMANDS`.
        config: The resolved config as plain containers, without Hydra's own key.

    Raises:
        UserError: For the first key or value that is refused.
    """
    _check(COMMANDS[command], config)
    for group in PART_GROUPS:
        if isinstance(part := config.get(group), Mapping):
            check_part(group, part)


def _check_launcher(composed: DictConfig) -> None:
    if model := launcher_model(str(composed.hydra.runtime.choices["hydra/launcher"])):
        told = OmegaConf.to_container(composed.hydra.launcher, resolve=False)
        assert isinstance(told, dict)
        values = {str(key): value for key, value in told.items() if key not in ("_target_", "_convert_")}
        _check(model, values, prefix="hydra.launcher.")


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
    _check(Search, wanted, prefix="hydra.sweeper.")
    check_space(overrides)
    return Search.model_validate(wanted)


_EXACT = ConfigDict(extra="forbid", strict=True)


def check_part(group: str, part: Mapping[str, Any]) -> None:
    """Check the options of a part or data set against the signature of what its `_target_` names.

    Raises:
        UserError: For the first that is refused.
    """
    target = part.get("_target_")
    if target is None and set(part) == set(DATASET_OPTIONS):  # `val` without a data set: the run's
        _check(DatasetOptions, part, prefix=f"{group}.")
        return
    if not isinstance(target, str):
        raise UserError(f"{group}: has no _target_; conf/{group}/NAME.yaml must name its class or function")
    base = DatasetOptions if group == "dataset" else BaseModel
    fields: dict[str, Any] = dict(options(target))
    if taken := set(fields) & set(base.model_fields):
        raise UserError(f"{target}: its option {min(taken)} means something for every {group}; name it otherwise")
    model: type[BaseModel] = create_model(group, __base__=type(group, (base,), {"model_config": _EXACT}), **fields)
    _check(model, {k: v for k, v in part.items() if k != "_target_"}, prefix=f"{group}.")


def _check(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> None:
    try:
        model.model_validate(values, strict=True)
    except ValidationError as refused:
        raise UserError(_one_line(refused, values, prefix, list(model.model_fields))) from None


def _one_line(refused: ValidationError, values: Mapping[str, Any], prefix: str, known: Sequence[str]) -> str:
    error = refused.errors(include_url=False)[0]
    if not error["loc"]:  # keys that do not go together: the message names them
        return str(error["ctx"]["error"])
    path: list[str] = []
    node: Any = values
    for step in map(str, error["loc"]):  # a union adds the names of its branches to the path: keep what is a key
        if not isinstance(node, Mapping):
            break
        if step not in node:
            continue
        path.append(step)
        node = node[step]
    key = prefix + ".".join(path or [str(error["loc"][0])])
    match error["type"]:
        case "extra_forbidden" if not known:
            return f"{key}: its class takes no options; they are the keyword-only parameters of __init__, after a *"
        case "extra_forbidden":
            return f"{key}: there is no such key{did_you_mean(path[-1], known)} Known here: {', '.join(known)}"
        case "missing":
            return f"{prefix}{'.'.join(map(str, error['loc']))}: must be given"
        case "value_error":
            reason = str(error["ctx"]["error"])
        case "literal_error":
            expected = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            reason = f"must be one of {expected}{did_you_mean(str(node), expected.split(', '))}"
        case _:
            reasons = [e["msg"] for e in refused.errors() if e["loc"][: len(path)] == error["loc"][: len(path)]]
            reason = " or ".join(dict.fromkeys(r[0].lower() + r[1:] for r in reasons))
    return f"{key}={node}: {reason}"


def _parse(texts: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    parsed: list[Override] = []
    for text in texts:
        try:
            parsed += parser.parse_overrides([text])
        except (HydraException, ValueError) as error:  # ValueError: a lone "=3" has no key to ask a group for
            before = parsed[-1].input_line if parsed else None
            raise UserError(quoting(text, before, lambda line: bool(parser.parse_override(line)))) from error
        if not parsed[-1].key_or_group:
            raise UserError(quoting(text, None, lambda _: False))
    return parsed


def _check_choices(overrides: Sequence[Override]) -> None:
    """Refuse an option that its group does not have; Hydra would pass over a missing optional one in silence."""
    loader = GlobalHydra.instance().config_loader()
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if override.is_delete() and not isinstance(value, str | None):
            raise UserError(f"{override.input_line}: write ~{group}, or leave it out")
        optional = value is None and group == "experiments"
        known = [] if override.is_delete() or optional else loader.get_group_options(group)
        if known and value not in known:
            said = (override.input_line or "").partition("=")[2]
            near = advice(group, said, known) or did_you_mean(said, known)
            raise UserError(f"{group}={said}: no such {group}{near} Known: {', '.join(known)}")


def _compose(command: str, overrides: Sequence[Override]) -> DictConfig:
    _check_choices(overrides)
    try:
        return compose(command, [o.input_line or "" for o in overrides], return_hydra_config=True)
    except yaml.YAMLError as error:
        raise UserError(" ".join(str(error).split())) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_diagnose(command, overrides, error)) from None


def _diagnose(command: str, overrides: Sequence[Override], error: Exception) -> str:
    """Find the override that Hydra refused and say what it should have been."""
    loader = GlobalHydra.instance().config_loader()
    choices = [o.input_line or "" for o in overrides if loader.get_group_options(o.key_or_group)]
    try:
        config = compose(command, choices)
    except (HydraException, OmegaConfBaseException):
        return _first_line(error)
    keys = list(_flat_keys(config))
    known_groups = groups(command)
    for override in overrides:
        key = override.key_or_group
        if key not in keys and not key.startswith("hydra") and key not in known_groups:
            near = advice(key) or did_you_mean(key, [*keys, *known_groups])
            return f"{key}: there is no such key{near} All keys: yolograft {command} --help"
        if key.startswith("hydra.") and f"'{key}'" in str(error):
            return f"{key}: Hydra has no such key; see yolograft {command} --cfg hydra"
    return _first_line(error)


def _first_line(error: Exception) -> str:
    """Return what Hydra or OmegaConf say, without the lines that speak of their own flags and internals."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line.rstrip(".") for line in lines if line), type(error).__name__)


def _flat_keys(config: DictConfig, prefix: str = "") -> Iterable[str]:
    for key in config:
        path = prefix + str(key)
        if key != "_target_":
            yield path
        if not OmegaConf.is_missing(config, key) and isinstance(config[key], DictConfig):
            yield from _flat_keys(config[key], f"{path}.")


_EXAMPLES = {"runs": "multirun/NAME", "run": "runs/NAME", "dataset.path": "FOLDER"}
"""What a key that must be given may look like."""


def _container(config: DictConfig) -> dict[str, Any]:
    plain = config.copy()
    with open_dict(plain):
        plain.pop("hydra", None)
    try:
        container = OmegaConf.to_container(plain, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as missing:
        example = _EXAMPLES.get(str(missing.full_key), "VALUE")
        raise UserError(f"{missing.full_key}: must be given, as {missing.full_key}={example}") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise UserError(f"{key}: {_first_line(error)}" if key else _first_line(error)) from None
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}


def _refuse_sweep(command: str, overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            if override.key_or_group == "device":
                raise UserError(f"{override.input_line}: several devices are written device=[0,1]")
            sweep = "add -m to train one run for each" if command == "train" else f"{command} takes one"
            line = override.input_line or ""
            right = quoted(line)
            raise UserError(f"{line}: several values; {sweep}, or quote a single value: {right}")
