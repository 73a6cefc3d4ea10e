"""`yolograft val`: measure trained weights on a data set."""

import json
import sys
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from yolograft.cli.command_line import CommandLine
from yolograft.cli.weights import find_weights
from yolograft.common.metrics import EPOCH_METRICS
from yolograft.common.text import markup
from yolograft.compute.presence import refuse_impossible
from yolograft.config.schema import Device, Imgsz, Place, Workers
from yolograft.data.places import refuse_absent_path


class ValConfig(Imgsz):
    """The config of `yolograft val`; without a data set or image size, those of the training."""

    imgsz: Annotated[int, Field(ge=32, le=65_536)] | None  # type: ignore[assignment]
    dataset: dict[str, Any]
    run: Place
    split: Literal["train", "val", "test"]
    batch: PositiveInt
    device: Device
    workers: Workers
    plots: bool
    trust: list[str]
    format: Literal["table", "json"]


def main(line: CommandLine) -> int:
    """Measure the weights and print the metrics."""
    config = line.config
    weights = find_weights(config["run"])
    refuse_impossible(config["device"])
    refuse_absent_path(config["dataset"])
    from yolograft.evaluation.validate import validate

    answer = validate(weights, config, say=partial(print, file=sys.stderr))
    if config["format"] == "json":
        print(json.dumps(answer))
    else:
        _print(answer)
    return 0


def _print(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{answer['weights']} on {answer['dataset']} {answer['split']}, {answer['imgsz']} px"
    table = Table()
    columns = EPOCH_METRICS
    for name in ("class", *columns):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, values in [("all", answer), *answer["per_class"].items()]:  # a class may be called so too
        table.add_row(markup(name), *(f"{values[c]:.4f}" for c in columns))
    console = Console()
    console.print(markup(title), soft_wrap=True)  # a path that can be copied
    console.print(table)
