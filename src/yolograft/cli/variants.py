"""Several models on one command line: `yolograft bench -m backbone=yolo11,effv1 neck=conv,gsconv`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from yolograft.cli.commands import COMMANDS
from yolograft.common.errors import UserError
from yolograft.config.check import validate
from yolograft.config.compose import compose, container_of, parse
from yolograft.config.schema import Parts
from yolograft.runs.spec import choices_of
from yolograft.sweep.grid import grid
from yolograft.sweep.search_space import refuse_intervals


def variants(command: str, overrides: Sequence[Override]) -> list[tuple[str, dict[str, Any]]]:
    """Compose and check the config of each combination of the values given.

    Args:
        command: A name of `COMMANDS`.
        overrides: Its overrides.

    Returns:
        The configs, with the options chosen in the groups under `choices`, by what distinguishes each:
        `effv1 + gsconv`, `effv1 + variant=b1`.

    Raises:
        UserError: One is refused, or a key has several values that does not choose a model.
    """
    refuse_intervals(overrides)
    schema = COMMANDS[command].load_schema()
    of_the_command = set(schema.model_fields) - set(Parts.model_fields)
    swept = [override for override in overrides if override.is_sweep_override()]
    for override in swept:
        if override.key_or_group in of_the_command or override.is_hydra_override():
            said = override.input_line or ""
            key, _, values = said.partition("=")
            raise UserError(f"{said}: -m is for what chooses a model; several values are written {key}=[{values}]")
    keys = list(dict.fromkeys(override.get_key_element() for override in swept))
    found: dict[str, dict[str, Any]] = {}
    for line in grid(overrides):
        composed = compose(command, parse(line))
        config, choices = container_of(composed), choices_of(composed.hydra)
        validate(schema, config, choices)
        chosen = {key: value for key, _, value in (each.partition("=") for each in line)}
        words = [chosen[key] if "." not in key else f"{key.rpartition('.')[2]}={chosen[key]}" for key in keys]
        found.setdefault(" + ".join(words) or variant_name(choices), {**config, "choices": choices})
    return list(found.items())


def variant_name(choices: Mapping[str, str]) -> str:
    """Return what a single model is called: `yolo11 + conv + n`.

    Args:
        choices: The option chosen in each group.
    """
    return " + ".join(choices[group] for group in ("backbone", "neck", "scale"))
