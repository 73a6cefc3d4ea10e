"""`from=RUN_FOLDER`: the command line that repeats a run, or starts from its settings.

The folder may be a stranger's. It chooses among the options that are here and sets plain values, which are then checked
like any other command line; what a `_target_` names never comes from it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from yolograft.common.errors import UserError
from yolograft.common.files import read_text, user_path
from yolograft.common.parsing import parse_yaml
from yolograft.common.parts import MODEL_GROUPS
from yolograft.common.suggestions import did_you_mean
from yolograft.config.former import update_choices, update_config
from yolograft.config.locations import conf_dir
from yolograft.config.search_path import initialized
from yolograft.model.spec import check_setting
from yolograft.runs.identity import SWEEP_KEYS
from yolograft.runs.record import RUN_FILE, RunRecord

_COMMAND = "train"
_MODEL = (*MODEL_GROUPS, "scale", "activation")

# What says where and how a run was done, not what it was; the person's own place decides these.
_LEFT_OUT = {"project", "name", "logger", "cache", "cache_gb", "workers", *SWEEP_KEYS}
# Paths that must be there: a data set lies elsewhere on another machine.
_PATHS = ("dataset.path", "dataset.root", "weights")


def expand(command: str, arguments: Sequence[str]) -> list[str]:
    """Replace `from=FOLDER` by the overrides that make that run's settings; the person's own come after and win.

    Args:
        command: A name of `COMMANDS`; `train` alone takes `from`.
        arguments: What follows it on the command line.

    Raises:
        UserError: The folder holds no run, or one that cannot be repeated here; says why.
    """
    given = [argument.partition("=")[2] for argument in arguments if argument.startswith("from=")]
    if not given or command != _COMMAND:
        return list(arguments)
    if len(given) > 1:
        raise UserError(f"from={given[1]}: one run can be started from; give one")
    own = [argument for argument in arguments if not argument.startswith("from=")]
    folder = user_path(given[0].strip("'\""))
    record, config = _read(folder)
    keys = {re.split("[=@]", argument.lstrip("+~"), maxsplit=1)[0] for argument in own}
    with initialized(command):
        chosen = _choices(folder, record, keys)
        loader = GlobalHydra.instance().config_loader()
        options = [o for o in own if loader.get_group_options(o.partition("=")[0]) and "," not in o]
        try:
            composed = compose(command, [*chosen, *options])
            here = {str(key): value for key, value in dict(OmegaConf.to_container(composed)).items()}  # type: ignore[arg-type]
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"from={folder}: {' '.join(str(error).split())}") from None
    values = [
        f"{key}={_written(folder, key, value)}"
        for key, value in _changes(folder, here, config, keys)
        if not any(key == taken or key.startswith(f"{taken}.") for taken in keys)
    ]
    name = config.get("name")
    if isinstance(name, str) and folder.resolve().name.startswith(f"{name}-") and "name" not in keys:
        values.append(f"name={_written(folder, 'name', name)}")  # a single run's; a sweep's names its folder
    return [*chosen, *values, *own]


def _read(folder: Path) -> tuple[RunRecord, dict[str, Any]]:
    """Return a run's record and its resolved config."""
    found: list[Any] = []
    for file, parse in (
        (folder / RUN_FILE, RunRecord.load),
        (folder / "config.yaml", lambda file: parse_yaml(read_text(file, 2**22))),
    ):
        try:
            content = parse(file)
        except FileNotFoundError:
            raise UserError(f"from={folder}: there is no {file}; give the folder of a run") from None
        except OSError as error:
            raise UserError(f"from={folder}: {file}: {error.strerror or error}") from None
        except ValueError as error:
            raise UserError(f"from={folder}: {file} {error}") from None
        if not isinstance(content, RunRecord | dict):
            raise UserError(f"from={folder}: {file} holds no settings of a run")
        found.append(content)
    return found[0], update_config(found[1])


def _choices(folder: Path, record: RunRecord, keys: set[str]) -> list[str]:
    """Return the options that a run has chosen, as overrides, but for the groups that the person chooses."""
    loader = GlobalHydra.instance().config_loader()
    told = update_choices(record.choices)
    chosen = []
    for group in (path.name for path in sorted(conf_dir().iterdir()) if path.is_dir() and path.name != "hydra"):
        option = told.get(group)
        if option is None or group in keys or group in _LEFT_OUT:
            continue
        known = loader.get_group_options(group)
        if option not in known:
            raise UserError(
                f"from={folder}: its {group}={option:.60} is not here{did_you_mean(option, known)} "
                f"Bring {group}/{option:.60}.yaml, or say {group}="
            )
        chosen.append(f"{group}={option}")
    return chosen


def _changes(
    folder: Path, here: Mapping[str, Any], there: Mapping[str, Any], keys: set[str], prefix: str = ""
) -> Iterable[tuple[str, Any]]:
    """Yield each value of a run's config that its options alone do not make, by dotted key."""
    for name, value in there.items():
        key = f"{prefix}{name}"
        if key in _LEFT_OUT or key in keys or (name in here and here[name] == value):
            continue
        if not re.fullmatch(r"[A-Za-z_][\w-]*", str(name)):
            raise UserError(f"from={folder}: {key!s:.80} is no key of a config")
        if not prefix and name not in here:  # `hydra` among them, which decides where files go and what is launched
            raise UserError(f"from={folder}: its {key} is no key of yolograft {_COMMAND}")
        if name == "_target_":
            raise UserError(
                f"from={folder}: it takes its {prefix.rstrip('.')} from {value!s:.80}, which the option of that name "
                "here does not; bring its YAML file"
            )
        if isinstance(value, dict) and isinstance(here.get(name), dict):
            yield from _changes(folder, here[name], value, keys, f"{key}.")
            continue
        if key in _PATHS and isinstance(value, str):
            if value.startswith(("\\\\", "//")):  # opening it would send Windows' password hash
                raise UserError(f"from={folder}: its {key} lies on another machine ({value:.80}); say {key}=")
            if key == "dataset.root" and not _holds_data(there):  # else it would be downloaded to where a stranger says
                continue
            if ("/" in value or "\\" in value) and not user_path(value).exists():
                raise UserError(f"from={folder}: its {key} is not here ({value:.200}); say where it is: {key}=")
        if prefix.partition(".")[0] in _MODEL:
            try:
                check_setting(key, value)
            except ValueError as error:
                raise UserError(f"from={folder}: its {error}; if that is meant, say {key}= yourself") from None
        yield key, value


def _holds_data(dataset: Mapping[str, Any]) -> bool:
    """Whether the public data set that a run's config names lies below the `root` that it says."""
    from yolograft.data.sources import named

    try:
        return named.described(name=str(dataset.get("name")), root=str(dataset["root"]))[1]
    except (UserError, OSError, ValueError):
        return False


def _written(folder: Path, key: str, value: Any) -> str:
    """Return a value as Hydra's command line has it."""
    if isinstance(value, str):
        if "${" in value:
            raise UserError(f"from={folder}: its {key} is no plain value ({value:.80})")
        # Hydra halves backslashes before a quote only: a value that ends in one needs them doubled there.
        return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value) + "'"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ",".join(_written(folder, key, item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_word(folder, key, k)}:{_written(folder, key, v)}" for k, v in value.items()) + "}"
    raise UserError(f"from={folder}: its {key} is no plain value ({value!s:.80})")


def _word(folder: Path, key: str, word: Any) -> str:
    if not isinstance(word, str) or not re.fullmatch(r"[A-Za-z]\w*", word):  # nor a _target_
        raise UserError(f"from={folder}: its {key} holds {word!s:.80}, which is no key of a config")
    return word
