"""Compose configs with Hydra; what Hydra refuses becomes one line that names the override at fault."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from yolograft.common.errors import UserError
from yolograft.common.suggestions import did_you_mean
from yolograft.config.former import PROGRESSIVE
from yolograft.config.habits import advice, quoting
from yolograft.config.help import groups, without_hydra

_EXAMPLES = {"runs": "multirun/NAME", "run": "runs/NAME", "dataset.path": "FOLDER", "format": "onnx"}
"""What a key that must be given may look like."""
MOST_VALUES = 100_000
"""Of one range: as many runs take minutes to list, and years to train."""


def parse(texts: Sequence[str]) -> list[Override]:
    """Parse overrides with Hydra's grammar; needs an initialized Hydra.

    Raises:
        UserError: For the first that cannot be read, with how to quote it.
    """
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
        _check_range(parsed[-1])
    return parsed


def _check_range(override: Override) -> None:
    """Refuse a range without a value, or with more than a sweep can have."""
    if not override.is_range_sweep():
        return
    swept = override.value()
    assert isinstance(swept, RangeSweep)
    start, stop, step = swept.start or 0, swept.stop, swept.step
    if stop is None or step == 0 or not math.isfinite(count := (stop - start) / step):
        raise UserError(f"{override.input_line}: this range has no end")
    if count <= 0:
        raise UserError(f"{override.input_line}: this range holds no value")
    if count > MOST_VALUES:
        raise UserError(f"{override.input_line}: this range holds {count:,.0f} values; a sweep takes {MOST_VALUES:,}")


def unswept(overrides: Sequence[Override]) -> list[Override]:
    """Return overrides without what is swept; of a group that is swept the first option stands for all.

    So `backbone=effv1,effv2 backbone.pretrained=true` finds the key, which the default backbone does not have.
    """
    loader = GlobalHydra.instance().config_loader()
    kept: list[Override] = []
    for override in overrides:
        group = override.key_or_group
        if not override.is_sweep_override():
            kept.append(override)
        elif override.is_discrete_sweep() and group != "experiments" and loader.get_group_options(group):
            first = next(iter(override.sweep_string_iterator()))
            kept += parse([f"{override.get_key_element()}={first}"])
    return kept


def _check_choices(overrides: Sequence[Override]) -> None:
    """Refuse an option that its group does not have; Hydra would pass over a missing optional one in silence."""
    loader = GlobalHydra.instance().config_loader()
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if override.is_delete() and not isinstance(value, str | None):
            raise UserError(f"{override.input_line}: write ~{group}, or leave it out")
        if value is None and group == "experiments" and not override.is_delete():
            raise UserError(f"{override.input_line}: leave it out")
        if override.package is not None and not group.startswith("hydra"):
            said = (override.input_line or "").partition("=")[2]
            raise UserError(f"{override.input_line}: every group has its place; write {group}={said}")
        known = [] if override.is_delete() else loader.get_group_options(group)
        if known and value not in known:
            said = (override.input_line or "").partition("=")[2]
            near = advice(group, said, known) or did_you_mean(said, known)
            raise UserError(f"{group}={said}: no such {group}{near} Known: {', '.join(known)}")


def compose(command: str, overrides: Sequence[Override]) -> DictConfig:
    """Compose a command's config, with Hydra's own key.

    Raises:
        UserError: For the first override that Hydra refuses, with the nearest that it would take.
    """
    _check_choices(overrides)
    try:
        return hydra_compose(command, [o.input_line or "" for o in overrides], return_hydra_config=True)
    except yaml.YAMLError as error:
        raise UserError(" ".join(str(error).split())) from None
    except MissingConfigException as error:
        if error.missing_cfg_file == command:
            raise UserError(
                f"conf/{command}.yaml is missing: it holds the keys of {command} and their defaults"
            ) from None
        raise UserError(_diagnose(command, overrides, error)) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_diagnose(command, overrides, error)) from None


def container_of(config: DictConfig) -> dict[str, Any]:
    """Return a composed config, without Hydra's own key, resolved and as plain containers.

    Raises:
        UserError: For a value that is missing or cannot be resolved.
    """
    try:
        container = OmegaConf.to_container(without_hydra(config), resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as missing:
        example = _EXAMPLES.get(str(missing.full_key), "VALUE")
        raise UserError(f"{missing.full_key}: must be given, as {missing.full_key}={example}") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise UserError(f"{key}: {first_line(error)}" if key else first_line(error)) from None
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}


def _diagnose(command: str, overrides: Sequence[Override], error: Exception) -> str:
    """Find the override that Hydra refused and say what it should have been."""
    loader = GlobalHydra.instance().config_loader()
    choices = [o.input_line or "" for o in overrides if loader.get_group_options(o.key_or_group)]
    try:
        config = hydra_compose(command, choices, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        said = first_line(error)
        return f"{said}{PROGRESSIVE}" if "callbacks/progressive" in said else said  # an experiment of before
    known_groups = groups(config)
    keys = list(_flat_keys(without_hydra(config)))
    for override in overrides:
        key = override.key_or_group
        if key not in keys and not key.startswith("hydra") and key not in known_groups:
            model = key in ("weights", "model") and "run" in keys  # of a command that looks at a trained one
            near = "; did you mean run?" if model else advice(key) or did_you_mean(key, [*keys, *known_groups])
            return f"{key}: there is no such key{near} All keys: yolograft {command} --help"
        said = (override.input_line or "").lstrip("+")
        if override.is_add() and not override.is_force_add() and key in keys:
            return f"{override.input_line}: there is {key} already; write {said}"
        if key.startswith("hydra.") and f"'{key}'" in str(error):
            return f"{key}: Hydra has no such key; see yolograft {command} --cfg hydra"
    return first_line(error)


def first_line(error: Exception) -> str:
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
