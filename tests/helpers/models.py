"""Building detectors from the real files in conf/, as a person does from the command line."""

from pathlib import Path
from typing import Any

import yaml

from yolograft.model.detector import Detector, ModelSpec, build_detector

CONF = Path(__file__).parents[2] / "conf"


def names(group: str) -> list[str]:
    """Return the names of a config group's options, one by one as conf/ has them."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def group(name: str, choice: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / name / f"{choice}.yaml").read_text(encoding="utf-8"))


def make_spec(
    *,
    backbone="yolo11",
    context="sppf_c2psa",
    neck="conv",
    head="detect",
    attention="none",
    at="context",
    activation=None,
    scale="n",
    loss="ciou",
    nc=80,
    **options,
) -> ModelSpec:
    """Return the spec of a variant; further options go to its backbone."""
    parts = {
        "backbone": group("backbone", backbone) | options,
        "context": group("context", context),
        "neck": group("neck", neck),
        "head": group("head", head),
    }
    placed = {} if attention == "none" else group("attention", attention) | {"at": at}
    return ModelSpec(parts, group("scale", scale), nc, {}, group("loss", loss), placed, activation)


def build_variant(trust=(), **choices) -> Detector:
    """Return the detector of a variant."""
    return build_detector(make_spec(**choices), trust)
