"""`yolograft predict`: find objects in images, videos and cameras."""

import json
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from yolograft.cli.command_line import CommandLine
from yolograft.cli.weights import find_weights
from yolograft.common.errors import UserError
from yolograft.common.files import user_folder
from yolograft.common.text import markup, plain
from yolograft.common.times import duration
from yolograft.compute.presence import refuse_impossible
from yolograft.config.schema import Device, Fraction, Imgsz, Place

if TYPE_CHECKING:
    from yolograft.evaluation.predict.predict import Summary

_NAMED = 20
"""Failures that are named on the terminal; all are in predictions.json."""


class PredictConfig(Imgsz):
    """The config of `yolograft predict`."""

    imgsz: Annotated[int, Field(ge=32, le=65_536)] | None  # type: ignore[assignment]
    run: Place | Annotated[list[Place], Field(min_length=1)]
    source: Place | int | Annotated[list[Place | int], Field(min_length=1)]
    conf: Fraction | None
    iou: Fraction
    max_det: PositiveInt
    classes: Annotated[list[str | int], Field(min_length=1)] | None
    device: Device
    track: bool
    tracker: Literal["botsort", "bytetrack"]
    vid_stride: PositiveInt
    slice: Annotated[int, Field(ge=32, le=65_536)] | None
    overlap: Annotated[float, Field(ge=0, lt=1)]
    save: bool
    save_txt: bool
    save_conf: bool
    out: Place | None
    overwrite: bool
    trust: list[str]
    format: Literal["table", "json"]

    @model_validator(mode="after")
    def _together(self) -> "PredictConfig":
        if self.slice is not None and self.track:
            raise ValueError("slice= and track=true exclude each other; give one")
        return self


def main(line: CommandLine) -> int:
    """Predict; the exit code is 1 where some sources could not be looked at."""
    config = line.config
    runs = config["run"] if isinstance(config["run"], list) else [config["run"]]
    weights = [find_weights(run) for run in runs]
    refuse_impossible(config["device"])
    _refuse_missing("track=true", "lap", wanted=config["track"])
    _refuse_missing("slice=", "sahi", wanted=config["slice"] is not None)
    if config["out"]:
        from yolograft.evaluation.predict.places import refuse_used

        refuse_used(user_folder("out", config["out"]), overwrite=config["overwrite"])
    from yolograft.evaluation.predict.sources import expand

    words = config["source"] if isinstance(config["source"], list) else [config["source"]]
    sources, total = expand(words, sys.stdin)
    from yolograft.evaluation.predict.predict import predict

    summary = predict(weights, sources, total, config)
    if config["format"] == "json":
        print(json.dumps(summary.as_json()))
    else:
        _print(summary)
    _name_failures(summary)
    return 1 if summary.failed else 0


def _refuse_missing(key: str, package: str, *, wanted: bool) -> None:
    if wanted and find_spec(package) is None:
        raise UserError(f"{key}: needs the package {package}: pip install 'yolograft[predict]'")


def _print(summary: "Summary") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("class")
    for name in summary.names:
        table.add_column(markup(name) if len(summary.names) > 1 else "boxes", justify="right")
    for name in dict.fromkeys(name for boxes in summary.boxes for name in boxes):
        table.add_row(markup(name), *(f"{boxes[name]:,}" for boxes in summary.boxes))
    table.add_section()
    table.add_row("all", *(f"{boxes.total():,}" for boxes in summary.boxes))
    console = Console()
    console.print(table)
    seen = {"images": summary.images, "frames": summary.frames, "sources that could not be read": len(summary.failed)}
    told = ", ".join(f"{count:,} {what}" for what, count in seen.items() if count or what == "images")
    console.print(markup(f"{told} in {duration(summary.seconds)}: {summary.out}"), soft_wrap=True)


def _name_failures(summary: "Summary") -> None:
    for source, reason in summary.failed[:_NAMED]:
        print(f"yolograft: {plain(source)}: {plain(reason)}", file=sys.stderr)
    if (more := len(summary.failed) - _NAMED) > 0:
        print(f"yolograft: {more:,} more could not be read: {summary.out}/predictions.json", file=sys.stderr)
