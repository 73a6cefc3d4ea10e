"""What makes two runs the same run, and what a run's folder is called."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolograft.common.files import user_path
from yolograft.common.parts import ATTENTION, PARTS
from yolograft.config.defaults import DEFAULT_BASE, base_choices, default_choices
from yolograft.config.former import first_form
from yolograft.config.signature import source_file

SWEEP_KEYS = ("seeds", "attempts", "isolate", "constraint", "plan")
"""The keys that say how a sweep is done."""

# What cannot change the result: where things are written, what is shown, how fast data is loaded, how a sweep is done.
_WITHOUT_EFFECT = ("name", "project", "weights_min", "workers", "logger", "cache", "cache_gb", *SWEEP_KEYS)
_WITHOUT_EFFECT_IN_TRAINER = ("plots", "threads", "cuda_graph", "cpu_kernels")

# Overrides that are settings of a whole comparison rather than a variant of it; they do not belong into folder names.
_SETTINGS = {
    "epochs",
    "imgsz",
    "batch",
    "device",
    "workers",
    "patience",
    "name",
    "project",
    "seed",
    "hydra",
    "experiments",
    "dataset",
    "trainer",
    "logger",
    *SWEEP_KEYS,
}


def identity(config: Mapping[str, Any]) -> str:
    """Return the identity of a run: twelve hexadecimal digits of a hash over everything that shapes its result.

    Args:
        config: The resolved config as plain containers, with or without Hydra's own `hydra` key.
    """
    kept = {k: v for k, v in first_form(config).items() if k not in _WITHOUT_EFFECT and k != "hydra"}
    if "trainer" in kept:
        kept["trainer"] = {k: v for k, v in kept["trainer"].items() if k not in _WITHOUT_EFFECT_IN_TRAINER}
    if "device" in kept:
        kept["device"] = _kind_of_device(kept["device"])
    if dataset := kept.get("dataset"):
        # `range` came later: where it is not set, runs that are older than it keep their identity
        kept["dataset"] = {k: v for k, v in dataset.items() if k != "check" and (k, v) != ("range", None)}
        if isinstance(path := dataset.get("path"), str):
            kept["dataset"]["path"] = user_path(path).resolve().as_posix()
    text = json.dumps(_canonical([kept, _sources(kept)]), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def shapes_result(key: str) -> bool:
    """Return whether a setting, by its dotted key, can change the result of a run; the device can, but only by kind."""
    group, _, option = key.partition(".")
    aside = group in _WITHOUT_EFFECT or (group == "trainer" and option in _WITHOUT_EFFECT_IN_TRAINER)
    return not aside and key not in ("device", "dataset.check") and group != "hydra"


def _canonical(value: Any) -> Any:
    """Write equal numbers alike: `mosaic=1` and `mosaic=1.0` are the same run."""
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sources(config: Mapping[str, Any]) -> dict[str, str]:
    """Hash the source files of a person's own parts, so that edited code makes another run; ours are not hashed."""
    found = {}
    for part in config.values():
        target = part.get("_target_", "") if isinstance(part, Mapping) else ""
        if target and not str(target).startswith("yolograft."):
            file = source_file(str(target).rpartition(".")[0])
            found[str(target)] = hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    return found


def _kind_of_device(device: Any) -> Any:
    """One GPU is like another: cuda:1 and 0 are both cuda; the number of GPUs counts."""
    words = [str(w) for w in device] if isinstance(device, list) else str(device).removeprefix("cuda:").split(",")
    return f"cuda x{len(words)}" if words[0].strip().isdigit() or device == "cuda" else device


def variant_name(choices: Mapping[str, str], config: Mapping[str, Any], overrides: list[str]) -> str:
    """Return a readable name for a variant and its seed, such as `effv1-b0_gsconv_n_seed0`, `yolo26_slim_n_seed0`.

    Args:
        choices: The option chosen in each config group.
        config: The config as plain containers.
        overrides: The command line's overrides; what else they change than the choices is added to the name.
    """
    words = _parts_that_differ(choices, config["backbone"])
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        group = key.split(".", 1)[0]
        shown = key in ("backbone.variant", "backbone.model") or key in choices or group in _SETTINGS
        if not shown and value:
            value = value.strip("[]") if key == "levels" else value  # levels=P2-P3-P4-P5
            value = value.lower() if value.lower() in ("true", "false") else value  # Hydra takes both spellings
            words.append(f"{key.rsplit('.', 1)[-1]}={value}")
    if (fold := config.get("dataset", {}).get("fold")) is not None:
        words.append(f"fold{fold}")
    words.append(f"seed{config['seed']}")
    return _as_file_name("_".join(words))


def _parts_that_differ(choices: Mapping[str, str], backbone: Mapping[str, Any]) -> list[str]:
    """Return the words that tell a variant from the others: of YOLO11 always its backbone and neck, else its base."""
    base = choices.get("base", DEFAULT_BASE)
    usual = base_choices(base)
    always = ("backbone", "neck", "scale") if base == DEFAULT_BASE else ("scale",)
    detail = str(backbone.get("variant") or backbone.get("model") or "").rsplit("/", 1)[-1]
    said = [
        choices[group] + (f"-{detail}" if detail and group == "backbone" else "")
        for group in (*PARTS, ATTENTION, "scale", "loss")
        if group in choices and (group in always or choices[group] != usual.get(group))
    ]
    return said if base == DEFAULT_BASE else [base, *said]


def data_word(choice: str, dataset: Mapping[str, Any]) -> str:
    """Return the end of a run's name that says what data it is trained on, as `_bccd`; empty for the default data set.

    Args:
        choice: The option of the `dataset` group.
        dataset: Its values.
    """
    path = Path(str(dataset.get("path") or choice))
    folder = path.parent if path.suffix in (".yaml", ".yml") else path
    return "" if choice == default_choices()["dataset"] else "_" + _as_file_name(folder.resolve().name)


def _as_file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "._-=+" else "-" for c in text)[:100]
