"""`yolograft visualize`: what detectors look at, as pictures and one page."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from yolograft.cli.command_line import CommandLine
from yolograft.cli.weights import named_weights
from yolograft.common.files import user_folder
from yolograft.common.text import plain
from yolograft.compute.presence import refuse_impossible
from yolograft.config.schema import Device, Fraction, Imgsz, Place, Text


class VisualizeConfig(Imgsz):
    """The config of `yolograft visualize`."""

    imgsz: Annotated[int, Field(ge=32, le=4096)] | None  # type: ignore[assignment]
    run: Place | Annotated[list[Place], Field(min_length=1)]
    source: Place | Annotated[list[Place], Field(min_length=1)] | None
    split: Literal["train", "val", "test"]
    images: Annotated[int, Field(ge=1, le=100)]
    conf: Fraction
    device: Device
    trust: list[str]
    out: Text | None


def main(line: CommandLine) -> int:
    """Look into the detectors and write the pictures and the page."""
    config = line.config
    runs = [config["run"]] if isinstance(config["run"], str) else config["run"]
    weights = named_weights(runs)
    refuse_impossible(config["device"])
    out = _folder(config["out"], next(iter(weights.values())))
    from yolograft.evaluation.visualize.visualize import visualize
    from yolograft.render.visualize.page import write

    shown = visualize(weights, config, say=partial(print, file=sys.stderr, flush=True))
    files = write(shown.looked, shown.fields, shown.names, shown.about, out)
    print(plain(str(files[0])))
    return 0


def _folder(out: Any, first: Path) -> Path:
    if out is not None:
        return user_folder("out", out)
    return (first.parent.parent if first.parent.name == "checkpoints" else first.parent) / "visualize"
