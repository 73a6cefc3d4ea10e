"""Building detectors from the real files in conf/, as a person does from the command line."""

from pathlib import Path
from typing import Any

import yaml

from yolograft.common.parts import MODEL_GROUPS, PARTS
from yolograft.config.defaults import base_choices
from yolograft.config.instantiate import locate
from yolograft.model.detector import Detector, ModelSpec, build_detector

CONF = Path(__file__).parents[2] / "conf"


def names(group: str) -> list[str]:
    """Return the names of a config group's options, one by one as conf/ has them."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def group(name: str, choice: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / name / f"{choice}.yaml").read_text(encoding="utf-8"))


def make_spec(*, base="yolo11", scale="n", nc=80, at="context", activation=None, **changes) -> ModelSpec:
    """Return the spec of a variant of a base: options of groups, and further ones, which go to the backbone."""
    own = base_choices(base)
    chosen = {name: changes.pop(name, own[name]) for name in MODEL_GROUPS}
    parts = {name: group(name, chosen[name]) for name in PARTS}
    parts["backbone"] |= changes
    scales = group("scale", scale)
    if (CONF / "base" / "scale" / f"{base}_{scale}.yaml").exists():
        scales |= group("base/scale", f"{base}_{scale}")
    attention = None if chosen["attention"] == "none" else group("attention", chosen["attention"]) | {"at": at}
    return ModelSpec(parts, scales, nc, {}, group("loss", chosen["loss"]), attention=attention, activation=activation)


def build_variant(trust=(), **choices) -> Detector:
    """Return the detector of a variant."""
    return build_detector(make_spec(**choices), trust)


def make_attention(name: str, channels: int = 48, **options: Any) -> Any:
    """Return an attention of `conf/attention`, by default for a number of channels that is no power of two."""
    settings = group("attention", name) | options
    return locate(settings.pop("_target_"), "attention")(channels, **settings)
