"""The detectors that are timed: trained ones from run folders, or untrained ones that a command line describes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.model.detector import Detector, build_detector
from yolograft.model.fold import fold
from yolograft.model.from_config import model_spec, own_packages
from yolograft.model.weights import load_detector


@dataclass(frozen=True)
class Contestant:
    """A detector to time.

    Attributes:
        name: What it is called among the others.
        model: The detector, folded, in evaluation mode, on the CPU.
        run: The name of its run's folder, where that lies in the folder of bench.json; `.` where it is that folder.
    """

    name: str
    model: Detector
    run: str | None = None


def trained(name: str, weights: Path, run: str | None, trust: Sequence[str]) -> Contestant:
    """Load a run's best weights, which may be a stranger's.

    Args:
        name: As of `Contestant`.
        weights: The file.
        run: As of `Contestant`.
        trust: Packages besides ours, ultralytics', timm's and torch's that its parts may come from.

    Raises:
        UserError: The weights cannot be loaded.
    """
    return Contestant(name, fold(load_detector(weights, trust)[0]), run)


def untrained(name: str, config: Mapping[str, Any]) -> Contestant:
    """Build the variant that a person's own config chooses; weights do not change how long it takes.

    Args:
        name: As of `Contestant`.
        config: The config of `yolograft bench`.

    Raises:
        UserError: The parts do not fit each other; says of which variant.
    """
    backbone = dict(config["backbone"])
    if "pretrained" in backbone:
        backbone["pretrained"] = False
    spec = model_spec({**config, "backbone": backbone}, {index: str(index) for index in range(config["nc"])})
    try:
        model = build_detector(spec, trust=own_packages(config))
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    return Contestant(name, fold(model))
